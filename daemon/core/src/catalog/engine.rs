//! The flags and parsers of a real `vllm serve`, as its own argument parser lists them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Names, types and choices of vLLM 0.32.0, read from the program itself.
const DATA: &str = include_str!("../../data/vllm-0.32.0-cli.json");

/// What an engine understands.
#[derive(Debug, Clone)]
pub struct Engine {
    pub version: String,
    pub tool_parsers: Vec<String>,
    pub reasoning_parsers: Vec<String>,
    /// By every long name, `--no-…` forms included.
    flags: BTreeMap<String, KnownFlag>,
}

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagKind {
    /// Nothing.
    Switch,
    Integer,
    Number,
    /// Anything else.
    Text,
}

/// One flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFlag {
    pub kind: FlagKind,
    /// Empty when anything goes.
    pub choices: Vec<String>,
    /// Whether the flag may stand without a value.
    pub value_optional: bool,
}

#[derive(Deserialize)]
struct File {
    vllm: String,
    tool_call_parsers: Vec<String>,
    reasoning_parsers: Vec<String>,
    flags: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    flags: Vec<String>,
    #[serde(default)]
    boolean: bool,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    choices: Vec<serde_json::Value>,
    nargs: Option<String>,
}

impl Engine {
    /// The engine that this program knows.
    pub fn known() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the data file is part of the program and tested"
        )]
        let file: File = serde_json::from_str(DATA).expect("the bundled flag list is valid JSON");
        let flags = file.flags.iter().flat_map(Row::named).collect();
        Self {
            version: file.vllm,
            tool_parsers: file.tool_call_parsers,
            reasoning_parsers: file.reasoning_parsers,
            flags,
        }
    }

    /// The flag with this long name (`_` is read as `-`).
    pub fn flag(&self, name: &str) -> Option<&KnownFlag> {
        self.flags.get(name)
    }

    /// The known flag nearest to `name`, when one is near.
    pub fn nearest_flag(&self, name: &str) -> Option<&str> {
        nearest(name, self.flags.keys().map(String::as_str))
    }
}

impl Row {
    fn named(&self) -> Vec<(String, KnownFlag)> {
        let kind = match self.kind.as_deref() {
            _ if self.boolean => FlagKind::Switch,
            Some("int") => FlagKind::Integer,
            Some("float") => FlagKind::Number,
            _ => FlagKind::Text,
        };
        let text = |v: &serde_json::Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        let flag = KnownFlag {
            kind,
            choices: self.choices.iter().map(text).collect(),
            value_optional: self.nargs.as_deref() == Some("?"),
        };
        let long = self.flags.iter().filter(|name| name.starts_with("--"));
        long.map(|name| (name.clone(), flag.clone())).collect()
    }
}

/// The candidate that takes the fewest edits, when they are at most a third of its letters.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, candidate)| edits * 3 <= candidate.len().max(word.len()))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// The number of single-character edits between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, cb) in row.iter_mut().skip(1).zip(&b) {
            let change = diagonal + usize::from(ca != *cb);
            diagonal = *cell;
            left = change.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_list_is_read_whole() {
        let engine = Engine::known();
        assert_eq!(engine.version, "0.32.0");
        assert!(engine.tool_parsers.contains(&"qwen3_coder".to_owned()));
        assert!(
            engine
                .reasoning_parsers
                .contains(&"openai_gptoss".to_owned())
        );
        let len = engine.flag("--max-num-seqs").map(|f| f.kind);
        assert_eq!(len, Some(FlagKind::Integer));
        assert!(engine.flag("--no-enable-prefix-caching").is_some());
    }

    #[test]
    fn the_nearest_flag_is_found_and_a_far_one_is_not() {
        let engine = Engine::known();
        assert_eq!(
            engine.nearest_flag("--max-modell-len"),
            Some("--max-model-len")
        );
        assert_eq!(
            engine.nearest_flag("--enable-prefix-cache"),
            Some("--enable-prefix-caching")
        );
        assert_eq!(engine.nearest_flag("--frobnicate"), None);
    }

    #[test]
    fn distances_are_counted_in_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
