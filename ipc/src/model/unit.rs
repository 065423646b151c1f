//! Units: running container sets, one container a rank.

use serde::{Deserialize, Serialize};

use super::deep::DeepSummary;
use crate::{
    Time,
    id::{NodeId, OperationId, RecipeId, RepoId, UnitId},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnitState {
    /// Containers run; it has not answered yet.
    Loading,
    /// It has given a real answer.
    Ready,
    Stopping,
    /// A rank is dead or missing.
    Failed,
    Stopped,
    /// A node of it is not reachable: nothing is known.
    Unknown,
}

/// One rank: one container on one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Rank {
    pub node: NodeId,
    /// 0 is the head.
    pub rank: u32,
    pub container: String,
    pub container_id: String,
    pub image: String,
    /// Docker's word: `created`, `running`, `exited`, …
    pub state: String,
    pub exit_code: Option<i32>,
    pub started_at: Option<Time>,
}

/// A running thing. `owner` is `spark-control` for ours; foreign ones are shown, and touched only once adopted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Unit {
    pub id: UnitId,
    pub state: UnitState,
    pub owner: String,
    /// Whether the operator has taken over what somebody else started: then it is treated like ours.
    #[serde(default)]
    pub adopted: bool,
    pub repo: Option<RepoId>,
    pub recipe: Option<RecipeId>,
    /// The model name that clients use.
    pub served_name: Option<String>,
    /// Base URL of the engine, e.g. `http://192.168.1.21:8000`.
    pub endpoint: Option<String>,
    pub ranks: Vec<Rank>,
    /// The operation that launched it (label `sparkctl.launch`).
    pub launch: Option<OperationId>,
    pub started_at: Option<Time>,
    pub ready_at: Option<Time>,
    /// GPU memory of its processes over all nodes.
    pub memory_bytes: Option<u64>,
    /// Why it is not well.
    pub message: Option<String>,
    /// The last deep probe; `null` before the first.
    #[serde(default)]
    pub deep: Option<DeepSummary>,
}

/// `GET /api/units`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UnitList {
    pub units: Vec<Unit>,
}
