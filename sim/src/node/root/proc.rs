//! `/proc` of a node: memory, CPU time, load, uptime, boot id, pressure.

use jiff::Timestamp;

use crate::node::config::NodeConfig;
use crate::node::memory::Memory;
use crate::node::state::NodeState;

/// Cores of a GB10: ten Cortex-X925 and ten Cortex-A725.
pub const CORES: u32 = 20;

/// What the files show: the node at one moment.
pub(super) struct Moment<'a> {
    pub(super) state: &'a NodeState,
    pub(super) memory: &'a Memory,
    pub(super) busy_cores: f64,
    pub(super) now: Timestamp,
}

/// The files, by their path under `root/`.
pub(super) fn files(moment: &Moment<'_>, config: &NodeConfig) -> Vec<(String, String)> {
    let Moment { state, memory, .. } = moment;
    let uptime_s = state.uptime_s(moment.now);
    [
        ("meminfo", meminfo(memory)),
        ("stat", stat(state, uptime_s)),
        ("uptime", uptime(state, uptime_s)),
        ("loadavg", loadavg(moment.busy_cores)),
        ("cpuinfo", cpuinfo()),
        (
            "version",
            format!("Linux version {KERNEL} (buildd@bos03-arm64-071)\n"),
        ),
        ("sys/kernel/osrelease", format!("{KERNEL}\n")),
        ("sys/kernel/hostname", format!("{}\n", config.hostname)),
        ("sys/kernel/random/boot_id", format!("{}\n", state.boot_id)),
        ("pressure/memory", pressure(memory)),
        ("pressure/io", CALM.to_owned()),
        ("pressure/cpu", CALM.to_owned()),
    ]
    .map(|(path, text)| (format!("proc/{path}"), text))
    .to_vec()
}

/// Kernel release of a DGX OS 7.
pub const KERNEL: &str = "6.17.0-1032-nvidia";

/// Pressure stall information of a node that nothing stalls.
const CALM: &str = "some avg10=0.00 avg60=0.00 avg300=0.00 total=81234\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=71022\n";

fn loadavg(busy_cores: f64) -> String {
    let [one, five, fifteen] = [0.36, 0.28, 0.25].map(|calm| calm + busy_cores);
    format!("{one:.2} {five:.2} {fifteen:.2} 1/1187 41872\n")
}

/// Ten big and ten small cores; the parts are Cortex-X925 and Cortex-A725.
fn cpuinfo() -> String {
    let core = |number: u32| {
        let part = if number % 10 < 5 { "0xd85" } else { "0xd87" };
        format!(
            "processor\t: {number}\nBogoMIPS\t: 2000.00\nCPU implementer\t: 0x41\n\
             CPU architecture: 8\nCPU part\t: {part}\n\n"
        )
    };
    (0..CORES).map(core).collect()
}

fn meminfo(memory: &Memory) -> String {
    let kb = |bytes: u64| bytes / 1024;
    let rows = [
        ("MemTotal", kb(memory.total)),
        ("MemFree", kb(memory.free)),
        ("MemAvailable", kb(memory.available)),
        ("Buffers", 212_440.min(kb(memory.cached))),
        ("Cached", kb(memory.cached).saturating_sub(212_440)),
        ("SwapCached", 0),
        ("Dirty", 1_324),
        ("AnonPages", kb(memory.other)),
        ("Shmem", 62_112),
        ("SwapTotal", kb(memory.swap_total)),
        ("SwapFree", kb(memory.swap_total - memory.swap_used)),
        ("CmaTotal", 131_072),
        ("CmaFree", 118_016),
    ];
    let row = |(name, kb): (&str, u64)| format!("{:<16}{kb:>8} kB\n", format!("{name}:"));
    let huge = "HugePages_Total:       0\nHugepagesize:       2048 kB\n";
    let rows: String = rows.into_iter().map(row).collect();
    rows + huge
}

fn stat(state: &NodeState, uptime_s: f64) -> String {
    let counters = state.counters;
    let busy_s = counters.user_s + counters.system_s + counters.iowait_s;
    let idle_s = uptime_s * f64::from(CORES) - busy_s;
    let row = |name: &str, share: f64| {
        let [user, system, idle, iowait] = [
            counters.user_s,
            counters.system_s,
            idle_s,
            counters.iowait_s,
        ]
        .map(|seconds| jiffies(seconds * share));
        format!("{name} {user} 0 {system} {idle} {iowait} 0 0 0 0 0\n")
    };
    let cores = (0..CORES).map(|core| row(&format!("cpu{core}"), 1.0 / f64::from(CORES)));
    let cores: String = cores.collect();
    let booted = state.booted_at.as_second();
    let switches = jiffies(busy_s) * 37;
    let total = row("cpu ", 1.0);
    format!("{total}{cores}ctxt {switches}\nbtime {booted}\nprocesses 41872\n")
}

fn uptime(state: &NodeState, uptime_s: f64) -> String {
    let counters = state.counters;
    let idle_s = uptime_s * f64::from(CORES) - counters.user_s - counters.system_s;
    format!("{uptime_s:.2} {:.2}\n", idle_s.max(0.0))
}

/// Memory pressure, which rises steeply when little is left.
fn pressure(memory: &Memory) -> String {
    let left_gib = memory.available >> 30;
    let (some, full) = match left_gib {
        0..=1 => (62.4, 41.7),
        2..=3 => (18.9, 7.3),
        4..=7 => (1.5, 0.2),
        _ => (0.0, 0.0),
    };
    format!(
        "some avg10={some:.2} avg60={:.2} avg300={:.2} total=25\n\
         full avg10={full:.2} avg60={:.2} avg300={:.2} total=0\n",
        some * 0.4,
        some * 0.1,
        full * 0.4,
        full * 0.1,
    )
}

/// Hundredths of a second, the unit of `/proc/stat`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a finite number of seconds, not below 0 after max"
)]
fn jiffies(seconds: f64) -> u64 {
    (seconds.max(0.0) * 100.0) as u64
}
