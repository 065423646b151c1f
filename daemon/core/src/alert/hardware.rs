//! Disks, heat, and processes that hold GPU memory by themselves.

use spark_ipc::model::alert::{AlertKind, Severity};
use spark_ipc::model::node::{Disk, GpuProcess};

use super::{Case, Finding, Limits, Timing, gib};

/// Percent of what can be used.
const DISK: Limits = Limits {
    warning: 85.0,
    critical: 95.0,
    slack: 2.0,
};
/// A disk with less than this is full, whatever its size: no model fits.
const DISK_LEAST_BYTES: u64 = 50_000_000_000;
const DISK_SLACK_BYTES: u64 = 5_000_000_000;

/// Degrees Celsius.
const HEAT: Limits = Limits {
    warning: 80.0,
    critical: 90.0,
    slack: 3.0,
};

/// A process with less is of no account.
const ORPHAN_LEAST_BYTES: u64 = 100 << 20;

/// A process may be seen outside of its container for a moment while that begins or ends.
const ORPHAN: Timing = Timing::new(10.0, 0.0);

/// The flag of the driver comes and goes while the GPU is at its limit.
const SLOWED: Timing = Timing::new(0.0, 30.0);

pub(super) fn disks(case: &Case<'_>) -> Vec<Finding> {
    case.node
        .disks
        .iter()
        .filter_map(|disk| full(case, disk))
        .collect()
}

fn full(case: &Case<'_>, disk: &Disk) -> Option<Finding> {
    let standing = case.standing(AlertKind::Disk, Some(&disk.mount));
    let usable = gib(disk.used_bytes.saturating_add(disk.available_bytes));
    let percent = if usable > 0.0 {
        gib(disk.used_bytes) / usable * 100.0
    } else {
        0.0
    };
    let slack = if standing == Some(Severity::Critical) {
        DISK_SLACK_BYTES
    } else {
        0
    };
    let severity = if disk.available_bytes < DISK_LEAST_BYTES + slack {
        Severity::Critical
    } else {
        DISK.above(percent, standing)?
    };
    let free = gib(disk.available_bytes);
    Some(Finding {
        kind: AlertKind::Disk,
        detail: Some(disk.mount.clone()),
        severity,
        title: "Disk is nearly full".to_owned(),
        text: format!(
            "{} is {percent:.0} % full, {free:.0} GiB are left.",
            disk.mount
        ),
        fix: Some(
            "Delete models that are not needed: spark-control models lists them with their sizes. For images: \
             docker image prune"
                .to_owned(),
        ),
        timing: Timing::AT_ONCE,
    })
}

pub(super) fn thermal(case: &Case<'_>) -> Option<Finding> {
    let gpu = case.node.gpu.as_ref();
    let slowed = gpu.is_some_and(|gpu| gpu.throttle.iter().any(|t| t == "hw_thermal_slowdown"));
    let sensors = case
        .node
        .temperatures
        .iter()
        .map(|t| (t.sensor.as_str(), t.temperature_c));
    let hottest = sensors
        .chain(
            gpu.and_then(|gpu| gpu.temperature_c)
                .map(|celsius| ("GPU", celsius)),
        )
        .max_by(|a, b| a.1.total_cmp(&b.1));
    let standing = case.standing(AlertKind::Thermal, None);
    let by_heat = hottest.and_then(|(_, celsius)| HEAT.above(celsius, standing));
    let severity = if slowed { Severity::Critical } else { by_heat? };
    let mut text = hottest.map_or(String::new(), |(sensor, c)| format!("{sensor}: {c:.0} °C."));
    if slowed {
        text.push_str(" The GPU slows itself down.");
    }
    Some(Finding {
        kind: AlertKind::Thermal,
        detail: None,
        severity,
        title: "Too hot".to_owned(),
        text: text.trim_start().to_owned(),
        fix: Some(
            "Give it air and distance to the other one. To cap the clock: sudo nvidia-smi -lgc 300,2000"
                .to_owned(),
        ),
        timing: SLOWED,
    })
}

pub(super) fn orphans(case: &Case<'_>) -> Vec<Finding> {
    let processes = case.node.gpu_processes.iter().flatten();
    processes
        .filter(|process| counts(process))
        .map(orphan)
        .collect()
}

fn counts(process: &GpuProcess) -> bool {
    process.orphan
        && process
            .memory_bytes
            .is_none_or(|bytes| bytes >= ORPHAN_LEAST_BYTES)
}

fn orphan(process: &GpuProcess) -> Finding {
    let GpuProcess { pid, name, .. } = process;
    let held = process
        .memory_bytes
        .map_or("an unknown amount".to_owned(), |bytes| {
            format!("{:.1} GiB", gib(bytes))
        });
    Finding {
        kind: AlertKind::OrphanProcess,
        detail: Some(pid.to_string()),
        severity: Severity::Warning,
        title: "GPU process without a container".to_owned(),
        text: format!("{name} (process {pid}) holds {held} of memory and runs in no container."),
        fix: Some(format!("If nobody needs it: kill {pid}")),
        timing: ORPHAN,
    }
}
