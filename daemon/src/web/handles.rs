//! What the router asks of others, as traits: their owners implement them, tests fake them.

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use spark_ipc::ApiError;
use spark_ipc::id::{Fingerprint, NodeId, RepoId, UnitId};
use spark_ipc::model::inventory::ModelDetail;
use spark_ipc::model::node::{NodeTest, SshKey};
use spark_ipc::model::operation::LogLine;
use spark_ipc::model::recipe::RecipeInForce;

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

/// Facts about one model that the list leaves out.
pub trait ModelDetails: Send + Sync {
    /// Its configuration, recipe and launches.
    fn detail(&self, repo: RepoId) -> Answer<'_, ModelDetail>;
    /// The recipe that a swap would use.
    fn recipe(&self, repo: RepoId) -> Answer<'_, RecipeInForce>;
}
