//! Changing one recipe in a file that a person edits too.
//!
//! No YAML writer keeps comments, so the text of that one entry is changed and every other byte stays. Within
//! the entry, fields and list items that did not change keep their lines, with their comments. What was made is
//! read back: when it says anything else than what was wanted, it is not given out.

use spark_ipc::id::RecipeId;
use spark_ipc::model::recipe::Recipe;

use super::parse::{self, Found};
use crate::entries::{self, spliced};

mod entry;
mod scalar;

/// Why a file is not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// With line and column of each mistake.
    #[error("the file has mistakes: {}", .0.join("; "))]
    Broken(Vec<String>),
    /// The changed text would not say what was wanted.
    #[error("the file is written in a way that cannot be changed here")]
    Shape,
}

/// The key of the list.
const KEY: &str = "recipes";
/// The first lines of a new file.
const HEADER: &str = "# Recipes of this installation; docs/models.md has the fields.\n";
/// Columns before the dash of a new list.
const INDENT: usize = 2;

/// `text` with `recipe` in place of the entry of its id, else at the end.
pub fn put(text: &str, recipe: &Recipe) -> Result<String, EditError> {
    let before = read(text)?;
    let mut wanted: Vec<Recipe> = before.iter().map(|f| f.recipe.clone()).collect();
    let at = wanted.iter().position(|r| r.id == recipe.id);
    match at.and_then(|i| wanted.get_mut(i)) {
        Some(old) => *old = recipe.clone(),
        None => wanted.push(recipe.clone()),
    }
    let tries = match (entries::list(text, KEY), at.and_then(|i| before.get(i))) {
        (Some(list), Some(old)) => replaced(text, &list, old, recipe),
        (Some(list), None) => vec![appended(text, &list, recipe)],
        (None, _) if before.is_empty() => vec![begun(text, recipe)],
        // Flow style: there are no lines to keep but those on top.
        (None, _) => vec![rewritten(text, &wanted)],
    };
    verified(tries, &wanted)
}

/// `text` without the entries of these ids.
pub fn remove(text: &str, ids: &[RecipeId]) -> Result<String, EditError> {
    let before = read(text)?;
    let goes = |f: &&Found| ids.contains(&f.recipe.id);
    let stay = before.iter().filter(|f| !goes(f));
    let wanted: Vec<Recipe> = stay.map(|f| f.recipe.clone()).collect();
    let made = match entries::list(text, KEY) {
        Some(list) => {
            let ranges = before.iter().filter(goes);
            let ranges = ranges.filter_map(|f| range_of(text, &list, f));
            // From the end, so that the lines before stay where they are.
            ranges
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .fold(text.to_owned(), |text, range| without(&text, range))
        }
        None => rewritten(text, &wanted),
    };
    verified(vec![made], &wanted)
}

fn read(text: &str) -> Result<Vec<Found>, EditError> {
    let parsed = parse::recipes(text);
    if parsed.faults.is_empty() {
        return Ok(parsed.recipes);
    }
    let faults = parsed.faults.iter();
    let told = faults.map(|f| format!("{}:{}: {}", f.line, f.column, f.message));
    Err(EditError::Broken(told.collect()))
}

/// The first of `tries` that says what is wanted.
fn verified(tries: Vec<String>, wanted: &[Recipe]) -> Result<String, EditError> {
    let says = |text: &String| {
        let found = read(text).unwrap_or_default();
        found.len() == wanted.len() && found.iter().map(|f| &f.recipe).eq(wanted)
    };
    tries.into_iter().find(says).ok_or(EditError::Shape)
}

/// The entry with only what changed written anew, and as a second try all of it.
fn replaced(text: &str, list: &entries::List, old: &Found, new: &Recipe) -> Vec<String> {
    let Some(range) = range_of(text, list, old) else {
        return Vec::new();
    };
    let lines: Vec<&str> = text.lines().collect();
    let own = lines.get(range.0..range.1).unwrap_or_default();
    let indent = indent_of(own.first().copied().unwrap_or_default());
    let kept = entry::changed(own, &old.recipe, new);
    let all = entry::rendered(new, indent);
    let tries = kept.into_iter().chain([all]);
    tries.map(|made| spliced(text, range, &made)).collect()
}

fn appended(text: &str, list: &entries::List, recipe: &Recipe) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let last = list.entries.last().copied().unwrap_or((0, 0));
    let end = last_content(&lines, last);
    let indent = indent_of(lines.get(last.0).copied().unwrap_or_default());
    let made = format!("\n{}", entry::rendered(recipe, indent));
    spliced(text, (end, end), &made)
}

/// A list that begins with this recipe: the key is there without entries, or not at all.
fn begun(text: &str, recipe: &Recipe) -> String {
    let made = entry::rendered(recipe, INDENT);
    let is_key = |line: &&str| {
        line.starts_with(KEY) && line.get(KEY.len()..).is_some_and(|r| r.starts_with(':'))
    };
    match text.lines().position(|line| is_key(&line)) {
        Some(at) => spliced(text, (at, at + 1), &format!("{KEY}:\n{made}")),
        None if text.trim().is_empty() => format!("{HEADER}{KEY}:\n{made}"),
        None => {
            let end = text.lines().count();
            spliced(text, (end, end), &format!("{KEY}:\n{made}"))
        }
    }
}

fn rewritten(text: &str, recipes: &[Recipe]) -> String {
    let on_top = text
        .lines()
        .take_while(|l| l.starts_with('#') || l.trim().is_empty());
    let top: String = on_top.flat_map(|l| [l, "\n"]).collect();
    let entries: Vec<String> = recipes.iter().map(|r| entry::rendered(r, INDENT)).collect();
    format!("{top}{KEY}:\n{}", entries.join("\n"))
}

/// The lines of an entry up to its last that is neither empty nor a comment: what comes after may be about the
/// next one.
fn range_of(text: &str, list: &entries::List, found: &Found) -> Option<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let line = usize::try_from(found.line).ok()?.checked_sub(1)?;
    let range = list
        .entries
        .iter()
        .find(|(start, end)| (*start..*end).contains(&line))?;
    Some((range.0, last_content(&lines, *range)))
}

fn last_content(lines: &[&str], (start, end): (usize, usize)) -> usize {
    let content = |i: &usize| lines.get(*i).is_some_and(|l| is_content(l));
    (start..end)
        .rev()
        .find(content)
        .map_or(end, |last| last + 1)
}

fn without(text: &str, (start, end): (usize, usize)) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let blank = |i: usize| lines.get(i).is_some_and(|l| l.trim().is_empty());
    // The blank line that stood between two entries goes with one of them.
    let start = if start > 0 && blank(start - 1) {
        start - 1
    } else {
        start
    };
    spliced(text, (start, end), "")
}

fn is_content(line: &str) -> bool {
    !line.trim().is_empty() && !line.trim_start().starts_with('#')
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests;
