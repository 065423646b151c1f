//! Recipes: how a model is launched. This is also the schema of `models.yaml`.

use serde::{Deserialize, Serialize};

use crate::id::{ImageRef, RecipeId, RepoId};

use std::collections::BTreeMap;

/// How the ranks of a unit find each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Executor {
    /// vLLM's own multi-node engine: workers first, then the head.
    #[default]
    Mp,
    /// A Ray cluster: head first, then the workers.
    Ray,
}

/// One recipe: the facts that turn a repository into a launch command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    pub id: RecipeId,
    /// The repository that it launches; recipes are matched to models on disk by this.
    pub repo: RepoId,
    /// A few words for the menu.
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default = "chat")]
    pub kind: super::inventory::ModelKind,
    pub image: ImageRef,
    /// Number of nodes; tensor parallel over all of them unless the flags say otherwise.
    #[serde(default = "one")]
    pub nodes: u32,
    #[serde(default)]
    pub executor: Executor,
    /// The name that clients use; default the part of `repo` after the slash, in lower case.
    #[serde(default)]
    pub served_name: Option<String>,
    #[serde(default = "port")]
    pub port: u16,
    /// `vllm serve` flags, one `--name` or `--name=value` each.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Environment of the container.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Dangerous flags and variables of this recipe that the operator said yes to, by name
    /// (`--trust-remote-code`).
    #[serde(default)]
    pub allow: Vec<String>,
    /// Bytes each node must have free before the launch; measured values win over it.
    #[serde(default)]
    pub need_gib: Option<u32>,
    /// Where the facts come from.
    #[serde(default)]
    pub source: Option<String>,
    /// What an operator should know.
    #[serde(default)]
    pub notes: Option<String>,
}

fn chat() -> super::inventory::ModelKind {
    super::inventory::ModelKind::Chat
}

fn one() -> u32 {
    1
}

fn port() -> u16 {
    8000
}

/// `GET /api/models/{org}/{name}/recipe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RecipeInForce {
    pub recipe: Recipe,
    pub source: super::inventory::RecipeSource,
}

/// Answer to `PUT` and `DELETE /api/models/{org}/{name}/recipe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RecipeChanged {
    /// What a launch of this repository uses from now on; `null` when no recipe is left.
    pub in_force: Option<RecipeInForce>,
    /// The file that was written.
    pub file: String,
}

/// One fault of one field of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RecipeFault {
    /// JSON pointer into the recipe, e.g. `/flags/2`.
    pub path: String,
    /// Stable id, e.g. `flag_unknown`, `flag_value`, `field_unknown`, `invalid`.
    pub code: String,
    /// What stands there.
    pub value: Option<String>,
    /// Names the field and the value.
    pub message: String,
    pub fix: Option<String>,
}

/// Memory of one node under a recipe that is being written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NodeFit {
    pub node: crate::id::NodeId,
    pub total_bytes: Option<u64>,
    /// Available now.
    pub available_bytes: Option<u64>,
    /// What our running units on it would give back.
    pub freed_bytes: Option<u64>,
    /// What must be free before the launch.
    pub need_bytes: u64,
    pub verdict: super::inventory::FitVerdict,
}

/// Answer to `POST /api/models/{org}/{name}/fit`, which takes a recipe as it is being written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RecipeFit {
    pub fit: super::inventory::Fit,
    /// The same, part by part, and how much more would fit.
    pub memory: super::infer::MemoryFit,
    /// Every node that could be chosen.
    pub nodes: Vec<NodeFit>,
    /// Every fault of the recipe as it stands.
    pub faults: Vec<RecipeFault>,
    /// What would need a yes: names for `allow`.
    pub confirm: Vec<super::preflight::Confirmation>,
}
