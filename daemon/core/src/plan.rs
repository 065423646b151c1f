//! The planner: from a wish and the world to a plan, or to what stands in its way.
//!
//! A swap stops before it starts: on GB10 the model, the system and every other process share one memory, so
//! two large models never overlap, and a launch is only tried when the memory has been seen to be free.
//! Workers start before the head, since the head of vLLM's own multi-node engine waits for them.

use spark_ipc::Time;
use spark_ipc::id::{NodeId, OperationId, UnitId};
use spark_ipc::model::node::Freshness;
use spark_ipc::model::operation::OperationKind;
use spark_ipc::model::preflight::{Finding, PlannedCommand, Preflight};
use spark_ipc::model::unit::Unit;

use crate::launch::{Placed, Placement, container_name, rank_argv, served_name, verify_round_trip};
use crate::units::{base_url, is_ours};

mod checks;
mod choose;
mod memory;
mod placement;
mod preflight;
mod stop;
mod types;
mod view;

pub use stop::plan_stop;
pub use types::{
    Busy, ContainerStop, FreeTarget, GIB, Intent, Measured, NodeWorld, Plan, PlanSettings, Planned,
    RankLaunch, Step, StopTarget, UnitLaunch, UnitStop, World,
};

use choose::Choice;

/// Plans a swap. `now` is when, `launch` the id of the operation that will carry it out: it becomes a label of
/// every container, by which a later daemon finds them again.
///
/// Where the operator left the nodes open and those that come first will not do, others are taken that will.
pub fn plan(
    intent: &Intent,
    world: &World,
    settings: &PlanSettings,
    now: Time,
    launch: OperationId,
) -> Planned {
    let mut refused = Planned::default();
    let Some(choice) = choose::choose(intent, world, &mut refused) else {
        return refused;
    };
    let ask = Ask {
        intent,
        world,
        settings,
        now,
        launch,
    };
    let others = choose::others(world, &choice);
    let first = ask.attempt(&choice);
    placement::settle(&ask, first, others)
}

/// What a plan is asked for, whatever the nodes.
struct Ask<'a> {
    intent: &'a Intent,
    world: &'a World,
    settings: &'a PlanSettings,
    now: Time,
    launch: OperationId,
}

impl Ask<'_> {
    /// The plan on these nodes.
    fn attempt(&self, choice: &Choice<'_>) -> Planned {
        let mut planned = Planned::default();
        let stops = stops_for(self.intent, self.world, choice, &mut planned.warnings);
        let unit = unit_name(self.intent, self.world, choice);
        let look = preflight::Look {
            world: self.world,
            choice,
            unit: unit.as_ref(),
            stops: &stops,
            allow: &self.intent.allow,
        };
        preflight::check(&look, &mut planned);
        let frees = memory::targets(self.world, choice, &stops, self.settings, &mut planned);
        let part = unit_launch(
            self.world,
            choice,
            unit.clone(),
            self.settings,
            &self.launch,
        );
        match part {
            Ok(part) => self.finish(part, stops.clone(), frees, &mut planned),
            // With another blocker this one only repeats it.
            Err(blocker) if planned.blockers.is_empty() => planned.blockers.push(blocker),
            Err(_) => {}
        }
        planned.checks = checks::of(&look, &planned);
        planned
    }

    fn finish(
        &self,
        launch: UnitLaunch,
        stops: Vec<UnitStop>,
        frees: Vec<FreeTarget>,
        planned: &mut Planned,
    ) {
        planned.commands = commands(&launch);
        let steps = swap_steps(&stops, &frees, &launch);
        planned.view = Some(view::view(&launch, &stops, &steps));
        planned.plan = planned.blockers.is_empty().then(|| Plan {
            operation: self.launch.clone(),
            kind: OperationKind::Swap,
            subject: self.intent.repo.to_string(),
            made_at: self.now,
            nodes: touched(&stops, &launch.nodes),
            stops,
            stop_grace_s: self.settings.stop_grace_s,
            frees,
            free_wait_s: self.settings.free_wait_s,
            launch: Some(launch),
            steps,
        });
    }
}

impl Planned {
    /// The answer to who only asked.
    pub fn preflight(self) -> Preflight {
        Preflight {
            plan: self.view,
            commands: self.commands,
            blockers: self.blockers,
            warnings: self.warnings,
            memory: self.memory,
            checks: self.checks,
            confirm: self.confirm,
        }
    }

    /// Adds a blocker unless one of its kind stands for that node already.
    fn add_blocker(&mut self, finding: Finding) {
        let same = |f: &Finding| f.code == finding.code && f.node == finding.node;
        if !self.blockers.iter().any(same) {
            self.blockers.push(finding);
        }
    }
}

impl World {
    fn node(&self, id: &NodeId) -> Option<&NodeWorld> {
        self.nodes.iter().find(|n| n.node.id == *id)
    }

    fn reachable(&self, id: &NodeId) -> bool {
        self.node(id).is_some_and(NodeWorld::reachable)
    }

    /// Our units with containers, running or not.
    fn own_units(&self) -> impl Iterator<Item = &Unit> {
        self.units
            .iter()
            .filter(|u| is_ours(u) && !u.ranks.is_empty())
    }
}

