//! What the engine needs from the node and container it runs in.
//!
//! The engine decides like vLLM; everything that belongs to the box (its memory, its disk, its addresses,
//! its log) comes through [`EngineHost`], so the same engine runs as a container's process and in a test.

use std::{net::IpAddr, path::PathBuf, pin::Pin};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{catalog::FlagSpec, stage::Stage};

/// A download that goes on while it is waited for.
pub type Fetching = Pin<Box<dyn Future<Output = Result<(), Option<String>>> + Send>>;

/// The node and container around one engine process.
pub trait EngineHost: Send + Sync + 'static {
    /// The node's own address: what `0.0.0.0` means here.
    fn address(&self) -> IpAddr;

    /// One line of the container's output, without line end.
    fn log(&self, line: &str);

    /// How many times faster than a real Spark time passes; 1 is real.
    fn speed(&self) -> f64;

    /// The node's unified memory in bytes, as `torch.cuda.mem_get_info` gives it.
    fn memory_total(&self) -> u64;

    /// The part of it that a new process could have now, in bytes.
    fn memory_available(&self) -> u64;

    /// Registers a GPU process that holds `bytes`. Dropping the claim gives the memory back.
    fn claim(&self, process: &str, bytes: u64) -> Result<Box<dyn MemoryClaim>, OutOfMemory>;

    /// The folder `snapshots/<commit>` of `repo` in the container's Hugging Face cache, if it is there.
    /// `revision` is a branch, a tag or a commit; without it `main`.
    fn snapshot(&self, repo: &str, revision: Option<&str>) -> Option<PathBuf>;

    /// Gets `repo` from the Hub into the container's cache. The error is what the client said, `None` when the
    /// Hub cannot be reached at all.
    fn fetch(&self, _repo: &str, _revision: Option<&str>) -> Fetching {
        Box::pin(std::future::ready(Err(None)))
    }

    /// The image this process came from.
    fn image(&self) -> EngineImage;

    /// A variable of the container's environment.
    fn env(&self, name: &str) -> Option<String>;

    /// GPUs the container sees; a Spark has one.
    fn gpus(&self) -> u32 {
        1
    }

    /// Names of the network interfaces the container sees.
    fn interfaces(&self) -> Vec<String>;

    /// Whether `address` is one of this node's.
    fn owns(&self, address: IpAddr) -> bool {
        address.is_unspecified() || address == self.address()
    }

    /// The loopback address that stands for `address` of the simulated network; `None` if no packet of
    /// this node reaches it.
    fn reach(&self, address: IpAddr) -> Option<IpAddr> {
        address.is_loopback().then_some(address)
    }

    /// Whether the engine is the inside of a NIM, which has routes of its own beside the engine's.
    fn is_nim(&self) -> bool {
        false
    }

    /// The GPU works for a request right now. Called for every token, so it must be cheap.
    fn working(&self) {}

    /// What is to go wrong. Asked at every stage and, while serving, several times a second.
    fn fault(&self) -> Option<EngineFault>;

    /// Cancelled by SIGTERM.
    fn shutdown(&self) -> CancellationToken;
}

/// Memory held by one GPU process; dropping it gives everything back.
pub trait MemoryClaim: Send + Sync {
    /// Holds `bytes` from now on, more or less than before. On error it holds what it held.
    fn resize(&mut self, bytes: u64) -> Result<(), OutOfMemory>;
}

/// The node does not have the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("out of memory: {wanted} bytes wanted, {available} available")]
pub struct OutOfMemory {
    /// Additional bytes that were asked for.
    pub wanted: u64,
    /// Bytes that there were.
    pub available: u64,
}

/// What differs between vLLM images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineImage {
    /// vLLM's version; before 0.12 the reasoning field is `reasoning_content`.
    pub vllm_version: String,
    /// Flags that this build has beyond the catalogue's.
    pub extra_flags: Vec<FlagSpec>,
    /// Tool and reasoning parsers that this build does not have yet.
    pub missing_parsers: Vec<String>,
    /// Architectures that are newer than this build.
    pub unknown_architectures: Vec<String>,
    /// Whether Ray is installed; NVIDIA's 26.05 image has none.
    pub has_ray: bool,
}

impl Default for EngineImage {
    fn default() -> Self {
        Self {
            vllm_version: "0.32.0".to_owned(),
            extra_flags: Vec::new(),
            missing_parsers: Vec::new(),
            unknown_architectures: Vec::new(),
            has_ray: true,
        }
    }
}

/// Something that goes wrong in an engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EngineFault {
    /// The process writes `log` when it comes to `stage` and exits.
    Die {
        /// Where it strikes; at [`Stage::Ready`] it strikes a serving engine too.
        stage: Stage,
        /// Last lines, as they are.
        log: Vec<String>,
        /// Exit code of the process.
        exit_code: i32,
    },
    /// Nothing happens any more from `stage` on; at [`Stage::Ready`] requests hang.
    Hang {
        /// Where it strikes.
        stage: Stage,
    },
    /// Answers are garbage, as from a broken FP4 kernel.
    Garbage,
    /// Answers have nothing in them.
    Empty,
    /// Speech is silent.
    Silent,
    /// Vectors have half their length.
    WrongDimension,
    /// The list of models has another name.
    WrongName,
    /// Health is well, and no request is ever answered.
    Frozen,
    /// Health is well, and every request is answered with status 500.
    Error,
    /// The metrics page tells of requests that others have sent.
    Busy {
        /// Requests that run, and as many that wait.
        requests: u64,
    },
    /// Tokens come `factor` times slower.
    SlowTokens {
        /// At least 1.
        factor: f64,
    },
    /// The weight file with this index (in load order) cannot be read.
    CorruptShard {
        /// From 0.
        index: usize,
    },
}
