//! Every task of the daemon is tracked and can be cancelled.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of the daemon: a cheap handle, passed down from the composition root.
///
/// A task that was spawned here ends when [`Tasks::token`] is cancelled (its own duty), and shutdown
/// waits for all of them.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    token: CancellationToken,
}

impl Tasks {
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts `task`, logging its name if it panics. A panic ends that task, not the daemon.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handle = self.tracker.spawn(task);
        self.tracker.spawn(async move {
            if let Err(error) = handle.await
                && error.is_panic()
            {
                tracing::error!(task = name, "a task panicked");
            }
        });
    }

    /// Cancelled when the daemon shuts down.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// The tracker, for components that spawn by themselves.
    pub fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// Cancels every task and waits for them, at most `grace`. Returns whether all ended in time.
    pub async fn shut_down(&self, grace: Duration) -> bool {
        self.token.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait())
            .await
            .is_ok()
    }
}
