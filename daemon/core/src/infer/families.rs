//! The family of a model: whose parsers, flags and image it needs.
//!
//! `model_type` is asked first, then the architecture, then the name. The name is needed where versions share
//! an architecture (`DeepSeek` V3, R1 and V3.1; GLM 4.5 and 4.7; fine-tunes of Llama); alone it is only a guess.

use spark_ipc::model::infer::Confidence;

mod row;
mod table;

pub(super) use row::{Family, Image};

use row::Reasoning;
use table::FAMILIES;

/// What a model says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clues<'a> {
    pub(super) model_type: &'a str,
    pub(super) architecture: &'a str,
    /// The part of the repository after the slash, in lower case.
    pub(super) name: &'a str,
    pub(super) vocabulary: Option<u64>,
}

impl Clues<'_> {
    fn named(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.name.contains(part))
    }
}

/// A parser, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parser {
    Use(&'static str),
    None(&'static str),
}

/// The family of a model, and what told it.
#[derive(Debug, Clone)]
pub(super) struct Match {
    pub(super) family: &'static Family,
    pub(super) how: String,
    pub(super) confidence: Confidence,
}

impl Match {
    pub(super) fn tool_parser(&self) -> Option<&'static str> {
        self.family.tool
    }

    pub(super) fn reasoning_parser(&self, clues: &Clues<'_>) -> Parser {
        match self.family.reasoning {
            Reasoning::None => Parser::None("the family does not mark its reasoning"),
            Reasoning::Always(parser) => Parser::Use(parser),
            Reasoning::When {
                parser,
                thinks,
                otherwise,
            } => {
                if thinks(clues) {
                    Parser::Use(parser)
                } else {
                    Parser::None(otherwise)
                }
            }
        }
    }
}

/// The family of the model with these clues.
pub(super) fn find(clues: &Clues<'_>) -> Option<Match> {
    by_type(clues)
        .or_else(|| by_architecture(clues))
        .or_else(|| by_name(clues))
}

fn by_type(clues: &Clues<'_>) -> Option<Match> {
    let typed = |f: &&Family| f.types.contains(&clues.model_type);
    let how = format!("model_type {}", clues.model_type);
    found(clues, typed, how)
}

fn by_architecture(clues: &Clues<'_>) -> Option<Match> {
    let built = |f: &&Family| {
        f.architectures
            .iter()
            .any(|a| clues.architecture.starts_with(a))
    };
    let how = format!("the architecture {}", clues.architecture);
    found(clues, built, how)
}

fn by_name(clues: &Clues<'_>) -> Option<Match> {
    let family = FAMILIES.iter().find(|f| f.by_name && holds(f, clues))?;
    Some(Match {
        family,
        how: "the name alone".to_owned(),
        confidence: Confidence::Guess,
    })
}

fn found(clues: &Clues<'_>, is: impl Fn(&&Family) -> bool, how: String) -> Option<Match> {
    let family = FAMILIES.iter().find(|f| is(f) && holds(f, clues))?;
    let (how, confidence) = match family.when {
        Some(_) => (format!("{how} and the name"), Confidence::Likely),
        None => (how, Confidence::Certain),
    };
    Some(Match {
        family,
        how,
        confidence,
    })
}

fn holds(family: &Family, clues: &Clues<'_>) -> bool {
    family.when.is_none_or(|when| when(clues))
}
