//! Stopping one container: stop it, then remove it. Both can be said twice.

use std::time::Duration;

use spark_core::plan::{ContainerStop, Plan, Step};

use super::super::context::Context;
use super::super::hands::{self, Done};
use super::super::run::{Halt, StepResult};

/// Tries while the link comes and goes.
const TRIES: u32 = 20;

pub(in crate::operations) async fn one(ctx: &Context, plan: &Plan, step: &Step) -> StepResult {
    let Step::Stop { unit, node, rank } = step else {
        return Ok(None);
    };
    let Some(container) = plan.container_stop(unit, node, *rank) else {
        return Ok(None);
    };
    for _try in 0..TRIES {
        match stop_and_remove(ctx, container, plan.stop_grace_s).await {
            Done::Ok(_) => return Ok(Some(format!("{} is gone", container.name))),
            Done::Refused { stderr, .. } => {
                return Err(Halt::failed(format!(
                    "{} could not be stopped: {stderr}",
                    container.name
                )));
            }
            // Whether it was done is not known; saying it again does no harm.
            Done::Unknown(_) => hands::link_back(ctx, node, Duration::from_secs(30)).await?,
        }
    }
    Err(Halt::failed(format!(
        "{node} does not answer, so it is not known whether {} runs",
        container.name
    )))
}

async fn stop_and_remove(ctx: &Context, container: &ContainerStop, grace_s: u32) -> Done {
    if container.running {
        match hands::stop(ctx, &container.node, &container.id, grace_s).await {
            Done::Ok(_) => {}
            Done::Refused { stderr, .. } if hands::is_gone(&stderr) => {}
            other => return other,
        }
    }
    if container.keep {
        return Done::Ok(String::new());
    }
    match hands::remove(ctx, &container.node, &container.id).await {
        Done::Refused { stderr, .. } if hands::is_gone(&stderr) => Done::Ok(String::new()),
        other => other,
    }
}
