//! Operations: one task owns them, everybody else holds this handle.
//!
//! [`Operations`] is the only way to change anything on a node. The manager task admits one operation at
//! a time per node and starts an executor for it; closing a browser or a terminal stops nothing.

mod feed;

use std::sync::Arc;

use spark_ipc::id::OperationId;
use spark_ipc::model::operation::{Operation, StopRequest, SwapRequest};
use spark_ipc::model::preflight::{Preflight, PreflightRequest};
use spark_ipc::{ApiError, ErrorCode};
use tokio::sync::{mpsc, oneshot, watch};

pub use feed::{Feed, FeedReader};

/// What a caller asks of the manager. Every request carries its reply.
#[derive(Debug)]
pub(crate) enum Request {
    Preflight(PreflightRequest, Reply<Preflight>),
    Swap(SwapRequest, String, Reply<Started>),
    Stop(StopRequest, String, Reply<Operation>),
    Cancel(OperationId, Reply<Operation>),
    Feed(OperationId, Reply<Feed>),
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

/// The handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct Operations {
    requests: mpsc::Sender<Request>,
    list: watch::Receiver<Arc<Vec<Operation>>>,
}

impl Operations {
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
        self.requests.send(request(reply)).await.map_err(|_closed| ended())?;
        answer.await.map_err(|_closed| ended())?
    }
}
