//! What the simulated model says: made from the conversation, so that a test can tell who answered what.
//!
//! It computes, obeys "reply with the word …", counts, remembers a name, reads tool results, and otherwise
//! names itself and repeats what it was told.

use regex::Regex;

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// `system`, `user`, `assistant`, `tool`.
    pub(crate) role: String,
    /// Its text.
    pub(crate) text: String,
}

/// The answer of `model` to `turns`. `seed` chooses among ways to say the same.
pub(crate) fn answer(turns: &[Turn], model: &str, seed: u64) -> String {
    let Some(last) = turns
        .iter()
        .rev()
        .find(|turn| turn.role == "user" || turn.role == "tool")
    else {
        return format!("{model} is ready.");
    };
    if last.role == "tool" {
        return format!("{model} got this from the tool: {}", last.text.trim());
    }
    let asked = last.text.trim();
    exact_word(asked)
        .or_else(|| arithmetic(asked))
        .or_else(|| counting(asked))
        .or_else(|| remembered_name(asked, turns))
        .unwrap_or_else(|| echo(asked, model, turns, seed))
}

/// Why the model answers so, as a reasoning model would think aloud.
pub(crate) fn reasoning(turns: &[Turn]) -> String {
    let asked = turns
        .iter()
        .rev()
        .find(|turn| turn.role == "user")
        .map_or("", |turn| &turn.text);
    let asked: String = asked.chars().take(80).collect();
    format!(
        "The user asks: \"{}\". I answer that directly.",
        asked.trim()
    )
}

/// A regular expression of this file.
#[expect(
    clippy::expect_used,
    reason = "the patterns are literals that the tests below use"
)]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a valid literal pattern")
}

fn exact_word(asked: &str) -> Option<String> {
    let wanted = pattern(
        r#"(?i)\b(?:reply|respond|answer|say)\s+(?:only\s+|just\s+)?(?:with\s+)?(?:only\s+|just\s+|exactly\s+)?(?:the\s+)?(?:single\s+|one\s+|exact\s+)?word:?\s+["'`]?([\p{L}\p{N}_-]+)"#,
    );
    let short = pattern(
        r#"(?i)\b(?:reply|respond|answer)\s+(?:with\s+)?(?:only|just|exactly)(?:\s+with)?:?\s+["'`]?([\p{L}\p{N}_-]+)["'`]?[.!]?$"#,
    );
    let found = wanted.captures(asked).or_else(|| short.captures(asked))?;
    Some(found[1].to_owned())
}

fn arithmetic(asked: &str) -> Option<String> {
    let task = pattern(r"(-?\d{1,9})\s*([-*x×+/÷])\s*(-?\d{1,9})");
    let found = task.captures(asked)?;
    let (a, b): (i64, i64) = (found[1].parse().ok()?, found[3].parse().ok()?);
    let result = match &found[2] {
        "+" => a + b,
        "-" => a - b,
        "/" | "÷" => a.checked_div(b)?,
        _ => a * b,
    };
    Some(result.to_string())
}

fn counting(asked: &str) -> Option<String> {
    let found = pattern(r"(?i)\bcount\b.*?\bto\s+(\d{1,5})").captures(asked)?;
    let last: u32 = found[1].parse().ok()?;
    Some(
        (1..=last)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(" "),
    )
}

fn remembered_name(asked: &str, turns: &[Turn]) -> Option<String> {
    if !asked.to_lowercase().contains("what is my name") {
        return None;
    }
    let told = pattern(r"(?i)\bmy name is\s+([\p{L}\p{N}_-]+)");
    let name = turns
        .iter()
        .rev()
        .filter(|turn| turn.role == "user")
        .find_map(|turn| told.captures(&turn.text).map(|found| found[1].to_owned()));
    Some(name.map_or_else(
        || "You have not told me.".to_owned(),
        |n| format!("Your name is {n}."),
    ))
}

fn echo(asked: &str, model: &str, turns: &[Turn], seed: u64) -> String {
    const OPENINGS: [&str; 3] = ["This is", "You are talking to", "Here speaks"];
    let opening = OPENINGS[usize::try_from(seed % 3).unwrap_or(0)];
    let earlier = turns.iter().rev().filter(|turn| turn.role == "user").nth(1);
    let memory = earlier.map_or(String::new(), |turn| {
        format!(" Before that: \"{}\".", turn.text.trim())
    });
    format!("{opening} {model}. You said: \"{asked}\".{memory}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(role: &str, text: &str) -> Turn {
        Turn {
            role: role.to_owned(),
            text: text.to_owned(),
        }
    }

    fn check(asked: &str, expected: &str) {
        assert_eq!(answer(&[turn("user", asked)], "m", 0), expected, "{asked}");
    }

    #[test]
    fn tasks_are_done() {
        check("What is 12*17?", "204");
        check("Compute 12 × 17. Answer with the number only.", "204");
        check("100 / 7", "14");
        check("Reply with the single word OK", "OK");
        check("Reply with only the word: \"ready\"", "ready");
        check("Answer only with OK.", "OK");
        check("Reply with exactly: pong", "pong");
        check("Please count from 1 to 5", "1 2 3 4 5");
    }

    #[test]
    fn everything_else_is_repeated_with_the_models_name() {
        check("Hello there", "This is m. You said: \"Hello there\".");
        let turns = [
            turn("user", "First"),
            turn("assistant", "x"),
            turn("user", "Second"),
        ];
        assert_eq!(
            answer(&turns, "m", 1),
            "You are talking to m. You said: \"Second\". Before that: \"First\"."
        );
    }

    #[test]
    fn the_conversation_is_remembered() {
        let turns = [
            turn("user", "My name is Ada."),
            turn("user", "What is my name?"),
        ];
        assert_eq!(answer(&turns, "m", 0), "Your name is Ada.");
        let turns = [turn("user", "Weather?"), turn("tool", "{\"sky\":\"blue\"}")];
        assert_eq!(
            answer(&turns, "m", 0),
            "m got this from the tool: {\"sky\":\"blue\"}"
        );
    }
}
