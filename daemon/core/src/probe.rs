//! One look at a node: a constant script, and pure parsers of what it prints.
//!
//! Everything is asked for in one round trip. Reading never fails: what cannot be understood becomes a
//! [`Warning`] with the first characters that were there instead, and the rest is still used. Shapes of the
//! tools' output: NVIDIA's DGX Spark documentation and samples that owners of Sparks have published.

mod docker;
mod engine;
mod fabric;
mod gpu;
mod kernel;
mod machine;
mod memory;
mod section;

use std::fmt;

use spark_ipc::model::node::{
    Container, Disk, DockerState, FabricPort, Gid, Gpu, Identity, Interface, KernelLine,
    Temperature,
};

use crate::shell::{Arg, Remote};
use section::Sections;

pub use engine::{EngineMetrics, read_engine};
pub(crate) use fabric::mapped_address;
pub use fabric::socket;
pub use gpu::{Cgroup, GpuApp};
pub use memory::{Memory, Pressure};

const SCRIPT: &str = include_str!("probe/probe.sh");

/// Seconds after which the node ends the look by itself.
const TIMEOUT_S: u32 = 40;

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What changes from second to second.
    Light,
    /// Also the RDMA addresses and the kernel's log.
    Full,
}

/// The command whose output [`read`] understands.
pub fn command(depth: Depth) -> Remote {
    let depth = match depth {
        Depth::Light => "light",
        Depth::Full => "full",
    };
    Remote::script("spark-probe", SCRIPT)
        .arg(Arg::lit(depth))
        .timeout(TIMEOUT_S)
}

/// What one look has shown. `None` is *not learned this time*, never zero.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    pub identity: Identity,
    pub load1: Option<f64>,
    pub cpu: Option<CpuTimes>,
    pub memory: Option<Memory>,
    pub pressure: Option<Pressure>,
    pub gpu: Option<Gpu>,
    pub apps: Option<Vec<GpuApp>>,
    pub temperatures: Option<Vec<Temperature>>,
    pub disks: Option<Vec<Disk>>,
    pub interfaces: Option<Vec<Interface>>,
    pub fabric: Option<Vec<FabricPort>>,
    pub gids: Option<Vec<Gid>>,
    pub kernel: Option<Vec<KernelLine>>,
    pub docker: Option<DockerState>,
    pub containers: Option<Vec<Container>>,
    pub ports: Option<Vec<u16>>,
}

/// Ticks since boot, summed over the cores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTimes {
    pub busy: u64,
    pub total: u64,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The section of the output.
    pub section: &'static str,
    pub problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The output has no such section: it was cut.
    Missing,
    /// The tool is not installed.
    NoTool,
    /// The tool did not end in its time.
    TooSlow,
    /// The tool ended with this status and these words.
    Failed(i32, String),
    /// These words are not what the tool prints.
    NotUnderstood(String),
}

impl Warning {
    fn not_understood(section: &'static str, text: &str) -> Self {
        Self {
            section,
            problem: Problem::NotUnderstood(sample(text)),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let section = self.section;
        match &self.problem {
            Problem::Missing => write!(f, "{section}: the node did not tell"),
            Problem::NoTool => write!(f, "{section}: the tool is not installed"),
            Problem::TooSlow => write!(f, "{section}: the tool did not end in time"),
            Problem::Failed(status, said) => write!(f, "{section}: status {status}: {said}"),
            Problem::NotUnderstood(said) => write!(f, "{section}: not understood: {said}"),
        }
    }
}

/// The first 200 characters of `text`, cleaned.
fn sample(text: &str) -> String {
    spark_ipc::text::clean_line(text.trim(), 200)
}

/// Reads what [`command`] printed.
pub fn read(text: &str) -> (Reading, Vec<Warning>) {
    let sections = Sections::split(text);
    let mut warnings = Vec::new();
    let mut reading = Reading::default();
    machine::identity(&sections, &mut reading, &mut warnings);
    machine::cpu(&sections, &mut reading, &mut warnings);
    reading.memory = memory::memory(&sections, &mut warnings);
    reading.pressure = memory::pressure(&sections);
    gpu::gpu(&sections, &mut reading, &mut warnings);
    reading.apps = gpu::apps(&sections, &mut warnings);
    reading.temperatures = machine::temperatures(&sections, &mut warnings);
    reading.disks = machine::disks(&sections, &mut warnings);
    reading.interfaces = fabric::interfaces(&sections, &mut warnings);
    reading.fabric = fabric::ports(&sections, &mut warnings);
    reading.gids = fabric::gids(&sections);
    reading.kernel = kernel::kernel(&sections);
    docker::containers(&sections, &mut reading, &mut warnings);
    reading.ports = machine::ports(&sections, &mut warnings);
    (reading, warnings)
}

#[cfg(test)]
mod tests;
