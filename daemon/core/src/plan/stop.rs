//! Stopping units, as part of a swap or for its own sake.

use spark_ipc::Time;
use spark_ipc::id::OperationId;
use spark_ipc::model::operation::OperationKind;
use spark_ipc::model::preflight::Finding;
use spark_ipc::model::unit::Unit;

use super::{
    ContainerStop, FreeTarget, GIB, Plan, PlanSettings, Planned, Step, StopTarget, UnitStop, World,
    memory, preflight, touched,
};
use crate::fit::share;
use crate::units::{OWNER, is_ours};

/// Plans the stop of one of our units, or of all of them.
pub fn plan_stop(
    target: &StopTarget,
    world: &World,
    settings: &PlanSettings,
    now: Time,
    operation: OperationId,
) -> Planned {
    let mut planned = Planned::default();
    let units: Vec<&Unit> = match target {
        StopTarget::All => world.own_units().collect(),
        StopTarget::Unit(id) => world.units.iter().filter(|u| u.id == *id).collect(),
    };
    let mut stops = Vec::new();
    for unit in &units {
        if is_ours(unit) {
            stops.extend(unit_stop(world, unit, &mut planned.warnings));
        } else {
            planned.add_blocker(foreign(unit));
        }
    }
    if stops.is_empty() && planned.blockers.is_empty() {
        planned.add_blocker(nothing_to_stop(target, &units));
    }
    preflight::busy(world, &touched(&stops, &[]), &mut planned);
    preflight::stoppable(world, &stops, &mut planned);
    if planned.blockers.is_empty() {
        let frees = free_targets(world, &stops);
        planned.plan = Some(Plan {
            operation,
            kind: OperationKind::Stop,
            subject: stops
                .iter()
                .map(|s| s.unit.as_str())
                .collect::<Vec<_>>()
                .join(", "),
            made_at: now,
            nodes: touched(&stops, &[]),
            steps: steps(&stops, &frees),
            stops,
            stop_grace_s: settings.stop_grace_s,
            frees,
            free_wait_s: settings.free_wait_s,
            launch: None,
        });
    }
    planned
}

fn steps(stops: &[UnitStop], frees: &[FreeTarget]) -> Vec<Step> {
    let mut steps = vec![Step::Preflight, Step::Drain];
    steps.extend(stop_steps(stops));
    steps.extend(frees.iter().map(|f| Step::ProveFree {
        node: f.node.clone(),
        need_bytes: f.need_bytes,
    }));
    steps
}

/// One step a container, in the order of the stops: the head of each unit first.
pub(super) fn stop_steps(stops: &[UnitStop]) -> Vec<Step> {
    let of_unit = |stop: &UnitStop| {
        let unit = stop.unit.clone();
        let step = move |c: &ContainerStop| Step::Stop {
            unit: unit.clone(),
            node: c.node.clone(),
            rank: c.rank,
        };
        stop.containers.iter().map(step).collect::<Vec<_>>()
    };
    stops.iter().flat_map(of_unit).collect()
}

/// The stop of a unit on the nodes that can be reached; what stays behind elsewhere is warned of.
pub(super) fn unit_stop(
    world: &World,
    unit: &Unit,
    warnings: &mut Vec<Finding>,
) -> Option<UnitStop> {
    let (here, away): (Vec<_>, Vec<_>) = unit.ranks.iter().partition(|r| world.reachable(&r.node));
    warnings.extend(away.iter().map(|rank| Finding {
        code: "left_behind".to_owned(),
        node: Some(rank.node.clone()),
        message: format!(
            "{} on {} cannot be stopped: the node cannot be reached",
            rank.container, rank.node
        ),
        fix: Some("Stop it when the node is back; it is shown as a failed unit then.".to_owned()),
    }));
    let mut containers: Vec<ContainerStop> = here
        .iter()
        .map(|rank| ContainerStop {
            node: rank.node.clone(),
            rank: rank.rank,
            name: rank.container.clone(),
            id: rank.container_id.clone(),
            running: matches!(rank.state.as_str(), "running" | "paused" | "restarting"),
            keep: unit.owner != OWNER,
        })
        .collect();
    containers.sort_by_key(|c| c.rank);
    (!containers.is_empty()).then(|| UnitStop {
        unit: unit.id.clone(),
        repo: unit.repo.clone(),
        containers,
        memory_bytes: unit.memory_bytes,
    })
}

fn foreign(unit: &Unit) -> Finding {
    Finding {
        code: "foreign_unit".to_owned(),
        node: unit.ranks.first().map(|r| r.node.clone()),
        message: format!(
            "{} was started by {}, not by Spark Control",
            unit.id, unit.owner
        ),
        fix: Some(format!(
            "Stop it where it was started, or take it over first: spark-control adopt {}",
            unit.id
        )),
    }
}

fn nothing_to_stop(target: &StopTarget, units: &[&Unit]) -> Finding {
    let (code, message) = match target {
        StopTarget::All => ("nothing_runs", "No unit of Spark Control runs".to_owned()),
        StopTarget::Unit(id) if units.is_empty() => {
            ("unknown_unit", format!("There is no unit {id}"))
        }
        StopTarget::Unit(id) => (
            "node_unreachable",
            format!("No node of the unit {id} can be reached"),
        ),
    };
    Finding {
        code: code.to_owned(),
        node: None,
        message,
        fix: None,
    }
}

/// A stop has no need to meet, but the memory must still be seen to come back: what was free and nine tenths of
/// what the containers held.
fn free_targets(world: &World, stops: &[UnitStop]) -> Vec<FreeTarget> {
    let target = |id: &spark_ipc::id::NodeId| {
        let node = world.node(id)?;
        let available = node.node.memory.as_ref()?.available_bytes;
        let freed = memory::freed(node, stops).filter(|f| *f > GIB)?;
        Some(FreeTarget {
            node: id.clone(),
            need_bytes: 0,
            threshold_bytes: available + share(freed, 0.9),
            expected_bytes: Some(available + freed),
        })
    };
    touched(stops, &[]).iter().filter_map(target).collect()
}
