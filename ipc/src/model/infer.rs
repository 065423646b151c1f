//! What Spark Control proposes for a model on disk that no recipe knows: the form of the first-time set-up.
//!
//! Every value comes with its reason and with how sure it is, so that an operator can judge it before saying
//! yes. Nothing of it is in force until it is stored as a recipe.

use serde::{Deserialize, Serialize};

use super::inventory::ModelKind;
use super::recipe::{Executor, Recipe};
use crate::id::{ImageRef, RepoId};

/// How sure a proposed value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Nothing but a try can tell.
    Guess,
    /// It holds for models and nodes like these.
    Likely,
    /// The model's own files or the nodes say so.
    Certain,
}

/// A proposed value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Suggested<T> {
    pub value: T,
    /// Where it comes from, in plain words.
    pub reason: String,
    pub confidence: Confidence,
}

impl<T> Suggested<T> {
    pub fn new(value: T, confidence: Confidence, reason: impl Into<String>) -> Self {
        Self {
            value,
            reason: reason.into(),
            confidence,
        }
    }
}

/// What can serve a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// The one that recipes launch.
    Vllm,
    LlamaCpp,
    /// A service of the catalogue that runs `NeMo` of NVIDIA.
    Nemo,
    /// A text-to-speech service.
    TextToSpeech,
    /// A program for image models.
    Diffusers,
    /// Nothing by itself: an adapter that belongs to another model.
    Adapter,
    Unknown,
}

/// How many nodes a model is laid over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Placement {
    pub nodes: u32,
    /// Parts that every layer is split into; one for each node.
    pub tensor_parallel: u32,
}

/// A proposed flag of `vllm serve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SuggestedFlag {
    /// With its dashes, e.g. `--max-model-len`.
    pub name: String,
    /// `null` for a switch.
    pub value: Option<String>,
    pub reason: String,
    pub confidence: Confidence,
}

impl SuggestedFlag {
    /// The flag as it stands in a recipe: `--name` or `--name=value`.
    pub fn word(&self) -> String {
        match &self.value {
            Some(value) => format!("{}={value}", self.name),
            None => self.name.clone(),
        }
    }
}

/// A proposed variable of the container's environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SuggestedVariable {
    pub name: String,
    pub value: String,
    pub reason: String,
    pub confidence: Confidence,
}

/// Something to know before the recipe is confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SetupWarning {
    /// Stable name, e.g. `base_model`, `remote_code`, `new_architecture`, `will_not_fit`.
    pub code: String,
    pub message: String,
    pub fix: String,
}

/// The memory that one node needs under a recipe, bytes. All figures are estimates until a launch was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MemoryFit {
    /// Nodes of the placement; every figure below is of one of them, the smallest.
    pub nodes: u32,
    /// Its share of the weights.
    pub weights_bytes: u64,
    /// KV cache of one more token of a long context on one node; `null` when the configuration does not tell.
    pub kv_bytes_per_token: Option<u64>,
    /// KV cache of one request of full length, or what `--kv-cache-memory-bytes` sets aside.
    pub kv_bytes: u64,
    /// Tokens of that request.
    pub context_tokens: u64,
    /// CUDA contexts, activations and graphs.
    pub contexts_bytes: u64,
    /// Memory of the node that a model should leave alone.
    pub reserve_bytes: u64,
    /// Weights, KV cache and contexts.
    pub need_bytes: u64,
    /// What the model may take on one node; `null` while the memory of the nodes is not known.
    pub usable_bytes: Option<u64>,
    /// What sets that limit, in words.
    pub usable_reason: String,
    /// `null` while it cannot be told.
    pub fits: Option<bool>,
    /// The longest context, in tokens, of which one request fits; `null` when it cannot be told, 0 when not
    /// even the weights fit.
    pub largest_context_tokens: Option<u64>,
    /// Requests of full length that fit at once.
    pub full_requests: Option<u64>,
}

/// Answer to `GET /api/models/{org}/{name}/recipe?suggest=true`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Suggestion {
    pub repo: RepoId,
    pub kind: Suggested<ModelKind>,
    pub runtime: Runtime,
    /// The family whose rules were used, e.g. `Qwen3-Coder`; `null` when it is not known.
    pub family: Option<Suggested<String>>,
    /// e.g. `NVFP4`.
    pub quantization: Option<Suggested<String>>,
    pub image: Suggested<ImageRef>,
    pub placement: Suggested<Placement>,
    pub executor: Suggested<Executor>,
    pub served_name: Suggested<String>,
    pub port: Suggested<u16>,
    /// What the recipe would carry.
    pub flags: Vec<SuggestedFlag>,
    /// What may be added by hand: not part of the recipe until the operator says so.
    pub offered_flags: Vec<SuggestedFlag>,
    pub env: Vec<SuggestedVariable>,
    pub warnings: Vec<SetupWarning>,
    pub fit: MemoryFit,
    /// The recipe that a yes would store; `null` when vLLM cannot serve the model.
    pub recipe: Option<Recipe>,
}
