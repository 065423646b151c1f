//! The executor: makes a plan true, step by step.
//!
//! It makes no choices: the plan says what, in which order. Before a step the intent is in the journal,
//! after it that it was done. Adjacent stops, and adjacent waits for memory, go on at the same time, since
//! each concerns another container or node. A failure stops all ranks that were launched; then, where the
//! operator set it so, the last good model is started again, once.

use std::time::Duration;

use futures_util::future::join_all;
use spark_core::plan::{Plan, Step};
use spark_ipc::model::operation::{Advice, OperationKind, OperationState, StepState};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::record::Record;
use super::steps::{drain, free, launch, load, probe, stop};
use super::{restore, undo};
use crate::clock;
use crate::gate::Route;
use crate::journal::Launch;

/// Why the steps ended before their end.
#[derive(Debug)]
pub(super) enum Halt {
    Failed {
        error: String,
        advice: Option<Box<Advice>>,
    },
    Cancelled,
    /// The daemon is shutting down: the journal keeps the operation open for the next start.
    ShutDown,
}

impl Halt {
    pub(super) fn failed(error: impl Into<String>) -> Self {
        Self::Failed {
            error: error.into(),
            advice: None,
        }
    }
}

/// What a step came to: a word for the record.
pub(super) type StepResult = Result<Option<String>, Halt>;

/// One operation on its way.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) ctx: Context,
    pub(super) record: Record,
    pub(super) plan: Plan,
    /// Index of the plan's first step among the record's steps.
    pub(super) offset: usize,
    pub(super) cancel: CancellationToken,
    /// Whether this is the way back to the last good model.
    pub(super) restoring: bool,
    /// When the first rank was launched.
    pub(super) launched: Option<Instant>,
    /// The least MemAvailable over the launch's nodes before it, and after.
    pub(super) memory_before: Vec<(spark_ipc::id::NodeId, u64)>,
}

impl Run {
    /// Executes the steps from `from` on and ends the operation, unless the daemon shuts down first.
    pub(super) async fn execute(mut self, from: usize) {
        let mut from = from;
        loop {
            let halt = match self.steps(from).await {
                Ok(()) => {
                    let state = self.success();
                    return self.end(state).await;
                }
                Err(Halt::ShutDown) => return,
                Err(halt) => halt,
            };
            let cancelled = matches!(halt, Halt::Cancelled);
            self.note_failure(halt).await;
            let Some(state) = self.undo(cancelled).await else {
                return;
            };
            // Once, and never after a cancel: the operator is at the keyboard then.
            let restorable = state == OperationState::Failed && !self.restoring;
            let plan = if restorable {
                restore::plan(&self).await
            } else {
                None
            };
            let Some(plan) = plan else {
                return self.end(state).await;
            };
            self.restoring = true;
            if let Err(error) = self.adopt(plan).await {
                tracing::error!(%error, "the restore could not be written to the journal");
                return self.end(state).await;
            }
            from = 0;
        }
    }

    /// How it ends when all steps are done: what the operator asked for, or what came back instead.
    pub(super) fn success(&self) -> OperationState {
        if self.restoring {
            OperationState::RolledBack
        } else {
            OperationState::Succeeded
        }
    }

    /// The first cause stays: that of a failed restore does not hide it.
    async fn note_failure(&mut self, halt: Halt) {
        if let Halt::Failed { error, advice } = halt
            && !self.restoring
        {
            self.record.failed_with(error, advice.map(|a| *a)).await;
        }
    }

    /// Nothing of the launch stays, and the last good model is named. Gives the state that the operation
    /// has come to; `None` when the daemon shuts down, so that the next run goes on with this.
    async fn undo(&mut self, cancelled: bool) -> Option<OperationState> {
        self.record.skip_rest().await;
        let left = undo::launched(&self.ctx, &mut self.record, &self.plan).await;
        if self.ctx.tasks.token().is_cancelled() {
            return None;
        }
        if !self.restoring {
            let last = restore::last_good(&self.ctx, &self.plan);
            self.record
                .last_good(last.map(|l| l.repo.to_string()))
                .await;
        }
        if left.is_empty() {
            return Some(if cancelled {
                OperationState::Cancelled
            } else {
                OperationState::Failed
            });
        }
        let names: Vec<&str> = left.iter().map(spark_ipc::id::NodeId::as_str).collect();
        let before = self
            .record
            .operation()
            .error
            .clone()
            .unwrap_or_else(|| "cancelled".to_owned());
        let error = format!(
            "{before}; {} did not answer, so containers of this launch may still run there",
            names.join(" and ")
        );
        let advice = self.record.operation().advice.clone();
        self.record.failed_with(error, advice).await;
        Some(OperationState::Interrupted)
    }

