//! Tools of a node that give no usable answer: what they would tell is getting old.

use spark_ipc::model::alert::{AlertKind, Severity};
use spark_ipc::model::node::{DockerState, Freshness, LinkState, Stale};

use super::{Case, Finding, Timing};

/// Looks in a row that must fail.
const LOOKS: u32 = 3;

/// One good look among bad ones clears nothing.
const NONSENSE: Timing = Timing::new(0.0, 20.0);

/// A node that is connected, and whose looks all fail.
pub(super) fn silent(case: &Case<'_>) -> Option<Finding> {
    let node = case.node;
    let connected = node.link.state == LinkState::Connected;
    (connected && node.freshness == Freshness::Stale).then(|| Finding {
        kind: AlertKind::Reading,
        detail: Some("poll".to_owned()),
        severity: Severity::Critical,
        title: "The node does not tell how it is".to_owned(),
        text: match node.warnings.first() {
            Some(said) => format!("It is connected, but a look at it fails: {said}"),
            None => "It is connected, but a look at it does not end.".to_owned(),
        },
        fix: Some(
            "It may be short of memory: log in and see whether it answers at its usual speed. The login shell \
             must be able to run /bin/sh."
                .to_owned(),
        ),
        timing: Timing::AT_ONCE,
    })
}

/// Single values that could not be read.
pub(super) fn nonsense(case: &Case<'_>) -> Vec<Finding> {
    // What is wrong with Docker then has an alert of its own.
    let docker_told = case
        .node
        .docker
        .is_some_and(|state| state != DockerState::Ok);
    let counts =
        |stale: &&Stale| stale.failed_looks >= LOOKS && !(stale.section == "docker" && docker_told);
    let stale = case.node.stale.iter().filter(counts);
    stale.map(finding).collect()
}

fn finding(stale: &Stale) -> Finding {
    let (what, command) = explain(&stale.section);
    let age = match stale.read_at {
        Some(at) => format!("What is shown is from {at}."),
        None => "It has never been read.".to_owned(),
    };
    Finding {
        kind: AlertKind::Reading,
        detail: Some(stale.section.clone()),
        severity: Severity::Warning,
        title: format!("{what} cannot be read"),
        text: format!(
            "{} looks in a row: {}. {age}",
            stale.failed_looks, stale.problem
        ),
        fix: Some(format!("See what it says on the Spark: {command}")),
        timing: NONSENSE,
    }
}

/// What a section is about, and the command that it rests on.
fn explain(section: &str) -> (&'static str, &'static str) {
    match section {
        "gpu" => ("The state of the GPU", "nvidia-smi"),
        "apps" => (
            "The list of GPU processes",
            "nvidia-smi --query-compute-apps=pid,process_name,used_memory --format=csv",
        ),
        "mem" => ("The memory", "cat /proc/meminfo"),
        "cpu" => ("The CPU time", "head -1 /proc/stat"),
        "disk" => ("The disks", "df -PB1"),
        "net" => ("The addresses", "ip -br -4 addr"),
        "docker" => ("The list of containers", "docker ps -a"),
        "ports" => ("The list of open ports", "ss -Hltn"),
        "roce" => ("The RDMA devices", "ls /sys/class/infiniband"),
        "temp" => (
            "The temperatures",
            "cat /sys/class/thermal/thermal_zone*/temp",
        ),
        _ => ("The identity of the node", "uname -a"),
    }
}
