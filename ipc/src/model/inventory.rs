//! Models: what is on the disks of the nodes, and what can be done with it.

use serde::{Deserialize, Serialize};

use crate::{
    Time,
    id::{NodeId, RecipeId, RepoId},
};

/// The state of a model over all nodes; the first that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// A unit serves it and has answered.
    Running,
    /// A unit is being started for it.
    Loading,
    /// Complete on the nodes that its recipe needs.
    Ready,
    /// Complete, but no recipe says how to launch it.
    NeedsSetup,
    /// Weights are missing.
    Partial,
    /// Files are growing.
    Downloading,
    /// Only configuration or tokenizer files.
    NoWeights,
}

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    Chat,
    Embedding,
    Rerank,
    SpeechToText,
    TextToSpeech,
    Image,
    /// GGUF only: for llama.cpp, not vLLM.
    Gguf,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RecipeSource {
    /// `models.yaml`.
    Bundled,
    /// `MODELS_OVERRIDES`.
    Override,
}

/// A model on one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModelOnNode {
    pub node: NodeId,
    pub complete: bool,
    /// Files that are missing or dangling (the first eight).
    pub missing: Vec<String>,
    pub missing_count: u32,
    pub size_bytes: u64,
    /// Bytes in unfinished files.
    pub incomplete_bytes: u64,
    pub downloading: bool,
    /// The snapshot's commit.
    pub commit: Option<String>,
    /// What the lister could not read.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FitVerdict {
    Fits,
    /// Fits only with little room for anything else.
    Tight,
    DoesNotFit,
    Unknown,
}

/// Whether the model fits the placement of its recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Fit {
    pub verdict: FitVerdict,
    /// Bytes that each node needs: weights share, contexts, a least KV cache.
    pub need_bytes_per_node: Option<u64>,
    /// Nodes of the placement.
    pub nodes: u32,
    /// The reckoning in words.
    pub reason: String,
}

/// One line of the menu.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Model {
    pub repo: RepoId,
    pub state: ModelState,
    /// Largest size on any node.
    pub size_bytes: u64,
    pub nodes: Vec<ModelOnNode>,
    pub recipe: Option<RecipeId>,
    pub recipe_source: Option<RecipeSource>,
    /// Other recipes for the same repository.
    pub alternatives: Vec<RecipeId>,
    pub kind: ModelKind,
    /// e.g. `FP8`, `NVFP4`, `AWQ int4`, `BF16`.
    pub quantization: Option<String>,
    /// Number of parameters, where the config or the name tells.
    pub parameters: Option<u64>,
    /// Architecture of `config.json`.
    pub architecture: Option<String>,
    pub max_context_tokens: Option<u64>,
    pub fit: Fit,
    /// Nodes on which a unit serves it.
    pub running_on: Vec<NodeId>,
    pub last_loaded: Option<LastLoaded>,
}

/// The last launch that ended in a real answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LastLoaded {
    pub at: Time,
    pub load_s: f64,
    /// MemAvailable before less after, on the fullest node.
    pub memory_bytes: Option<u64>,
    pub recipe: RecipeId,
}

/// `GET /api/models`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModelList {
    pub models: Vec<Model>,
    /// Faults of `models.yaml` and of the overrides, with line and column; the other recipes work.
    pub recipe_errors: Vec<String>,
    /// When the disks were last listed; `null` before the first time.
    pub observed_at: Option<Time>,
}

/// `GET /api/models/{org}/{name}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ModelDetail {
    pub model: Model,
    /// `config.json` facts, as found on the first node that has it.
    pub config: Option<serde_json::Value>,
    pub recipe: Option<super::recipe::Recipe>,
    pub launches: Vec<LastLoaded>,
}
