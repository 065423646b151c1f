//! The record of one operation: what everybody sees of it, and what the journal keeps.

use std::time::{Duration, Instant};

use spark_ipc::model::operation::{
    Advice, LogLine, Operation, OperationState, Progress, Step, StepState,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Request;
use super::feed::Feed;
use crate::clock;

/// Progress is published at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// Owned by the task that executes the operation; every change is published at once.
#[derive(Debug)]
pub(super) struct Record {
    operation: Operation,
    feed: Feed,
    cancel: CancellationToken,
    manager: mpsc::Sender<Request>,
    began: Instant,
    /// Time that engines and waits took, which is not ours.
    elsewhere: Duration,
    published: Instant,
}

impl Record {
    pub(super) fn new(
        operation: Operation,
        feed: Feed,
        cancel: CancellationToken,
        manager: mpsc::Sender<Request>,
    ) -> Self {
        let now = Instant::now();
        Self {
            operation,
            feed,
            cancel,
            manager,
            began: now,
            elsewhere: Duration::ZERO,
            published: now,
        }
    }

    pub(super) fn operation(&self) -> &Operation {
        &self.operation
    }

    /// Replaces the steps from now on (a restore has a plan of its own), keeping those that were run.
    pub(super) async fn append_steps(&mut self, steps: Vec<Step>) -> usize {
        let offset = self.operation.steps.len();
        self.operation.steps.extend(steps);
        self.publish().await;
        offset
    }

    /// The steps that will not be run any more are marked so.
    pub(super) async fn skip_rest(&mut self) {
        for step in &mut self.operation.steps {
            if step.state == StepState::Pending {
                step.state = StepState::Skipped;
            }
        }
        self.publish().await;
    }

    pub(super) async fn begin_step(&mut self, index: usize) {
        if let Some(step) = self.operation.steps.get_mut(index) {
            step.state = StepState::Running;
            step.started_at = Some(clock::now());
        }
        self.publish().await;
    }

    pub(super) async fn end_step(
        &mut self,
        index: usize,
        state: StepState,
        detail: Option<String>,
    ) {
        if let Some(step) = self.operation.steps.get_mut(index) {
            step.state = state;
            step.ended_at = Some(clock::now());
            step.detail = detail.or(step.detail.take());
        }
        self.publish().await;
    }

    /// The latest news of a step; published with the next change or after a moment.
    pub(super) async fn detail(&mut self, index: usize, detail: String) {
        if let Some(step) = self.operation.steps.get_mut(index)
            && step.detail.as_deref() != Some(&detail)
        {
            step.detail = Some(detail);
            self.publish_soon().await;
        }
    }

    pub(super) async fn progress(&mut self, progress: Progress) {
        if self.operation.progress != progress {
            self.operation.progress = progress;
            self.publish_soon().await;
        }
    }

    pub(super) fn line(&self, line: LogLine) {
        self.feed.line(line);
    }

    /// `spent` went to an engine or a wait.
    pub(super) fn not_ours(&mut self, spent: Duration) {
        self.elsewhere += spent;
    }

    pub(super) async fn cancelling(&mut self) {
        if !self.operation.cancelling {
            self.operation.cancelling = true;
            self.publish().await;
        }
    }

    /// What failed, while undoing and restoring go on.
    pub(super) async fn failed_with(&mut self, error: String, advice: Option<Advice>) {
        self.operation.error = Some(error);
        self.operation.advice = advice;
        self.publish().await;
    }

    pub(super) async fn last_good(&mut self, name: Option<String>) {
        self.operation.last_good = name;
        self.publish().await;
    }

    /// The state in which it ends; published by [`Record::close`], after the journal has it.
    pub(super) fn set_end(&mut self, state: OperationState) {
        self.operation.state = state;
        self.operation.ended_at = Some(clock::now());
        let own = self.began.elapsed().saturating_sub(self.elsewhere);
        self.operation.own_ms = Some(own.as_secs_f64() * 1000.0);
        if state == OperationState::Succeeded {
            self.operation.progress.eta_s = Some(0.0);
        }
    }

    pub(super) async fn close(&mut self) {
        self.publish().await;
    }

    async fn publish_soon(&mut self) {
        if self.published.elapsed() >= PROGRESS_EVERY {
            self.publish().await;
        }
    }

    async fn publish(&mut self) {
        self.published = Instant::now();
        self.operation.cancelling |= self.cancel.is_cancelled();
        self.operation.seq = self.feed.operation(self.operation.clone());
        let update = Request::Updated(Box::new(self.operation.clone()));
        if self.manager.send(update).await.is_err() {
            tracing::debug!("the manager of operations has ended before its operation");
        }
    }
}
