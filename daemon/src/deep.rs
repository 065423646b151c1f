//! Deep health: one task asks every unit and service, on schedule and when told to.
//!
//! What is asked and what an answer means is decided in `spark_core::deep`; here are the clock and the network. One
//! probe at a time goes to a target. While an operation is at work on its node nothing is asked there, and a probe
//! that one has broken in on says nothing.

mod ask;
mod owner;
mod probe;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use spark_core::catalog::Catalog;
use spark_core::deep::{Book, Key};
use spark_ipc::model::alert::Alert;
use spark_ipc::model::deep::{DeepHealth, DeepSubject, DeepSummary};
use spark_ipc::model::operation::Operation;
use spark_ipc::model::service::Service;
use spark_ipc::model::unit::Unit;
use spark_ipc::{ApiError, ErrorCode};
use tokio::sync::{mpsc, oneshot, watch};

use crate::engine::Engines;
use crate::settings::Live;
use crate::tasks::Tasks;

pub(crate) use probe::{Limits, inference};

/// Wishes that may wait.
const QUEUE: usize = 16;
/// How long a wish waits for its probes; clients give up after thirty seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the task works with.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub tasks: Tasks,
    pub engine: Engines,
    pub units: watch::Receiver<Arc<Vec<Unit>>>,
    pub services: watch::Receiver<Arc<Vec<Service>>>,
    pub operations: watch::Receiver<Arc<Vec<Operation>>>,
    pub catalog: watch::Receiver<Arc<Catalog>>,
    /// Seconds between two probes of a target; 0 for none.
    pub interval_s: Live<u64>,
}

/// What is known of all targets.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub(crate) book: Book,
    interval_s: u64,
}

/// A wish to probe these now (all that ought to answer when `None`); the answer says which ones are asked.
#[derive(Debug)]
struct Ask {
    names: Option<Vec<String>>,
    reply: oneshot::Sender<Result<Vec<Key>, ApiError>>,
}

/// The handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct Deep {
    asks: mpsc::Sender<Ask>,
    known: watch::Receiver<Arc<Known>>,
    alerts: watch::Receiver<Arc<Vec<Alert>>>,
}

/// The other end of a handle, until its task is started.
#[derive(Debug)]
pub struct Seat {
    questions: mpsc::Receiver<Ask>,
    publish: Publish,
}

/// What the owner tells others.
#[derive(Debug, Default)]
struct Publish {
    known: watch::Sender<Arc<Known>>,
    alerts: watch::Sender<Arc<Vec<Alert>>>,
}

impl Known {
    /// The last probe of a unit.
    pub fn unit(&self, id: &str) -> Option<DeepSummary> {
        self.book.summary(DeepSubject::Unit, id)
    }

    /// The last probe of a service.
    pub fn service(&self, name: &str) -> Option<DeepSummary> {
        self.book.summary(DeepSubject::Service, name)
    }

    fn health(&self) -> DeepHealth {
        DeepHealth {
            interval_s: self.interval_s,
            results: self.book.results(),
        }
    }
}

impl Publish {
    fn send(&self, known: &Known) {
        self.known.send_replace(Arc::new(known.clone()));
        let alerts = known.book.alerts();
        self.alerts.send_if_modified(|now| {
            let changed = **now != alerts;
            if changed {
                *now = Arc::new(alerts);
            }
            changed
        });
    }
}

impl Deep {
    /// A handle whose task starts later: units carry what it knows, and it asks units.
    pub fn channel() -> (Self, Seat) {
        let (asks, questions) = mpsc::channel(QUEUE);
        let publish = Publish::default();
        let handle = Self {
            asks,
            known: publish.known.subscribe(),
            alerts: publish.alerts.subscribe(),
        };
        (handle, Seat { questions, publish })
    }

    /// What is known, and its changes.
    pub fn watch(&self) -> watch::Receiver<Arc<Known>> {
        self.known.clone()
    }

    /// The targets that fail, as alerts.
    pub fn alerts(&self) -> watch::Receiver<Arc<Vec<Alert>>> {
        self.alerts.clone()
    }

    /// What is known, for clients.
    pub fn health(&self) -> DeepHealth {
        self.known.borrow().health()
    }

    /// Probes now; returns when the probes have ended, or after [`PATIENCE`] with some still running.
    ///
    /// # Errors
    /// `not_found` for a name that no unit or service with an endpoint has.
    pub async fn probe(&self, names: Option<Vec<String>>) -> Result<DeepHealth, ApiError> {
        let ended = || ApiError::new(ErrorCode::Internal, "deep health is not looked after");
        let (reply, answer) = oneshot::channel();
        let sent = self.asks.send(Ask { names, reply }).await;
        sent.map_err(|_ended| ended())?;
        let keys = answer.await.map_err(|_ended| ended())??;
        let mut known = self.known.clone();
        let all_ended = |known: &Arc<Known>| !keys.iter().any(|key| known.book.is_running(key));
        // What was waited for is a lock on the value, and must not be held on to.
        let late = tokio::time::timeout(PATIENCE, known.wait_for(all_ended))
            .await
            .is_err();
        if late {
            tracing::debug!("a probe goes on after its client was answered");
        }
        Ok(self.health())
    }
}

impl Seat {
    /// Starts the task.
    pub fn start(self, around: Surroundings) {
        let tasks = around.tasks.clone();
        tasks.spawn(
            "deep health",
            owner::own(around, self.questions, self.publish),
        );
    }
}
