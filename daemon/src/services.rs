//! Services: one task says how each is, asks their health routes, and starts those that start by themselves.
//!
//! The truth is what Docker says, as the watcher of units has it; this task adds what containers do not tell:
//! that a service has answered, and for which boot it has been dealt with. Starting and stopping are operations
//! like any other.

mod boots;
mod catalogue;
pub(crate) mod health;
mod logs;
mod owner;

use std::path::PathBuf;
use std::sync::Arc;

use spark_core::services::Services as Catalog;
use spark_ipc::id::ServiceName;
use spark_ipc::model::node::Node;
use spark_ipc::model::service::{Service, ServiceChange, ServiceDetail, ServiceList};
use spark_ipc::{ApiError, ErrorCode, Time};
use tokio::sync::{mpsc, watch};

use crate::deep::Deep;
use crate::engine::Engines;
use crate::operations::Operations;
use crate::settings::Live;
use crate::tasks::Tasks;
use crate::units::Units;
use catalogue::Catalogue;

pub use logs::ServiceLogs;

/// Notes that may wait.
const QUEUE: usize = 32;

/// What the task works with.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub tasks: Tasks,
    pub node_list: watch::Receiver<Arc<Vec<Node>>>,
    pub units: Units,
    pub operations: Operations,
    pub engine: Engines,
    pub deep: Deep,
    /// Seconds between two questions to a health route.
    pub interval_s: Live<u64>,
    pub autostart: Live<bool>,
    /// `SERVICES_OVERRIDES`.
    pub overrides: PathBuf,
    /// Where it is kept for which boot a service was dealt with.
    pub boots: PathBuf,
}

/// What others tell the task.
#[derive(Debug)]
enum Note {
    /// A container has answered its health route.
    Answered {
        container: String,
        started_at: Option<Time>,
        at: Time,
    },
    /// The operator has said what is to be done with it: it does not start by itself for this boot.
    Acted(ServiceName),
}

/// The handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct Services {
    catalogue: Arc<Catalogue>,
    list: watch::Receiver<Arc<Vec<Service>>>,
    notes: mpsc::Sender<Note>,
}

impl Services {
    /// Reads the catalogue and starts the task.
    pub fn start(around: Surroundings) -> Self {
        let catalogue = Arc::new(Catalogue::open(around.overrides.clone()));
        let list = watch::Sender::new(Arc::default());
        let (notes, told) = mpsc::channel(QUEUE);
        let handle = Self {
            catalogue: Arc::clone(&catalogue),
            list: list.subscribe(),
            notes,
        };
        let tasks = around.tasks.clone();
        tasks.spawn("services", owner::own(around, catalogue, told, list));
        handle
    }

    /// The services, and their changes.
    pub fn list(&self) -> watch::Receiver<Arc<Vec<Service>>> {
        self.list.clone()
    }

    /// The entries in force.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalogue.now()
    }

    /// `GET /api/services`.
    pub fn all(&self) -> ServiceList {
        ServiceList {
            services: Vec::clone(&self.list.borrow()),
            errors: self.catalogue.now().errors().to_vec(),
        }
    }

    /// One service with its entry.
    pub fn detail(&self, name: &ServiceName) -> Result<ServiceDetail, ApiError> {
        let catalog = self.catalogue.now();
        let entry = catalog.get(name).ok_or_else(|| unknown(name, &catalog))?;
        let list = Arc::clone(&self.list.borrow());
        let service = list.iter().find(|s| s.name == *name).cloned();
        Ok(ServiceDetail {
            service: service.ok_or_else(|| unknown(name, &catalog))?,
            spec: entry.spec.clone(),
        })
    }

    /// Changes the entry of a service; what runs of it stays as it is until its next start.
    pub async fn change(
        &self,
        name: &ServiceName,
        change: ServiceChange,
    ) -> Result<ServiceDetail, ApiError> {
        let catalog = self.catalogue.now();
        if catalog.get(name).is_none() {
            return Err(unknown(name, &catalog));
        }
        if change.autostart == Some(true) {
            self.note(Note::Acted(name.clone())).await;
        }
        let (catalogue, changed) = (Arc::clone(&self.catalogue), name.clone());
        let written =
            tokio::task::spawn_blocking(move || catalogue.change(&changed, &change)).await;
        written.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))??;
        self.shown(name).await
    }

    /// The service as soon as the list has its entry in force.
    async fn shown(&self, name: &ServiceName) -> Result<ServiceDetail, ApiError> {
        let catalog = self.catalogue.now();
        let entry = catalog.get(name).ok_or_else(|| unknown(name, &catalog))?;
        let spec = &entry.spec;
        let taken = |list: &Arc<Vec<Service>>| {
            let found = list.iter().find(|s| s.name == *name);
            found.is_some_and(|s| {
                (s.autostart, s.enabled, s.order, s.source)
                    == (spec.autostart, spec.enabled, spec.order, entry.source)
            })
        };
        let wait = std::time::Duration::from_secs(2);
        let mut list = self.list.clone();
        if tokio::time::timeout(wait, list.wait_for(taken))
            .await
            .is_err()
        {
            tracing::debug!(service = %name, "the list has not taken up the change yet");
        }
        self.detail(name)
    }

    /// A container of a service has answered its health route.
    pub async fn answered(&self, container: &str, started_at: Option<Time>, at: Time) {
        self.note(Note::Answered {
            container: container.to_owned(),
            started_at,
            at,
        })
        .await;
    }

    async fn note(&self, note: Note) {
        if self.notes.send(note).await.is_err() {
            tracing::debug!("the task of the services has ended");
        }
    }
}

/// No service has this name.
pub(crate) fn unknown(name: &ServiceName, catalog: &Catalog) -> ApiError {
    let names: Vec<&str> = catalog
        .entries()
        .iter()
        .map(|e| e.spec.name.as_str())
        .collect();
    ApiError::new(ErrorCode::NotFound, format!("there is no service {name}"))
        .with_hint(format!("there are: {}", names.join(", ")))
}
