//! What a swap would do, and what stands in its way.

use serde::{Deserialize, Serialize};

use crate::id::{NodeId, RecipeId, RepoId, UnitId};

/// `POST /api/preflight`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PreflightRequest {
    pub repo: RepoId,
    #[serde(default)]
    pub recipe: Option<RecipeId>,
    #[serde(default)]
    pub nodes: Option<Vec<NodeId>>,
    #[serde(default)]
    pub keep: bool,
    /// Dangerous flags and variables that the operator says yes to, by name: see [`Confirmation`].
    #[serde(default)]
    pub allow: Vec<String>,
}

/// How one item of the pre-flight came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PreflightState {
    Ok,
    /// It may go wrong; nothing keeps the launch from being tried.
    Warning,
    /// It would go wrong.
    Blocked,
    /// The node has not told.
    Unknown,
}

/// One item that was looked at, passed or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PreflightCheck {
    /// Stable name, e.g. `ssh`, `docker`, `image`, `model`, `memory`, `fabric`, `command`.
    pub name: String,
    /// `null` for what concerns the launch as a whole.
    pub node: Option<NodeId>,
    pub state: PreflightState,
    /// Plain words, with figures.
    pub detail: String,
    pub fix: Option<String>,
}

/// A flag or variable that runs code, opens files or opens ports, and that nobody has said yes to yet. Its
/// name in `allow` of the request (for this launch) or of the recipe (for all) is the yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Confirmation {
    /// e.g. `--trust-remote-code`.
    pub name: String,
    /// What it lets happen, in plain words.
    pub why: String,
}

/// One reason why it cannot be done, or should be done with care.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Finding {
    /// Stable id, e.g. `model_incomplete`, `memory_short`, `image_missing`, `foreign_unit`.
    pub code: String,
    pub node: Option<NodeId>,
    /// Plain words, with figures.
    pub message: String,
    pub fix: Option<String>,
}

/// One step of the plan in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlanStep {
    pub name: String,
    pub node: Option<NodeId>,
    pub text: String,
}

/// The plan in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlanView {
    pub repo: RepoId,
    pub recipe: RecipeId,
    pub served_name: String,
    pub unit: UnitId,
    /// Nodes by rank, head first.
    pub nodes: Vec<NodeId>,
    /// Units that are stopped first.
    pub stops: Vec<UnitId>,
    pub steps: Vec<PlanStep>,
    /// From the last good launch.
    pub expected_s: Option<f64>,
}

/// One exact command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlannedCommand {
    pub node: NodeId,
    pub rank: Option<u32>,
    pub argv: Vec<String>,
    /// The command as a shell would take it; it splits back to `argv`.
    pub rendered: String,
}

/// Memory of one node, before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MemoryForecast {
    pub node: NodeId,
    pub total_bytes: Option<u64>,
    pub available_bytes: Option<u64>,
    /// What the units that are stopped give back.
    pub freed_bytes: Option<u64>,
    /// What the launch needs.
    pub need_bytes: Option<u64>,
    /// Where `need_bytes` comes from: `measured`, `recipe`, `estimate`.
    pub need_source: String,
}

/// Answer of `POST /api/preflight` and of a swap with `dry_run`. It changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Preflight {
    /// `null` when a blocker leaves nothing to plan.
    pub plan: Option<PlanView>,
    pub commands: Vec<PlannedCommand>,
    pub blockers: Vec<Finding>,
    pub warnings: Vec<Finding>,
    pub memory: Vec<MemoryForecast>,
    /// Everything that was looked at, also what is in order.
    #[serde(default)]
    pub checks: Vec<PreflightCheck>,
    /// What the operator must say yes to; each is a blocker `needs_yes` too.
    #[serde(default)]
    pub confirm: Vec<Confirmation>,
}
