//! Ten minutes of a few values, for the sparklines.

use spark_ipc::Time;
use spark_ipc::model::node::{HistoryPoint, Node};

const KEPT_S: f64 = 600.0;
/// However short the poll interval is.
const MAX_POINTS: usize = 600;

/// Adds the values that `node` has now.
pub(super) fn add_values(node: &mut Node, now: Time) {
    let memory = node.memory.as_ref();
    let point = HistoryPoint {
        at: Some(now),
        cpu_percent: node.cpu_percent,
        gpu_percent: node.gpu.as_ref().and_then(|gpu| gpu.utilization_percent),
        memory_used_bytes: memory.map(|m| m.total_bytes.saturating_sub(m.available_bytes)),
        temperature_c: node.gpu.as_ref().and_then(|gpu| gpu.temperature_c),
        power_w: node.gpu.as_ref().and_then(|gpu| gpu.power_w),
    };
    add(&mut node.history, point, now);
}

/// Adds one gap; a second one right after it would say nothing more.
pub(super) fn add_gap(node: &mut Node, now: Time) {
    let gap = |point: &HistoryPoint| {
        *point
            == HistoryPoint {
                at: point.at,
                ..HistoryPoint::default()
            }
    };
    if node.history.last().is_some_and(|last| !gap(last)) {
        add(
            &mut node.history,
            HistoryPoint {
                at: Some(now),
                ..HistoryPoint::default()
            },
            now,
        );
    }
}

fn add(history: &mut Vec<HistoryPoint>, point: HistoryPoint, now: Time) {
    history.push(point);
    let old = |p: &HistoryPoint| p.at.is_none_or(|at| now.seconds_since(at) > KEPT_S);
    let expired = history.iter().take_while(|p| old(p)).count();
    let over = history.len().saturating_sub(MAX_POINTS);
    history.drain(..expired.max(over));
}
