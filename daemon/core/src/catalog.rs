//! The recipes in force: `models.yaml`, then the operator's overrides.
//!
//! A fault in one entry is told with its line and column and costs that entry alone; a file that cannot be
//! read at all costs nothing but itself, since the bundled recipes are part of the program.

use spark_ipc::id::{ImageRef, RecipeId, RepoId};
use spark_ipc::model::inventory::RecipeSource;
use spark_ipc::model::recipe::Recipe;

pub mod check;
pub mod edit;
pub mod estimate;
pub mod form;
mod parse;

/// The `models.yaml` that this program was built with.
pub const BUNDLED: &str = include_str!("../../../models.yaml");

/// One recipe and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub recipe: Recipe,
    pub source: RecipeSource,
}

/// Every usable recipe, and what is wrong with the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    entries: Vec<Entry>,
    errors: Vec<String>,
}

impl Catalog {
    /// Reads the recipes: those of `file` (else, or when it cannot be read as a whole, those of `bundled`),
    /// then those of `overrides`, which replace recipes of the same id and come first for their repository.
    pub fn load(bundled: &str, file: Option<&str>, overrides: Option<&str>) -> Self {
        let mut catalog = Self::default();
        let file_read =
            file.is_some_and(|text| catalog.add("models.yaml", text, RecipeSource::Bundled));
        if !file_read {
            catalog.add("bundled models.yaml", bundled, RecipeSource::Bundled);
        }
        if let Some(text) = overrides {
            catalog.add("overrides", text, RecipeSource::Override);
        }
        catalog
    }

    /// Adds what kept a file of recipes from being read at all.
    pub fn note(&mut self, error: String) {
        self.errors.push(error);
    }

    /// The recipe with this id.
    pub fn get(&self, id: &RecipeId) -> Option<&Entry> {
        self.entries.iter().find(|e| e.recipe.id == *id)
    }

    /// The recipes for a repository, the operator's first. Hugging Face ignores case in names, so we do.
    pub fn for_repo(&self, repo: &RepoId) -> Vec<&Entry> {
        let matches = |e: &&Entry| e.recipe.repo.as_str().eq_ignore_ascii_case(repo.as_str());
        let of = |source| {
            self.entries
                .iter()
                .filter(matches)
                .filter(move |e| e.source == source)
        };
        of(RecipeSource::Override)
            .chain(of(RecipeSource::Bundled))
            .collect()
    }

    /// The recipe that a launch of `repo` uses when none is named: the first that `nodes_available` nodes are
    /// enough for, else the first of all.
    pub fn in_force(&self, repo: &RepoId, nodes_available: usize) -> Option<&Entry> {
        let entries = self.for_repo(repo);
        let fits = |e: &&&Entry| {
            usize::try_from(e.recipe.nodes).is_ok_and(|wanted| wanted <= nodes_available)
        };
        entries.iter().find(fits).or(entries.first()).copied()
    }

    /// All recipes.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Every image that a recipe names, once.
    pub fn images(&self) -> Vec<ImageRef> {
        let mut images: Vec<ImageRef> = self
            .entries
            .iter()
            .map(|e| e.recipe.image.clone())
            .collect();
        images.sort();
        images.dedup();
        images
    }

    /// Faults, each with file, line and column.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    /// Whether the text could be read as a whole.
    fn add(&mut self, name: &str, text: &str, source: RecipeSource) -> bool {
        let parsed = parse::recipes(text);
        let mut read = true;
        for fault in parsed.faults {
            read &= !fault.whole_file;
            self.errors.push(format!(
                "{name}:{}:{}: {}",
                fault.line, fault.column, fault.message
            ));
        }
        let mut seen: Vec<RecipeId> = Vec::new();
        for found in parsed.recipes {
            let place = format!("{name}:{}:{}", found.line, found.column);
            let problems = check::problems(&found.recipe);
            if seen.contains(&found.recipe.id) {
                self.errors.push(format!(
                    "{place}: the id {} is used twice; the first one stays",
                    found.recipe.id
                ));
            } else if problems.is_empty() {
                seen.push(found.recipe.id.clone());
                self.put(Entry {
                    recipe: found.recipe,
                    source,
                });
            } else {
                let id = &found.recipe.id;
                self.errors.extend(
                    problems
                        .iter()
                        .map(|p| format!("{place}: recipe {id}: {}", check::in_words(p))),
                );
            }
        }
        read
    }

    fn put(&mut self, entry: Entry) {
        self.entries.retain(|e| e.recipe.id != entry.recipe.id);
        self.entries.push(entry);
    }
}

#[cfg(test)]
mod tests;
