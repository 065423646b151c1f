//! Deep health: whether a unit or a service gives a right answer, not only a living port.
//!
//! A probe climbs four levels, [`DeepLevel`]; the first that fails is the one that is shown. What is tried at
//! the last level depends on what the target does, and each trial is a [`DeepCheck`].

use serde::{Deserialize, Serialize};

use crate::{Time, id::NodeId};

use super::operation::Advice;

/// What the last probe came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeepState {
    /// Every level was passed.
    Passed,
    /// A level failed.
    Failed,
    /// The engine has requests waiting, so none was added. It says nothing bad.
    Busy,
    /// There is no question for what it does; the lower levels were passed.
    Unsupported,
}

/// How far a probe came; in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeepLevel {
    /// TCP connects.
    Port,
    /// The health route answers 200.
    Health,
    /// The list of models has the served name.
    ModelName,
    /// A real answer that is right.
    Inference,
}

/// What a target is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeepKind {
    Chat,
    Embeddings,
    Rerank,
    SpeechToText,
    /// `POST /v1/audio/speech`.
    TextToSpeech,
    /// `POST /v1/audio/synthesize`, NVIDIA's speech NIM.
    Synthesis,
    Diarizer,
    /// Only port and health.
    None,
}

/// Whether a target is a unit or a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeepSubject {
    Unit,
    Service,
}

/// The last probe in one line: what a unit or a service carries in the status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeepSummary {
    pub state: DeepState,
    /// The level that failed; the last one when none did.
    pub level: DeepLevel,
    pub at: Time,
    /// Of the whole probe.
    pub latency_ms: Option<f64>,
    pub error: Option<String>,
}

/// What one trial of a probe came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeepCheckState {
    Passed,
    Failed,
    /// It could not be decided, or was not asked; `detail` says why.
    Skipped,
}

/// One trial: `port`, `health`, `model_name`, then `answer`, `arithmetic`, `tools`, `transcription`, `speech`,
/// `embeddings`, `rerank` or `diarization`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeepCheck {
    pub name: String,
    pub state: DeepCheckState,
    pub latency_ms: Option<f64>,
    /// Time to the first token of an answer that came in pieces.
    pub first_token_ms: Option<f64>,
    /// What was seen, in a few words.
    pub detail: Option<String>,
}

/// One earlier probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeepPoint {
    pub at: Time,
    pub state: DeepState,
    pub latency_ms: Option<f64>,
    pub first_token_ms: Option<f64>,
}

/// What is known of one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeepResult {
    pub subject: DeepSubject,
    /// Id of the unit, or name of the service.
    pub id: String,
    pub kind: DeepKind,
    /// The node that its endpoint is on.
    pub node: Option<NodeId>,
    /// The model that was asked for.
    pub model: Option<String>,
    /// `null` before the first probe ended.
    pub last: Option<DeepSummary>,
    /// The trials of the last probe.
    pub checks: Vec<DeepCheck>,
    /// What to do, where the cause is known.
    pub advice: Option<Advice>,
    /// Whether a probe is on its way.
    pub running: bool,
    /// Since when it has been failing.
    pub failing_since: Option<Time>,
    /// Earlier probes, oldest first, bounded.
    pub history: Vec<DeepPoint>,
}

/// `GET` and `POST /api/health/deep`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeepHealth {
    /// Seconds between two scheduled probes; 0 when they are off.
    pub interval_s: u64,
    pub results: Vec<DeepResult>,
}

/// `POST /api/health/deep`: probe now. The answer comes when they have ended, or after twenty seconds with
/// those that go on marked as `running`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeepRequest {
    /// Ids of units and names of services; default all that can answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<Vec<String>>,
}
