//! A simulated node: a directory that holds everything a Spark would.
//!
//! ```text
//! node.json    what is fixed           home/      HOME of its user, with the Hugging Face cache
//! state.json   what changes            bin/       this executable under the tools' names
//! faults.json  what goes wrong         root/      proc, sys, etc, var as scripts read them
//! gpu/         memory claims           docker/    images, containers, logs
//! argv.jsonl   what was run            downloads/ what somebody else downloads
//! ```
//!
//! There is no server process that owns the node. Every tool, session and engine opens the
//! directory, reads what it needs and writes what it changes, so that a `kill -9` of anything
//! leaves a node that the next one finds as it was.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::faults::{Fault, Faults};

mod actions;
mod config;
mod environment;
mod error;
pub mod files;
mod memory;
mod network;
pub mod peers;
pub mod process;
mod record;
mod root;
mod runners;
mod state;

pub use config::{DEFAULT_IMAGES, MEM_TOTAL_KB, NodeConfig};
pub use environment::sshd_environment;
pub use error::NodeError;
pub use files::NodeLock;
pub use memory::{Claim, Memory, Processor, RELEASE_S};
pub use network::Interface;
pub use record::Recorded;
pub use root::proc::{CORES, KERNEL};
pub use state::{Counters, NodeState};

/// Folders of every node.
const FOLDERS: [&str; 6] = [
    "home/.cache/huggingface/hub",
    "bin",
    "root/var/lib/docker",
    "gpu",
    "docker",
    "home/.ssh",
];

/// A node, by its directory. Cheap to clone; holds nothing open.
#[derive(Debug, Clone)]
pub struct Node {
    dir: PathBuf,
    config: Arc<NodeConfig>,
}

/// Space on a node's disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// All of it.
    pub total: u64,
    /// In use.
    pub used: u64,
    /// Left for the user.
    pub free: u64,
}

impl Node {
    /// Makes a node in `dir`, which must not hold one already.
    pub fn create(dir: &Path, config: NodeConfig) -> Result<Self, NodeError> {
        if dir.join("node.json").exists() {
            return Err(NodeError::Place {
                path: dir.to_owned(),
                what: "there is a node already",
            });
        }
        for folder in FOLDERS {
            let path = dir.join(folder);
            fs::create_dir_all(&path).map_err(NodeError::io("create", &path))?;
        }
        let dir = dir.canonicalize().map_err(NodeError::io("find", dir))?;
        files::write_json(&dir.join("state.json"), &NodeState::fresh(Timestamp::now()))?;
        files::write_json(&dir.join("faults.json"), &Faults::default())?;
        // Last, because its presence is what makes the directory a node.
        files::write_json(&dir.join("node.json"), &config)?;
        let node = Self {
            dir,
            config: Arc::new(config),
        };
        node.refresh_root()?;
        Ok(node)
    }

    /// Opens the node in `dir`.
    pub fn open(dir: &Path) -> Result<Self, NodeError> {
        let dir = dir.canonicalize().map_err(NodeError::io("find", dir))?;
        let config = files::read_json(&dir.join("node.json"))?.ok_or(NodeError::Place {
            path: dir.clone(),
            what: "there is no node here",
        })?;
        Ok(Self {
            dir,
            config: Arc::new(config),
        })
    }

    /// Opens the node that `SPARK_SIM_NODE` names, as set in every shell of a node.
    pub fn from_env() -> Result<Self, NodeError> {
        let dir = environment::node_dir().ok_or_else(|| NodeError::Place {
            path: PathBuf::from("SPARK_SIM_NODE"),
            what: "not set: run this from a shell of a simulated node",
        })?;
        Self::open(&dir)
    }

    /// The node's directory, absolute.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its fixed facts.
    pub fn config(&self) -> &NodeConfig {
        &self.config
    }

    /// HOME of its user.
    pub fn home(&self) -> PathBuf {
        self.dir.join("home")
    }

