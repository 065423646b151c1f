//! What the kernel says of the GPU and of memory.

use std::collections::BTreeMap;

use spark_ipc::Time;
use spark_ipc::model::alert::{AlertKind, Severity};
use spark_ipc::model::node::KernelLine;

use super::{Case, Finding, Timing};

/// How long a line is told.
const SHOWN_S: f64 = 900.0;

/// One kind of line.
struct Kind {
    name: &'static str,
    /// Any of these words.
    words: &'static [&'static str],
    /// Lines that it takes: one refused allocation alone is no proof of anything (vLLM 56824).
    least: usize,
    severity: Severity,
    title: &'static str,
    fix: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "oom",
        words: &["oom-kill:", "Out of memory: Killed process"],
        least: 1,
        severity: Severity::Critical,
        title: "A process was ended for lack of memory",
        fix: "Start the model with a lower --gpu-memory-utilization or --max-num-seqs, or stop what else runs there. \
              More of it: journalctl -k -g oom",
    },
    Kind {
        name: "xid",
        words: &["NVRM: Xid"],
        least: 1,
        severity: Severity::Warning,
        title: "The GPU driver reported a fault",
        fix: "If the model still answers, watch it. If it repeats: restart the Spark, then update driver and firmware. \
              More of it: journalctl -k -g NVRM",
    },
    Kind {
        name: "no_memory",
        words: &["NV_ERR_NO_MEMORY"],
        least: 2,
        severity: Severity::Warning,
        title: "The GPU driver could not get memory",
        fix: "Stop a model. If nvidia-smi hangs on the Spark, restart it; if that hangs too, switch it off and on.",
    },
];

/// The newest line of each kind, and when it was written or first seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Seen(BTreeMap<&'static str, (KernelLine, Time)>);

pub(super) fn lines(case: &Case<'_>, seen: &mut Seen) -> Vec<Finding> {
    let each = KINDS.iter();
    each.filter_map(|kind| of_kind(case, seen, kind)).collect()
}

fn of_kind(case: &Case<'_>, seen: &mut Seen, kind: &Kind) -> Option<Finding> {
    let is = |line: &&KernelLine| kind.words.iter().any(|word| line.text.contains(word));
    let found: Vec<&KernelLine> = case.node.kernel.iter().filter(is).collect();
    if let Some(newest) = found.last().filter(|_| found.len() >= kind.least)
        && seen
            .0
            .get(kind.name)
            .is_none_or(|(known, _)| known != *newest)
    {
        // The clock of the node may be ahead of ours.
        let at = newest.at.map_or(case.now, |at| at.min(case.now));
        seen.0.insert(kind.name, ((*newest).clone(), at));
    }
    let (line, at) = seen.0.get(kind.name)?;
    (case.now.seconds_since(*at) < SHOWN_S).then(|| Finding {
        kind: AlertKind::Kernel,
        detail: Some(kind.name.to_owned()),
        severity: kind.severity,
        title: kind.title.to_owned(),
        text: format!("The kernel said: {}", line.text),
        fix: Some(kind.fix.to_owned()),
        timing: Timing::AT_ONCE,
    })
}
