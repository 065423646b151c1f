//! What can be made to go wrong with a node: `faults.json`.
//!
//! A fault is set from outside (`spark-sim fault DIR set NAME`) while the node runs, and everything
//! that it touches reads the file at use: a fault takes effect with the next command, page or
//! memory reading, and ends the same way. There is one type for the file, the command line and
//! the readers, so that a fault that can be set is a fault that means something.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

mod services;
mod transfers;

pub use services::{ServiceFailure, ServiceFault};
pub use transfers::{HfRunner, HubFault, HubTrouble, RegistryFault, RegistryTrouble};

/// One fault, with how it shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Subcommand)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
#[command(rename_all = "snake_case")]
pub enum Fault {
    /// Every answer of the SSH server comes late.
    SlowSsh {
        /// Milliseconds before each answer.
        #[arg(long, default_value_t = 1500)]
        ms: u64,
    },
    /// TCP connects, no banner comes, running sessions stop: a box that thrashes.
    FrozenSsh,
    /// The SSH port is closed.
    RefuseSsh,
    /// Another host key than before, until cleared.
    HostKey,
    /// The node restarts: new boot id, all containers gone, SSH away for a while. Passes by itself.
    Reboot {
        /// Seconds without SSH, at speed 1.
        #[arg(long = "away-s", default_value_t = 60)]
        away_s: u64,
    },
    /// The disk is full, or nearly.
    FullDisk {
        /// Bytes that are still free.
        #[arg(long = "free-bytes", default_value_t = 0)]
        free_bytes: u64,
    },
    /// Something else on the node uses memory.
    LowMemory {
        /// MiB in use by it.
        #[arg(long, default_value_t = 100_000)]
        mib: u64,
    },
    /// A `VLLM::EngineCore` without a container keeps its memory.
    OrphanEngine {
        /// MiB that it holds.
        #[arg(long, default_value_t = 104_277)]
        mib: u64,
        /// Left behind by the next engine that stops, instead of being there at once.
        #[arg(long = "on-stop")]
        on_stop: bool,
    },
    /// The GPU is stuck at 799 MHz and 19.5 W under load.
    LowPower {
        /// Put the GPU under load too, without any engine.
        #[arg(long)]
        load: bool,
    },
    /// The GPU is hot and slows down.
    Thermal {
        /// Its temperature in °C.
        #[arg(long, default_value_t = 92)]
        celsius: u32,
    },
    /// The fabric cable is out: carrier 0, speed -1.
    LinkDown,
    /// The largest frame of the fabric's interfaces is another one.
    FabricMtu {
        /// Bytes.
        #[arg(long, default_value_t = 1500)]
        mtu: u32,
    },
    /// The RDMA devices have lost the entries of their IPv4 addresses.
    GidMissing,
    /// An image is not on this node.
    ImageMissing {
        /// Its reference.
        image: String,
    },
    /// An image is built for amd64.
    WrongArch {
        /// Its reference.
        image: String,
    },
    /// The engine fails at a stage.
    Engine(EngineFault),
    /// A service or an engine runs and is not well.
    Service(ServiceFault),
    /// The user may not talk to the Docker daemon.
    DockerDenied,
    /// The Docker daemon does not run.
    DockerDown,
    /// Tools print garbage: escape sequences, control and bidirectional characters, broken UTF-8.
    Nonsense {
        /// Only this tool; all of them when not given.
        #[arg(long)]
        tool: Option<String>,
    },
    /// GPU memory returns very slowly after a process ended.
    SlowRelease {
        /// Seconds that it takes, at speed 1.
        #[arg(long, default_value_t = 90)]
        seconds: u64,
    },
    /// The node's clock is wrong.
    ClockSkew {
        /// Seconds that it is ahead; negative when behind.
        #[arg(long, default_value_t = 3600, allow_negative_numbers = true)]
        seconds: i64,
    },
    /// The Hugging Face Hub refuses.
    Hub(HubFault),
    /// An image registry refuses.
    Registry(RegistryFault),
    /// No name of the internet resolves.
    NoInternet,
    /// Transfers run at this rate, whatever the node's speed.
    SlowTransfers {
        /// Megabytes per second.
        #[arg(long = "mb-per-s", default_value_t = 20)]
        mb_per_s: u64,
    },
    /// Transfers come to a halt without ending.
    Stall {
        /// Bytes that still come, counted for each transfer.
        #[arg(long = "after-bytes", default_value_t = 0)]
        after_bytes: u64,
    },
    /// The other nodes do not accept this one's key.
    NoPeerKey,
    /// Files of a model in the cache belong to root.
    RootOwned {
        /// Its repository.
        repo: String,
    },
    /// Docker has no NVIDIA runtime.
    NoGpuRuntime,
    /// Which programs for the Hub there are; none leaves only images.
    HfRunners {
        /// One of them; may be given several times.
        #[arg(long, value_enum)]
        only: Vec<HfRunner>,
    },
}

