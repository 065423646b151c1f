//! The files of a node that scripts read: `root/proc`, `root/sys`, `root/etc`.
//!
//! They are written from the current facts at the start of every session and tool and after every
//! change, so a script sees what a real node would show at that moment.

use jiff::Timestamp;

use super::Node;
use super::error::NodeError;
use super::files;

mod proc;

impl Node {
    /// Brings `root/` up to date with the node.
    pub fn refresh_root(&self) -> Result<(), NodeError> {
        let now = Timestamp::now();
        let state = self.update_state(|state| {
            state.counters = state.counters.advanced(now, 0.0, 0);
        })?;
        for (path, text) in proc::files(&state, &self.memory()?, now) {
            files::write_if_changed(&self.root(&path), text.as_bytes())?;
        }
        Ok(())
    }
}
