//! What the router asks of others, as traits: their owners implement them, tests fake them.

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use spark_ipc::ApiError;
use spark_ipc::id::{Fingerprint, NodeId, RepoId, ServiceName, UnitId};
use spark_ipc::model::doctor::DoctorReport;
use spark_ipc::model::inventory::ModelDetail;
use spark_ipc::model::node::{NodeTest, SshKey};
use spark_ipc::model::operation::LogLine;
use spark_ipc::model::recipe::RecipeInForce;
use spark_ipc::model::service::{ServiceChange, ServiceDetail, ServiceList};
use spark_ipc::model::unit::Unit;

/// An answer that takes time. An error goes to the client as it is.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, ApiError>>;

/// The lines of a log as they come; it ends with the log.
pub type LogStream = BoxStream<'static, LogLine>;

/// Acts on the connection to a node.
pub trait NodeActions: Send + Sync {
    /// Tests the connection, step by step.
    fn test(&self, node: NodeId) -> Answer<'_, NodeTest>;
    /// Accepts exactly the host key with this fingerprint.
    fn trust(&self, node: NodeId, fingerprint: Fingerprint) -> Answer<'_, ()>;
    /// Our public key.
    fn ssh_key(&self) -> Answer<'_, SshKey>;
}

/// Logs of units, cleaned.
pub trait UnitLogs: Send + Sync {
    /// The last `lines` lines of every rank.
    fn tail(&self, unit: UnitId, lines: usize) -> Answer<'_, String>;
    /// The last `lines` lines, and the new ones until the reader goes.
    fn follow(&self, unit: UnitId, lines: usize) -> Answer<'_, LogStream>;
}

/// Services: their state, their entries and their logs.
pub trait ServiceActions: Send + Sync {
    /// Every service.
    fn list(&self) -> Answer<'_, ServiceList>;
    /// One, with its entry.
    fn detail(&self, name: ServiceName) -> Answer<'_, ServiceDetail>;
    /// Changes its entry.
    fn change(&self, name: ServiceName, change: ServiceChange) -> Answer<'_, ServiceDetail>;
    /// The last `lines` lines of its log.
    fn tail(&self, name: ServiceName, lines: usize) -> Answer<'_, String>;
    /// The last `lines` lines, and the new ones until the reader goes.
    fn follow(&self, name: ServiceName, lines: usize) -> Answer<'_, LogStream>;
}

/// Units that somebody else started.
pub trait AdoptionActions: Send + Sync {
    /// Takes one over.
    fn adopt(&self, unit: UnitId, actor: String) -> Answer<'_, Unit>;
    /// Lets one go.
    fn release(&self, unit: UnitId) -> Answer<'_, Unit>;
}

/// Facts about one model that the list leaves out.
pub trait ModelDetails: Send + Sync {
    /// Its configuration, recipe and launches.
    fn detail(&self, repo: RepoId) -> Answer<'_, ModelDetail>;
    /// The recipe that a swap would use.
    fn recipe(&self, repo: RepoId) -> Answer<'_, RecipeInForce>;
}

/// The fabric doctor.
pub trait FabricDoctor: Send + Sync {
    /// Examines all nodes now; `busy` while that goes on.
    fn examine(&self) -> Answer<'_, DoctorReport>;
    /// The last report.
    fn last(&self) -> Option<DoctorReport>;
}

/// Makes bug reports.
pub trait BugReport: Send + Sync {
    /// A `tar.gz` without secrets.
    fn make(&self) -> Answer<'_, Vec<u8>>;
}
