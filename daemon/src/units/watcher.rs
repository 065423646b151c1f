//! The watcher's loop.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use spark_core::units::{self, Adoptions, ContainerFacts, Heard, NodeContainers, OWNER, is_ours};
use spark_ipc::Time;
use spark_ipc::id::{NodeId, OperationId};
use spark_ipc::model::node::{Freshness, Node};
use spark_ipc::model::operation::{Operation, OperationState};
use spark_ipc::model::unit::{Unit, UnitState};
use tokio::sync::{mpsc, watch};

use super::{Ask, Known};
use crate::clock;
use crate::deep::Deep;
use crate::engine::Engines;
use crate::gate::{Gate, Route, Upstream};
use crate::nodes::Nodes;
use crate::ssh::{Limits, Outcome};
use crate::tasks::Tasks;

/// How long one look at a node may take.
const LOOK: Duration = Duration::from_secs(8);

/// What the watcher works with.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub tasks: Tasks,
    pub nodes: Nodes,
    pub node_list: watch::Receiver<Arc<Vec<Node>>>,
    pub operations: watch::Receiver<Arc<Vec<Operation>>>,
    pub gate: Gate,
    pub engine: Engines,
    /// What deep health knows of them.
    pub deep: Deep,
    /// The file of the adoptions.
    pub adoptions: PathBuf,
}

struct Watcher {
    around: Surroundings,
    asks: mpsc::Sender<Ask>,
    /// The containers that a node's poll showed when it was last inspected.
    seen: BTreeMap<NodeId, BTreeSet<(String, String)>>,
    containers: BTreeMap<NodeId, Vec<ContainerFacts>>,
    units: Vec<Unit>,
    idle: BTreeMap<NodeId, u64>,
    /// Units that are being asked whether they answer.
    asking: BTreeSet<String>,
    /// Launches that have answered and whose unit has not been seen since.
    answered: BTreeMap<OperationId, Time>,
    adopted: Arc<Adoptions>,
    /// What adopted containers have answered.
    heard: Heard,
}

pub(super) async fn watch(
    around: Surroundings,
    mut adoptions: watch::Receiver<Arc<Adoptions>>,
    (asks, mut questions): (mpsc::Sender<Ask>, mpsc::Receiver<Ask>),
    list: watch::Sender<Arc<Vec<Unit>>>,
    known: watch::Sender<Known>,
) {
    let mut nodes = around.node_list.clone();
    let mut operations = around.operations.clone();
    let mut deep = around.deep.watch();
    let stop = around.tasks.token().clone();
    let mut watcher = Watcher {
        around,
        asks,
        seen: BTreeMap::new(),
        containers: BTreeMap::new(),
        units: Vec::new(),
        idle: BTreeMap::new(),
        asking: BTreeSet::new(),
        answered: BTreeMap::new(),
        adopted: Arc::clone(&adoptions.borrow_and_update()),
        heard: Heard::new(),
    };
    loop {
        let mut replies = Vec::new();
        let mut everywhere = false;
        tokio::select! {
            () = stop.cancelled() => return,
            changed = nodes.changed() => if changed.is_err() { return },
            changed = operations.changed() => if changed.is_err() { return },
            changed = deep.changed() => if changed.is_err() { return },
            changed = adoptions.changed() => if changed.is_err() { return },
            ask = questions.recv() => match ask {
                Some(Ask::Refresh(reply)) => { everywhere = true; replies.push(reply); }
                Some(Ask::Ready { launch, at }) => {
                    watcher.asking.remove(launch.as_str());
                    watcher.answered.insert(launch, at);
                }
                // It is asked again at the next look.
                Some(Ask::Silent { launch }) => { watcher.asking.remove(launch.as_str()); continue; }
                Some(Ask::Named { container, at, name }) => {
                    watcher.asking.remove(&container.0);
                    watcher.heard.insert(container, (at, name));
                }
                Some(Ask::Nameless { container }) => { watcher.asking.remove(&container.0); continue; }
                None => return,
            },
        }
        watcher.adopted = Arc::clone(&adoptions.borrow_and_update());
        let seen = Arc::clone(&nodes.borrow_and_update());
        watcher.look(&seen, everywhere).await;
        let known_now = watcher.known();
        list.send_if_modified(|now| {
            let changed = *now != known_now.units;
            if changed {
                *now = Arc::clone(&known_now.units);
            }
            changed
        });
        known.send_replace(known_now.clone());
        for reply in replies {
            if reply.send(known_now.clone()).is_err() {
                tracing::debug!("nobody waits for this look any more");
            }
        }
    }
}

