//! Operations other than swaps: each kind is a [`Job`], data that the journal keeps and that can be run again.
//!
//! A job has named steps. It looks before it acts, so that running it once more is harmless: a daemon that was
//! killed takes a job up by running it again, and a step whose link broke is looked at and not repeated blindly.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use spark_ipc::id::{NodeId, OperationId};
use spark_ipc::model::operation::{OperationKind, OperationState, Step, StepState};
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::jobs;
use super::record::Record;
use super::run::Halt;

/// What is to be done, as the journal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one a running operation, and it is moved twice"
)]
pub(in crate::operations) enum Job {
    ImageRemove(jobs::image_remove::ImageRemove),
    Download(jobs::download::Download),
    Copy(jobs::copy::Copy),
    Delete(jobs::delete::Delete),
    Verify(jobs::verification::Verification),
    ImagePull(jobs::image_pull::ImagePull),
    ImageCopy(jobs::image_copy::ImageCopy),
    Service(jobs::service::ServiceJob),
}

/// A step before it begins: its stable name, and the node that it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::operations) struct JobStep {
    pub(in crate::operations) name: &'static str,
    pub(in crate::operations) node: Option<NodeId>,
}

impl JobStep {
    pub(in crate::operations) fn on(name: &'static str, node: &NodeId) -> Self {
        Self {
            name,
            node: Some(node.clone()),
        }
    }

    fn view(self) -> Step {
        Step {
            name: self.name.to_owned(),
            node: self.node,
            state: StepState::Pending,
            started_at: None,
            ended_at: None,
            detail: None,
        }
    }
}

impl Job {
    pub(in crate::operations) fn kind(&self) -> OperationKind {
        match self {
            Self::ImageRemove(_) => OperationKind::ImageRemove,
            Self::Download(_) => OperationKind::Download,
            Self::Copy(_) => OperationKind::Copy,
            Self::Delete(_) => OperationKind::Delete,
            Self::Verify(_) => OperationKind::Verify,
            Self::ImagePull(_) => OperationKind::ImagePull,
            Self::ImageCopy(_) => OperationKind::ImageCopy,
            Self::Service(job) => job.kind(),
        }
    }

    /// What it is about, as shown: a repository, an image, a service.
    pub(in crate::operations) fn subject(&self) -> String {
        match self {
            Self::ImageRemove(job) => job.image.to_string(),
            Self::Download(job) => job.what.repo.to_string(),
            Self::Copy(job) => job.repo.to_string(),
            Self::Delete(job) => job.repo.to_string(),
            Self::Verify(job) => job.repo.to_string(),
            Self::ImagePull(job) => job.image.to_string(),
            Self::ImageCopy(job) => job.image.to_string(),
            Self::Service(job) => job.subject(),
        }
    }

    /// Every node that it holds.
    pub(in crate::operations) fn nodes(&self) -> Vec<NodeId> {
        match self {
            Self::ImageRemove(job) => job.nodes.clone(),
            Self::Download(job) => job.nodes(),
            Self::Copy(job) => job.nodes(),
            Self::Delete(job) => job.nodes.clone(),
            Self::Verify(job) => job.nodes.clone(),
            Self::ImagePull(job) => job.nodes.clone(),
            Self::ImageCopy(job) => job.nodes(),
            Self::Service(job) => job.nodes(),
        }
    }

    fn steps(&self) -> Vec<JobStep> {
        match self {
            Self::ImageRemove(job) => job.steps(),
            Self::Download(job) => job.steps(),
            Self::Copy(job) => job.steps(),
            Self::Delete(job) => job.steps(),
            Self::Verify(job) => job.steps(),
            Self::ImagePull(job) => job.steps(),
            Self::ImageCopy(job) => job.steps(),
            Self::Service(job) => job.steps(),
        }
    }

    pub(super) fn view_steps(&self) -> Vec<Step> {
        self.steps().into_iter().map(JobStep::view).collect()
    }

    async fn run(&self, run: &mut JobRun) -> Result<(), Halt> {
        match self {
            Self::ImageRemove(job) => job.run(run).await,
            Self::Download(job) => job.run(run).await,
            Self::Copy(job) => job.run(run).await,
            Self::Delete(job) => job.run(run).await,
            Self::Verify(job) => job.run(run).await,
            Self::ImagePull(job) => job.run(run).await,
            Self::ImageCopy(job) => job.run(run).await,
            Self::Service(job) => job.run(run).await,
        }
    }

    /// After a failure or a cancel: nothing half done stays, or it is said what does.
    async fn undo(&self, run: &mut JobRun) -> Result<(), String> {
        match self {
            Self::ImageRemove(_) | Self::Delete(_) => Ok(()),
            Self::Download(job) => job.undo(run).await,
            Self::Verify(job) => job.undo(run).await,
            Self::Copy(job) => job.undo(run).await,
            Self::ImagePull(job) => job.undo(run).await,
            Self::ImageCopy(job) => job.undo(run).await,
            Self::Service(job) => job.undo(run).await,
        }
    }
}

