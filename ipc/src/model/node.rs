//! A node: one DGX Spark, as it was last seen.

use serde::{Deserialize, Serialize};

use crate::{
    Time,
    id::{Fingerprint, NodeId},
};

/// How far the values of a node can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// Seen within three poll intervals.
    Fresh,
    /// Older than that; the link still stands or is being made again.
    Stale,
    /// The node does not answer; `link.cause` says how.
    Unreachable,
    /// Never seen since the daemon started.
    Unknown,
}

/// State of the SSH connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    Connecting,
    Connected,
    /// Waiting before the next try.
    BackingOff,
    /// Not tried: the host key needs the operator.
    Quarantined,
}

/// Why a node cannot be reached. Each has its own text and fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LinkCause {
    /// The name does not resolve.
    Dns,
    /// TCP was refused: the machine is up, its sshd is not (booting).
    Refused,
    /// No answer at all: off, another address, or no network.
    TimedOut,
    /// No route to the address.
    NoRoute,
    /// TCP connects but SSH does not speak: frozen, as under memory pressure.
    NoBanner,
    /// Our key is not in the user's `authorized_keys`.
    Auth,
    /// First contact: the host key waits for the operator.
    HostKeyUnknown,
    /// The host key is not the accepted one.
    HostKeyChanged,
    /// The connection broke.
    Lost,
    /// Anything else; the message has it.
    Protocol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HostKeyState {
    Unknown,
    Accepted,
    Changed,
}

/// The host key a node showed, and the one that was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HostKey {
    pub state: HostKeyState,
    /// Key type, e.g. `ssh-ed25519`.
    pub algorithm: String,
    /// Of the key that the node showed last.
    pub fingerprint: Fingerprint,
    /// Of the accepted key, when it is another one.
    pub accepted: Option<Fingerprint>,
}

/// The SSH connection to a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Link {
    pub state: LinkState,
    pub since: Time,
    pub cause: Option<LinkCause>,
    /// The cause in words.
    pub message: Option<String>,
    /// What to do about it.
    pub fix: Option<String>,
    pub host_key: Option<HostKey>,
    /// Milliseconds to the next try.
    pub retry_in_ms: Option<u64>,
}

/// What does not change while the machine runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Identity {
    pub hostname: Option<String>,
    /// DMI product name, e.g. `NVIDIA_DGX_Spark`.
    pub product: Option<String>,
    pub os: Option<String>,
    pub dgx_version: Option<String>,
    pub kernel: Option<String>,
    pub driver: Option<String>,
    pub boot_id: Option<String>,
    pub cores: Option<u32>,
    pub uptime_s: Option<u64>,
}

/// One bar of MemTotal: `gpu + other + reclaimable + free = total`, `available = reclaimable + free`.
///
/// On GB10 the GPU shares the machine's memory and `nvidia-smi` has no memory totals; the GPU part is the
/// sum over its compute processes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UnifiedMemory {
    /// MemTotal.
    pub total_bytes: u64,
    /// MemAvailable.
    pub available_bytes: u64,
    /// Sum of the GPU processes; `null` when the driver would not say.
    pub gpu_bytes: Option<u64>,
    /// Used by anything else.
    pub other_bytes: Option<u64>,
    /// Page cache that can be had back: MemAvailable less `MemFree` (floor 0).
    pub reclaimable_bytes: Option<u64>,
    pub swap_total_bytes: Option<u64>,
    pub swap_used_bytes: Option<u64>,
    /// PSI memory, `some avg10`.
    pub pressure_some_percent: Option<f64>,
    /// PSI memory, `full avg10`.
    pub pressure_full_percent: Option<f64>,
}

/// The GPU, as `nvidia-smi` tells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Gpu {
    pub name: Option<String>,
    pub utilization_percent: Option<f64>,
    pub temperature_c: Option<f64>,
    pub power_w: Option<f64>,
    pub sm_clock_mhz: Option<u32>,
    pub max_sm_clock_mhz: Option<u32>,
    /// Performance state, `P0` to `P12`.
    pub pstate: Option<String>,
    /// Active throttle reasons, e.g. `hw_thermal_slowdown`.
    pub throttle: Vec<String>,
}

/// A process that holds GPU memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GpuProcess {
    pub pid: u32,
    pub name: String,
    pub memory_bytes: Option<u64>,
    /// The container that it runs in, by name; `null` when in none, or not known.
    pub container: Option<String>,
    /// Whether it is known to run in no container.
    pub orphan: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Temperature {
    pub sensor: String,
    pub temperature_c: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Disk {
    pub mount: String,
    pub total_bytes: u64,
    pub used_bytes: u64,
    pub available_bytes: u64,
}

/// A wired or wireless network interface with hardware behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Interface {
    pub name: String,
    /// IPv4 addresses with prefix, e.g. `192.168.100.10/24`.
    pub addresses: Vec<String>,
    /// Operational state, e.g. `up`.
    pub state: String,
    pub carrier: Option<bool>,
    pub speed_mbps: Option<u64>,
    pub mtu: Option<u32>,
    pub rx_bytes: Option<u64>,
    pub tx_bytes: Option<u64>,
    pub carrier_changes: Option<u64>,
}

