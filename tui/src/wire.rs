//! Answers of the daemon, cleaned once more as they enter.
//!
//! The daemon cleans what nodes say. A client that trusts this would be at the mercy of any daemon that
//! it is pointed at, so every string of every answer goes through [`clean_text`] here, before it is
//! decoded or printed.

use serde_json::Value;
use spark_ipc::text::clean_text;

/// `value` with every string of it, keys included, cleaned.
pub fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean_text(&text)),
        Value::Array(items) => Value::Array(items.into_iter().map(clean).collect()),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(k, v)| (clean_text(&k), clean(v)))
                .collect(),
        ),
        other => other,
    }
}

/// The JSON text `data` with every string of it cleaned. Text that is not JSON is left to the decoder.
pub fn clean_json(data: &str) -> String {
    // Only an escape or a character outside ASCII can carry anything that must go.
    if data.is_ascii() && !data.contains('\\') {
        return data.to_owned();
    }
    match serde_json::from_str(data) {
        Ok(value) => clean(value).to_string(),
        Err(_not_json) => data.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_bidi_marks_do_not_enter() {
        let data = r#"{"a":["\u001b[31mred","x\u202ey","plain"],"n":1.5}"#;
        assert_eq!(clean_json(data), r#"{"a":["red","xy","plain"],"n":1.5}"#);
        assert_eq!(clean_json(r#"{"a":"b"}"#), r#"{"a":"b"}"#);
        assert_eq!(clean_json("\u{9b}not json"), "\u{9b}not json");
    }
}
