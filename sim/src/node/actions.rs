//! Changes of a node as a whole: its state, its faults, a reboot, an orphan left behind.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use rustix::process::Signal;

use super::environment::sshd_environment;
use super::error::NodeError;
use super::files::{self, NodeLock};
use super::state::NodeState;
use super::{Fault, Faults, Node, process};

/// What `nvidia-smi` calls the process that holds an engine's memory.
const ENGINE_CORE: &str = "VLLM::EngineCore";

impl Node {
    /// Changes the state under the node's own lock.
    pub fn update_state(
        &self,
        change: impl FnOnce(&mut NodeState),
    ) -> Result<NodeState, NodeError> {
        let _lock = self.own_lock()?;
        let mut state = self.state()?;
        change(&mut state);
        files::write_json(&self.dir.join("state.json"), &state)?;
        Ok(state)
    }

    /// Makes `fault` active, and does at once what it does once: a reboot, an orphan.
    pub fn set_fault(&self, fault: Fault) -> Result<(), NodeError> {
        match &fault {
            Fault::Reboot { away_s } => return self.reboot(*away_s),
            Fault::OrphanEngine {
                mib,
                on_stop: false,
            } => {
                self.spawn_orphan(mib << 20)?;
            }
            _ => {}
        }
        let before = self.faults();
        self.update_faults(|faults| faults.set(fault))?;
        self.follow_faults(&before)?;
        self.refresh_root()
    }

    /// Ends the faults with this name, or all; gives what was active.
    pub fn clear_faults(&self, name: Option<&str>) -> Result<Vec<Fault>, NodeError> {
        let before = self.faults();
        let gone = self.update_faults(|faults| faults.clear(name))?;
        self.follow_faults(&before)?;
        if gone
            .iter()
            .any(|fault| matches!(fault, Fault::OrphanEngine { .. }))
        {
            self.kill_orphans()?;
        }
        self.refresh_root()?;
        Ok(gone)
    }

    /// Cuts the power and starts again: every process of the node dies, and for `away_s` seconds
    /// (at speed 1) it does not answer.
    pub fn reboot(&self, away_s: u64) -> Result<(), NodeError> {
        let away = self.paced(std::time::Duration::from_secs(away_s).as_secs_f64());
        let now = Timestamp::now();
        let booted_at = now.saturating_add(away).unwrap_or(now);
        // First, so that nothing that sees the kill can still find the old boot id.
        self.update_state(|state| *state = NodeState::booted(booted_at))?;
        process::kill_all(&self.dir);
        for claim in self.claims()? {
            self.release(claim.pid)?;
        }
        self.refresh_root()
    }

    /// Starts a process outside any container that holds `bytes` of GPU memory, and gives its pid.
    /// It is a real one: `kill` ends it.
    pub fn spawn_orphan(&self, bytes: u64) -> Result<u32, NodeError> {
        let child = Command::new("sleep")
            .arg0(ENGINE_CORE)
            .arg("infinity")
            .env_clear()
            .envs(sshd_environment(self))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| NodeError::Spawn {
                program: ENGINE_CORE.to_owned(),
                source,
            })?;
        self.claim(child.id(), ENGINE_CORE, bytes, None)?;
        Ok(child.id())
    }

    /// Ends every engine process that has no container.
    fn kill_orphans(&self) -> Result<(), NodeError> {
        for claim in self.claims()? {
            if claim.container.is_none() && claim.process_name == ENGINE_CORE {
                process::signal(claim.pid, Signal::KILL);
            }
        }
        Ok(())
    }

    /// Ends the faults that `is` names, because what they hold is no longer so.
    pub(crate) fn end_faults(&self, is: impl Fn(&Fault) -> bool) -> Result<(), NodeError> {
        if !self.faults().iter().any(&is) {
            return Ok(());
        }
        self.update_faults(|faults| faults.end(is))
    }

    fn update_faults<T>(&self, change: impl FnOnce(&mut Faults) -> T) -> Result<T, NodeError> {
        let _lock = self.own_lock()?;
        let mut faults = self.faults();
        let result = change(&mut faults);
        files::write_json(&self.dir.join("faults.json"), &faults)?;
        Ok(result)
    }

    /// The lock on `state.json` and `faults.json`; apart from [`Node::lock`], so that callers may
    /// hold that one.
    fn own_lock(&self) -> Result<NodeLock, NodeError> {
        NodeLock::acquire(&self.dir.join(".state.lock"))
    }
}