/// A failure of the engine process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Args)]
#[serde(deny_unknown_fields)]
pub struct EngineFault {
    /// Where it happens.
    #[arg(long, value_enum)]
    pub stage: EngineStage,
    /// What happens there.
    #[arg(long, value_enum, default_value_t = EngineFailure::Exit)]
    #[serde(default)]
    pub mode: EngineFailure,
    /// Exit code of an engine that ends.
    #[arg(long, default_value_t = 1)]
    #[serde(default = "one")]
    pub code: i32,
    /// Lines that it logs first; may be given several times.
    #[arg(long = "line")]
    #[serde(default)]
    pub lines: Vec<String>,
    /// Only in containers whose name contains this.
    #[arg(long)]
    #[serde(default)]
    pub container: Option<String>,
    /// Only on this rank.
    #[arg(long)]
    #[serde(default)]
    pub rank: Option<u32>,
}

/// The stages of an engine's start, and its service after it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum EngineStage {
    /// Arguments and model configuration are read.
    Init,
    /// Ranks find each other.
    Ranks,
    /// Weights are loaded.
    Weights,
    /// The KV cache is sized.
    Kv,
    /// Graphs are compiled and captured.
    Compile,
    /// The HTTP server starts.
    Http,
    /// Requests are answered.
    Serving,
}

/// How an engine fails at a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum EngineFailure {
    /// It ends with its exit code.
    #[default]
    Exit,
    /// It stays in the stage for ever.
    Hang,
    /// It goes on, and answers with nonsense text once it serves.
    Garbage,
    /// It goes on, and answers every request with status 500.
    Error,
}

/// The faults that are active on a node. Setting one of a kind replaces the earlier one, except
/// for kinds that name an image or a stage, of which there can be many.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Faults(Vec<Fault>);

impl Fault {
    /// Its name, as typed on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SlowSsh { .. } => "slow_ssh",
            Self::FrozenSsh => "frozen_ssh",
            Self::RefuseSsh => "refuse_ssh",
            Self::HostKey => "host_key",
            Self::Reboot { .. } => "reboot",
            Self::FullDisk { .. } => "full_disk",
            Self::LowMemory { .. } => "low_memory",
            Self::OrphanEngine { .. } => "orphan_engine",
            Self::LowPower { .. } => "low_power",
            Self::Thermal { .. } => "thermal",
            Self::LinkDown => "link_down",
            Self::FabricMtu { .. } => "fabric_mtu",
            Self::GidMissing => "gid_missing",
            Self::ImageMissing { .. } => "image_missing",
            Self::WrongArch { .. } => "wrong_arch",
            Self::Engine(_) => "engine",
            Self::Service(_) => "service",
            Self::DockerDenied => "docker_denied",
            Self::DockerDown => "docker_down",
            Self::Nonsense { .. } => "nonsense",
            Self::SlowRelease { .. } => "slow_release",
            Self::ClockSkew { .. } => "clock_skew",
            Self::Hub(_) => "hub",
            Self::Registry(_) => "registry",
            Self::NoInternet => "no_internet",
            Self::SlowTransfers { .. } => "slow_transfers",
            Self::Stall { .. } => "stall",
            Self::NoPeerKey => "no_peer_key",
            Self::RootOwned { .. } => "root_owned",
            Self::NoGpuRuntime => "no_gpu_runtime",
            Self::HfRunners { .. } => "hf_runners",
        }
    }

    /// Whether setting `self` takes the place of `earlier`.
    fn replaces(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::ImageMissing { image: a }, Self::ImageMissing { image: b })
            | (Self::WrongArch { image: a }, Self::WrongArch { image: b }) => a == b,
            (Self::Engine(a), Self::Engine(b)) => {
                (a.stage, &a.container, a.rank) == (b.stage, &b.container, b.rank)
            }
            (Self::Service(a), Self::Service(b)) => {
                (a.mode, &a.container) == (b.mode, &b.container)
            }
            (Self::Nonsense { tool: a }, Self::Nonsense { tool: b }) => a == b,
            (Self::Hub(a), Self::Hub(b)) => a.repo == b.repo,
            (Self::Registry(a), Self::Registry(b)) => a.image == b.image,
            (Self::RootOwned { repo: a }, Self::RootOwned { repo: b }) => a == b,
            _ => self.name() == earlier.name(),
        }
    }
}

impl Faults {
    /// The active faults, in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// Adds a fault, or replaces the earlier one of its kind.
    pub fn set(&mut self, fault: Fault) {
        self.0.retain(|earlier| !fault.replaces(earlier));
        self.0.push(fault);
    }

