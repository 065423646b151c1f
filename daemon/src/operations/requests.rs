//! What callers may ask for beside swaps and stops, each as one method of the handle.

use std::future::Future;

use futures_util::FutureExt as _;
use spark_ipc::id::{NodeId, OperationId};
use spark_ipc::model::operation::Operation;
use spark_ipc::{ApiError, ErrorCode};
use tokio::sync::oneshot;

use super::job::Job;
use super::{Context, Look, Operations, Planner, Request};

impl Operations {
    /// Plans a job beside the manager and begins it: `busy` with the operation that holds its nodes, the
    /// planner's error, or it runs.
    pub(in crate::operations) async fn begin<F, Fut>(
        &self,
        actor: String,
        plan: F,
    ) -> Result<Operation, ApiError>
    where
        F: FnOnce(Context, OperationId) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Job, ApiError>> + Send + 'static,
    {
        let planner = Planner(Box::new(move |ctx, id| plan(ctx, id).boxed()));
        self.ask(|reply| Request::Job(planner, actor, reply)).await
    }

    /// Looks at something with the operations' means, changing nothing.
    pub(in crate::operations) async fn look<F, Fut, T>(&self, look: F) -> Result<T, ApiError>
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, ApiError>> + Send + 'static,
        T: Send + 'static,
    {
        self.ask(|reply: oneshot::Sender<Result<T, ApiError>>| {
            Request::Look(Look(Box::new(move |ctx| {
                async move {
                    if reply.send(look(ctx).await).is_err() {
                        tracing::debug!("a caller went away before its answer");
                    }
                }
                .boxed()
            })))
        })
        .await
    }
}

/// Every one of `nodes` is one of ours, and there is at least one.
pub(in crate::operations) fn known(ctx: &Context, nodes: &[NodeId]) -> Result<(), ApiError> {
    let list = std::sync::Arc::clone(&ctx.view.nodes.borrow());
    if nodes.is_empty() {
        return Err(ApiError::new(ErrorCode::Invalid, "name at least one node"));
    }
    for node in nodes {
        if !list.iter().any(|n| n.id == *node) {
            let names: Vec<&str> = list.iter().map(|n| n.id.as_str()).collect();
            let error = ApiError::new(ErrorCode::NotFound, format!("there is no node {node}"));
            return Err(error.with_hint(format!("the nodes are {}", names.join(", "))));
        }
    }
    Ok(())
}
