//! The read-model: the latest value of every section.
//!
//! Each section has one writer elsewhere; here are only receivers. A reader that is slow skips values and
//! never holds one up.

use std::sync::Arc;

use spark_ipc::Time;
use spark_ipc::model::alert::Alert;
use spark_ipc::model::connectivity::ConnectivitySummary;
use spark_ipc::model::inventory::ModelList;
use spark_ipc::model::node::Node;
use spark_ipc::model::operation::Operation;
use spark_ipc::model::service::Service;
use spark_ipc::model::settings::Settings;
use spark_ipc::model::status::{Proxy, Setup, Snapshot, Status};
use spark_ipc::model::unit::Unit;
use spark_ipc::model::webhook::WebhookStatus;
use tokio::sync::watch;

/// Receivers of all sections; cheap to clone.
#[derive(Debug, Clone)]
pub struct View {
    pub nodes: watch::Receiver<Arc<Vec<Node>>>,
    pub alerts: watch::Receiver<Arc<Vec<Alert>>>,
    pub models: watch::Receiver<Arc<ModelList>>,
    pub units: watch::Receiver<Arc<Vec<Unit>>>,
    pub services: watch::Receiver<Arc<Vec<Service>>>,
    pub operations: watch::Receiver<Arc<Vec<Operation>>>,
    pub proxy: watch::Receiver<Arc<Proxy>>,
    pub settings: watch::Receiver<Arc<Settings>>,
    /// The newest entries of the connectivity log.
    pub connectivity: watch::Receiver<Arc<ConnectivitySummary>>,
    /// `None` while no receiver is set.
    pub webhook: watch::Receiver<Arc<Option<WebhookStatus>>>,
}

impl View {
    /// `GET /api/status` as of `now`.
    pub fn status(&self, now: Time) -> Status {
        let nodes = Vec::clone(&self.nodes.borrow());
        let setup = setup(&nodes);
        Status {
            now,
            nodes,
            units: Vec::clone(&self.units.borrow()),
            services: Vec::clone(&self.services.borrow()),
            operations: Vec::clone(&self.operations.borrow()),
            alerts: Vec::clone(&self.alerts.borrow()),
            proxy: Proxy::clone(&self.proxy.borrow()),
            webhook: Option::clone(&self.webhook.borrow()),
            setup,
            connectivity: ConnectivitySummary::clone(&self.connectivity.borrow()),
        }
    }

    /// The first event of a stream, as of `now`.
    pub fn snapshot(&self, now: Time) -> Snapshot {
        Snapshot {
            status: self.status(now),
            models: ModelList::clone(&self.models.borrow()),
            settings: Settings::clone(&self.settings.borrow()),
        }
    }
}

/// What the operator still has to do: nodes that wait for their host key or for our key.
pub(crate) fn setup(nodes: &[Node]) -> Setup {
    use spark_ipc::model::node::LinkCause;
    let needs: Vec<String> = nodes
        .iter()
        .filter_map(|node| {
            let need = match node.link.cause? {
                LinkCause::HostKeyUnknown => "accept its host key",
                LinkCause::HostKeyChanged => "look at its changed host key",
                LinkCause::Auth => "install the SSH key on it",
                LinkCause::Dns
                | LinkCause::Refused
                | LinkCause::TimedOut
                | LinkCause::NoRoute
                | LinkCause::NoBanner
                | LinkCause::Lost
                | LinkCause::Protocol => return None,
            };
            Some(format!("{}: {need}", node.name))
        })
        .collect();
    Setup {
        complete: needs.is_empty(),
        needs,
    }
}
