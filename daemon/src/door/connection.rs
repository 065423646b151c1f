//! One connection after another: admission, serving, draining.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::stall::Stall;
use super::{Limits, Peer};
use crate::tasks::Tasks;

/// Largest request head, bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Pause after an `accept` that failed, as when no file can be opened any more.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The connections of one door.
pub(super) struct Connections {
    router: Router,
    limits: Limits,
    token: CancellationToken,
    slots: Arc<Semaphore>,
    open: TaskTracker,
}

impl Connections {
    pub(super) fn new(router: Router, tasks: &Tasks, limits: Limits) -> Self {
        Self {
            router,
            limits,
            token: tasks.token().clone(),
            slots: Arc::new(Semaphore::new(limits.connections)),
            open: TaskTracker::new(),
        }
    }

    /// The next connection that `accept` gives, with its slot; `None` when the daemon shuts down.
    pub(super) async fn next<T, F>(
        &self,
        accept: impl Fn() -> F,
    ) -> Option<(T, OwnedSemaphorePermit)>
    where
        F: Future<Output = std::io::Result<T>>,
    {
        loop {
            match self.unless_closing(self.accepted(&accept)).await? {
                Ok(accepted) => return Some(accepted),
                Err(error) => {
                    tracing::warn!(?error, "a connection could not be accepted");
                    self.unless_closing(tokio::time::sleep(ACCEPT_PAUSE))
                        .await?;
                }
            }
        }
    }

    /// One connection, accepted once there is a slot for it.
    async fn accepted<T, F>(
        &self,
        accept: impl Fn() -> F,
    ) -> std::io::Result<(T, OwnedSemaphorePermit)>
    where
        F: Future<Output = std::io::Result<T>>,
    {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        let slot = slot.map_err(std::io::Error::other)?;
        Ok((accept().await?, slot))
    }

    /// Serves `stream` until it ends; `held` is dropped then.
    pub(super) fn serve<S>(&self, stream: S, peer: Peer, held: impl Send + 'static)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (router, limits, token) = (self.router.clone(), self.limits, self.token.clone());
        self.open.spawn(async move {
            drive(stream, peer, router, limits, token).await;
            drop(held);
        });
    }

    /// Waits for the open connections. Each has its own deadline once the daemon shuts down.
    pub(super) async fn drained(self) {
        self.open.close();
        self.open.wait().await;
    }

    async fn unless_closing<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.token.run_until_cancelled(future).await
    }
}

async fn drive<S>(stream: S, peer: Peer, router: Router, limits: Limits, token: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(
            TokioIo::new(Stall::new(stream, limits.write_stall)),
            service,
        );
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = token.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(limits.drain, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(?peer, ?error, "a connection ended early");
    }
}
