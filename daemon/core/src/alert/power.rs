//! Two things that only show over time: the low-power state, and a restart.

use spark_ipc::Time;
use spark_ipc::model::alert::{AlertKind, Severity};
use spark_ipc::model::node::{Freshness, Gpu, Node};

use super::{Case, Finding, Timing};

/// How long full load at a low clock must last before it means something; a pause between requests clears nothing.
const LOW_POWER: Timing = Timing::new(30.0, 30.0);

/// How long a restart stays on the screen.
const REBOOT_SHOWN_S: f64 = 900.0;

/// Restarts of one node.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Boots {
    boot_id: Option<String>,
    rebooted_at: Option<Time>,
}

/// Full load at a third of the clock and little power, without a reason for throttling.
///
/// Measured by owners: 799 MHz at 19.5 W before the cure, 2281 MHz at 92.5 W after it. A rank that waits for
/// another one in NCCL looks the same, so where a unit spans nodes all of them must be slow.
pub(super) fn low_power(case: &Case<'_>) -> Option<Finding> {
    let standing = case.standing(AlertKind::LowPower, None).is_some();
    let gpu = case.node.gpu.as_ref().filter(|gpu| is_low(gpu, standing))?;
    let waits = peers(case).any(|peer| works(peer, standing));
    if waits || !(standing || case.node.freshness == Freshness::Fresh) {
        return None;
    }
    let (clock, power) = (gpu.sm_clock_mhz.unwrap_or(0), gpu.power_w.unwrap_or(0.0));
    Some(Finding {
        kind: AlertKind::LowPower,
        detail: None,
        severity: Severity::Critical,
        title: "Stuck in the low-power state".to_owned(),
        text: format!(
            "The GPU is fully loaded at {clock} MHz and {power:.0} W. A restart does not help."
        ),
        fix: Some(
            "Shut down, unplug the power brick from the wall and from the Spark for 60 seconds, start again. \
             If it comes back, the Spark is a case for its warranty."
                .to_owned(),
        ),
        timing: LOW_POWER,
    })
}

/// The other nodes that run a rank of the same unit.
fn peers<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Node> {
    let (node, nodes) = (case.node, case.nodes);
    let shared = move |other: &&Node| units(other).any(|unit| units(node).any(|own| own == unit));
    nodes.iter().filter(|n| n.id != case.node.id).filter(shared)
}

/// The names of the running containers without the rank at their end: `sparkctl-main-r1` is `sparkctl-main`.
fn units(node: &Node) -> impl Iterator<Item = &str> {
    let running = node.containers.iter().filter(|c| c.state == "running");
    running.filter_map(|container| {
        let (unit, rank) = container.name.rsplit_once("-r")?;
        rank.parse::<u32>().ok().map(|_rank| unit)
    })
}

/// Whether a GPU is busy and as fast as it should be: the one that the others wait for.
fn works(node: &Node, standing: bool) -> bool {
    let gpu = node.gpu.as_ref().filter(|gpu| !is_low(gpu, standing));
    let busy = |gpu: &Gpu| {
        gpu.utilization_percent
            .is_some_and(|percent| percent >= 50.0)
    };
    node.freshness == Freshness::Fresh && gpu.is_some_and(busy)
}

fn is_low(gpu: &Gpu, standing: bool) -> bool {
    let (load, clock, power) = if standing {
        (80.0, 1600, 40.0)
    } else {
        (90.0, 1400, 32.0)
    };
    gpu.pstate.as_deref() == Some("P0")
        && gpu.throttle.is_empty()
        && gpu
            .utilization_percent
            .is_some_and(|percent| percent >= load)
        && gpu.sm_clock_mhz.is_some_and(|mhz| mhz < clock)
        && gpu.power_w.is_some_and(|watts| watts < power)
}

pub(super) fn reboot(case: &Case<'_>, past: &mut Boots) -> Option<Finding> {
    let identity = &case.node.identity;
    if past.boot_id.is_some() && identity.boot_id.is_some() && past.boot_id != identity.boot_id {
        past.rebooted_at = Some(case.now);
    }
    past.boot_id = identity.boot_id.clone().or(past.boot_id.take());
    let at = past
        .rebooted_at
        .filter(|at| case.now.seconds_since(*at) < REBOOT_SHOWN_S)?;
    Some(Finding {
        kind: AlertKind::Reboot,
        detail: None,
        severity: Severity::Warning,
        title: "Restarted".to_owned(),
        text: format!(
            "The node has been restarted (seen {}): a planned update, or a crash?",
            at.0.strftime("%Y-%m-%d %H:%M UTC")
        ),
        fix: Some("If nobody did that on purpose: journalctl -k -b -1 -n 50".to_owned()),
        timing: Timing::AT_ONCE,
    })
}
