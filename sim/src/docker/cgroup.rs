//! The processes of a container, and how signals reach them.

use std::fs;

use rustix::process::Signal;

use super::container::{Container, State};
use super::entry::CONTAINER_VARIABLE;
use super::store::alive;
use crate::node::{Node, process};

/// Pids of every live process of the container.
pub(super) fn members(node: &Node, container: &Container) -> Vec<u32> {
    let entry = format!("{CONTAINER_VARIABLE}={}", container.id.as_str()).into_bytes();
    let belongs = |pid: &u32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|text| text == entry))
    };
    process::of_node(node.dir())
        .into_iter()
        .filter(belongs)
        .collect()
}

/// Kills what is left in the container. With the fault set, the engine's core stays behind, outside of
/// any container, with its memory.
pub(super) fn empty(node: &Node, container: &Container) {
    if node.faults().orphan_on_stop() {
        for claim in node.claims().unwrap_or_default() {
            if claim.container.as_deref() == Some(container.name()) {
                node.spawn_orphan(claim.bytes).ok();
            }
        }
    }
    // Processes may fork while they are listed; a few passes find them all.
    for _ in 0..20 {
        let members = members(node, container);
        if members.is_empty() {
            break;
        }
        for pid in members {
            process::signal(pid, Signal::KILL);
        }
    }
}

/// Sends a signal to the container's first process. The kernel drops signals for which process 1 of a
/// namespace has no handler, except KILL and STOP: a container that runs `sleep` does not hear TERM.
pub(super) fn signal_main(container: &Container, state: &State, signal: Signal) {
    let Some(main) = state.main.filter(|main| alive(*main)) else {
        return;
    };
    let forced = signal == Signal::KILL || signal == Signal::STOP;
    if forced || container.spec.init || catches(main.pid, signal) {
        process::signal(main.pid, signal);
    }
}

/// Whether the process has a handler for the signal (`SigCgt` of its status).
fn catches(pid: u32, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0);
    let bit = u32::try_from(signal.as_raw() - 1).unwrap_or(0);
    mask >> bit & 1 == 1
}

/// A signal by its name or number, as `docker kill -s` takes it.
pub(super) fn parse_signal(text: &str) -> Option<Signal> {
    let name = text.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    if let Ok(number) = name.parse::<i32>() {
        return Signal::from_named_raw(number);
    }
    let signal = match name {
        "HUP" => Signal::HUP,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "KILL" => Signal::KILL,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        "TERM" => Signal::TERM,
        "STOP" => Signal::STOP,
        "CONT" => Signal::CONT,
        _ => return None,
    };
    Some(signal)
}
