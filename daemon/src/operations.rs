//! Operations: one task owns them, everybody else holds this handle.
//!
//! [`Operations`] is the only way to change anything on a node. The manager task admits one operation at
//! a time per node and starts an executor for it; closing a browser or a terminal stops nothing.

mod capture;
mod context;
mod diagnose;
mod feed;
mod hands;
mod job;
mod jobs;
mod manager;
mod record;
mod recovery;
mod requests;
mod restore;
mod run;
mod services;
mod steps;
mod transfers;
mod undo;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use spark_core::plan::{Plan, Planned};
use spark_ipc::id::OperationId;
use spark_ipc::model::operation::{Operation, Step, StepState, StopRequest, SwapRequest};
use spark_ipc::model::preflight::{Preflight, PreflightRequest};
use spark_ipc::{ApiError, ErrorCode};
use tokio::sync::{mpsc, oneshot, watch};

pub use context::Context;
pub use feed::{Feed, FeedReader};

/// What a caller asks of the manager. Every request carries its reply.
#[derive(Debug)]
pub(crate) enum Request {
    Preflight(PreflightRequest, Reply<Preflight>),
    Swap(SwapRequest, String, Reply<Started>),
    Stop(StopRequest, String, Reply<Operation>),
    Cancel(OperationId, Reply<Operation>),
    Feed(OperationId, Reply<Feed>),
    /// A planner has finished: may it begin?
    Admit(Box<Admission>),
    /// A job is to be planned and begun.
    Job(Planner, String, Reply<Operation>),
    /// A job is planned: may it begin?
    AdmitJob(Box<JobAdmission>),
    /// A look at something that changes nothing.
    Look(Look),
    /// A running operation changed.
    Updated(Box<Operation>),
}

/// Makes a job of a wish: looks at the nodes, and gives what stands in the way as an error.
pub(crate) struct Planner(Box<dyn FnOnce(Context, OperationId) -> Planning + Send>);

type Planning = BoxFuture<'static, Result<job::Job, ApiError>>;

impl std::fmt::Debug for Planner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Planner")
    }
}

/// Something that is done with the manager's means, beside it.
pub(crate) struct Look(Box<dyn FnOnce(Context) -> BoxFuture<'static, ()> + Send>);

impl std::fmt::Debug for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Look")
    }
}

/// A planned job that asks to begin.
#[derive(Debug)]
pub(crate) struct JobAdmission {
    job: job::Job,
    id: OperationId,
    actor: String,
    reply: Reply<Operation>,
}

/// A finished plan that asks to begin.
#[derive(Debug)]
pub(crate) struct Admission {
    planned: Planned,
    id: OperationId,
    actor: String,
    reply: Reply<Started>,
}

type Reply<T> = oneshot::Sender<Result<T, ApiError>>;

/// Answer to a swap.
#[derive(Debug)]
pub enum Started {
    /// It runs.
    Operation(Box<Operation>),
    /// It was a dry run.
    Preflight(Box<Preflight>),
}

/// Requests that may wait for the manager.
const QUEUE: usize = 64;

/// The handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct Operations {
    requests: mpsc::Sender<Request>,
    list: watch::Receiver<Arc<Vec<Operation>>>,
}

/// The ends of the manager's queue and of its list, made before the manager so that others can be built
/// on the list.
#[derive(Debug)]
pub struct Seat {
    requests: mpsc::Receiver<Request>,
    sender: mpsc::Sender<Request>,
    list: watch::Sender<Arc<Vec<Operation>>>,
}

impl Operations {
    /// A handle, and the seat that the manager takes with [`Seat::start`].
    pub fn channel() -> (Self, Seat) {
        let (sender, requests) = mpsc::channel(QUEUE);
        let list = watch::Sender::new(Arc::default());
        let handle = Self {
            requests: sender.clone(),
            list: list.subscribe(),
        };
        (
            handle,
            Seat {
                requests,
                sender,
                list,
            },
        )
    }

    /// What a swap would do; changes nothing.
    pub async fn preflight(&self, request: PreflightRequest) -> Result<Preflight, ApiError> {
        self.ask(|reply| Request::Preflight(request, reply)).await
    }

    /// Starts a swap: `busy` with the running operation, `blocked` with the blockers, or it runs.
    pub async fn swap(&self, request: SwapRequest, actor: String) -> Result<Started, ApiError> {
        self.ask(|reply| Request::Swap(request, actor, reply)).await
    }

    /// Stops a unit, or all of ours.
    pub async fn stop(&self, request: StopRequest, actor: String) -> Result<Operation, ApiError> {
        self.ask(|reply| Request::Stop(request, actor, reply)).await
    }

    /// Asks a running operation to end. It undoes what it did and ends as `cancelled`.
    pub async fn cancel(&self, id: OperationId) -> Result<Operation, ApiError> {
        self.ask(|reply| Request::Cancel(id, reply)).await
    }

    /// The events of an operation, for `GET /api/operations/{id}/events`.
    pub async fn feed(&self, id: OperationId) -> Result<Feed, ApiError> {
        self.ask(|reply| Request::Feed(id, reply)).await
    }

    /// The running operations and the last hundred, newest first.
    pub fn list(&self) -> watch::Receiver<Arc<Vec<Operation>>> {
        self.list.clone()
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, ApiError> {
        let (reply, answer) = oneshot::channel();
        let ended = || ApiError::new(ErrorCode::Internal, "the daemon is shutting down");
        self.requests
            .send(request(reply))
            .await
            .map_err(|_closed| ended())?;
        answer.await.map_err(|_closed| ended())?
    }
}

impl Seat {
    /// The ends, for a test that plays the manager.
    #[cfg(test)]
    pub(crate) fn into_parts(
        self,
    ) -> (mpsc::Receiver<Request>, watch::Sender<Arc<Vec<Operation>>>) {
        (self.requests, self.list)
    }

    /// Starts the manager: first it takes up what an earlier run of the daemon left open.
    pub fn start(self, ctx: Context) {
        let tasks = ctx.tasks.clone();
        tasks.spawn("operations", manager::manage(self, ctx));
    }
}

/// The steps of a plan as the API shows them before they begin.
fn view_steps(plan: &Plan) -> Vec<Step> {
    let view = |step: &spark_core::plan::Step| Step {
        name: step.name().to_owned(),
        node: step.node().cloned(),
        state: StepState::Pending,
        started_at: None,
        ended_at: None,
        detail: None,
    };
    plan.steps.iter().map(view).collect()
}