    /// Removes every fault with this name, or all without one; gives what was removed.
    pub fn clear(&mut self, name: Option<&str>) -> Vec<Fault> {
        let (gone, kept) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|fault| name.is_none_or(|name| fault.name() == name));
        self.0 = kept;
        gone
    }

    /// Removes those that `is` names.
    pub(crate) fn end(&mut self, is: impl Fn(&Fault) -> bool) {
        self.0.retain(|fault| !is(fault));
    }

    /// Delay before each answer over SSH.
    pub fn slow_ssh(&self) -> Option<Duration> {
        self.find(|fault| match fault {
            Fault::SlowSsh { ms } => Some(Duration::from_millis(*ms)),
            _ => None,
        })
    }

    /// Whether SSH accepts and then says nothing.
    pub fn frozen_ssh(&self) -> bool {
        self.has("frozen_ssh")
    }

    /// Whether the SSH port is closed.
    pub fn refuse_ssh(&self) -> bool {
        self.has("refuse_ssh")
    }

    /// Whether the node shows another host key.
    pub fn host_key(&self) -> bool {
        self.has("host_key")
    }

    /// Bytes left on a full disk.
    pub fn disk_free_bytes(&self) -> Option<u64> {
        self.find(|fault| match fault {
            Fault::FullDisk { free_bytes } => Some(*free_bytes),
            _ => None,
        })
    }

    /// Bytes that something outside the GPU uses on top of the operating system.
    pub fn other_memory_bytes(&self) -> u64 {
        self.find(|fault| match fault {
            Fault::LowMemory { mib } => Some(mib << 20),
            _ => None,
        })
        .unwrap_or(0)
    }

    /// Whether the next engine that stops leaves its core process behind.
    pub fn orphan_on_stop(&self) -> bool {
        self.iter()
            .any(|fault| matches!(fault, Fault::OrphanEngine { on_stop: true, .. }))
    }

    /// Whether the GPU is stuck in its low-power state.
    pub fn low_power(&self) -> bool {
        self.has("low_power")
    }

    /// Whether the GPU is under load without any engine.
    pub fn gpu_load(&self) -> bool {
        self.iter()
            .any(|fault| matches!(fault, Fault::LowPower { load: true }))
    }

    /// Temperature of an overheated GPU in °C.
    pub fn thermal_c(&self) -> Option<u32> {
        self.find(|fault| match fault {
            Fault::Thermal { celsius } => Some(*celsius),
            _ => None,
        })
    }

    /// Whether the fabric link is down.
    pub fn link_down(&self) -> bool {
        self.has("link_down")
    }

    /// Largest frame of the fabric's interfaces, when not the usual one.
    pub fn fabric_mtu(&self) -> Option<u32> {
        self.find(|fault| match fault {
            Fault::FabricMtu { mtu } => Some(*mtu),
            _ => None,
        })
    }

    /// Whether the RDMA devices have no entries for their IPv4 addresses.
    pub fn gid_missing(&self) -> bool {
        self.has("gid_missing")
    }

    /// Whether `image` is missing on this node.
    pub fn image_missing(&self, image: &str) -> bool {
        self.iter()
            .any(|fault| matches!(fault, Fault::ImageMissing { image: name } if name == image))
    }

    /// Whether `image` is built for the wrong architecture.
    pub fn wrong_arch(&self, image: &str) -> bool {
        self.iter()
            .any(|fault| matches!(fault, Fault::WrongArch { image: name } if name == image))
    }

    /// The failure of an engine in `container` with `rank` at `stage`.
    pub fn engine(&self, stage: EngineStage, container: &str, rank: u32) -> Option<&EngineFault> {
        self.iter().find_map(|fault| match fault {
            Fault::Engine(engine)
                if engine.stage == stage
                    && engine.rank.is_none_or(|only| only == rank)
                    && engine
                        .container
                        .as_ref()
                        .is_none_or(|part| container.contains(part.as_str())) =>
            {
                Some(engine)
            }
            _ => None,
        })
    }

    /// Whether the Docker daemon refuses this user.
    pub fn docker_denied(&self) -> bool {
        self.has("docker_denied")
    }

    /// Whether the Docker daemon is down.
    pub fn docker_down(&self) -> bool {
        self.has("docker_down")
    }

    /// Whether `tool` prints garbage.
    pub fn nonsense(&self, tool: &str) -> bool {
        self.iter().any(|fault| {
            matches!(fault, Fault::Nonsense { tool: only }
                if only.as_deref().is_none_or(|only| only == tool))
        })
    }

    /// Seconds that GPU memory takes to return, when not the usual ones.
    pub fn release_s(&self) -> Option<u64> {
        self.find(|fault| match fault {
            Fault::SlowRelease { seconds } => Some(*seconds),
            _ => None,
        })
    }

    /// Seconds by which the clock is ahead.
    pub fn clock_skew_s(&self) -> i64 {
        self.find(|fault| match fault {
            Fault::ClockSkew { seconds } => Some(*seconds),
            _ => None,
        })
        .unwrap_or(0)
    }

    fn has(&self, name: &str) -> bool {
        self.iter().any(|fault| fault.name() == name)
    }

    fn find<T>(&self, read: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.iter().find_map(read)
    }
}

/// The usual exit code of an engine that failed.
fn one() -> i32 {
    1
}

#[cfg(test)]
mod tests;
