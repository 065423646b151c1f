//! A page: one subject in full, as the daemon told it when it was asked.

use std::time::Instant;

use spark_ipc::id::{RepoId, ServiceName};
use spark_ipc::model::connectivity::Connectivity;
use spark_ipc::model::deep::DeepHealth;
use spark_ipc::model::doctor::DoctorReport;
use spark_ipc::model::inventory::ModelDetail;
use spark_ipc::model::transfer::DeletePreview;

/// What a page is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// A model on each node, and what uses it.
    Model(RepoId),
    /// The last lines that a service wrote.
    Logs(ServiceName),
    /// Right answers and uptime; with `probe`, everything is asked anew first.
    Health { probe: bool },
    /// An examination of the fabric.
    Doctor,
}

/// What the daemon told.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// The model, and, where the nodes answered, what would keep it from being deleted.
    Model(Box<ModelDetail>, Result<Box<DeletePreview>, String>),
    Logs(String),
    Health(Box<DeepHealth>, Box<Connectivity>),
    Doctor(Box<DoctorReport>),
}

/// A page with the moment of its content.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub topic: Topic,
    /// `None` while the daemon is asked for the first time.
    pub content: Option<Result<Content, String>>,
    pub read_at: Option<Instant>,
    /// Whether an answer is on its way.
    pub reading: bool,
    pub scroll: usize,
}

impl Page {
    pub fn new(topic: Topic) -> Self {
        Self {
            topic,
            content: None,
            read_at: None,
            reading: true,
            scroll: 0,
        }
    }

    /// What stands in its border.
    pub fn title(&self) -> String {
        match &self.topic {
            Topic::Model(repo) => repo.to_string(),
            Topic::Logs(name) => format!("Log of {name}"),
            Topic::Health { .. } => "Health and uptime".to_owned(),
            Topic::Doctor => "Doctor: the fabric".to_owned(),
        }
    }

    /// What is being done while there is no content.
    pub fn waiting(&self) -> &'static str {
        match self.topic {
            Topic::Model(_) => "asking the nodes what uses it…",
            Topic::Logs(_) => "reading the log…",
            Topic::Health { probe: true } => "asking everything for a real answer…",
            Topic::Health { probe: false } => "reading…",
            Topic::Doctor => "examining the fabric…",
        }
    }
}
