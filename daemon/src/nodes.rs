//! The nodes: a kept connection and a poll loop for each, one list and one set of alerts for all.
//!
//! Each poll is one command, so one round trip. What it tells is folded into the node by `spark-core`; a
//! failed poll changes no value, it lets the last ones age.

mod poll;
mod store;
mod test;

use std::path::PathBuf;
use std::sync::Arc;

use spark_ipc::id::{Fingerprint, NodeId};
use spark_ipc::model::alert::Alert;
use spark_ipc::model::node::{Node, NodeTest, SshKey};
use spark_ipc::{ApiError, ErrorCode};
use tokio::sync::{Notify, watch};

use crate::config::NodeConfig;
use crate::settings::{HostKeyPolicy, Live};
use crate::ssh::key::{self, KeyError};
use crate::ssh::{
    Credentials, Endpoint, Exec, HostKeys, KnownHostsError, Link, Options, TrustError,
};
use crate::tasks::Tasks;
use poll::Poll;
use store::Store;

/// Why the nodes cannot be looked after.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("there is no SSH key to log in with")]
    Key(#[from] KeyError),
    #[error("the accepted host keys are not known")]
    HostKeys(#[from] KnownHostsError),
}

/// What [`Nodes`] is built from.
#[derive(Debug)]
pub struct Surroundings {
    pub nodes: Vec<NodeConfig>,
    /// Our private key; made when absent.
    pub key_path: PathBuf,
    pub known_hosts: PathBuf,
    /// Seconds between two polls.
    pub poll_interval_s: Live<u64>,
    pub host_key_policy: Live<HostKeyPolicy>,
    pub tasks: Tasks,
}

/// A handle to all nodes.
#[derive(Debug, Clone)]
pub struct Nodes {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    links: Vec<Linked>,
    store: Arc<Store>,
    key: SshKey,
}

#[derive(Debug)]
struct Linked {
    id: NodeId,
    link: Arc<Link>,
    kick: Arc<Notify>,
}

impl Nodes {
    /// Starts to connect to and to poll every node.
    pub fn start(around: Surroundings) -> Result<Self, StartError> {
        let key = key::load_or_create(&around.key_path)?;
        let host_keys = Arc::new(HostKeys::load(&around.known_hosts)?);
        let policy = around.host_key_policy;
        let described = key.describe();
        let credentials = Credentials {
            key,
            host_keys,
            policy: Arc::new(move || policy.get()),
        };
        let store = Arc::new(Store::new(&around.nodes));
        let start = |(place, config): (usize, NodeConfig)| {
            let endpoint = Endpoint {
                host: config.host,
                port: config.ssh_port,
                user: config.user,
            };
            let link = Link::start(
                endpoint,
                credentials.clone(),
                Options::default(),
                &around.tasks,
            );
            let linked = Linked {
                id: config.id,
                link: Arc::new(link),
                kick: Arc::new(Notify::new()),
            };
            let poll = Poll {
                place,
                link: Arc::clone(&linked.link),
                kick: Arc::clone(&linked.kick),
                store: Arc::clone(&store),
                interval_s: around.poll_interval_s.clone(),
            };
            let stop = around.tasks.token().clone();
            around.tasks.spawn("node poll", async move {
                stop.run_until_cancelled(Box::pin(poll.run(stop.clone())))
                    .await;
            });
            linked
        };
        let links = around.nodes.into_iter().enumerate().map(start).collect();
        Ok(Self {
            shared: Arc::new(Shared {
                links,
                store,
                key: described,
            }),
        })
    }

    /// All nodes, in the order of the configuration, as they change.
    pub fn list(&self) -> watch::Receiver<Arc<Vec<Node>>> {
        self.shared.store.nodes()
    }

    /// The standing alerts of all nodes, as they change.
    pub fn alerts(&self) -> watch::Receiver<Arc<Vec<Alert>>> {
        self.shared.store.alerts()
    }

    /// Polls `node` now, and connects now if it is not connected.
    pub fn kick(&self, node: &NodeId) {
        if let Some(linked) = self.find(node) {
            linked.link.wake();
            linked.kick.notify_one();
        }
    }

    /// The way to run something on `node`; `None` when there is no such node.
    pub fn link(&self, node: &NodeId) -> Option<Arc<dyn Exec>> {
        let link = Arc::clone(&self.find(node)?.link);
        Some(link)
    }

    /// Tests the connection to `node`, step by step, on a connection of its own.
    pub async fn test(&self, node: &NodeId) -> Result<NodeTest, ApiError> {
        let linked = self.find(node).ok_or_else(|| unknown(node))?;
        let place = self.list().borrow().iter().find(|n| n.id == *node).cloned();
        let place = place.ok_or_else(|| unknown(node))?;
        let test = Box::pin(test::run(&linked.link, &place)).await;
        if test.passed {
            self.kick(node);
        }
        Ok(test)
    }

    /// Accepts the host key that `node` shows, if its fingerprint is exactly this one.
    pub async fn trust(&self, node: &NodeId, fingerprint: &Fingerprint) -> Result<(), ApiError> {
        let linked = self.find(node).ok_or_else(|| unknown(node))?;
        let link = Arc::clone(&linked.link);
        let fingerprint = fingerprint.clone();
        // Writes and syncs a file.
        let trusted = tokio::task::spawn_blocking(move || link.trust(&fingerprint)).await;
        match trusted {
            Ok(Ok(())) => {
                self.kick(node);
                Ok(())
            }
            Ok(Err(error)) => Err(refused(node, &error)),
            Err(error) => Err(ApiError::new(ErrorCode::Internal, error.to_string())),
        }
    }

    /// Our public key, and the line that installs it.
    pub fn ssh_key(&self) -> SshKey {
        self.shared.key.clone()
    }

    fn find(&self, node: &NodeId) -> Option<&Linked> {
        self.shared.links.iter().find(|linked| linked.id == *node)
    }
}

fn unknown(node: &NodeId) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("there is no node {node}"))
}

fn refused(node: &NodeId, error: &TrustError) -> ApiError {
    let code = match error {
        TrustError::NothingShown | TrustError::OtherKey(_) => ErrorCode::Conflict,
        TrustError::Form(_) | TrustError::Store(_) => ErrorCode::Internal,
    };
    tracing::warn!(%node, ?error, "a host key was not accepted");
    ApiError::new(code, error.to_string())
}
