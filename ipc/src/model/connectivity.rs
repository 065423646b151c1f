//! Connectivity: who was up when, why not, and for how long.
//!
//! The daemon keeps every change of state of its nodes, units and services, and of itself, in a bounded log
//! that survives a kill. Time in which nobody looked is `unknown`, and is counted apart from up and down.

use serde::{Deserialize, Serialize};

use crate::{Time, id::NodeId};

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// The daemon itself: `down` while it did not run.
    Daemon,
    Node,
    Unit,
    Service,
}

/// One thing whose state is followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Subject {
    pub kind: SubjectKind,
    /// Id of the node or unit, name of the service, or `daemon`.
    pub id: String,
}

/// How a subject does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    Up,
    /// It answers, but not as it should.
    Degraded,
    /// It ought to answer and does not.
    Down,
    /// It was stopped on purpose, or never started.
    Off,
    /// Nobody could tell.
    Unknown,
}

/// What kind of event an entry tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The state changed from `from` to `to`.
    State,
    /// The node was started again; the state stays.
    Reboot,
    /// A network link of the node went down, came back or flapped; the state stays.
    Link,
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Transition {
    /// Grows by one with each entry.
    pub seq: u64,
    pub at: Time,
    pub kind: EntryKind,
    pub subject: Subject,
    /// The node that a unit or service runs on.
    pub node: Option<NodeId>,
    pub from: Availability,
    pub to: Availability,
    /// A word: `timed_out`, `loading`, `deep_health`, `daemon_down`, …
    pub cause: String,
    /// The cause in plain words.
    pub message: Option<String>,
    /// How long `from` had lasted, seconds; `null` when its beginning is not known.
    pub lasted_s: Option<f64>,
}

/// Time spent in each state within one window that ends now, seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UptimeWindow {
    /// Length of the window, seconds: 24 h, 7 d or 30 d.
    pub window_s: u64,
    pub up_s: f64,
    pub degraded_s: f64,
    pub down_s: f64,
    pub off_s: f64,
    pub unknown_s: f64,
    /// Share of up and degraded in the time in which it was up, degraded or down; `null` when there was none.
    pub uptime_percent: Option<f64>,
}

/// A stretch of time in one state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Span {
    pub from: Time,
    pub until: Time,
    pub state: Availability,
    pub cause: String,
}

/// One subject: how it does, how it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SubjectHistory {
    pub subject: Subject,
    pub state: Availability,
    pub since: Time,
    pub uptime: Vec<UptimeWindow>,
    /// From the `since` of the request until now, without gaps.
    pub timeline: Vec<Span>,
    /// Restarts of the node since then.
    pub reboots: u64,
    /// Changes of its links since then.
    pub link_changes: u64,
}

/// `GET /api/connectivity?since=`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Connectivity {
    pub now: Time,
    pub since: Time,
    /// The entries since then, oldest first; at most the newest two thousand.
    pub transitions: Vec<Transition>,
    /// Whether older entries since then were left out.
    pub truncated: bool,
    pub subjects: Vec<SubjectHistory>,
    /// Why the log is not kept, or what was wrong with it.
    pub warning: Option<String>,
}

/// The newest entries: what the status carries, and the body of the event `connectivity`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ConnectivitySummary {
    /// At most twenty, oldest first.
    pub transitions: Vec<Transition>,
    /// Why the log is not kept, or what was wrong with it.
    pub warning: Option<String>,
}
