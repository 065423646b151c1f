//! What the planner takes and gives: the world, the wish, and the plan.
//!
//! The plan is data, complete enough that the executor makes no choices, and it is what the journal
//! stores: a daemon that was killed reads it back and knows exactly what had been decided.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use spark_ipc::Time;
use spark_ipc::id::{ContainerName, NodeId, OperationId, RecipeId, RepoId, UnitId};
use spark_ipc::model::inventory::{LastLoaded, ModelKind};
use spark_ipc::model::node::Node;
use spark_ipc::model::operation::OperationKind;
use spark_ipc::model::preflight::{
    Confirmation, Finding, MemoryForecast, PlanView, PlannedCommand, PreflightCheck,
};
use spark_ipc::model::unit::Unit;

use crate::catalog::Catalog;
use crate::inventory::DiskModel;
use crate::launch::{DockerRun, NodeFacts};

/// One GiB in bytes.
pub const GIB: u64 = 1 << 30;

/// Everything the planner looks at. Nothing else influences a plan.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The nodes in the order of the settings; the first is the preferred head.
    pub nodes: Vec<NodeWorld>,
    /// Ours and foreign ones.
    pub units: Vec<Unit>,
    pub catalog: Arc<Catalog>,
    /// Running operations; the one that asks for this plan is not among them.
    pub busy: Vec<Busy>,
    /// Earlier launches that ended in a real answer.
    pub measured: Vec<Measured>,
}

/// One node as the planner sees it.
#[derive(Debug, Clone)]
pub struct NodeWorld {
    pub node: Node,
    /// `None` when its disk has not been listed.
    pub models: Option<Vec<DiskModel>>,
    /// `None` when they have not been read.
    pub facts: Option<NodeFacts>,
    /// The most MemAvailable that was seen on it while no unit ran.
    pub best_idle_bytes: Option<u64>,
}

/// A running operation and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    pub operation: OperationId,
    pub nodes: Vec<NodeId>,
    pub subject: String,
}

/// A launch of `repo` that ended well.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub repo: RepoId,
    pub launch: LastLoaded,
}

/// What the operator wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub repo: RepoId,
    pub recipe: Option<RecipeId>,
    /// Nodes by rank, head first.
    pub nodes: Option<Vec<NodeId>>,
    /// Leave units on other nodes as they are.
    pub keep: bool,
    /// Dangerous flags and variables that the operator says yes to for this launch.
    pub allow: Vec<String>,
}

/// What is to be stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopTarget {
    Unit(UnitId),
    /// Every unit of ours.
    All,
}

/// The figures that an operator may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanSettings {
    /// Memory that should stay free beside the need of a launch (8 GiB: spark-domain 2.9).
    pub reserve_bytes: u64,
    /// Seconds a container gets to end by itself.
    pub stop_grace_s: u32,
    /// Seconds that freed memory is waited for.
    pub free_wait_s: u32,
    /// Seconds that a load may take while nothing moves.
    pub load_limit_s: u32,
}

impl Default for PlanSettings {
    fn default() -> Self {
        Self {
            reserve_bytes: 8 * GIB,
            stop_grace_s: 30,
            free_wait_s: 60,
            load_limit_s: 1200,
        }
    }
}

/// One step. `node` and `rank` point into the plan's lists, which hold the details.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// The launch commands still split back into exactly their words.
    Preflight,
    /// No new requests for the units that stop.
    Drain,
    /// Stop and remove one container, by id.
    Stop {
        unit: UnitId,
        node: NodeId,
        rank: u32,
    },
    /// Wait until the node's memory is back.
    ProveFree { node: NodeId, need_bytes: u64 },
    /// `docker run` of one rank.
    Launch { node: NodeId, rank: u32 },
    /// Every rank's container runs.
    AssertRunning,
    /// Follow the logs until HTTP is up.
    Load,
    /// Health, the right name, a real answer.
    Probe,
    /// One more request, so that the first client does not pay for compilation.
    WarmUp,
    /// Requests flow again.
    Open,
    /// Load time and memory are kept as the last good launch.
    Remember,
}

