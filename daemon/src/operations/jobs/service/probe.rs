//! A real answer of a service that has just become ready.

use std::time::{Duration, Instant};

use spark_core::deep::{Target, from_service};
use spark_core::services::StartPlan;
use spark_ipc::model::deep::DeepState;
use spark_ipc::model::service::Service;

use super::super::super::job::JobRun;
use super::super::super::run::Halt;
use crate::deep::{Limits, inference};

/// How long the read-model may take to show the new container.
const SHOWN: Duration = Duration::from_secs(10);

/// Asks the questions of its kind, and judges the answers.
pub(super) async fn answer(run: &JobRun, plan: &StartPlan) -> Result<((), Option<String>), Halt> {
    let Some(target) = target(run, plan).await else {
        let error = format!("{} is not shown as running", plan.service);
        return Err(Halt::failed(error));
    };
    let began = Instant::now();
    let probed = tokio::select! {
        probed = inference(run.ctx.engine.http(), &target, Limits::FIRST) => probed,
        () = run.cancel.cancelled() => return Err(Halt::Cancelled),
        () = run.ctx.tasks.token().cancelled() => return Err(Halt::ShutDown),
    };
    if probed.state == DeepState::Failed {
        let why = probed.error.as_deref().unwrap_or("its answer is wrong");
        return Err(Halt::Failed {
            error: format!("{} does not answer as it should: {why}", plan.service),
            advice: probed.advice.map(Box::new),
        });
    }
    let seen = probed.checks.iter().find_map(|c| c.detail.clone());
    let seen = seen.unwrap_or_else(|| "answered".to_owned());
    let seconds = began.elapsed().as_secs_f64();
    Ok(((), Some(format!("{seen} ({seconds:.1} s)"))))
}

/// What is asked, once the read-model has the new container.
async fn target(run: &JobRun, plan: &StartPlan) -> Option<Target> {
    run.ctx.units.refresh().await;
    let id = run.id();
    let of = |services: &[Service]| {
        let found = services.iter().find(|s| s.name == plan.service)?;
        let ours = found.launch.as_ref() == Some(id);
        ours.then(|| from_service(found)).flatten()
    };
    let mut list = run.ctx.services.list();
    let shown = list.wait_for(|services| of(services).is_some());
    let services = tokio::time::timeout(SHOWN, shown).await.ok()?.ok()?;
    of(&services)
}
