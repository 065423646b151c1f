//! Texts as YAML scalars.

use serde_json::Value;

/// Words that some readers of YAML take for a truth value.
const TRUTHS: [&str; 6] = ["yes", "no", "on", "off", "y", "n"];

/// `text` as a scalar in block style: plain where it reads back as itself, else in quotes.
pub(super) fn of(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else if text.contains(char::is_control) || text.contains('\u{feff}') {
        quoted(text)
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// `text` in double quotes; JSON's escapes are YAML's too.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn is_plain(text: &str) -> bool {
    let safe = |c: char| c.is_alphanumeric() || " _-./:=+()%;".contains(c);
    let begins = text.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.'))
        || (text.starts_with("--") && !text.starts_with("---"));
    let tricky = text.contains(": ") || text.ends_with(':') || text.ends_with(' ');
    let truth = TRUTHS.iter().any(|word| text.eq_ignore_ascii_case(word));
    let itself = || serde_saphyr::from_str::<Value>(text).is_ok_and(|v| v == text);
    begins && !tricky && !truth && text.chars().all(safe) && itself()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_plain_only_where_they_read_back() {
        for (text, expected) in [
            ("--max-model-len=4096", "--max-model-len=4096"),
            ("eugr/spark-vllm:latest", "eugr/spark-vllm:latest"),
            ("A few words (two nodes)", "A few words (two nodes)"),
            ("1", "'1'"),
            ("1e3", "'1e3'"),
            ("true", "'true'"),
            ("Yes", "'Yes'"),
            ("null", "'null'"),
            ("", "''"),
            ("a: b", "'a: b'"),
            ("a #b", "'a #b'"),
            ("it's", "'it''s'"),
            ("--x={\"a\":1}", "'--x={\"a\":1}'"),
            ("two\nlines", "\"two\\nlines\""),
            ("- x", "'- x'"),
            ("---", "'---'"),
        ] {
            assert_eq!(of(text), expected, "{text:?}");
            let back: Value = serde_saphyr::from_str(&of(text)).unwrap();
            assert_eq!(back, Value::from(text));
        }
    }
}
