//! Two things that only show over time: the low-power state, and a restart.

use spark_ipc::Time;
use spark_ipc::model::alert::{AlertKind, Severity};
use spark_ipc::model::node::{Freshness, Gpu};

use super::{Case, Finding};

/// How long full load at a low clock must last before it means something.
const LOW_POWER_S: f64 = 30.0;

/// How long a restart stays on the screen.
const REBOOT_SHOWN_S: f64 = 900.0;

/// What is remembered of one node.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Past {
    low_power_since: Option<Time>,
    boot_id: Option<String>,
    rebooted_at: Option<Time>,
}

/// Full load at a third of the clock and little power, without a reason for throttling.
///
/// A rank that waits for another one in NCCL looks the same for a moment, hence the time. Measured by owners:
/// 799 MHz at 19.5 W before the cure, 2281 MHz at 92.5 W after it.
pub(super) fn low_power(case: &Case<'_>, past: &mut Past) -> Option<Finding> {
    let standing = case.standing(AlertKind::LowPower, None).is_some();
    let gpu = case.node.gpu.as_ref().filter(|gpu| is_low(gpu, standing));
    let fresh = case.node.freshness == Freshness::Fresh;
    let Some(gpu) = gpu.filter(|_| fresh || standing) else {
        past.low_power_since = None;
        return None;
    };
    let since = *past.low_power_since.get_or_insert(case.now);
    if !standing && case.now.seconds_since(since) < LOW_POWER_S {
        return None;
    }
    let (clock, power) = (gpu.sm_clock_mhz.unwrap_or(0), gpu.power_w.unwrap_or(0.0));
    Some(Finding {
        kind: AlertKind::LowPower,
        detail: None,
        severity: Severity::Critical,
        title: "Stuck in the low-power state".to_owned(),
        text: format!("The GPU is fully loaded at {clock} MHz and {power:.0} W. A restart does not help."),
        fix: Some(
            "Shut down, unplug the power brick from the wall and from the Spark for 60 seconds, start again."
                .to_owned(),
        ),
    })
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

pub(super) fn reboot(case: &Case<'_>, past: &mut Past) -> Option<Finding> {
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
        text: format!("The node has been restarted (seen at {at})."),
        fix: Some("If nobody did that on purpose: journalctl -k -b -1 -n 50".to_owned()),
    })
}
