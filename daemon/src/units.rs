//! Units: one task looks at the containers of all nodes and says what runs.
//!
//! The truth is what Docker says; this task keeps only what containers do not tell: that a unit has given
//! an answer. Nodes are asked again when their poll shows another set of containers, or when somebody asks
//! for a fresh look. While no operation is under way this task also sets the gate of the data plane, so a
//! model that runs on after a restart of the daemon is served again, and one that died is not.

mod logs;
mod watcher;

use std::collections::BTreeMap;
use std::sync::Arc;

use spark_core::units::ContainerFacts;
use spark_ipc::Time;
use spark_ipc::id::{NodeId, OperationId};
use spark_ipc::model::unit::Unit;
use tokio::sync::{mpsc, oneshot, watch};

pub use logs::Logs;
pub(crate) use logs::split_time;
pub use watcher::Surroundings;

/// Questions that may wait.
const QUEUE: usize = 32;

/// What the watcher knows.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub units: Arc<Vec<Unit>>,
    /// Containers of each node as last inspected.
    pub containers: Arc<BTreeMap<NodeId, Vec<ContainerFacts>>>,
    /// The most MemAvailable that was seen on a node while nothing used its GPU.
    pub best_idle_bytes: BTreeMap<NodeId, u64>,
}

#[derive(Debug)]
enum Ask {
    Refresh(oneshot::Sender<Known>),
    Ready { launch: OperationId, at: Time },
    Silent { launch: OperationId },
}

/// The handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct Units {
    asks: mpsc::Sender<Ask>,
    list: watch::Receiver<Arc<Vec<Unit>>>,
    known: watch::Receiver<Known>,
}

impl Units {
    /// Starts the watcher.
    pub fn start(surroundings: Surroundings) -> Self {
        let (asks, questions) = mpsc::channel(QUEUE);
        let list = watch::Sender::new(Arc::default());
        let known = watch::Sender::new(Known::default());
        let handle = Self {
            asks: asks.clone(),
            list: list.subscribe(),
            known: known.subscribe(),
        };
        let tasks = surroundings.tasks.clone();
        tasks.spawn(
            "units",
            watcher::watch(surroundings, asks, questions, list, known),
        );
        handle
    }

    /// The units, and their changes.
    pub fn list(&self) -> watch::Receiver<Arc<Vec<Unit>>> {
        self.list.clone()
    }

    /// What was known at the last look.
    pub fn known(&self) -> Known {
        self.known.borrow().clone()
    }

    /// Looks at every node now; returns what is known after that.
    pub async fn refresh(&self) -> Known {
        let (reply, answer) = oneshot::channel();
        if self.asks.send(Ask::Refresh(reply)).await.is_err() {
            return self.known();
        }
        answer.await.unwrap_or_else(|_ended| self.known())
    }

    /// The unit of this launch has given a real answer.
    pub async fn mark_ready(&self, launch: &OperationId, at: Time) {
        let ask = Ask::Ready {
            launch: launch.clone(),
            at,
        };
        if self.asks.send(ask).await.is_err() {
            tracing::debug!("the watcher of units has ended");
        }
    }
}
