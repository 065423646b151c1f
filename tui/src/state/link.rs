//! The connection to the daemon, as the header tells it.

use std::time::Instant;

/// How the connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// No data yet.
    Connecting,
    Live,
    /// It was lost, for `reason`; it is being made again.
    Reconnecting {
        reason: String,
    },
    /// The daemon speaks protocol `theirs`.
    Mismatch {
        theirs: u32,
        version: String,
    },
}

/// The connection and the moment of its last data.
#[derive(Debug, Clone)]
pub struct Link {
    /// Where the daemon is.
    pub endpoint: String,
    pub phase: Phase,
    /// Why the last try failed, and what to do about it.
    pub trouble: Option<(String, Option<String>)>,
    pub since: Instant,
    pub last_data: Option<Instant>,
    /// Version of the daemon.
    pub version: Option<String>,
    /// Whether the daemon's nodes are simulated.
    pub demo: bool,
}

impl Link {
    pub(super) fn new(endpoint: String, now: Instant) -> Self {
        Self {
            endpoint,
            phase: Phase::Connecting,
            trouble: None,
            since: now,
            last_data: None,
            version: None,
            demo: false,
        }
    }
}