impl Watcher {
    fn known(&self) -> Known {
        Known {
            units: Arc::new(self.units.clone()),
            containers: Arc::new(self.containers.clone()),
            best_idle_bytes: self.idle.clone(),
        }
    }

    /// Marks the units that have answered. One whose containers were not inspected yet is marked then.
    fn mark_answered(&mut self) {
        for unit in self
            .units
            .iter_mut()
            .filter(|u| u.state == UnitState::Loading)
        {
            if let Some(at) = unit.launch.as_ref().and_then(|l| self.answered.remove(l)) {
                unit.state = UnitState::Ready;
                unit.ready_at = Some(at);
            }
        }
    }

    /// The last deep probe of each.
    fn note_deep(&mut self) {
        let deep = self.around.deep.watch();
        let known = deep.borrow();
        for unit in &mut self.units {
            unit.deep = known.unit(unit.id.as_str());
        }
    }

    async fn look(&mut self, nodes: &[Node], everywhere: bool) {
        let asked: Vec<&Node> = nodes
            .iter()
            .filter(|n| everywhere || self.changed(n))
            .collect();
        let answers = join_all(asked.iter().map(|n| inspect(&self.around.nodes, &n.id))).await;
        for (node, answer) in asked.iter().zip(answers) {
            if let Some(containers) = answer {
                self.seen.insert(node.id.clone(), shown(node));
                self.containers.insert(node.id.clone(), containers);
            } else {
                // Nothing is known of it now; what ran there is shown as unknown.
                self.seen.remove(&node.id);
                self.containers.remove(&node.id);
            }
        }
        for node in nodes
            .iter()
            .filter(|n| n.freshness == Freshness::Unreachable)
        {
            self.containers.remove(&node.id);
            self.seen.remove(&node.id);
        }
        self.note_idle(nodes);
        self.fold(nodes);
    }

    /// Whether the poll shows another set of containers than the one that was inspected.
    fn changed(&self, node: &Node) -> bool {
        node.freshness == Freshness::Fresh && self.seen.get(&node.id) != Some(&shown(node))
    }

