//! One model in full.

use std::sync::Arc;

use spark_core::catalog::{Catalog, Entry};
use spark_ipc::id::RepoId;
use spark_ipc::model::inventory::{LastLoaded, ModelDetail};
use spark_ipc::model::node::Node;
use spark_ipc::model::recipe::RecipeInForce;
use spark_ipc::{ApiError, ErrorCode};
use tokio::sync::watch;

use super::Models;
use crate::journal::Launch;

/// Answers for `GET /api/models/{org}/{name}` and its recipe; cheap to clone.
#[derive(Debug, Clone)]
pub struct Details {
    pub models: Models,
    pub catalog: watch::Receiver<Arc<Catalog>>,
    pub launches: watch::Receiver<Arc<Vec<Launch>>>,
    pub nodes: watch::Receiver<Arc<Vec<Node>>>,
}

impl Details {
    /// The model with its configuration, the recipe in force and its launches, newest first.
    pub fn detail(&self, repo: &RepoId) -> Result<ModelDetail, ApiError> {
        let menu = Arc::clone(&self.models.menu.borrow());
        let model = menu
            .models
            .iter()
            .find(|m| m.repo == *repo)
            .cloned()
            .ok_or_else(|| {
                ApiError::new(ErrorCode::NotFound, format!("{repo} is on no node's disk"))
                    .with_hint("GET /api/models lists what is there")
            })?;
        let lists = self.models.lists();
        let config = lists
            .values()
            .flat_map(|l| l.iter())
            .find(|m| m.repo == *repo);
        let launches = Arc::clone(&self.launches.borrow());
        let of_it = launches.iter().filter(|l| l.repo == *repo);
        Ok(ModelDetail {
            model,
            config: config.and_then(|m| m.config.clone()),
            recipe: self.in_force(repo).map(|e| e.recipe),
            launches: of_it.map(last_loaded).collect(),
        })
    }

    /// The recipe that a swap to this repository would use.
    pub fn recipe(&self, repo: &RepoId) -> Result<RecipeInForce, ApiError> {
        let entry = self.in_force(repo).ok_or_else(|| {
            ApiError::new(ErrorCode::NotFound, format!("no recipe launches {repo}"))
                .with_hint("?suggest=true gives one inferred from its files; PUT confirms it")
        })?;
        Ok(RecipeInForce {
            recipe: entry.recipe,
            source: entry.source,
        })
    }

    fn in_force(&self, repo: &RepoId) -> Option<Entry> {
        let nodes = self.nodes.borrow().len();
        self.catalog.borrow().in_force(repo, nodes).cloned()
    }
}

fn last_loaded(launch: &Launch) -> LastLoaded {
    LastLoaded {
        at: launch.at,
        load_s: launch.load_s,
        memory_bytes: launch.memory_bytes,
        recipe: launch.recipe.clone(),
    }
}
