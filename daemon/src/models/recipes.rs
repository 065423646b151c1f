//! Recipes as an operator confirms, tries and takes back.

use std::sync::Arc;

use serde_json::{Map, Value};
use spark_core::catalog::check::sentence;
use spark_core::catalog::estimate::{estimate, node_facts};
use spark_core::catalog::form::{self, Form};
use spark_core::catalog::{Catalog, Entry};
use spark_core::infer::infer;
use spark_core::inventory::DiskModel;
use spark_core::plan::PlanSettings;
use spark_ipc::id::{RecipeId, RepoId};
use spark_ipc::model::infer::Suggestion;
use spark_ipc::model::inventory::RecipeSource;
use spark_ipc::model::node::Node;
use spark_ipc::model::recipe::{RecipeChanged, RecipeFault, RecipeFit, RecipeInForce};
use spark_ipc::model::unit::Unit;
use spark_ipc::{ApiError, ErrorCode, FieldError};
use tokio::sync::watch;

use super::Lists;
use super::images::Images;
use crate::overrides::Overrides;

/// Answers for `PUT` and `DELETE …/recipe` and for `POST …/fit`; cheap to clone.
#[derive(Debug, Clone)]
pub struct Recipes {
    pub overrides: Overrides,
    pub images: Images,
    pub lists: watch::Receiver<Lists>,
    pub nodes: watch::Receiver<Arc<Vec<Node>>>,
    pub units: watch::Receiver<Arc<Vec<Unit>>>,
}

impl Recipes {
    /// Stores the recipe of a form: `invalid` with every faulty field, or it is in force. `actor` is who asked.
    pub async fn put(
        &self,
        repo: &RepoId,
        body: &Map<String, Value>,
        actor: &str,
    ) -> Result<RecipeChanged, ApiError> {
        let form = self.form(repo, body)?;
        let recipe = form.confirmed().map_err(|faults| refusal(&faults))?;
        let id = recipe.id.clone();
        let allow = recipe.allow.clone();
        self.overrides.put(recipe).await?;
        tracing::info!(target: "audit", actor, %repo, recipe = %id, ?allow, "a recipe was confirmed");
        Ok(self.changed(repo))
    }

    /// Takes back the operator's recipes of a repository, or only the one named.
    pub async fn remove(
        &self,
        repo: &RepoId,
        only: Option<&RecipeId>,
        actor: &str,
    ) -> Result<RecipeChanged, ApiError> {
        let catalog = self.catalog();
        let own = |e: &&Entry| e.source == RecipeSource::Override;
        let named = |e: &&Entry| only.is_none_or(|id| e.recipe.id == *id);
        let entries = catalog.for_repo(repo);
        let found = entries.into_iter().filter(|e| own(e) && named(e));
        let ids: Vec<RecipeId> = found.map(|e| e.recipe.id.clone()).collect();
        if ids.is_empty() {
            let message = format!("{repo} has no such recipe of your own");
            let hint = "the bundled ones cannot be removed; a recipe of your own takes their place";
            return Err(ApiError::new(ErrorCode::NotFound, message).with_hint(hint));
        }
        self.overrides.remove(ids.clone()).await?;
        tracing::info!(target: "audit", actor, %repo, recipes = ?ids, "recipes were taken back");
        Ok(self.changed(repo))
    }

    /// Whether the recipe of a form would fit, and what is wrong with it; changes nothing.
    pub fn fit(&self, repo: &RepoId, body: &Map<String, Value>) -> Result<RecipeFit, ApiError> {
        let form = self.form(repo, body)?;
        let lists = Arc::clone(&self.lists.borrow());
        let model = fullest(&lists, repo).ok_or_else(|| absent(repo))?;
        let nodes = Arc::clone(&self.nodes.borrow());
        let units = Arc::clone(&self.units.borrow());
        let spare = PlanSettings::default().reserve_bytes;
        let fit = estimate(&form.recipe, model, &nodes, &units, spare);
        Ok(RecipeFit {
            faults: form.faults,
            confirm: form.confirm,
            ..fit
        })
    }

    /// The recipe that is inferred from the files of a model, with reasons; changes nothing.
    pub async fn suggest(&self, repo: &RepoId) -> Result<Suggestion, ApiError> {
        let images = self.images.known(&self.catalog().images()).await;
        let lists = Arc::clone(&self.lists.borrow());
        let model = fullest(&lists, repo).ok_or_else(|| absent(repo))?;
        let nodes = Arc::clone(&self.nodes.borrow());
        let units = Arc::clone(&self.units.borrow());
        Ok(infer(model, &node_facts(&nodes, &units), &images))
    }

    fn form(&self, repo: &RepoId, body: &Map<String, Value>) -> Result<Form, ApiError> {
        let nodes = self.nodes.borrow().len();
        let form = form::read(&self.catalog(), repo, nodes, body);
        form.ok_or_else(|| {
            let message = format!("no id can be made from the name {repo}");
            ApiError::new(ErrorCode::Invalid, message).with_hint("send an id")
        })
    }

    fn changed(&self, repo: &RepoId) -> RecipeChanged {
        let nodes = self.nodes.borrow().len();
        let catalog = self.catalog();
        let in_force = catalog.in_force(repo, nodes);
        RecipeChanged {
            in_force: in_force.map(|entry| RecipeInForce {
                recipe: entry.recipe.clone(),
                source: entry.source,
            }),
            file: self.overrides.file().display().to_string(),
        }
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.overrides.catalog().borrow())
    }
}

/// The copy of a model that tells most: a whole one, else the largest.
fn fullest<'a>(lists: &'a Lists, repo: &RepoId) -> Option<&'a DiskModel> {
    let copies = lists.values().flat_map(|list| list.iter());
    let of_it = copies.filter(|m| m.repo.as_str().eq_ignore_ascii_case(repo.as_str()));
    of_it.max_by_key(|m| (m.complete(), m.weight_bytes))
}

fn absent(repo: &RepoId) -> ApiError {
    let message = format!("{repo} is on no node's disk, so there is nothing to reckon with");
    ApiError::new(ErrorCode::NotFound, message).with_hint("GET /api/models lists what is there")
}

fn refusal(faults: &[RecipeFault]) -> ApiError {
    let message = match faults {
        [one] => sentence(one),
        [first, rest @ ..] => format!("{} (and {} more)", sentence(first), rest.len()),
        [] => "the recipe cannot be used".to_owned(),
    };
    let field = |fault: &RecipeFault| FieldError {
        path: fault.path.clone(),
        message: sentence(fault),
    };
    ApiError::new(ErrorCode::Invalid, message)
        .with_hint("correct these fields; nothing was written")
        .with_fields(faults.iter().map(field).collect())
}