impl NodeWorld {
    fn reachable(&self) -> bool {
        matches!(self.node.freshness, Freshness::Fresh | Freshness::Stale)
    }
}

/// A unit is in the way when it shares a node with the new one; all others go too unless they are to be kept.
fn stops_for(
    intent: &Intent,
    world: &World,
    choice: &Choice<'_>,
    warnings: &mut Vec<Finding>,
) -> Vec<UnitStop> {
    let in_the_way = |u: &&Unit| !intent.keep || u.ranks.iter().any(|r| choice.has_node(&r.node));
    world
        .own_units()
        .filter(in_the_way)
        .filter_map(|u| stop::unit_stop(world, u, warnings))
        .collect()
}

/// `main`, unless a kept unit has that name.
fn unit_name(intent: &Intent, world: &World, choice: &Choice<'_>) -> Option<UnitId> {
    let main = UnitId::new("main").ok()?;
    let kept = |u: &Unit| u.id == main && !u.ranks.iter().any(|r| choice.has_node(&r.node));
    if intent.keep && world.own_units().any(kept) {
        let head = choice.nodes.first()?;
        return UnitId::new(format!("main-{}", head.node.id)).ok();
    }
    Some(main)
}

fn unit_launch(
    world: &World,
    choice: &Choice<'_>,
    unit: Option<UnitId>,
    settings: &PlanSettings,
    launch: &OperationId,
) -> Result<UnitLaunch, Finding> {
    let recipe = choice.recipe;
    let impossible = |why: String| Finding {
        code: "launch_impossible".to_owned(),
        node: None,
        message: format!("The launch command of {} cannot be made: {why}", recipe.id),
        fix: Some("Correct the recipe.".to_owned()),
    };
    let unit = unit.ok_or_else(|| impossible("the unit has no name".to_owned()))?;
    let ranks = choice.placed().ok_or_else(|| Finding {
        code: "facts_unknown".to_owned(),
        node: None,
        message: "The facts of a node (home, images, fabric) have not been read yet".to_owned(),
        fix: Some("Wait for the node to be read, or test its connection.".to_owned()),
    })?;
    let placement = Placement {
        unit: unit.clone(),
        launch: launch.clone(),
        ranks,
    };
    let launches = launch_order(&placement)
        .map(|(rank, placed)| rank_launch(choice, &placement, rank, placed))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| impossible(error.to_string()))?;
    let last_good = choice.last_good(world);
    Ok(UnitLaunch {
        unit,
        repo: recipe.repo.clone(),
        recipe: recipe.id.clone(),
        served_name: served_name(recipe),
        kind: recipe.kind,
        port: recipe.port,
        endpoint: choice
            .nodes
            .first()
            .map(|n| base_url(&n.node.host, recipe.port))
            .unwrap_or_default(),
        nodes: choice.nodes.iter().map(|n| n.node.id.clone()).collect(),
        ranks: launches,
        expected_s: last_good.map(|l| l.load_s),
        limit_s: settings.load_limit_s,
    })
}

/// Workers first, the head last.
fn launch_order<'a>(placement: &'a Placement<'a>) -> impl Iterator<Item = (u32, &'a Placed<'a>)> {
    let workers = (0u32..).zip(&placement.ranks).skip(1);
    workers.chain(placement.ranks.first().map(|head| (0, head)))
}

fn rank_launch(
    choice: &Choice<'_>,
    placement: &Placement<'_>,
    rank: u32,
    placed: &Placed<'_>,
) -> Result<RankLaunch, crate::launch::LaunchError> {
    let remote = rank_argv(choice.recipe, placement, rank)?;
    verify_round_trip(&remote)?;
    Ok(RankLaunch {
        rank,
        node: placed.node.clone(),
        container: container_name(&placement.unit, rank)?,
        run: remote.argv().try_into()?,
    })
}

fn commands(launch: &UnitLaunch) -> Vec<PlannedCommand> {
    let command = |r: &RankLaunch| {
        let remote = r.run.remote();
        PlannedCommand {
            node: r.node.clone(),
            rank: Some(r.rank),
            argv: remote.argv(),
            rendered: remote.display(),
        }
    };
    launch.ranks.iter().map(command).collect()
}

fn swap_steps(stops: &[UnitStop], frees: &[FreeTarget], launch: &UnitLaunch) -> Vec<Step> {
    let mut steps = vec![Step::Preflight, Step::Drain];
    steps.extend(stop::stop_steps(stops));
    steps.extend(frees.iter().map(|f| Step::ProveFree {
        node: f.node.clone(),
        need_bytes: f.need_bytes,
    }));
    steps.extend(launch.ranks.iter().map(|r| Step::Launch {
        node: r.node.clone(),
        rank: r.rank,
    }));
    steps.extend([
        Step::AssertRunning,
        Step::Load,
        Step::Probe,
        Step::WarmUp,
        Step::Open,
        Step::Remember,
    ]);
    steps
}

fn touched(stops: &[UnitStop], placement: &[NodeId]) -> Vec<NodeId> {
    let mut nodes = placement.to_vec();
    for container in stops.iter().flat_map(|s| &s.containers) {
        if !nodes.contains(&container.node) {
            nodes.push(container.node.clone());
        }
    }
    nodes
}

#[cfg(test)]
pub(crate) mod tests;