    /// Ends an operation that an earlier run of the daemon left and that cannot go on.
    pub(super) async fn give_up(mut self, reason: String) {
        if self.record.operation().error.is_none() {
            self.record.failed_with(reason, None).await;
        }
        let cancelled = self.record.operation().cancelling;
        if let Some(state) = self.undo(cancelled).await {
            self.end(state).await;
        }
    }

    /// Goes on with another plan: that of the last good model.
    async fn adopt(&mut self, plan: Plan) -> Result<(), crate::journal::JournalError> {
        self.offset = self.record.append_steps(super::view_steps(&plan)).await;
        let text = serde_json::to_string(&plan).map_err(crate::journal::JournalError::Encode)?;
        self.ctx
            .journal
            .replan(self.record.operation(), text)
            .await?;
        self.plan = plan;
        self.launched = None;
        Ok(())
    }

    async fn steps(&mut self, from: usize) -> Result<(), Halt> {
        let steps = self.plan.steps.clone();
        let mut index = from;
        while let Some(step) = steps.get(index) {
            self.check_stop().await?;
            let rest = steps.get(index..).unwrap_or_default();
            let together = rest.iter().take_while(|s| joins(step, s)).count().max(1);
            self.group(index, rest.get(..together).unwrap_or_default())
                .await?;
            index += together;
        }
        Ok(())
    }

    /// A cancel or a shutdown that was asked for between two steps.
    async fn check_stop(&mut self) -> Result<(), Halt> {
        if self.ctx.tasks.token().is_cancelled() {
            return Err(Halt::ShutDown);
        }
        if self.cancel.is_cancelled() {
            self.record.cancelling().await;
            return Err(Halt::Cancelled);
        }
        Ok(())
    }

    async fn group(&mut self, index: usize, steps: &[Step]) -> Result<(), Halt> {
        for i in 0..steps.len() {
            self.journal(
                self.ctx
                    .journal
                    .intend(&self.plan.operation, index + i)
                    .await,
            )?;
            self.record.begin_step(self.offset + index + i).await;
        }
        let results = self.dispatch(index, steps).await;
        let mut first = None;
        for (i, result) in results.into_iter().enumerate() {
            let at = self.offset + index + i;
            match result {
                Ok(detail) => {
                    self.journal(self.ctx.journal.done(&self.plan.operation, index + i).await)?;
                    self.record.end_step(at, StepState::Done, detail).await;
                }
                Err(halt) => {
                    let (state, detail) = match &halt {
                        Halt::Failed { error, .. } => (StepState::Failed, Some(error.clone())),
                        Halt::Cancelled => (StepState::Skipped, Some("cancelled".to_owned())),
                        Halt::ShutDown => (StepState::Running, None),
                    };
                    self.record.end_step(at, state, detail).await;
                    first.get_or_insert((index + i, halt));
                }
            }
        }
        let Some((failed, halt)) = first else {
            return Ok(());
        };
        match &halt {
            Halt::Failed { error, advice } if !self.restoring => {
                let advice = advice.as_deref().cloned();
                self.record.failed_with(error.clone(), advice).await;
            }
            Halt::Cancelled => self.record.cancelling().await,
            Halt::Failed { .. } | Halt::ShutDown => {}
        }
        if !matches!(halt, Halt::ShutDown) {
            self.journal(
                self.ctx
                    .journal
                    .failed(self.record.operation(), failed)
                    .await,
            )?;
        }
        Err(halt)
    }

    fn journal(&self, written: Result<(), crate::journal::JournalError>) -> Result<(), Halt> {
        written.map_err(|error| {
            tracing::error!(%error, operation = %self.plan.operation, "the journal cannot be written");
            Halt::failed(format!("the journal cannot be written, so nothing more was done: {error}"))
        })
    }

    async fn dispatch(&mut self, index: usize, steps: &[Step]) -> Vec<StepResult> {
        let began = Instant::now();
        match steps.first() {
            Some(Step::Stop { .. }) => {
                let all = steps.iter().map(|s| stop::one(&self.ctx, &self.plan, s));
                let results = join_all(all).await;
                self.record.not_ours(began.elapsed());
                results
            }
            Some(Step::ProveFree { .. }) => {
                let all = steps
                    .iter()
                    .map(|s| free::prove(&self.ctx, &self.plan, s, &self.cancel));
                let results = join_all(all).await;
                self.record.not_ours(began.elapsed());
                results
            }
            Some(step) => vec![self.single(index, step).await],
            None => Vec::new(),
        }
    }

