//! The one owner of what is known of the nodes.

use std::sync::{Arc, Mutex, PoisonError};

use spark_core::alert;
use spark_core::health::{Address, Moment, Tracked};
use spark_ipc::model::alert::Alert;
use spark_ipc::model::node::Node;
use tokio::sync::watch;

use crate::clock::now;
use crate::config::NodeConfig;

/// Nodes and alerts; each change is published at once, and only if it is one.
#[derive(Debug)]
pub(super) struct Store {
    state: Mutex<State>,
    nodes: watch::Sender<Arc<Vec<Node>>>,
    alerts: watch::Sender<Arc<Vec<Alert>>>,
}

#[derive(Debug)]
struct State {
    tracked: Vec<Tracked>,
    memory: alert::Memory,
}

impl Store {
    pub(super) fn new(configs: &[NodeConfig]) -> Self {
        let address = |config: &NodeConfig| Address {
            id: config.id.clone(),
            name: config.name.clone(),
            host: config.host.clone(),
            user: config.user.clone(),
            ssh_port: config.ssh_port,
        };
        let now = now();
        let tracked: Vec<Tracked> = configs
            .iter()
            .map(|config| Tracked::new(address(config), now))
            .collect();
        let nodes = tracked.iter().map(|t| t.node.clone()).collect();
        Self {
            state: Mutex::new(State {
                tracked,
                memory: alert::Memory::default(),
            }),
            nodes: watch::Sender::new(Arc::new(nodes)),
            alerts: watch::Sender::default(),
        }
    }

    pub(super) fn nodes(&self) -> watch::Receiver<Arc<Vec<Node>>> {
        self.nodes.subscribe()
    }

    pub(super) fn alerts(&self) -> watch::Receiver<Arc<Vec<Alert>>> {
        self.alerts.subscribe()
    }

    /// Changes the node at `place` and publishes what follows. `change` tells whether it did anything.
    pub(super) fn update(
        &self,
        place: usize,
        interval_s: f64,
        change: impl FnOnce(&mut Tracked, Moment) -> bool,
    ) {
        let moment = Moment {
            now: now(),
            interval_s,
        };
        // Held while publishing, so that lists come out in the order of their making.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { tracked, memory } = &mut *state;
        let Some(one) = tracked.get_mut(place) else {
            return;
        };
        if !change(one, moment) {
            return;
        }
        let nodes: Vec<Node> = tracked.iter().map(|t| t.node.clone()).collect();
        let alerts = alert::evaluate(&self.alerts.borrow(), memory, &nodes, moment.now);
        self.nodes.send_replace(Arc::new(nodes));
        self.alerts.send_if_modified(|current| {
            let changed = **current != alerts;
            if changed {
                *current = Arc::new(alerts);
            }
            changed
        });
        drop(state);
    }
}