    fn note_idle(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|n| n.freshness == Freshness::Fresh) {
            let idle = node.gpu_processes.as_ref().is_some_and(Vec::is_empty);
            if let (true, Some(memory)) = (idle, &node.memory) {
                let best = self.idle.entry(node.id.clone()).or_default();
                *best = memory.available_bytes.max(*best);
            }
        }
    }

    fn fold(&mut self, nodes: &[Node]) {
        let none = Vec::new();
        let all: Vec<NodeContainers<'_>> = nodes
            .iter()
            .map(|n| NodeContainers {
                node: &n.id,
                host: &n.host,
                containers: self.containers.get(&n.id).map(Vec::as_slice),
                gpu_processes: n.gpu_processes.as_ref().unwrap_or(&none),
            })
            .collect();
        self.units = units::from_containers(&all, &self.units);
        let present = |id: &String| self.containers.values().flatten().any(|c| c.id == *id);
        self.heard.retain(|(id, _), _| present(id));
        units::take_over(&mut self.units, &self.adopted, &self.heard);
        self.mark_answered();
        self.note_deep();
        let running = |o: &Operation| o.state == OperationState::Running;
        if self.around.operations.borrow().iter().any(running) {
            return;
        }
        self.ask_the_silent();
        self.ask_the_adopted();
        self.set_gate();
    }

    /// A unit of ours that runs and of which nothing is known is asked whether it answers.
    fn ask_the_silent(&mut self) {
        let silent = |u: &&Unit| u.owner == OWNER && u.state == UnitState::Loading;
        for unit in self.units.iter().filter(silent) {
            let (Some(endpoint), Some(name), Some(launch)) =
                (&unit.endpoint, &unit.served_name, &unit.launch)
            else {
                continue;
            };
            if !self.asking.insert(launch.to_string()) {
                continue;
            }
            let engine = self.around.engine.at(endpoint);
            let (id, name, launch) = (unit.id.clone(), name.clone(), launch.clone());
            let (asks, stop) = (self.asks.clone(), self.around.tasks.token().clone());
            self.around.tasks.spawn("ask a unit", async move {
                let answer = tokio::select! {
                    () = stop.cancelled() => return,
                    answer = engine.serves(&name) => answer,
                };
                let told = match answer {
                    Ok(()) => Ask::Ready {
                        launch,
                        at: clock::now(),
                    },
                    Err(error) => {
                        tracing::debug!(unit = %id, %error, "a running unit does not answer yet");
                        Ask::Silent { launch }
                    }
                };
                if asks.send(told).await.is_err() {
                    tracing::debug!("the watcher of units has ended");
                }
            });
        }
    }

    /// An adopted unit names its model itself: what its command line says need not be so.
    fn ask_the_adopted(&mut self) {
        let silent = |u: &&Unit| u.adopted && u.state == UnitState::Loading;
        for unit in self.units.iter().filter(silent) {
            let (Some(endpoint), Some(rank)) = (&unit.endpoint, unit.ranks.first()) else {
                continue;
            };
            let container = (rank.container_id.clone(), rank.started_at);
            if !self.asking.insert(container.0.clone()) {
                continue;
            }
            let engine = self.around.engine.at(endpoint);
            let (asks, stop) = (self.asks.clone(), self.around.tasks.token().clone());
            self.around.tasks.spawn("ask an adopted unit", async move {
                let answer = tokio::select! {
                    () = stop.cancelled() => return,
                    answer = engine.first_model() => answer,
                };
                let told = match answer {
                    Ok(name) => Ask::Named {
                        container,
                        at: clock::now(),
                        name,
                    },
                    Err(error) => {
                        tracing::debug!(%error, "an adopted unit does not name its model yet");
                        Ask::Nameless { container }
                    }
                };
                if asks.send(told).await.is_err() {
                    tracing::debug!("the watcher of units has ended");
                }
            });
        }
    }

    /// Requests go to the unit that answered last.
    fn set_gate(&self) {
        let serving = self
            .units
            .iter()
            .filter(|u| is_ours(u) && u.ready_at.is_some())
            .filter(|u| matches!(u.state, UnitState::Ready | UnitState::Unknown))
            .max_by_key(|u| u.ready_at);
        self.around.gate.set(
            serving
                .and_then(|u| {
                    let (served_name, base_url) = (u.served_name.clone()?, u.endpoint.clone()?);
                    Some(Route::Serving(Upstream {
                        served_name,
                        base_url,
                    }))
                })
                .unwrap_or(Route::NoModel),
        );
    }
}

/// What the poll shows of a node's containers.
fn shown(node: &Node) -> BTreeSet<(String, String)> {
    node.containers
        .iter()
        .map(|c| (c.id.clone(), c.state.clone()))
        .collect()
}

/// The containers of a node; `None` when it does not answer.
async fn inspect(nodes: &Nodes, id: &NodeId) -> Option<Vec<ContainerFacts>> {
    let link = nodes.link(id)?;
    match link.run(&units::command(), Limits::within(LOOK)).await {
        Outcome::Exited {
            status: 0, stdout, ..
        } => {
            let (containers, warnings) = units::read(&stdout)
                .inspect_err(
                    |warning| tracing::warn!(node = %id, ?warning, "the containers cannot be read"),
                )
                .ok()?;
            for warning in warnings {
                tracing::warn!(node = %id, ?warning, "a container cannot be read");
            }
            Some(containers)
        }
        Outcome::Exited { stderr, .. } => {
            // Docker is down or denied: that says nothing about what runs.
            tracing::debug!(node = %id, ?stderr, "docker did not list its containers");
            None
        }
        Outcome::TimedOut | Outcome::Lost { .. } | Outcome::Refused(_) => None,
    }
}
