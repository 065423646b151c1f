//! Processes of a node: who is alive, who belongs to it, how to end them.
//!
//! A process belongs to a node when it was started with that node's `SPARK_SIM_NODE`, which its
//! children inherit. So "power off" needs no list of its own that could go stale.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::process::{Pid, Signal};

/// Environment variable that names the directory of the node a process belongs to.
pub const NODE_VARIABLE: &str = "SPARK_SIM_NODE";

/// When a live process started, in clock ticks since boot of the machine; with the pid it names a
/// process for good, as pids are reused. `None` when it is gone or only waits to be reaped.
pub fn start_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name stands in parentheses and may hold anything, so count from the last one.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Whether a process with this pid runs (a zombie does not).
pub fn is_alive(pid: u32) -> bool {
    start_ticks(pid).is_some()
}

/// Sends `signal` to one process; false when there is none that we may signal.
pub fn signal(pid: u32, signal: Signal) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::kill_process(pid, signal).is_ok())
}

/// Sends `signal` to a whole process group; false when there is none that we may signal.
pub fn signal_group(leader: u32, signal: Signal) -> bool {
    let leader = i32::try_from(leader).ok().and_then(Pid::from_raw);
    leader.is_some_and(|group| rustix::process::kill_process_group(group, signal).is_ok())
}

/// Every live process whose environment names `node_dir`, without the caller itself.
pub fn of_node(node_dir: &Path) -> Vec<u32> {
    let entry = entry_of(node_dir);
    let own = std::process::id();
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .filter_map(|process| process.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != own && belongs(*pid, &entry) && is_alive(*pid))
        .collect()
}

/// The process that started this one, or took it over.
pub(super) fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The words that a process was started with.
pub(super) fn argv(pid: u32) -> Option<Vec<String>> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = bytes
        .strip_suffix(b"\0")
        .unwrap_or(&bytes)
        .split(|byte| *byte == 0);
    Some(
        words
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect(),
    )
}

/// Whether a process belongs to the node in this folder.
pub(super) fn is_of_node(pid: u32, node_dir: &Path) -> bool {
    belongs(pid, &entry_of(node_dir))
}

/// Kills every process of the node at once, as a cut of power does; gives how many.
pub fn kill_all(node_dir: &Path) -> usize {
    let mut killed = 0;
    // A process may fork while the list is read; look again until a pass finds none.
    for _ in 0..20 {
        let alive = of_node(node_dir);
        if alive.is_empty() {
            break;
        }
        killed += alive
            .into_iter()
            .filter(|pid| signal(*pid, Signal::KILL))
            .count();
    }
    killed
}

/// How the environment names the node.
fn entry_of(node_dir: &Path) -> Vec<u8> {
    let mut entry = OsString::from(format!("{NODE_VARIABLE}="));
    entry.push(node_dir);
    entry.into_vec()
}

fn belongs(pid: u32, entry: &[u8]) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|text| text == entry))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_alive_until_it_ends_even_before_it_is_reaped() {
        let mut child = Command::new("sleep")
            .arg("60")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        assert!(is_alive(child.id()));
        child.kill().unwrap();
        while is_alive(child.id()) {
            std::thread::yield_now();
        }
        // Not waited for yet: a zombie still has a pid, and is dead all the same.
        assert!(Path::new(&format!("/proc/{}", child.id())).exists());
        child.wait().unwrap();
    }

    #[test]
    fn power_off_ends_the_processes_of_one_node_only() {
        let mine = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let spawn = |dir: &Path| {
            let mut command = Command::new("sh");
            command
                .args(["-c", "sleep 60 & wait"])
                .env(NODE_VARIABLE, dir);
            command.spawn().unwrap()
        };
        let mut victim = spawn(mine.path());
        let mut survivor = spawn(other.path());
        while of_node(mine.path()).len() < 2 || of_node(other.path()).len() < 2 {
            std::thread::yield_now();
        }
        assert!(kill_all(mine.path()) >= 2);
        assert!(of_node(mine.path()).is_empty());
        assert!(survivor.try_wait().unwrap().is_none());
        victim.wait().unwrap();
        kill_all(other.path());
        survivor.wait().unwrap();
    }
}
