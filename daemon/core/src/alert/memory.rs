//! Too little memory left. At about 2 GiB a Spark freezes: it answers pings, but neither SSH nor requests.

use spark_ipc::model::alert::{AlertKind, Severity};
use spark_ipc::model::node::UnifiedMemory;

use super::{Case, Finding, Limits, Timing, gib};

/// GiB of `MemAvailable`.
const LEFT: Limits = Limits {
    warning: 8.0,
    critical: 3.0,
    slack: 1.0,
};

/// Percent of the last ten seconds in which some programs waited for memory. The kernel averages.
const SOME: Limits = Limits {
    warning: 10.0,
    critical: f64::INFINITY,
    slack: 5.0,
};

/// The same, in which all of them did.
const FULL: Limits = Limits {
    warning: f64::INFINITY,
    critical: 5.0,
    slack: 2.5,
};

/// GiB of swap in use, and percent of memory.
const SWAPPED_GIB: f64 = 1.0;
const SWAPPED_SLACK_GIB: f64 = 0.5;
const USED_PERCENT: f64 = 85.0;
const USED_SLACK_PERCENT: f64 = 5.0;

const UNHURRIED: Timing = Timing::new(10.0, 30.0);

pub(super) fn low(case: &Case<'_>) -> Option<Finding> {
    let memory = case.node.memory.as_ref()?;
    let available = gib(memory.available_bytes);
    let standing = case.standing(AlertKind::MemoryLow, None);
    let severity = LEFT.below(available, standing)?;
    let total = gib(memory.total_bytes);
    Some(Finding {
        kind: AlertKind::MemoryLow,
        detail: None,
        severity,
        title: "Memory is low".to_owned(),
        text: format!(
            "{available:.1} GiB of {total:.1} GiB available. At about 2 GiB the machine can freeze: it still \
             answers pings, but not SSH."
        ),
        fix: Some(relief(memory)),
        timing: Timing::AT_ONCE,
    })
}

pub(super) fn pressure(case: &Case<'_>) -> Option<Finding> {
    let memory = case.node.memory.as_ref()?;
    let standing = case.standing(AlertKind::MemoryPressure, None);
    let some = memory.pressure_some_percent;
    let full = memory.pressure_full_percent;
    let by_some = some.and_then(|percent| SOME.above(percent, standing));
    let by_full = full.and_then(|percent| FULL.above(percent, standing));
    let severity = by_full.max(by_some)?;
    let shown = |percent: Option<f64>| percent.unwrap_or(0.0);
    Some(Finding {
        kind: AlertKind::MemoryPressure,
        detail: None,
        severity,
        title: "Programs wait for memory".to_owned(),
        text: format!(
            "In the last ten seconds some programs waited for memory {:.0} % of the time, all of them {:.0} %.",
            shown(some),
            shown(full)
        ),
        fix: Some(relief(memory)),
        timing: UNHURRIED,
    })
}

pub(super) fn swap(case: &Case<'_>) -> Option<Finding> {
    let memory = case.node.memory.as_ref()?;
    let swapped = gib(memory.swap_used_bytes?);
    let total = gib(memory.total_bytes);
    let used = (total > 0.0).then(|| (1.0 - gib(memory.available_bytes) / total) * 100.0)?;
    let slack = f64::from(u8::from(case.standing(AlertKind::Swap, None).is_some()));
    let much = swapped > SWAPPED_GIB - slack * SWAPPED_SLACK_GIB
        && used > USED_PERCENT - slack * USED_SLACK_PERCENT;
    much.then(|| Finding {
        kind: AlertKind::Swap,
        detail: None,
        severity: Severity::Warning,
        title: "Memory spills into the swap file".to_owned(),
        text: format!("{swapped:.1} GiB are swapped out, and {used:.0} % of the memory is in use."),
        fix: Some(relief(memory)),
        timing: UNHURRIED,
    })
}

/// What helps: it depends on who has the memory.
fn relief(memory: &UnifiedMemory) -> String {
    let guard = "To end the largest process before the machine freezes: sudo apt install earlyoom";
    match (memory.gpu_bytes, memory.other_bytes) {
        (Some(gpu), Some(other)) if other > gpu => format!(
            "Programs outside the GPU hold {:.1} GiB. See which, and end what is not needed: ps aux --sort=-rss | head. \
             {guard}",
            gib(other)
        ),
        _ => format!(
            "Start the model with a lower --gpu-memory-utilization or --max-num-seqs, or stop a service. {guard}"
        ),
    }
}