    /// The Hugging Face cache (`HF_HOME/hub`).
    pub fn hub(&self) -> PathBuf {
        self.home().join(".cache/huggingface/hub")
    }

    /// Where the tools are linked.
    pub fn bin(&self) -> PathBuf {
        self.dir.join("bin")
    }

    /// A file under `root/`, e.g. `root("proc/meminfo")`.
    pub fn root(&self, path: &str) -> PathBuf {
        self.dir.join("root").join(path)
    }

    /// Docker's folder: images, containers, logs.
    pub fn docker_dir(&self) -> PathBuf {
        self.dir.join("docker")
    }

    /// Where Docker keeps what it is about to make an image of.
    pub(crate) fn docker_tmp(&self) -> PathBuf {
        self.docker_dir().join("tmp")
    }

    /// Bytes by which the images are more than at first.
    fn image_bytes(&self) -> i64 {
        files::read_json(&self.docker_dir().join("image-bytes.json"))
            .ok()
            .flatten()
            .unwrap_or(0)
    }

    /// Notes by how many bytes the images are more than at first.
    pub(crate) fn note_image_bytes(&self, more: i64) -> Result<(), NodeError> {
        files::write_json(&self.docker_dir().join("image-bytes.json"), &more)
    }

    /// The time by the node's own clock, which a fault can put wrong.
    pub fn now(&self) -> Timestamp {
        let skew = SignedDuration::from_secs(self.faults().clock_skew_s());
        let now = Timestamp::now();
        now.saturating_add(skew).unwrap_or(now)
    }

