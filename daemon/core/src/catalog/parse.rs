//! Reading a recipe file entry by entry.
//!
//! A YAML parser stops at the first mistake, so a block list is cut into its entries first, and each is
//! parsed as a file of its own with the other entries blanked out: its line numbers stay true and a mistake
//! (a tab, an open quote) stays its own. Entries can therefore share no anchors. Files in flow style (JSON is
//! YAML too) are parsed whole.

use serde::Deserialize;
use serde_saphyr::{Error, Spanned};
use spark_ipc::model::recipe::Recipe;
use spark_ipc::text::clean_line;

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
    match entries(text) {
        Some(list) => block_style(text, &list),
        None => whole(text),
    }
}

/// Where the entries of the block list under `recipes:` are, by line (from 0, half open).
struct List {
    key_line: usize,
    entries: Vec<(usize, usize)>,
}

fn entries(text: &str) -> Option<List> {
    let lines: Vec<&str> = text.lines().collect();
    let key_line = lines
        .iter()
        .position(|l| l.trim_end().split(" #").next().map(str::trim_end) == Some("recipes:"))?;
    let is_content = |l: &str| !l.trim().is_empty() && !l.trim_start().starts_with('#');
    let first =
        (key_line + 1..lines.len()).find(|i| lines.get(*i).is_some_and(|l| is_content(l)))?;
    let indent = indent_of(lines.get(first)?);
    let starts_entry = |l: &str| indent_of(l) == indent && l.trim_start().starts_with('-');
    let ends_list = |l: &str| is_content(l) && indent_of(l) <= indent && !starts_entry(l);
    if !starts_entry(lines.get(first)?) {
        return None;
    }
    let end = (first..lines.len())
        .find(|i| lines.get(*i).is_some_and(|l| ends_list(l)))
        .unwrap_or(lines.len());
    let starts: Vec<usize> = (first..end)
        .filter(|i| lines.get(*i).is_some_and(|l| starts_entry(l)))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([end]);
    Some(List {
        key_line,
        entries: starts.iter().copied().zip(ends).collect(),
    })
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
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

/// `text` with every line emptied that is not to be kept.
fn blanked(text: &str, keep: impl Fn(usize) -> bool) -> String {
    let kept = text
        .lines()
        .enumerate()
        .map(|(i, l)| if keep(i) { l } else { "" });
    kept.flat_map(|l| [l, "\n"]).collect()
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
