//! What changes about a node without being a fault: `state.json`.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long ago a new node booted: two days and four hours, so that it looks lived in.
const UPTIME_AT_FIRST: SignedDuration = SignedDuration::from_hours(52);

/// The changing facts of a node, as kept in `state.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeState {
    /// The kernel's boot id; a reboot gives a new one.
    pub boot_id: Uuid,
    /// When the node booted. Lies ahead while it is still starting up.
    pub booted_at: Timestamp,
    /// How often each fabric link changed its carrier since boot.
    pub carrier_changes: u64,
    /// Whether the fabric link was down when someone last looked, to count the change.
    pub link_was_down: bool,
    /// What the counters have reached.
    pub counters: Counters,
}

/// Counters that only grow while the node is up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// When they were last brought forward.
    pub at: Timestamp,
    /// Core-seconds spent in user code.
    pub user_s: f64,
    /// Core-seconds spent in the kernel.
    pub system_s: f64,
    /// Core-seconds spent waiting for the disk.
    pub iowait_s: f64,
    /// Bytes received over one fabric interface.
    pub fabric_rx_bytes: u64,
    /// Bytes received over the management interface.
    pub lan_rx_bytes: u64,
}

impl NodeState {
    /// The state of a node that has been up for a while at `now`.
    pub fn fresh(now: Timestamp) -> Self {
        let booted_at = now.saturating_sub(UPTIME_AT_FIRST).unwrap_or(now);
        let mut state = Self::booted(booted_at);
        state.counters = state.counters.advanced(now, 0.0, 0);
        state
    }

    /// The state of a node whose kernel started at `booted_at`.
    pub fn booted(booted_at: Timestamp) -> Self {
        Self {
            boot_id: Uuid::new_v4(),
            booted_at,
            carrier_changes: 3,
            link_was_down: false,
            counters: Counters {
                at: booted_at,
                user_s: 0.0,
                system_s: 0.0,
                iowait_s: 0.0,
                fabric_rx_bytes: 0,
                lan_rx_bytes: 0,
            },
        }
    }

    /// Seconds since boot, 0 while the node still starts.
    pub fn uptime_s(&self, now: Timestamp) -> f64 {
        now.duration_since(self.booted_at).as_secs_f64().max(0.0)
    }
}

impl Counters {
    /// The counters at `now`, after a time with `busy_cores` cores in use and
    /// `fabric_bytes_per_s` on each fabric interface. Never goes back.
    #[must_use]
    pub fn advanced(self, now: Timestamp, busy_cores: f64, fabric_bytes_per_s: u64) -> Self {
        let elapsed_s = now.duration_since(self.at).as_secs_f64();
        if elapsed_s <= 0.0 {
            return self;
        }
        Self {
            at: now,
            // An idle DGX OS keeps about a third of one core awake.
            user_s: self.user_s + elapsed_s * (0.22 + busy_cores * 0.9),
            system_s: self.system_s + elapsed_s * (0.11 + busy_cores * 0.1),
            iowait_s: self.iowait_s + elapsed_s * 0.01,
            fabric_rx_bytes: self.fabric_rx_bytes + bytes(elapsed_s, fabric_bytes_per_s),
            lan_rx_bytes: self.lan_rx_bytes + bytes(elapsed_s, 2_400),
        }
    }
}

/// Whole bytes that pass in `elapsed_s` seconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a byte counter of a simulated interface needs no more than 53 bits"
)]
fn bytes(elapsed_s: f64, per_second: u64) -> u64 {
    (elapsed_s * per_second as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_node_has_been_up_for_two_days() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1000);
        let state = NodeState::fresh(now);
        assert!((state.uptime_s(now) - 187_200.0).abs() < 1.0);
        assert!(state.counters.user_s > 0.0);
    }

    #[test]
    fn counters_grow_with_time_and_never_go_back() {
        let start = NodeState::booted(Timestamp::UNIX_EPOCH).counters;
        let later = start.advanced(
            Timestamp::UNIX_EPOCH + SignedDuration::from_secs(10),
            2.0,
            100,
        );
        assert!(later.user_s > start.user_s);
        assert_eq!(later.fabric_rx_bytes, 1000);
        assert_eq!(later.advanced(Timestamp::UNIX_EPOCH, 9.0, 9), later);
    }
}
