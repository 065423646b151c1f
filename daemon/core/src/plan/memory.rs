//! Whether a launch fits into what is free, and when the memory counts as given back.

use spark_ipc::model::node::GpuProcess;
use spark_ipc::model::preflight::{Finding, MemoryForecast};

use super::choose::Choice;
use super::{FreeTarget, GIB, NodeWorld, PlanSettings, Planned, UnitStop, World};
use crate::fit::{self, gib, share};

/// Part of the best idle figure of a node that must be free again (spark-domain 2.9).
const IDLE_SHARE: f64 = 0.85;
/// Part of `MemTotal` that an idle node has at best, where none was seen idle (117 of 121.7 GiB).
const IDLE_OF_TOTAL: f64 = 0.94;
/// Readings of MemAvailable differ by as much from one moment to the next.
const SLACK: u64 = GIB;

/// What a launch needs, and how we know.
struct Needed {
    bytes: u64,
    source: &'static str,
}

/// The forecast of every node of the placement (into `planned.memory`), with blockers where it cannot fit.
pub(super) fn targets(
    world: &World,
    choice: &Choice<'_>,
    stops: &[UnitStop],
    settings: &PlanSettings,
    planned: &mut Planned,
) -> Vec<FreeTarget> {
    let mut targets = Vec::new();
    for node in &choice.nodes {
        let needed = needed(world, choice, node);
        let total = node.node.memory.as_ref().map(|m| m.total_bytes);
        let available = node.node.memory.as_ref().map(|m| m.available_bytes);
        let freed = freed(node, stops);
        planned.memory.push(MemoryForecast {
            node: node.node.id.clone(),
            total_bytes: total,
            available_bytes: available,
            freed_bytes: freed,
            need_bytes: Some(needed.bytes),
            need_source: needed.source.to_owned(),
        });
        let expected = available
            .zip(freed)
            .map(|(a, f)| (a + f).min(total.unwrap_or(u64::MAX)));
        judge((node, stops), &needed, expected, settings, planned);
        targets.push(FreeTarget {
            node: node.node.id.clone(),
            need_bytes: needed.bytes,
            threshold_bytes: threshold(node, &needed, expected, settings),
            expected_bytes: expected,
        });
    }
    targets
}

/// The measured need wins over the recipe's and the recipe's over the estimate; none is less than the share of
/// the machine that the engine reserves, without which it refuses to start.
fn needed(world: &World, choice: &Choice<'_>, node: &NodeWorld) -> Needed {
    let total = node.node.memory.as_ref().map(|m| m.total_bytes);
    let model = node.find_model(choice.recipe.repo.as_str());
    let estimate = fit::need(choice.recipe, model, total);
    let measured = choice.last_good(world).and_then(|l| l.memory_bytes);
    let (bytes, source) = match (measured, choice.recipe.need_gib) {
        (Some(bytes), _) => (bytes, "measured"),
        (None, Some(gib)) => (u64::from(gib) * GIB, "recipe"),
        (None, None) => (estimate.launch_bytes(), "estimate"),
    };
    if bytes < estimate.reserved_bytes {
        return Needed {
            bytes: estimate.reserved_bytes,
            source: "estimate",
        };
    }
    Needed { bytes, source }
}

/// What the containers that are stopped on `node` give back; `None` when their memory is not known.
pub(super) fn freed(node: &NodeWorld, stops: &[UnitStop]) -> Option<u64> {
    let stopped: Vec<(&UnitStop, &str)> = stops
        .iter()
        .flat_map(|s| s.containers.iter().map(move |c| (s, c)))
        .filter(|(_, c)| c.node == node.node.id && c.running)
        .map(|(s, c)| (s, c.name.as_str()))
        .collect();
    stopped
        .into_iter()
        .map(|(stop, name)| held(node, stop, name))
        .sum()
}

/// What one container holds: the sum of its GPU processes, else its part of the unit's memory.
fn held(node: &NodeWorld, stop: &UnitStop, container: &str) -> Option<u64> {
    let processes = node.node.gpu_processes.iter().flatten();
    let inside = processes.filter(|p| p.container.as_deref() == Some(container));
    let known: Vec<u64> = inside.filter_map(|p| p.memory_bytes).collect();
    if !known.is_empty() {
        return Some(known.iter().sum());
    }
    let parts = u64::try_from(stop.containers.len()).unwrap_or(1).max(1);
    stop.memory_bytes.map(|bytes| bytes / parts)
}

