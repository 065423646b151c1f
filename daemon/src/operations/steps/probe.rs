//! Readiness is a right answer: health, the right name, then the questions of deep health.

use std::time::Duration;

use spark_core::deep::{Key, Probed, Target, kind_of};
use spark_core::plan::UnitLaunch;
use spark_ipc::model::deep::{DeepState, DeepSubject};

use super::super::run::{Halt, Run, StepResult};
use crate::deep::{Limits, inference};
use crate::engine::EngineError;

/// Health may lag behind the log line by a moment.
const HEALTH_TRIES: u32 = 20;

/// The first answer, which compiles kernels, and must be right: an engine that serves garbage has failed.
pub(in crate::operations) async fn answer(run: &mut Run) -> StepResult {
    let Some(launch) = run.plan.launch.clone() else {
        return Ok(None);
    };
    serves(run, &launch).await?;
    let probed = ask(run, &launch, Limits::FIRST).await?;
    if probed.state == DeepState::Failed {
        let error = probed.error.unwrap_or_default();
        return Err(Halt::Failed {
            error: format!("it does not answer as it should: {error}"),
            advice: probed.advice.map(Box::new),
        });
    }
    Ok(Some(format!(
        "{} answered in {}",
        launch.served_name,
        told(&probed)
    )))
}

/// One more round, so that the first client does not pay for what compiles late. Its failure is told, and harms
/// nothing.
pub(in crate::operations) async fn warm_up(run: &mut Run) -> StepResult {
    let Some(launch) = run.plan.launch.clone() else {
        return Ok(None);
    };
    let probed = ask(run, &launch, Limits::WARM).await?;
    Ok(Some(match probed.error {
        None => told(&probed),
        Some(error) => format!("no answer to the second round: {error}"),
    }))
}

/// Waits until it is healthy and has the right name.
async fn serves(run: &Run, launch: &UnitLaunch) -> Result<(), Halt> {
    let engine = run.ctx.engine.at(&launch.endpoint);
    let mut last = None;
    for _try in 0..HEALTH_TRIES {
        match engine.serves(&launch.served_name).await {
            Ok(()) => return Ok(()),
            Err(error @ EngineError::WrongModel { .. }) => return Err(failed(&error)),
            Err(error) => last = Some(error),
        }
        run.pause(Duration::from_millis(500)).await?;
    }
    last.map_or(Ok(()), |error| Err(failed(&error)))
}

async fn ask(run: &Run, launch: &UnitLaunch, limits: Limits) -> Result<Probed, Halt> {
    let target = target(run, launch);
    tokio::select! {
        probed = inference(run.ctx.engine.http(), &target, limits) => Ok(probed),
        () = run.cancel.cancelled() => Err(Halt::Cancelled),
        () = run.ctx.tasks.token().cancelled() => Err(Halt::ShutDown),
    }
}

fn target(run: &Run, launch: &UnitLaunch) -> Target {
    Target {
        key: Key {
            subject: DeepSubject::Unit,
            id: launch.served_name.clone(),
        },
        kind: kind_of(launch.kind),
        node: launch.nodes.first().cloned(),
        base_url: launch.endpoint.clone(),
        health: "/health".to_owned(),
        model: Some(launch.served_name.clone()),
        path: None,
        // Tools are a matter of the recipe's parser: a wrong one is told by deep health, and fails no swap.
        tools: false,
        due: true,
        launch: run.plan.operation.to_string(),
    }
}

/// The time, and what was seen first.
fn told(probed: &Probed) -> String {
    let seen = probed
        .checks
        .iter()
        .find_map(|check| check.detail.as_deref());
    let seconds = probed.latency_ms / 1000.0;
    format!("{seconds:.1} s: {}", seen.unwrap_or("healthy"))
}

fn failed(error: &EngineError) -> Halt {
    Halt::failed(format!("it does not answer as it should: {error}"))
}
