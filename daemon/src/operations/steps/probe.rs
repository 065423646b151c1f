//! Readiness is a real answer: health, the right name, then a completion with text in it.

use std::time::Duration;

use super::super::run::{Halt, Run, StepResult};
use crate::engine::{self, EngineError};

/// The first request compiles kernels (spark-domain 2.8).
const FIRST_ANSWER: Duration = Duration::from_secs(180);
const WARM_ANSWER: Duration = Duration::from_secs(60);
/// Health may lag behind the log line by a moment.
const HEALTH_TRIES: u32 = 20;

pub(in crate::operations) async fn answer(run: &mut Run) -> StepResult {
    let Some(launch) = run.plan.launch.clone() else {
        return Ok(None);
    };
    let engine = run.ctx.engine.at(&launch.endpoint);
    let mut last = None;
    for _try in 0..HEALTH_TRIES {
        match engine.serves(&launch.served_name).await {
            Ok(()) => {
                last = None;
                break;
            }
            Err(error @ EngineError::WrongModel { .. }) => return Err(failed(&error)),
            Err(error) => last = Some(error),
        }
        run.pause(Duration::from_millis(500)).await?;
    }
    if let Some(error) = last {
        return Err(failed(&error));
    }
    let probe = engine::Probe::of(launch.kind);
    let asked = engine.ask(&probe, &launch.served_name, FIRST_ANSWER);
    let cancel = run.cancel.clone();
    let shut_down = run.ctx.tasks.token().clone();
    tokio::select! {
        answer = asked => {
            let answer = answer.map_err(|e| failed(&e))?;
            Ok(Some(format!("{} answered in {:.1} s: {}", launch.served_name, answer.seconds, answer.text)))
        }
        () = cancel.cancelled() => Err(Halt::Cancelled),
        () = shut_down.cancelled() => Err(Halt::ShutDown),
    }
}

/// One more request, so that the first client does not pay for what compiles late. Its failure is told,
/// and harms nothing.
pub(in crate::operations) async fn warm_up(run: &mut Run) -> StepResult {
    let Some(launch) = run.plan.launch.clone() else {
        return Ok(None);
    };
    let engine = run.ctx.engine.at(&launch.endpoint);
    let probe = engine::Probe::of(launch.kind);
    Ok(Some(
        match engine.ask(&probe, &launch.served_name, WARM_ANSWER).await {
            Ok(answer) => format!("{:.1} s", answer.seconds),
            Err(error) => format!("no answer to the second request: {error}"),
        },
    ))
}

fn failed(error: &EngineError) -> Halt {
    Halt::failed(format!("it does not answer as it should: {error}"))
}
