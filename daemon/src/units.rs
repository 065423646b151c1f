//! Units: one task looks at the containers of all nodes and says what runs.
//!
//! The truth is what Docker says; this task keeps only what containers do not tell: that a unit has given
//! an answer. Nodes are asked again when their poll shows another set of containers, or when somebody asks
//! for a fresh look. While no operation is under way this task also sets the gate of the data plane, so a
//! model that runs on after a restart of the daemon is served again, and one that died is not.

mod adoptions;
mod logs;
mod watcher;

use std::collections::BTreeMap;
use std::sync::Arc;

use spark_core::units::{ContainerFacts, OWNER};
use spark_ipc::id::{NodeId, OperationId, UnitId};
use spark_ipc::model::unit::Unit;
use spark_ipc::{ApiError, ErrorCode, Time};
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock;
use adoptions::{Adoption, Adoptions};

pub use logs::Logs;
pub(crate) use logs::{RankLogs, split_time};
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
    Ready {
        launch: OperationId,
        at: Time,
    },
    Silent {
        launch: OperationId,
    },
    /// A container that was adopted, by id and start, has named its model.
    Named {
        container: (String, Option<Time>),
        at: Time,
        name: String,
    },
    /// It has not.
    Nameless {
        container: (String, Option<Time>),
    },
}

/// The handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct Units {
    asks: mpsc::Sender<Ask>,
    list: watch::Receiver<Arc<Vec<Unit>>>,
    known: watch::Receiver<Known>,
    adoptions: Arc<Adoptions>,
}

impl Units {
    /// Starts the watcher.
    pub fn start(surroundings: Surroundings) -> Self {
        let (asks, questions) = mpsc::channel(QUEUE);
        let list = watch::Sender::new(Arc::default());
        let known = watch::Sender::new(Known::default());
        let adoptions = Arc::new(Adoptions::open(surroundings.adoptions.clone()));
        let handle = Self {
            asks: asks.clone(),
            list: list.subscribe(),
            known: known.subscribe(),
            adoptions: Arc::clone(&adoptions),
        };
        let tasks = surroundings.tasks.clone();
        tasks.spawn(
            "units",
            watcher::watch(
                surroundings,
                adoptions.watch(),
                (asks, questions),
                list,
                known,
            ),
        );
        handle
    }

    /// The units, and their changes.
    pub fn list(&self) -> watch::Receiver<Arc<Vec<Unit>>> {
        self.list.clone()
    }

    /// What is known, and its changes.
    pub fn changes(&self) -> watch::Receiver<Known> {
        self.known.clone()
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

    /// Takes over what somebody else started: from now on it may be stopped and served from. Again for one that
    /// is adopted already changes nothing.
    pub async fn adopt(&self, id: &UnitId, actor: String) -> Result<Unit, ApiError> {
        let (unit, container) = self.foreign(id).await?;
        let adoption = Adoption {
            container,
            unit: unit.id.clone(),
            at: clock::now(),
            actor,
        };
        tracing::info!(unit = %id, owner = %unit.owner, actor = ?adoption.actor, "a unit is adopted");
        self.write(move |adoptions| adoptions.add(adoption)).await?;
        Ok(self.after_a_look(id).await.unwrap_or(unit))
    }

    /// Lets an adopted unit go: it is not touched any more.
    pub async fn release(&self, id: &UnitId) -> Result<Unit, ApiError> {
        let (unit, container) = self.foreign(id).await?;
        tracing::info!(unit = %id, owner = %unit.owner, "a unit is let go");
        self.write(move |adoptions| adoptions.remove(&container))
            .await?;
        Ok(self.after_a_look(id).await.unwrap_or(unit))
    }

    /// The unit of another owner, and its container.
    async fn foreign(&self, id: &UnitId) -> Result<(Unit, String), ApiError> {
        let unit = self.after_a_look(id).await.ok_or_else(|| {
            ApiError::new(ErrorCode::NotFound, format!("there is no unit {id}"))
                .with_hint("GET /api/units lists them")
        })?;
        let container = unit.ranks.first().map(|r| r.container_id.clone());
        match container.filter(|_| unit.owner != OWNER) {
            Some(container) => Ok((unit, container)),
            None => Err(ApiError::new(
                ErrorCode::Conflict,
                format!("{id} was started by Spark Control; there is nothing to adopt"),
            )),
        }
    }

    async fn after_a_look(&self, id: &UnitId) -> Option<Unit> {
        let known = self.refresh().await;
        known.units.iter().find(|u| u.id == *id).cloned()
    }

    async fn write(
        &self,
        change: impl FnOnce(&Adoptions) -> std::io::Result<()> + Send + 'static,
    ) -> Result<(), ApiError> {
        let adoptions = Arc::clone(&self.adoptions);
        let internal = |error: String| ApiError::new(ErrorCode::Internal, error);
        tokio::task::spawn_blocking(move || change(&adoptions))
            .await
            .map_err(|error| internal(error.to_string()))?
            .map_err(|error| {
                internal(format!(
                    "the record of adoptions cannot be written: {error}"
                ))
            })
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