/// `max(need + reserve, 0.85 of the best idle figure)`, but never more than can come back, nor less than the need.
fn threshold(
    node: &NodeWorld,
    needed: &Needed,
    expected: Option<u64>,
    settings: &PlanSettings,
) -> u64 {
    let idle = node.best_idle_bytes.or_else(|| {
        let total = node.node.memory.as_ref()?.total_bytes;
        Some(share(total, IDLE_OF_TOTAL))
    });
    let wanted = (needed.bytes + settings.reserve_bytes)
        .max(share(node.best_idle_bytes.unwrap_or(0), IDLE_SHARE));
    let most = expected
        .or(idle)
        .map_or(wanted, |bytes| bytes.saturating_sub(SLACK));
    wanted.min(most).max(needed.bytes)
}

fn judge(
    (node, stops): (&NodeWorld, &[UnitStop]),
    needed: &Needed,
    expected: Option<u64>,
    settings: &PlanSettings,
    planned: &mut Planned,
) {
    let id = &node.node.id;
    let Some(expected) = expected else {
        planned.warnings.push(unproven(node));
        return;
    };
    if expected < needed.bytes {
        planned.add_blocker(short(node, stops, needed, expected));
    } else if expected < needed.bytes + settings.reserve_bytes {
        planned.warnings.push(Finding {
            code: "memory_tight".to_owned(),
            node: Some(id.clone()),
            message: format!(
                "{id} has {} for a need of {}: less than {} stays free beside the model",
                gib(expected),
                gib(needed.bytes),
                gib(settings.reserve_bytes)
            ),
            fix: Some(
                "Lower --gpu-memory-utilization in the recipe, or stop something else.".to_owned(),
            ),
        });
    }
}

fn unproven(node: &NodeWorld) -> Finding {
    let id = &node.node.id;
    let message = match node.node.memory {
        Some(_) => format!("How much memory the running unit gives back on {id} is not known"),
        None => format!("The memory of {id} has not been read yet"),
    };
    Finding {
        code: "memory_unproven".to_owned(),
        node: Some(id.clone()),
        message,
        fix: Some("The launch waits until the memory is seen to be free.".to_owned()),
    }
}

fn short(node: &NodeWorld, stops: &[UnitStop], needed: &Needed, expected: u64) -> Finding {
    let id = &node.node.id;
    let holders = holders(node, stops);
    let held_by = if holders.is_empty() {
        String::new()
    } else {
        format!("; held by {}", holders.join(", "))
    };
    Finding {
        code: "memory_short".to_owned(),
        node: Some(id.clone()),
        message: format!(
            "{id} will have {} free and the launch needs {} ({}): {} short{held_by}",
            gib(expected),
            gib(needed.bytes),
            needed.source,
            gib(needed.bytes - expected)
        ),
        fix: Some("Stop what holds the memory, or choose a smaller model or recipe.".to_owned()),
    }
}

/// The processes on a node that hold more than 1 GiB and that no stop of ours ends.
fn holders(node: &NodeWorld, stops: &[UnitStop]) -> Vec<String> {
    let stays = |p: &&GpuProcess| {
        p.container
            .as_deref()
            .is_none_or(|c| !stops_container(stops, c))
    };
    let mut processes: Vec<_> = node
        .node
        .gpu_processes
        .iter()
        .flatten()
        .filter(stays)
        .collect();
    processes.sort_by_key(|p| std::cmp::Reverse(p.memory_bytes));
    let name = |p: &&GpuProcess| {
        let bytes = p.memory_bytes.filter(|b| *b > GIB)?;
        let place = p
            .container
            .as_deref()
            .map(|c| format!(" in {c}"))
            .unwrap_or_default();
        Some(format!("{} (pid {}{place}, {})", p.name, p.pid, gib(bytes)))
    };
    processes.iter().filter_map(name).take(4).collect()
}

/// Whether a container of this name is among those that stop.
pub(super) fn stops_container(stops: &[UnitStop], name: &str) -> bool {
    stops
        .iter()
        .flat_map(|s| &s.containers)
        .any(|c| c.name == name)
}