    /// What takes `real_s` seconds on a real node, at this node's speed.
    pub fn paced(&self, real_s: f64) -> Duration {
        let seconds = real_s.max(0.0) / self.config.speed.max(0.001);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// The active faults; none when the file cannot be read.
    pub fn faults(&self) -> Faults {
        files::read_json(&self.dir.join("faults.json"))
            .ok()
            .flatten()
            .unwrap_or_default()
    }

    /// What changes about the node.
    pub fn state(&self) -> Result<NodeState, NodeError> {
        let path = self.dir.join("state.json");
        files::read_json(&path)?.ok_or(NodeError::Place {
            path,
            what: "missing",
        })
    }

    /// Waits for the node's advisory lock: for a read-modify-write of files that are not the
    /// node's own, such as containers. The methods of `Node` never take it, so they may be called
    /// while it is held.
    pub fn lock(&self) -> Result<NodeLock, NodeError> {
        NodeLock::acquire(&self.dir.join(".lock"))
    }

    /// Where the memory is right now.
    pub fn memory(&self) -> Result<Memory, NodeError> {
        let faults = self.faults();
        let now = Timestamp::now();
        let release_s = self.release_s(&faults);
        let (mut gpu, mut ram, mut releasing) = (0, 0, 0);
        for claim in memory::read_claims(&self.dir.join("gpu"), now, release_s)? {
            let held = claim.held_bytes(now, release_s);
            *match (claim.processor, claim.died_at) {
                (Processor::Cpu, _) => &mut ram,
                (Processor::Gpu, None) => &mut gpu,
                (Processor::Gpu, Some(_)) => &mut releasing,
            } += held;
        }
        let total = self.config.mem_total_kb * 1024;
        Ok(Memory::of(
            total,
            gpu,
            releasing,
            ram + faults.other_memory_bytes(),
        ))
    }

    /// GPU claims of live processes, by pid: the rows of `nvidia-smi --query-compute-apps`.
    pub fn claims(&self) -> Result<Vec<Claim>, NodeError> {
        let release_s = self.release_s(&self.faults());
        let mut claims = memory::read_claims(&self.dir.join("gpu"), Timestamp::now(), release_s)?;
        claims.retain(|claim| claim.died_at.is_none() && claim.processor == Processor::Gpu);
        Ok(claims)
    }

    /// Says that the live process `pid` holds `bytes` of GPU memory, replacing what it said before.
    /// There is no check against what is available: an engine does that, as the real one does.
    pub fn claim(
        &self,
        pid: u32,
        process_name: &str,
        bytes: u64,
        container: Option<&str>,
    ) -> Result<(), NodeError> {
        self.claim_on(Processor::Gpu, pid, process_name, bytes, container)
    }

    /// Says the same of memory outside the GPU, which `nvidia-smi` does not see.
    pub fn claim_ram(
        &self,
        pid: u32,
        process_name: &str,
        bytes: u64,
        container: Option<&str>,
    ) -> Result<(), NodeError> {
        self.claim_on(Processor::Cpu, pid, process_name, bytes, container)
    }

    fn claim_on(
        &self,
        processor: Processor,
        pid: u32,
        process_name: &str,
        bytes: u64,
        container: Option<&str>,
    ) -> Result<(), NodeError> {
        let path = self.claim_path(pid);
        let earlier = files::read_json::<Claim>(&path).unwrap_or_default();
        let start_ticks = process::start_ticks(pid).unwrap_or(0);
        let claim = Claim {
            pid,
            process_name: process_name.to_owned(),
            bytes,
            processor,
            container: container.map(str::to_owned),
            start_ticks,
            busy_until: earlier
                .filter(|earlier| earlier.start_ticks == start_ticks)
                .and_then(|earlier| earlier.busy_until),
            died_at: None,
        };
        files::write_json(&path, &claim)
    }

    /// Gives back what `pid` holds at once, as a process does that frees its memory while it lives.
    pub fn release(&self, pid: u32) -> Result<(), NodeError> {
        let path = self.claim_path(pid);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(NodeError::io("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Says that the GPU works for `pid` for another `length`.
    pub fn mark_busy(&self, pid: u32, length: Duration) -> Result<(), NodeError> {
        let path = self.claim_path(pid);
        let Some(mut claim) = files::read_json::<Claim>(&path)? else {
            return Ok(());
        };
        let now = Timestamp::now();
        claim.busy_until = now.saturating_add(length).ok();
        files::write_json(&path, &claim)
    }

    /// Space on the disk, the Hugging Face cache counted at its apparent size.
    pub fn disk(&self) -> Disk {
        let total = self.config.disk_total_bytes;
        let images = self.image_bytes();
        let used = self.config.disk_other_bytes.saturating_add_signed(images)
            + apparent_size(&self.hub())
            + apparent_size(&self.docker_tmp());
        let free = total.saturating_sub(used);
        let free = self.faults().disk_free_bytes().unwrap_or(free);
        Disk {
            total,
            used: total.saturating_sub(free),
            free,
        }
    }

    /// Links `executable` into `bin/` under each of `names`.
    pub fn link_tools(&self, executable: &Path, names: &[&str]) -> Result<(), NodeError> {
        for name in names {
            let link = self.bin().join(name);
            if fs::read_link(&link).is_ok_and(|target| target == executable) {
                continue;
            }
            let temp = self.bin().join(format!(".{name}.{}", std::process::id()));
            symlink(executable, &temp)
                .and_then(|()| fs::rename(&temp, &link))
                .map_err(NodeError::io("link", &link))?;
        }
        self.link_runners(executable)
    }

    fn claim_path(&self, pid: u32) -> PathBuf {
        self.dir.join(format!("gpu/{pid}.json"))
    }

    /// Seconds that memory takes to return after a process died.
    fn release_s(&self, faults: &Faults) -> f64 {
        let real_s = faults.release_s().map_or(RELEASE_S, |seconds| {
            Duration::from_secs(seconds).as_secs_f64()
        });
        self.paced(real_s).as_secs_f64().max(0.001)
    }
}

/// Sum of the sizes of the regular files under `folder`, links not followed.
fn apparent_size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => apparent_size(&entry.path()),
            Ok(meta) if meta.is_file() => meta.len(),
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests;
