//! `/proc` of a node: memory, CPU time, load, uptime, boot id, pressure.

use jiff::Timestamp;

use crate::node::memory::Memory;
use crate::node::state::NodeState;

/// Cores of a GB10: ten Cortex-X925 and ten Cortex-A725.
pub(super) const CORES: u32 = 20;

/// The files, by their path under `root/`.
pub(super) fn files(state: &NodeState, memory: &Memory, now: Timestamp) -> Vec<(String, String)> {
    let uptime_s = state.uptime_s(now);
    let file = |path: &str, text: String| (format!("proc/{path}"), text);
    vec![
        file("meminfo", meminfo(memory)),
        file("stat", stat(state, uptime_s)),
        file("uptime", uptime(state, uptime_s)),
        file("loadavg", "0.36 0.28 0.25 1/1187 41872\n".to_owned()),
        file("sys/kernel/random/boot_id", format!("{}\n", state.boot_id)),
        file("pressure/memory", pressure(memory)),
        file("pressure/io", String::from(CALM)),
    ]
}

/// Pressure stall information of a node that nothing stalls.
const CALM: &str = "some avg10=0.00 avg60=0.00 avg300=0.00 total=81234\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=71022\n";

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
    let mut text: String = rows
        .into_iter()
        .map(|(name, kb)| format!("{:<16}{kb:>8} kB\n", format!("{name}:")))
        .collect();
    text.push_str("HugePages_Total:       0\nHugepagesize:       2048 kB\n");
    text
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
    let mut text = row("cpu ", 1.0);
    for core in 0..CORES {
        text.push_str(&row(&format!("cpu{core}"), 1.0 / f64::from(CORES)));
    }
    let booted = state.booted_at.as_second();
    text.push_str(&format!(
        "ctxt {}\nbtime {booted}\nprocesses 41872\n",
        jiffies(busy_s) * 37
    ));
    text
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
