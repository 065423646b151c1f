//! Which service starts by itself next: after its node came up, in order, once a boot; and one that died, a
//! few times.
//!
//! What the operator stopped stays stopped until its node boots again: each start by itself, and each act of
//! the operator, uses up the boot.

use std::collections::{BTreeMap, BTreeSet};

use spark_ipc::id::{NodeId, ServiceName};
use spark_ipc::model::node::{DockerState, Freshness, LinkState, Node};
use spark_ipc::model::operation::{Operation, OperationKind};
use spark_ipc::model::service::{Service, ServiceState};

use super::view::MOST_RESTARTS;
use crate::lane;

/// For each service the boot of its node for which nothing is left to do.
pub type Tried = BTreeMap<ServiceName, String>;

/// A service whose time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub service: ServiceName,
    pub node: NodeId,
    pub boot_id: String,
    /// It died by itself, and is not started for a boot.
    pub again: bool,
}

/// The next service to start: services come in their order, and the next waits until the one before has been
/// started, since its operation holds the node.
pub fn due(
    services: &[Service],
    nodes: &[Node],
    running: &[Operation],
    tried: &Tried,
    fallen: &BTreeSet<ServiceName>,
) -> Option<Due> {
    let mut wanted = services.iter().filter(|s| s.enabled && s.autostart);
    wanted.find_map(|service| one(service, nodes, running, tried, fallen))
}

fn one(
    service: &Service,
    nodes: &[Node],
    running: &[Operation],
    tried: &Tried,
    fallen: &BTreeSet<ServiceName>,
) -> Option<Due> {
    if !matches!(service.state, ServiceState::Off | ServiceState::Failed) {
        return None;
    }
    let node = match &service.node {
        Some(id) => nodes.iter().find(|n| n.id == *id && well(n))?,
        None => nodes.iter().find(|n| well(n))?,
    };
    let held = |o: &Operation| {
        o.state == spark_ipc::model::operation::OperationState::Running
            && lane::holds(
                o,
                OperationKind::ServiceStart,
                std::slice::from_ref(&node.id),
            )
    };
    if running.iter().any(held) {
        return None;
    }
    let boot_id = node.identity.boot_id.clone()?;
    let first = tried.get(&service.name) != Some(&boot_id);
    let again = fallen.contains(&service.name) && service.restarts < MOST_RESTARTS;
    (first || again).then(|| Due {
        service: service.name.clone(),
        node: node.id.clone(),
        boot_id,
        again: !first,
    })
}

/// Connected, read just now, with its Docker up.
fn well(node: &Node) -> bool {
    node.freshness == Freshness::Fresh
        && node.link.state == LinkState::Connected
        && node.docker == Some(DockerState::Ok)
}
