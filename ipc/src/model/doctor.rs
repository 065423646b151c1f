//! The fabric doctor: is the cable between the Sparks as it should be.

use serde::{Deserialize, Serialize};

use super::node::CheckState;
use crate::{Time, id::NodeId};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DoctorCheck {
    /// `reach`, `link`, `speed`, `twins`, `mtu`, `gid`, `network`, `ssh` or `ping`.
    pub name: String,
    /// Where it was looked at; `null` when it is about all nodes together.
    pub node: Option<NodeId>,
    /// The other end, of a check between two nodes.
    pub peer: Option<NodeId>,
    pub state: CheckState,
    /// What was seen.
    pub detail: String,
    /// What to do, a command to copy where there is one; `null` when nothing is wrong.
    pub fix: Option<String>,
    pub duration_ms: f64,
}

/// Answer to `POST /api/doctor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DoctorReport {
    pub started_at: Time,
    pub ended_at: Time,
    /// Whether nothing failed; warnings and skipped checks do not count.
    pub passed: bool,
    /// Each node's own checks, then those between nodes.
    pub checks: Vec<DoctorCheck>,
}

/// `GET /api/doctor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DoctorLast {
    /// The last report; `null` while there is none since the daemon started.
    pub report: Option<DoctorReport>,
}
