//! Too little memory left. At about 2 GiB a Spark freezes: it answers pings, but neither SSH nor requests.

use spark_ipc::model::alert::AlertKind;

use super::{Case, Finding, Limits, gib};

/// GiB of `MemAvailable`.
const LIMITS: Limits = Limits {
    warning: 8.0,
    critical: 3.0,
    slack: 1.0,
};

pub(super) fn low(case: &Case<'_>) -> Option<Finding> {
    let memory = case.node.memory.as_ref()?;
    let available = gib(memory.available_bytes);
    let standing = case.standing(AlertKind::MemoryLow, None);
    let severity = LIMITS.below(available, standing)?;
    let total = gib(memory.total_bytes);
    Some(Finding {
        kind: AlertKind::MemoryLow,
        detail: None,
        severity,
        title: "Memory is low".to_owned(),
        text: format!(
            "{available:.1} GiB of {total:.1} GiB available. At about 2 GiB the machine can freeze."
        ),
        fix: Some(
            "Lower --gpu-memory-utilization or --max-num-seqs of the model, or stop a service."
                .to_owned(),
        ),
    })
}