/// One job on its way.
#[derive(Debug)]
pub(in crate::operations) struct JobRun {
    pub(in crate::operations) ctx: Context,
    pub(in crate::operations) record: Record,
    pub(in crate::operations) cancel: CancellationToken,
}

impl JobRun {
    /// The operation's id: the label of its containers, the name of its folder on a node.
    pub(in crate::operations) fn id(&self) -> &OperationId {
        &self.record.operation().id
    }

    /// Does step `index`: its intent is in the journal before, its end after. `work` gives what it found and
    /// a word for the record.
    pub(in crate::operations) async fn step<T>(
        &mut self,
        index: usize,
        work: impl AsyncFnOnce(&mut Self) -> Result<(T, Option<String>), Halt>,
    ) -> Result<T, Halt> {
        self.check()?;
        let id = self.id().clone();
        written(self.ctx.journal.intend(&id, index).await)?;
        self.record.begin_step(index).await;
        match work(self).await {
            Ok((found, detail)) => {
                written(self.ctx.journal.done(&id, index).await)?;
                self.record.end_step(index, StepState::Done, detail).await;
                Ok(found)
            }
            Err(halt) => {
                let (state, detail) = match &halt {
                    Halt::Failed { error, .. } => (StepState::Failed, Some(error.clone())),
                    Halt::Cancelled => (StepState::Skipped, Some("cancelled".to_owned())),
                    Halt::ShutDown => return Err(halt),
                };
                self.record.end_step(index, state, detail).await;
                Err(halt)
            }
        }
    }

    /// A cancel or a shutdown that was asked for.
    pub(in crate::operations) fn check(&self) -> Result<(), Halt> {
        if self.ctx.tasks.token().is_cancelled() {
            return Err(Halt::ShutDown);
        }
        if self.cancel.is_cancelled() {
            return Err(Halt::Cancelled);
        }
        Ok(())
    }

    /// Sleeps, unless the operation is cancelled or the daemon shuts down.
    pub(in crate::operations) async fn pause(&self, time: Duration) -> Result<(), Halt> {
        super::context::pause(&self.ctx, &self.cancel, time).await
    }

    /// Runs `job` and ends the operation, unless the daemon shuts down first: then the next run of the
    /// daemon takes it up.
    pub(super) async fn execute(mut self, job: Job) {
        let failed_before = self.record.operation().error.is_some();
        let halt = if failed_before {
            Halt::failed("the daemon was restarted while this was being undone")
        } else {
            match job.run(&mut self).await {
                Ok(()) => return self.end(OperationState::Succeeded).await,
                Err(halt) => halt,
            }
        };
        let state = match halt {
            Halt::ShutDown => return,
            Halt::Cancelled => OperationState::Cancelled,
            Halt::Failed { error, advice } => {
                if !failed_before {
                    self.record.failed_with(error, advice.map(|a| *a)).await;
                }
                OperationState::Failed
            }
        };
        // Known to the next run of the daemon, should this one end in the middle of the undoing.
        if let Err(error) = self.ctx.journal.update(self.record.operation()).await {
            tracing::error!(%error, operation = %self.id(), "the failure was not written");
        }
        self.record.skip_rest().await;
        match job.undo(&mut self).await {
            Ok(()) => self.end(state).await,
            Err(_) if self.ctx.tasks.token().is_cancelled() => {}
            Err(left) => {
                let operation = self.record.operation();
                let before = operation.error.as_deref().unwrap_or("cancelled");
                let (error, advice) = (format!("{before}; {left}"), operation.advice.clone());
                self.record.failed_with(error, advice).await;
                self.end(OperationState::Interrupted).await;
            }
        }
    }

    async fn end(mut self, state: OperationState) {
        self.record.set_end(state);
        if let Err(error) = self.ctx.journal.end(self.record.operation(), None).await {
            tracing::error!(%error, operation = %self.id(), "the end of an operation was not written");
        }
        let operation = self.record.operation();
        tracing::info!(operation = %operation.id, state = ?operation.state, subject = ?operation.subject, error = ?operation.error, "an operation ended");
        // Who sees the end sees the units and the disks as they are after it.
        self.ctx.units.refresh().await;
        self.ctx.models.kick();
        self.record.close().await;
    }
}

fn written(result: Result<(), crate::journal::JournalError>) -> Result<(), Halt> {
    result.map_err(|error| {
        tracing::error!(%error, "the journal cannot be written");
        Halt::failed(format!(
            "the journal cannot be written, so nothing more was done: {error}"
        ))
    })
}