    async fn single(&mut self, index: usize, step: &Step) -> StepResult {
        match step {
            Step::Preflight => launch::still_holds(self),
            Step::Drain => {
                let began = Instant::now();
                let result = drain::drain(&self.ctx, &self.plan, &self.cancel).await;
                self.record.not_ours(began.elapsed());
                result
            }
            Step::Stop { .. } | Step::ProveFree { .. } => Ok(None),
            Step::Launch { rank, .. } => launch::one(self, *rank).await,
            Step::AssertRunning => launch::all_run(self).await,
            Step::Load => self.timed(index, load::follow).await,
            Step::Probe => self.elsewhere(probe::answer).await,
            Step::WarmUp => self.elsewhere(probe::warm_up).await,
            Step::Open => Ok(self.open().await),
            Step::Remember => Ok(None),
        }
    }

    async fn elsewhere(&mut self, step: impl AsyncFnOnce(&mut Self) -> StepResult) -> StepResult {
        let began = Instant::now();
        let result = step(self).await;
        self.record.not_ours(began.elapsed());
        result
    }

    async fn timed(
        &mut self,
        index: usize,
        step: impl AsyncFnOnce(&mut Self, usize) -> StepResult,
    ) -> StepResult {
        let began = Instant::now();
        let at = self.offset + index;
        let result = step(self, at).await;
        self.record.not_ours(began.elapsed());
        result
    }

    async fn open(&self) -> Option<String> {
        let launch = self.plan.launch.as_ref()?;
        self.ctx
            .units
            .mark_ready(&self.plan.operation, clock::now())
            .await;
        self.ctx.gate.set(Route::Serving(crate::gate::Upstream {
            served_name: launch.served_name.clone(),
            base_url: launch.endpoint.clone(),
        }));
        Some(format!("requests go to {}", launch.served_name))
    }

    pub(super) async fn end(mut self, state: OperationState) {
        self.record.set_end(state);
        let succeeded = matches!(
            state,
            OperationState::Succeeded | OperationState::RolledBack
        );
        let launch = if succeeded {
            self.remembered().await
        } else {
            None
        };
        if let Err(error) = self.ctx.journal.end(self.record.operation(), launch).await {
            tracing::error!(%error, operation = %self.plan.operation, "the end of an operation was not written");
        }
        self.ctx.launches_changed().await;
        let operation = self.record.operation();
        tracing::info!(
            operation = %operation.id,
            state = ?operation.state,
            subject = ?operation.subject,
            own_ms = operation.own_ms,
            error = ?operation.error,
            "an operation ended"
        );
        // Who sees the end sees the units as they are after it.
        self.ctx.units.refresh().await;
        self.record.close().await;
    }

    /// The launch as the last good one: load time and memory are what the next plan reckons with.
    async fn remembered(&self) -> Option<Launch> {
        let launch = self.plan.launch.as_ref()?;
        if self.plan.kind != OperationKind::Swap {
            return None;
        }
        // After a restart of the daemon the moment of the launch is not known: an earlier load tells more
        // than the time that went by.
        let since_begin = || {
            let known = std::sync::Arc::clone(&self.ctx.launches.borrow());
            let same = known
                .iter()
                .find(|l| l.repo == launch.repo && l.recipe == launch.recipe);
            same.map_or_else(
                || clock::now().seconds_since(self.record.operation().started_at),
                |earlier| earlier.load_s,
            )
        };
        let memory = free::taken(&self.ctx, &self.memory_before).await;
        Some(Launch {
            repo: launch.repo.clone(),
            recipe: launch.recipe.clone(),
            nodes: launch.nodes.clone(),
            at: clock::now(),
            load_s: self
                .launched
                .map_or_else(since_begin, |at| at.elapsed().as_secs_f64()),
            memory_bytes: memory,
        })
    }

    /// Sleeps, unless the operation is cancelled or the daemon shuts down.
    pub(super) async fn pause(&self, time: Duration) -> Result<(), Halt> {
        super::context::pause(&self.ctx, &self.cancel, time).await
    }
}

/// Whether `step` goes on at the same time as `first`.
fn joins(first: &Step, step: &Step) -> bool {
    matches!(
        (first, step),
        (Step::Stop { .. }, Step::Stop { .. }) | (Step::ProveFree { .. }, Step::ProveFree { .. })
    )
}
