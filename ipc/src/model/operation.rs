//! Operations: what the daemon is doing, step by step.

use serde::{Deserialize, Serialize};

use crate::{
    Time,
    id::{NodeId, OperationId, RecipeId, RepoId, UnitId},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    Swap,
    Stop,
    /// A model from the Hub to the disk of one or several nodes.
    Download,
    /// A model from one node to another.
    Copy,
    /// A model off the disk.
    Delete,
    /// Every byte of a model against its checksums.
    Verify,
    ImagePull,
    /// An image from one node to another.
    ImageCopy,
    ImageRemove,
    ServiceStart,
    ServiceStop,
    ServiceRestart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    Running,
    Succeeded,
    /// It failed; what could be undone was undone, and nothing of it runs.
    Failed,
    /// It failed, and the last good model was started again.
    RolledBack,
    Cancelled,
    /// The daemon could not finish it and needs the operator.
    Interrupted,
}

impl OperationState {
    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        self != Self::Running
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Pending,
    Running,
    Done,
    Failed,
    Skipped,
}

/// One step of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Step {
    /// Stable name, e.g. `preflight`, `drain`, `stop`, `prove_free`, `launch`, `load`, `probe`.
    pub name: String,
    pub node: Option<NodeId>,
    pub state: StepState,
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
    /// The latest news of this step, e.g. `loading weights 45 %`.
    pub detail: Option<String>,
}

/// How far it is. `unit` names what is counted (`percent`, `bytes`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Progress {
    pub done: Option<f64>,
    pub total: Option<f64>,
    pub unit: String,
    pub rate: Option<f64>,
    pub eta_s: Option<f64>,
    /// The stage in words, e.g. `loading weights`.
    pub stage: Option<String>,
}

/// The first cause of a failure, in plain words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Advice {
    /// Id of the pattern that matched.
    pub id: String,
    pub title: String,
    /// One sentence.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    pub node: Option<NodeId>,
    pub rank: Option<u32>,
    /// The raw lines that it rests on, cleaned.
    pub evidence: Vec<String>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Operation {
    pub id: OperationId,
    pub kind: OperationKind,
    /// What it is about: a repository or a unit.
    pub subject: String,
    pub state: OperationState,
    pub nodes: Vec<NodeId>,
    pub steps: Vec<Step>,
    pub progress: Progress,
    pub error: Option<String>,
    pub advice: Option<Advice>,
    /// Who asked: `web 192.168.1.20`, `socket uid 1000`, `daemon`.
    pub actor: String,
    pub started_at: Time,
    pub ended_at: Option<Time>,
    /// Whether a cancel has been asked for.
    pub cancelling: bool,
    /// Sequence number of its newest event.
    pub seq: u64,
    /// The model that was restored, or is offered, after a failure.
    pub last_good: Option<String>,
    /// Time the controller itself took, without the engine and the waits, milliseconds.
    pub own_ms: Option<f64>,
}

/// `GET /api/operations`: the running ones and the last hundred, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OperationList {
    pub operations: Vec<Operation>,
}

/// Answer (202) to whatever starts an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OperationStarted {
    pub operation: Operation,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogLine {
    pub seq: u64,
    pub node: Option<NodeId>,
    pub rank: Option<u32>,
    pub at: Option<Time>,
    /// Cleaned text.
    pub text: String,
}

/// One event of `GET /api/operations/{id}/events`; the SSE event name is the `type`, the SSE id the sequence number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OperationEvent {
    /// The operation changed (a step began or ended, progress, the end).
    Operation {
        operation: Box<Operation>,
    },
    Log {
        line: LogLine,
    },
    /// Events were dropped for this slow reader.
    Lagged {
        missed: u64,
    },
}

/// `POST /api/swap`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SwapRequest {
    pub repo: RepoId,
    #[serde(default)]
    pub recipe: Option<RecipeId>,
    /// Which nodes; default as many as the recipe needs, those that run our units first.
    #[serde(default)]
    pub nodes: Option<Vec<NodeId>>,
    /// Leave units on other nodes as they are.
    #[serde(default)]
    pub keep: bool,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// Dangerous flags and variables that the operator says yes to, by name.
    #[serde(default)]
    pub allow: Vec<String>,
}

/// `POST /api/stop`: `{"unit": "main"}` or `{"all": true}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StopRequest {
    #[serde(default)]
    pub unit: Option<UnitId>,
    #[serde(default)]
    pub all: bool,
}