impl Step {
    /// The stable name that the API shows.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Drain => "drain",
            Self::Stop { .. } => "stop",
            Self::ProveFree { .. } => "prove_free",
            Self::Launch { .. } => "launch",
            Self::AssertRunning => "assert_running",
            Self::Load => "load",
            Self::Probe => "probe",
            Self::WarmUp => "warm_up",
            Self::Open => "open",
            Self::Remember => "remember",
        }
    }

    /// The node that it acts on, when it is one.
    pub fn node(&self) -> Option<&NodeId> {
        match self {
            Self::Stop { node, .. } | Self::ProveFree { node, .. } | Self::Launch { node, .. } => {
                Some(node)
            }
            _ => None,
        }
    }
}

/// One container to stop: by id, so that a new one under the same name is never hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerStop {
    pub node: NodeId,
    pub rank: u32,
    pub name: String,
    pub id: String,
    /// Whether it ran when the plan was made; a dead one is only removed.
    pub running: bool,
    /// It is stopped and not removed: somebody else made it and may want it again.
    #[serde(default)]
    pub keep: bool,
}

/// One unit to stop, its head first so that no client sees half a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitStop {
    pub unit: UnitId,
    pub repo: Option<RepoId>,
    pub containers: Vec<ContainerStop>,
    /// GPU memory that it gives back over all nodes.
    pub memory_bytes: Option<u64>,
}

/// When the memory of a node counts as free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeTarget {
    pub node: NodeId,
    /// What the launch takes.
    pub need_bytes: u64,
    /// MemAvailable must reach this, in two readings two seconds apart.
    pub threshold_bytes: u64,
    /// MemAvailable that the planner expects after the stops.
    pub expected_bytes: Option<u64>,
}

/// One rank to launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankLaunch {
    pub rank: u32,
    pub node: NodeId,
    pub container: ContainerName,
    pub run: DockerRun,
}

/// A unit to launch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitLaunch {
    pub unit: UnitId,
    pub repo: RepoId,
    pub recipe: RecipeId,
    pub served_name: String,
    pub kind: ModelKind,
    pub port: u16,
    /// Base URL of the engine, e.g. `http://192.168.1.21:8000`.
    pub endpoint: String,
    /// Nodes by rank, head first.
    pub nodes: Vec<NodeId>,
    /// In the order of launching: workers first, the head last.
    pub ranks: Vec<RankLaunch>,
    /// From the last good launch.
    pub expected_s: Option<f64>,
    /// Seconds without any movement after which a load is given up.
    pub limit_s: u32,
}

/// What the executor does, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub operation: OperationId,
    pub kind: OperationKind,
    /// The repository or the units.
    pub subject: String,
    /// When it was made.
    pub made_at: Time,
    /// Every node that it touches.
    pub nodes: Vec<NodeId>,
    pub stops: Vec<UnitStop>,
    /// Seconds a container gets to end by itself.
    pub stop_grace_s: u32,
    pub frees: Vec<FreeTarget>,
    /// Seconds that freed memory is waited for.
    pub free_wait_s: u32,
    /// `None` for a plan that only stops.
    pub launch: Option<UnitLaunch>,
    pub steps: Vec<Step>,
}

impl Plan {
    /// The container that a stop step means.
    pub fn container_stop(
        &self,
        unit: &UnitId,
        node: &NodeId,
        rank: u32,
    ) -> Option<&ContainerStop> {
        self.stops
            .iter()
            .filter(|stop| stop.unit == *unit)
            .flat_map(|stop| &stop.containers)
            .find(|c| c.node == *node && c.rank == rank)
    }

    /// The rank that a launch step means.
    pub fn rank_launch(&self, rank: u32) -> Option<&RankLaunch> {
        self.launch.as_ref()?.ranks.iter().find(|r| r.rank == rank)
    }

    /// When the memory of `node` counts as free.
    pub fn free_target(&self, node: &NodeId) -> Option<&FreeTarget> {
        self.frees.iter().find(|f| f.node == *node)
    }
}

/// The planner's answer: a plan, or what stands in its way.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    /// In words; present whenever there was something to plan, also with blockers.
    pub view: Option<PlanView>,
    /// Only without blockers.
    pub plan: Option<Plan>,
    pub blockers: Vec<Finding>,
    pub warnings: Vec<Finding>,
    pub memory: Vec<MemoryForecast>,
    pub commands: Vec<PlannedCommand>,
    /// Everything that was looked at.
    pub checks: Vec<PreflightCheck>,
    /// What needs a yes.
    pub confirm: Vec<Confirmation>,
}