/// One RDMA device (half of a QSFP port).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FabricPort {
    /// e.g. `rocep1s0f1`.
    pub hca: String,
    /// The network interface on the same port.
    pub interface: Option<String>,
    /// e.g. `ACTIVE`.
    pub state: Option<String>,
    pub rate_gbps: Option<f64>,
}

/// One RoCE v2 address of an RDMA device that stands for an IPv4 address. Its index differs from node to node
/// and may move with a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Gid {
    /// e.g. `rocep1s0f1`.
    pub hca: String,
    pub index: u32,
    /// e.g. `192.168.100.10`.
    pub address: String,
}

/// A line of the kernel's log that tells of trouble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct KernelLine {
    /// By the node's clock.
    pub at: Option<Time>,
    /// Cleaned.
    pub text: String,
}

/// Values whose last look failed: they are as old as `read_at`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Stale {
    /// What is concerned: `gpu`, `apps`, `mem`, `disk`, `net`, `docker`, `ports`, `temp`, `cpu`, `id`, `roce`.
    pub section: String,
    /// When it was last read well; `null` when never.
    pub read_at: Option<Time>,
    /// Looks in a row that failed.
    pub failed_looks: u32,
    /// What was wrong, cleaned.
    pub problem: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DockerState {
    Ok,
    /// Installed, but its daemon does not run.
    Down,
    /// The user may not talk to it.
    Denied,
    Missing,
}

/// One point of the sparklines. A `null` is a gap.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HistoryPoint {
    pub at: Option<Time>,
    pub cpu_percent: Option<f64>,
    pub gpu_percent: Option<f64>,
    pub memory_used_bytes: Option<u64>,
    pub temperature_c: Option<f64>,
    pub power_w: Option<f64>,
}

/// A container on a node, whoever started it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Container {
    pub id: String,
    pub name: String,
    pub image: String,
    /// Docker's word: `created`, `running`, `exited`, …
    pub state: String,
    /// Docker's sentence, e.g. `Up 2 hours`.
    pub status: String,
    /// Who started it, as far as its labels and name tell: `spark-control`, `sparkrun`, `eugr`, `nim`, …
    pub owner: String,
}

/// One node in full. Values are the last ones that were read; `freshness` and `observed_at` say how old.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Node {
    pub id: NodeId,
    /// `SPARKn_NAME`, else the host.
    pub name: String,
    pub host: String,
    pub user: String,
    pub ssh_port: u16,
    pub link: Link,
    pub freshness: Freshness,
    /// When the values were read; `null` when never.
    pub observed_at: Option<Time>,
    /// Wall time of the last poll, milliseconds.
    pub poll_ms: Option<f64>,
    pub identity: Identity,
    pub cpu_percent: Option<f64>,
    pub load1: Option<f64>,
    pub memory: Option<UnifiedMemory>,
    pub gpu: Option<Gpu>,
    /// `null` when the driver would not say.
    pub gpu_processes: Option<Vec<GpuProcess>>,
    pub temperatures: Vec<Temperature>,
    pub disks: Vec<Disk>,
    pub interfaces: Vec<Interface>,
    pub fabric: Vec<FabricPort>,
    /// RDMA addresses; read every sixth look.
    #[serde(default)]
    pub gids: Vec<Gid>,
    /// The last lines of the kernel's log that tell of trouble, oldest first; read every sixth look. Empty
    /// also when the login user may not read that log (groups `adm`, `systemd-journal`).
    #[serde(default)]
    pub kernel: Vec<KernelLine>,
    pub docker: Option<DockerState>,
    pub containers: Vec<Container>,
    /// Ports that something listens on.
    pub listening_ports: Vec<u16>,
    /// What could not be read, and why; with the first cleaned bytes of what was said instead.
    pub warnings: Vec<String>,
    /// Values that are older than `observed_at`, since a tool did not answer usably.
    #[serde(default)]
    pub stale: Vec<Stale>,
    /// Ten minutes at the poll interval, oldest first.
    pub history: Vec<HistoryPoint>,
}

/// `GET /api/nodes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NodeList {
    pub nodes: Vec<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    Passed,
    Failed,
    /// Not tried, since an earlier step failed.
    Skipped,
    Warning,
}

/// One step of a connection test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CheckStep {
    /// `name`, `tcp`, `host_key`, `auth`, `shell`, `docker`, `gpu`, `cache`.
    pub name: String,
    pub state: CheckState,
    pub detail: String,
    pub fix: Option<String>,
    pub duration_ms: f64,
}

/// `POST /api/nodes/{node}/test`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NodeTest {
    pub node: NodeId,
    pub passed: bool,
    pub steps: Vec<CheckStep>,
}

/// `POST /api/nodes/{node}/trust`: accept exactly this host key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TrustRequest {
    pub fingerprint: Fingerprint,
}

/// `GET /api/ssh-key`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SshKey {
    /// `ssh-ed25519 AAAA… spark-control`.
    pub public_key: String,
    pub fingerprint: Fingerprint,
    /// The line to paste in a shell of the Spark.
    pub install_line: String,
}
