//! What an executor works with: handles of everything else, and settings that are read at use.

use std::sync::Arc;
use std::time::Duration;

use spark_core::catalog::Catalog;
use spark_ipc::Time;
use spark_ipc::id::NodeId;
use spark_ipc::model::node::{Freshness, Node};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::run::Halt;
use crate::engine::Engines;
use crate::gate::Gate;
use crate::journal::{Journal, Launch};
use crate::models::Models;
use crate::nodes::Nodes;
use crate::services::Services;
use crate::settings::{Live, Secret};
use crate::tasks::Tasks;
use crate::units::Units;
use crate::view::View;

/// Shorter values are words that stand elsewhere too.
const LEAST_SECRET: usize = 6;

/// Handles and live settings; cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    pub tasks: Tasks,
    pub view: View,
    pub gate: Gate,
    pub journal: Journal,
    pub nodes: Nodes,
    pub units: Units,
    pub services: Services,
    pub models: Models,
    pub engine: Engines,
    pub catalog: watch::Receiver<Arc<Catalog>>,
    /// Launches that ended in a real answer, newest first.
    pub launches: watch::Sender<Arc<Vec<Launch>>>,
    pub drain_timeout_s: Live<u64>,
    pub free_timeout_s: Live<u64>,
    pub load_timeout_s: Live<u64>,
    pub restore_last_good: Live<bool>,
    pub hf_token: Live<Option<Secret>>,
    pub ngc_api_key: Live<Option<Secret>>,
    /// Bytes that stay free on a disk that something is brought to.
    pub disk_reserve_bytes: Live<u64>,
}

impl Context {
    /// The secret setting of this name, where one is set.
    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        match name {
            "HF_TOKEN" => self.hf_token.get(),
            "NGC_API_KEY" => self.ngc_api_key.get(),
            _ => None,
        }
    }

    /// Which secrets are set.
    pub(super) fn secrets(&self) -> Vec<&'static str> {
        let set = |name: &&str| self.secret(name).is_some();
        spark_core::services::SECRETS
            .into_iter()
            .filter(set)
            .collect()
    }

    /// What a node said, without the secrets that its programs were given: some show them when they fail, and what
    /// they say is shown.
    pub(super) fn without_secrets(&self, said: String) -> String {
        let secrets = spark_core::services::SECRETS.into_iter();
        secrets
            .filter_map(|name| self.secret(name))
            .filter(|secret| secret.expose().len() >= LEAST_SECRET)
            .fold(said, |said, secret| {
                said.replace(secret.expose(), "[removed: a secret]")
            })
    }

    /// Reads the launches again after one was remembered.
    pub(super) async fn launches_changed(&self) {
        match self.journal.launches().await {
            Ok(launches) => {
                self.launches.send_replace(Arc::new(launches));
            }
            Err(error) => tracing::error!(%error, "the launches cannot be read from the journal"),
        }
    }
}

/// Sleeps, unless the operation is cancelled or the daemon shuts down.
pub(super) async fn pause(
    ctx: &Context,
    cancel: &CancellationToken,
    time: Duration,
) -> Result<(), Halt> {
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        () = cancel.cancelled() => Err(Halt::Cancelled),
        () = ctx.tasks.token().cancelled() => Err(Halt::ShutDown),
    }
}

/// The node as it is now: polled at once, not older than `since`. `None` when it does not answer in time.
pub(super) async fn fresh(
    ctx: &Context,
    id: &NodeId,
    since: Time,
    limit: Duration,
) -> Option<Node> {
    let mut nodes = ctx.view.nodes.clone();
    ctx.nodes.kick(id);
    let newer = |list: &Arc<Vec<Node>>| {
        list.iter().find(|n| n.id == *id).is_some_and(|n| {
            n.observed_at.is_some_and(|at| at >= since) && n.freshness == Freshness::Fresh
        })
    };
    let list = tokio::time::timeout(limit, nodes.wait_for(newer))
        .await
        .ok()?
        .ok()?;
    list.iter().find(|n| n.id == *id).cloned()
}
