//! Is it what was said? Word error rate of a transcript.

use super::{Reply, SPOKEN, Verdict, shown};

/// Highest share of wrong words that passes: small models mishear, broken ones say something else.
const MAX_ERRORS: f64 = 0.5;

/// Judges the transcript of [`super::WORDS_WAV`].
pub(super) fn judge(reply: &Reply<'_>) -> Verdict {
    let Some(text) = transcript(reply.body) else {
        return Verdict::wrong(format!(
            "no transcript in its answer: {}",
            shown(reply.body)
        ));
    };
    let heard = words(&text);
    if heard.is_empty() {
        return Verdict::wrong("its transcript is empty");
    }
    let rate = error_rate(&words(SPOKEN), &heard);
    let text = super::clean_line(text.trim(), 100);
    if rate <= MAX_ERRORS {
        Verdict::Right(format!("{:.0} % wrong words: {text}", rate * 100.0))
    } else {
        Verdict::wrong(format!(
            "{:.0} % of the words are wrong: {text:?}",
            rate * 100.0
        ))
    }
}

/// `text` of the answer; some servers send a JSON string, or bare text.
fn transcript(body: &[u8]) -> Option<String> {
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(serde_json::Value::String(text)) => Some(text),
        Ok(value) => value["text"].as_str().map(str::to_owned),
        Err(_not_json) => {
            let text = std::str::from_utf8(body).ok()?.trim();
            let markup = text.starts_with(['<', '{', '[']);
            (!markup).then(|| text.to_owned())
        }
    }
}

/// Lower-case words without punctuation.
fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Substitutions, deletions and insertions for each word that was said (Levenshtein over words).
fn error_rate(said: &[String], heard: &[String]) -> f64 {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for (pair, other) in row.windows(2).zip(heard) {
            let [diagonal, above] = *pair else { break };
            left = (diagonal + usize::from(word != other))
                .min(above + 1)
                .min(left + 1);
            next.push(left);
        }
        row = next;
    }
    let edits = row.last().copied().unwrap_or(0);
    count(edits) / count(said.len().max(1))
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(said: &str, heard: &str) -> f64 {
        error_rate(&words(said), &words(heard))
    }

    #[test]
    fn the_rate_counts_words_that_differ() {
        for (said, heard, expected) in [
            ("a b c d", "A, b. C d!", 0.0),
            ("a b c d", "a x c d", 0.25),
            ("a b c d", "a c d", 0.25),
            ("a b c d", "a b q c d", 0.25),
            ("a b c d", "", 1.0),
            ("a b", "x y z w", 2.0),
            ("", "a", 1.0),
        ] {
            assert!(
                (rate(said, heard) - expected).abs() < 1e-9,
                "{said:?} {heard:?}"
            );
        }
    }

    fn verdict(body: &str) -> Verdict {
        judge(&Reply::ok(body.as_bytes()))
    }

    #[test]
    fn a_transcript_may_mishear_but_not_say_something_else() {
        let right = |body: &str| assert!(matches!(verdict(body), Verdict::Right(_)), "{body}");
        let wrong = |body: &str| assert!(matches!(verdict(body), Verdict::Wrong { .. }), "{body}");
        right(r#"{"text": " The quick brown fox jumps over the lazy dog."}"#);
        right(r#"{"text": "A quick brown box jumps over a lazy dog"}"#);
        right(r#""the quick brown fox jumped over the lazy dog""#);
        right("The quick brown fox jumps over the lazy dog.\n");
        wrong(r#"{"text": ""}"#);
        wrong(r#"{"text": "Thank you for watching, see you in the next video!"}"#);
        wrong(r#"{"segments": []}"#);
        wrong("<html>502</html>");
        wrong("");
    }

    proptest! {
        #[test]
        fn a_text_is_right_against_itself_and_symmetric_in_edits(
            a in "[a-c]( [a-c]){0,6}", b in "[a-c]( [a-c]){0,6}"
        ) {
            prop_assert!(rate(&a, &a) < 1e-9);
            let (m, n) = (count(words(&a).len()), count(words(&b).len()));
            let (there, back) = (rate(&a, &b) * m, rate(&b, &a) * n);
            prop_assert!((there - back).abs() < 1e-9);
            prop_assert!(there <= m.max(n) + 1e-9 && there >= (m - n).abs() - 1e-9);
        }
    }
}
