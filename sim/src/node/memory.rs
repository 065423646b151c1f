//! Unified memory of a node: GPU claims and what they leave for everybody else.
//!
//! On a GB10 the GPU takes its memory from the same pool as every process, and gives it back a
//! moment after a process ends, not at once. A claim is a file `gpu/<pid>.json`; the memory of a
//! dead pid drains away over about two seconds (reported from real boxes: "Exited (0)" is not yet
//! free memory), or much slower under the `slow_release` fault.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::NodeError;
use super::files;
use super::process;

/// Seconds that memory takes to come back after a process died, at speed 1.
pub const RELEASE_S: f64 = 2.0;

/// What the operating system and its services keep for themselves: idle nodes show about 117 of
/// 121.7 GiB available.
const BASE_USE_BYTES: u64 = 5_030_000_000;

/// Page cache of an idle node.
const BASE_CACHE_BYTES: u64 = 6_120_000_000;

/// Which processor uses a claim. Both take from the same memory; only the GPU's share is shown by `nvidia-smi`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Processor {
    /// The GPU.
    #[default]
    Gpu,
    /// The cores.
    Cpu,
}

/// One process that holds memory, as kept in `gpu/<pid>.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The real process behind it.
    pub pid: u32,
    /// What `nvidia-smi` shows, e.g. `VLLM::EngineCore`.
    pub process_name: String,
    /// Bytes of memory.
    pub bytes: u64,
    /// Who uses it.
    #[serde(default)]
    pub processor: Processor,
    /// Name of its container, none for a process outside one.
    pub container: Option<String>,
    /// When the process started, in ticks: tells it from a later one with the same pid.
    pub start_ticks: u64,
    /// Until when the GPU works for this process.
    #[serde(default)]
    pub busy_until: Option<Timestamp>,
    /// When it was first seen dead.
    #[serde(default)]
    pub died_at: Option<Timestamp>,
}

impl Claim {
    /// Whether its process still runs.
    pub fn is_alive(&self) -> bool {
        process::start_ticks(self.pid) == Some(self.start_ticks)
    }

    /// Whether the GPU works for it at `now`.
    pub fn is_busy(&self, now: Timestamp) -> bool {
        self.died_at.is_none() && self.busy_until.is_some_and(|until| until > now)
    }

    /// Bytes that it still holds at `now`, when a dead process's memory takes `release_s` to return.
    pub fn held_bytes(&self, now: Timestamp, release_s: f64) -> u64 {
        let Some(died_at) = self.died_at else {
            return self.bytes;
        };
        let left = 1.0 - now.duration_since(died_at).as_secs_f64().max(0.0) / release_s;
        scale(self.bytes, left.clamp(0.0, 1.0))
    }
}

/// Where a node's memory is, in bytes. `total` = `available` + everything in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it (`MemTotal`).
    pub total: u64,
    /// What a new process could get (`MemAvailable`), reclaimable cache included.
    pub available: u64,
    /// Unused right now (`MemFree`).
    pub free: u64,
    /// Page cache that would be given up (`Cached`).
    pub cached: u64,
    /// Held by live GPU processes.
    pub gpu: u64,
    /// Held by GPU processes that are dead and not yet given back.
    pub releasing: u64,
    /// Held by everything else.
    pub other: u64,
    /// Size of swap.
    pub swap_total: u64,
    /// Swap in use.
    pub swap_used: u64,
}

impl Memory {
    /// The sums for a node with `total` bytes, given what is claimed; `other_extra` comes on top of
    /// what the operating system uses.
    pub fn of(total: u64, gpu: u64, releasing: u64, other_extra: u64) -> Self {
        let other = BASE_USE_BYTES + other_extra;
        let wanted = gpu + releasing + other;
        let available = total.saturating_sub(wanted);
        let cached = BASE_CACHE_BYTES.min(available / 2);
        let swap_total = 16_777_212 * 1024;
        Self {
            total,
            available,
            free: available - cached,
            cached,
            gpu,
            releasing,
            other,
            swap_total,
            swap_used: wanted.saturating_sub(total).min(swap_total),
        }
    }
}

/// Reads every claim in `folder`, notes which died, and removes those given back at `now`.
pub(super) fn read_claims(
    folder: &Path,
    now: Timestamp,
    release_s: f64,
) -> Result<Vec<Claim>, NodeError> {
    let entries = std::fs::read_dir(folder).map_err(NodeError::io("read", folder))?;
    let mut claims = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        // Another process may have removed it since the listing.
        let Some(mut claim) = files::read_json::<Claim>(&path)? else {
            continue;
        };
        if claim.died_at.is_none() && !claim.is_alive() {
            claim.died_at = Some(now);
            files::write_json(&path, &claim)?;
        }
        if claim.held_bytes(now, release_s) == 0 && claim.died_at.is_some() {
            drop(std::fs::remove_file(&path));
        } else {
            claims.push(claim);
        }
    }
    claims.sort_by_key(|claim| claim.pid);
    Ok(claims)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "memory sizes stay far below 2^53 and the factor lies in 0..=1"
)]
fn scale(bytes: u64, factor: f64) -> u64 {
    (bytes as f64 * factor) as u64
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn an_idle_node_has_about_117_gib_available() {
        let memory = Memory::of(127_535_084 * 1024, 0, 0, 0);
        assert_eq!(memory.available / GIB, 116);
        assert_eq!(memory.available + memory.other, memory.total);
        assert_eq!(memory.swap_used, 0);
    }

    #[test]
    fn claims_beyond_the_total_go_to_swap() {
        let memory = Memory::of(127_535_084 * 1024, 120 * GIB, 0, 0);
        assert_eq!(memory.available, 0);
        assert!(memory.swap_used > GIB);
    }

    #[test]
    fn memory_of_a_dead_process_returns_gradually() {
        let died_at = Timestamp::UNIX_EPOCH;
        let claim = Claim {
            pid: 1,
            process_name: "VLLM::EngineCore".to_owned(),
            bytes: 100 * GIB,
            processor: Processor::Gpu,
            container: None,
            start_ticks: 0,
            busy_until: None,
            died_at: Some(died_at),
        };
        let after = |ms| claim.held_bytes(died_at + SignedDuration::from_millis(ms), 2.0);
        assert_eq!(after(0), 100 * GIB);
        assert_eq!(after(1000), 50 * GIB);
        assert_eq!(after(2500), 0);
    }
}
