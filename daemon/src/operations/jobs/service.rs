//! A service's container: started until it gives a real answer, or stopped and removed.
//!
//! The container carries the operation's id, so that a later run of the daemon finds what an earlier one began;
//! nothing is launched before that has been looked for.

mod image;
mod launch;
mod probe;
mod ready;

use serde::{Deserialize, Serialize};
use spark_core::services::{StartPlan, StopPlan};
use spark_core::units::ContainerFacts;
use spark_ipc::id::NodeId;
use spark_ipc::model::operation::OperationKind;

use super::super::hands::{self, Done};
use super::super::job::{JobRun, JobStep};
use super::super::run::Halt;
use super::detached;

/// Seconds that a service gets to end by itself.
const GRACE_S: u32 = 20;
/// Tries while the link comes and goes.
const TRIES: u32 = 10;
/// How long a lost link is waited for.
const LINK_BACK: std::time::Duration = std::time::Duration::from_secs(60);

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::operations) enum Act {
    Start,
    Stop,
    Restart,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::operations) struct ServiceJob {
    pub(in crate::operations) act: Act,
    /// What goes first.
    pub(in crate::operations) stop: Option<StopPlan>,
    pub(in crate::operations) start: Option<StartPlan>,
}

impl ServiceJob {
    pub(in crate::operations) fn kind(&self) -> OperationKind {
        match self.act {
            Act::Start => OperationKind::ServiceStart,
            Act::Stop => OperationKind::ServiceStop,
            Act::Restart => OperationKind::ServiceRestart,
        }
    }

    /// The name of the service.
    pub(in crate::operations) fn subject(&self) -> String {
        let started = self.start.as_ref().map(|s| s.service.to_string());
        let stopped = || self.stop.as_ref().map(|s| s.service.to_string());
        started.or_else(stopped).unwrap_or_default()
    }

    pub(in crate::operations) fn nodes(&self) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = self.stop.iter().map(|s| s.node.clone()).collect();
        nodes.extend(self.start.iter().map(|s| s.node.clone()));
        nodes.dedup();
        nodes
    }

    pub(in crate::operations) fn steps(&self) -> Vec<JobStep> {
        let mut steps: Vec<JobStep> = Vec::new();
        steps.extend(self.stop.iter().map(|s| JobStep::on("stop", &s.node)));
        if let Some(start) = &self.start {
            let login = start.nim.then_some("login");
            let names = ["preflight"]
                .into_iter()
                .chain(login)
                .chain(["image", "launch", "health", "probe"]);
            steps.extend(names.map(|name| JobStep::on(name, &start.node)));
        }
        steps
    }

    pub(in crate::operations) async fn run(&self, run: &mut JobRun) -> Result<(), Halt> {
        let mut index = 0;
        if let Some(plan) = &self.stop {
            run.step(index, async |run| stop(run, plan).await).await?;
            index += 1;
        }
        if let Some(plan) = &self.start {
            start(run, plan, index).await?;
        }
        Ok(())
    }

    /// Nothing of a start that did not succeed stays.
    pub(in crate::operations) async fn undo(&self, run: &JobRun) -> Result<(), String> {
        let Some(plan) = &self.start else {
            return Ok(());
        };
        if let Ok(name) = image::job_name(run)
            && !plan.image_present
        {
            detached::end(run, &plan.node, &name).await?;
        }
        launch::take_away(run, plan).await
    }
}

async fn start(run: &mut JobRun, plan: &StartPlan, first: usize) -> Result<(), Halt> {
    let mut index = first;
    run.step(index, async |run| launch::prepare(run, plan).await)
        .await?;
    if plan.nim {
        index += 1;
        run.step(index, async |run| image::log_in(run, plan).await)
            .await?;
    }
    index += 1;
    run.step(index, async |run| image::bring(run, plan, index).await)
        .await?;
    index += 1;
    run.step(index, async |run| launch::launch(run, plan).await)
        .await?;
    index += 1;
    run.step(index, async |run| ready::wait(run, plan, index).await)
        .await?;
    index += 1;
    run.step(index, async |run| probe::answer(run, plan).await)
        .await
}

/// Stops and removes the containers by id. Both can be said twice.
async fn stop(run: &JobRun, plan: &StopPlan) -> Result<((), Option<String>), Halt> {
    for id in &plan.containers {
        gone(run, &plan.node, id).await?;
    }
    Ok(((), Some(format!("{} is gone", plan.service))))
}

/// One container is stopped and removed.
async fn gone(run: &JobRun, node: &NodeId, id: &str) -> Result<(), Halt> {
    for _try in 0..TRIES {
        let done = match hands::stop(&run.ctx, node, id, GRACE_S).await {
            Done::Ok(_) => hands::remove(&run.ctx, node, id).await,
            other => other,
        };
        match done {
            Done::Ok(_) => return Ok(()),
            Done::Refused { stderr, .. } if hands::is_gone(&stderr) => return Ok(()),
            Done::Refused { stderr, .. } => {
                return Err(Halt::failed(format!("it could not be stopped: {stderr}")));
            }
            // Whether it was done is not known; saying it again does no harm.
            Done::Unknown(_) => hands::link_back(&run.ctx, node, LINK_BACK).await?,
        }
    }
    Err(Halt::failed(format!(
        "{node} does not answer, so it is not known whether it was stopped"
    )))
}

/// The containers of this operation, as soon as the node can be asked: not to know is not the same as none.
async fn own(run: &JobRun, node: &NodeId) -> Result<Vec<ContainerFacts>, Halt> {
    let mut why = String::new();
    for _try in 0..TRIES {
        match hands::containers_of(&run.ctx, node, run.id()).await {
            Ok(found) => return Ok(found),
            Err(error) => why = error,
        }
        hands::link_back(&run.ctx, node, LINK_BACK).await?;
        run.pause(std::time::Duration::from_secs(1)).await?;
    }
    Err(Halt::failed(format!(
        "{node} does not say what runs there: {why}"
    )))
}
