//! The plan in words.

use spark_ipc::model::preflight::{PlanStep, PlanView};

use super::{Step, UnitLaunch, UnitStop};
use crate::fit::gib;

/// The plan as the operator reads it.
pub(super) fn view(launch: &UnitLaunch, stops: &[UnitStop], steps: &[Step]) -> PlanView {
    let step = |s: &Step| PlanStep {
        name: s.name().to_owned(),
        node: s.node().cloned(),
        text: text(s, launch, stops),
    };
    PlanView {
        repo: launch.repo.clone(),
        recipe: launch.recipe.clone(),
        served_name: launch.served_name.clone(),
        unit: launch.unit.clone(),
        nodes: launch.nodes.clone(),
        stops: stops.iter().map(|s| s.unit.clone()).collect(),
        steps: steps.iter().map(step).collect(),
        expected_s: launch.expected_s,
    }
}

fn text(step: &Step, launch: &UnitLaunch, stops: &[UnitStop]) -> String {
    match step {
        Step::Preflight => "See that the launch commands are exactly what was planned".to_owned(),
        Step::Drain if stops.is_empty() => "No unit to drain".to_owned(),
        Step::Drain => "Let running requests end and hold new ones back".to_owned(),
        Step::Stop { unit, node, rank } => {
            let repo = stops
                .iter()
                .find(|s| s.unit == *unit)
                .and_then(|s| s.repo.as_ref());
            let what = repo.map_or_else(|| unit.to_string(), ToString::to_string);
            format!("Stop rank {rank} of {what} on {node}")
        }
        Step::ProveFree { node, need_bytes } => {
            format!("Wait until {node} has {} free", gib(*need_bytes))
        }
        Step::Launch { node, rank: 0 } => format!("Start {} on {node}", launch.repo),
        Step::Launch { node, rank } => format!("Start worker {rank} of {} on {node}", launch.repo),
        Step::AssertRunning => "See that every container runs".to_owned(),
        Step::Load => launch.expected_s.map_or_else(
            || "Follow the load until it listens".to_owned(),
            |s| format!("Follow the load until it listens (last time {s:.0} s)"),
        ),
        Step::Probe => format!("Ask {} for a real answer", launch.served_name),
        Step::WarmUp => {
            "Ask once more, so that the first client does not wait for compilation".to_owned()
        }
        Step::Open => "Let requests flow".to_owned(),
        Step::Remember => "Remember it as the last good one".to_owned(),
    }
}
