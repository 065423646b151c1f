//! What is wrong with a node, and what to do about it.

use serde::{Deserialize, Serialize};

use crate::{Time, id::NodeId};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Warning,
    Critical,
}

/// What kind of trouble an alert tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// The node does not answer; the text says in which way.
    Unreachable,
    /// The host key is unknown, or not the one that was accepted.
    HostKey,
    /// Docker does not answer, or not to us.
    Docker,
    MemoryLow,
    Disk,
    Thermal,
    /// A GPU process that belongs to no container.
    OrphanProcess,
    /// Stuck in the low-power state: full load at a third of the clock.
    LowPower,
    /// The node has been restarted.
    Reboot,
    /// A fabric link is down, slow or unsteady, or its RDMA address moved.
    Link,
    /// Programs wait for memory (PSI).
    MemoryPressure,
    /// Memory is nearly used up and the swap file is in use.
    Swap,
    /// The kernel told of a GPU fault, or ended a process for lack of memory.
    Kernel,
    /// A tool of the node gives no usable answer, so a value ages.
    Reading,
    /// Requests have waited for a model for a minute, or it throws out work that it had begun.
    Queue,
    /// A container starts again and again, or launches of a model fail one after the other.
    CrashLoop,
    /// A unit or a service runs and gives no right answer.
    DeepHealth,
}

/// One alert. It is raised and cleared by the poller; `id` is stable while it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Alert {
    /// `NODE/KIND[/DETAIL]`, unique among the standing alerts.
    pub id: String,
    pub node: NodeId,
    pub kind: AlertKind,
    pub severity: Severity,
    /// A few words.
    pub title: String,
    /// What was seen, with figures.
    pub text: String,
    /// What to do; a command to copy where there is one.
    pub fix: Option<String>,
    pub since: Time,
}
