//! Reading a recipe file entry by entry, so that a mistake in one costs no other (see [`crate::entries`]).
//!
//! Files in flow style (JSON is YAML too) are parsed whole.

use serde::Deserialize;
use serde_saphyr::{Error, Spanned};
use spark_ipc::model::recipe::Recipe;
use spark_ipc::text::clean_line;

use crate::entries::{List, blanked, list};

/// A recipe and where it begins.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) recipe: Recipe,
    pub(super) line: u64,
    pub(super) column: u64,
}

/// What is wrong, and where (both from 1).
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) message: String,
    /// Nothing of the file could be used.
    pub(super) whole_file: bool,
}

#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) recipes: Vec<Found>,
    pub(super) faults: Vec<Fault>,
}

/// The top of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<T> {
    recipes: Option<Vec<Spanned<T>>>,
}

pub(super) fn recipes(text: &str) -> Parsed {
    if text.trim().is_empty() {
        return Parsed::default();
    }
    match list(text, "recipes") {
        Some(list) => block_style(text, &list),
        None => whole(text),
    }
}

fn block_style(text: &str, list: &List) -> Parsed {
    let mut parsed = Parsed::default();
    let first = list.entries.first().map_or(0, |e| e.0);
    let last = list.entries.last().map_or(0, |e| e.1);
    let frame = blanked(text, |line| line < first || line >= last);
    if let Err(error) = read::<serde_json::Value>(&frame) {
        let mut fault = fault(&error, list.key_line);
        fault.whole_file = true;
        parsed.faults.push(fault);
        return parsed;
    }
    for (start, end) in &list.entries {
        let alone = blanked(text, |line| {
            line == list.key_line || (*start..*end).contains(&line)
        });
        match read::<Recipe>(&alone) {
            Ok(file) => parsed
                .recipes
                .extend(file.recipes.into_iter().flatten().map(found)),
            Err(error) => parsed.faults.push(fault(&error, *start)),
        }
    }
    parsed
}

fn whole(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    match read::<serde_json::Value>(text) {
        Err(error) => parsed.faults.push(Fault {
            whole_file: true,
            ..fault(&error, 0)
        }),
        Ok(file) => {
            for entry in file.recipes.unwrap_or_default() {
                let (line, column) = (entry.referenced.line(), entry.referenced.column());
                match Recipe::deserialize(entry.value) {
                    Ok(recipe) => parsed.recipes.push(Found {
                        recipe,
                        line,
                        column,
                    }),
                    Err(error) => {
                        let message = clean_line(&error.to_string(), 400);
                        parsed.faults.push(Fault {
                            line,
                            column,
                            message,
                            whole_file: false,
                        });
                    }
                }
            }
        }
    }
    parsed
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<File<T>, Error> {
    serde_saphyr::from_str(text)
}

fn found(entry: Spanned<Recipe>) -> Found {
    let (line, column) = (entry.referenced.line(), entry.referenced.column());
    Found {
        recipe: entry.value,
        line,
        column,
    }
}

fn fault(error: &Error, fallback_line: usize) -> Fault {
    let location = error.location();
    let message = error.without_snippet().to_string();
    Fault {
        line: location.map_or(fallback_line as u64 + 1, |l| l.line()),
        column: location.map_or(1, |l| l.column()),
        message: clean_line(&message, 400),
        whole_file: false,
    }
}
