//! The files of a node that scripts read: `root/proc`, `root/sys`, `root/etc`.
//!
//! They are written from the current facts at the start of every session and tool and after every
//! change, so a script sees what a real node would show at that moment.

use std::fs;

use jiff::Timestamp;

use super::error::NodeError;
use super::files;
use super::{Node, NodeState};
use crate::facts::{Conditions, Gpu};

mod etc;
pub(super) mod proc;
mod sys;

impl Node {
    /// Brings `root/` up to date with the node.
    pub fn refresh_root(&self) -> Result<(), NodeError> {
        let now = Timestamp::now();
        let conditions = self.conditions()?;
        let state = self.advance(conditions, now)?;
        let gpu = Gpu::of(conditions);
        let interfaces = self.interfaces();
        let moment = proc::Moment {
            state: &state,
            memory: &self.memory()?,
            busy_cores: busy_cores(conditions),
            now,
        };
        // A node with fabric ports has their devices.
        let devices = (!interfaces.is_empty()).then(|| "dev/infiniband".to_owned());
        for path in sys::folders(&interfaces).into_iter().chain(devices) {
            let path = self.root(&path);
            fs::create_dir_all(&path).map_err(NodeError::io("create", &path))?;
        }
        proc::files(&moment, self.config())
            .into_iter()
            .chain(sys::files(&state, &gpu, &interfaces))
            .chain(etc::files(self.config()))
            .chain(self.groups()?)
            .try_for_each(|(path, text)| {
                files::write_if_changed(&self.root(&path), text.as_bytes())
            })
    }

    /// `/proc/PID/cgroup` of the processes that hold GPU memory, as systemd and Docker name the groups.
    /// A file of a process that has ended does no harm: `nvidia-smi` no longer names it.
    fn groups(&self) -> Result<Vec<(String, String)>, NodeError> {
        let claims = self.claims()?;
        let alive = claims.iter().filter(|claim| claim.is_alive());
        let group = |claim: &super::memory::Claim| {
            let id = claim
                .container
                .as_deref()
                .and_then(|name| crate::docker::id_of(self, name));
            let group = id.map_or_else(
                || "0::/user.slice/user-1000.slice/session-1.scope".to_owned(),
                |id| format!("0::/system.slice/docker-{id}.scope"),
            );
            (format!("proc/{}/cgroup", claim.pid), format!("{group}\n"))
        };
        Ok(alive.map(group).collect())
    }

    /// Moves the counters on to `now`, and counts a cable that was pulled or put back.
    fn advance(&self, conditions: Conditions, now: Timestamp) -> Result<NodeState, NodeError> {
        let down = self.faults().link_down();
        let fabric_bytes_per_s = if conditions.busy && !down {
            180_000_000
        } else {
            96
        };
        self.update_state(|state| {
            let busy_cores = busy_cores(conditions);
            state.counters = state.counters.advanced(now, busy_cores, fabric_bytes_per_s);
            if state.link_was_down != down {
                state.link_was_down = down;
                state.carrier_changes += 1;
            }
        })
    }
}

/// Cores that engines keep busy: a waiting one polls, a working one schedules and samples.
fn busy_cores(conditions: Conditions) -> f64 {
    match (conditions.busy, conditions.loaded) {
        (true, _) => 2.6,
        (false, true) => 0.5,
        (false, false) => 0.0,
    }
}
