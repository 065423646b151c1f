//! Engines that cannot keep up: requests that wait, and work that is thrown out.
//!
//! A full KV cache is how a busy engine should be, and no alert; that requests wait for a minute, or that the engine
//! takes work back that it had begun (preemption), is one.

use std::collections::BTreeMap;

use spark_ipc::Time;
use spark_ipc::id::{NodeId, UnitId};
use spark_ipc::model::alert::{Alert, AlertKind, Severity};

use super::Finding;
use super::hold::{Holds, Timing};
use crate::probe::EngineMetrics;

/// How long requests must wait, and none must.
const WAITING: Timing = Timing::new(60.0, 30.0);

/// How far back preemptions count; it clears after another such time without any.
const WINDOW_S: f64 = 60.0;
const PREEMPTED: Timing = Timing::new(0.0, 60.0);

/// One look at an engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Vitals {
    pub unit: UnitId,
    /// Where its head runs.
    pub node: NodeId,
    pub at: Time,
    pub metrics: EngineMetrics,
}

/// What has to be remembered of the engines between two calls of [`engines`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EngineMemory {
    preemptions: BTreeMap<UnitId, Count>,
    holds: Holds,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Count {
    last: Option<f64>,
    grown: Vec<(Time, f64)>,
}

/// The alerts of the engines that stand at `now`, given those that stood before and the newest look at each.
pub fn engines(
    previous: &[Alert],
    memory: &mut EngineMemory,
    looks: &[Vitals],
    now: Time,
) -> Vec<Alert> {
    let EngineMemory { preemptions, holds } = memory;
    preemptions.retain(|unit, _| looks.iter().any(|look| look.unit == *unit));
    let mut found = Vec::new();
    for look in looks {
        found.extend(waiting(look).map(|finding| finding.on(&look.node, now)));
        let count = preemptions.entry(look.unit.clone()).or_default();
        found.extend(preempted(look, count, now).map(|finding| finding.on(&look.node, now)));
    }
    // A unit that is gone has no queue.
    let there = |alert: &&Alert| {
        looks
            .iter()
            .any(|look| alert.id.ends_with(&format!("/{}", look.unit)))
    };
    let previous: Vec<Alert> = previous.iter().filter(there).cloned().collect();
    holds.settle(&previous, found, now)
}

fn waiting(look: &Vitals) -> Option<Finding> {
    let waiting = look.metrics.waiting.filter(|n| *n > 0.0)?;
    let unit = &look.unit;
    let running = look.metrics.running.unwrap_or(0.0);
    Some(Finding {
        kind: AlertKind::Queue,
        detail: Some(format!("waiting/{unit}")),
        severity: Severity::Warning,
        title: "Requests wait".to_owned(),
        text: format!(
            "{unit} has {waiting:.0} requests waiting and {running:.0} at work, for more than a minute."
        ),
        fix: Some(
            "Send fewer requests at once; or raise --max-num-seqs where memory is free, or shorten --max-model-len."
                .to_owned(),
        ),
        timing: WAITING,
    })
}

fn preempted(look: &Vitals, count: &mut Count, now: Time) -> Option<Finding> {
    if let Some(total) = look.metrics.preemptions {
        // A count that fell began anew with the engine.
        let grown = count
            .last
            .map_or(0.0, |last| if total < last { total } else { total - last });
        if grown > 0.0 {
            count.grown.push((look.at, grown));
        }
        count.last = Some(total);
    }
    count
        .grown
        .retain(|(at, _)| now.seconds_since(*at) < WINDOW_S);
    let grown: f64 = count.grown.iter().map(|(_, grown)| grown).sum();
    let unit = &look.unit;
    (grown > 0.0).then(|| Finding {
        kind: AlertKind::Queue,
        detail: Some(format!("preemptions/{unit}")),
        severity: Severity::Warning,
        title: "Requests are put back".to_owned(),
        text: format!(
            "{unit} took back {grown:.0} requests in the last minute, since their context no longer fits its KV cache; \
             each is computed again."
        ),
        fix: Some(
            "Lower --max-num-seqs, use --kv-cache-dtype=fp8, or give the model more memory.".to_owned(),
        ),
        timing: PREEMPTED,
    })
}
