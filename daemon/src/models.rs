//! The models on the disks: one task lists them on every node and merges the lists into the menu.
//!
//! A disk is listed when its node is first reached, then at an interval, and at once when somebody asks. A
//! listing that failed leaves the last good one in place.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use spark_core::catalog::Catalog;
use spark_core::inventory::{self, DiskModel};
use spark_ipc::Time;
use spark_ipc::id::NodeId;
use spark_ipc::model::inventory::ModelList;
use spark_ipc::model::node::{LinkState, Node};
use spark_ipc::model::operation::Operation;
use spark_ipc::model::unit::Unit;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::clock;
use crate::journal::Launch;
use crate::nodes::Nodes;
use crate::settings::Live;
use crate::ssh::{Limits, Outcome};
use crate::tasks::Tasks;

mod details;
mod images;
mod menu;
mod recipes;

pub use details::Details;
pub use images::Images;
pub(crate) use menu::measured;
pub use recipes::Recipes;

/// How long one listing may take.
const LOOK: Duration = Duration::from_secs(150);
/// Least time between two checks of which disks are due.
const SHORTEST: Duration = Duration::from_secs(1);
/// Most bytes of a listing: a few hundred models with their configurations.
const MAX_LISTING: usize = 32 * 1024 * 1024;

/// The lists of all nodes.
pub type Lists = Arc<BTreeMap<NodeId, Arc<Vec<DiskModel>>>>;

/// What the task works with.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub tasks: Tasks,
    pub nodes: Nodes,
    pub node_list: watch::Receiver<Arc<Vec<Node>>>,
    pub units: watch::Receiver<Arc<Vec<Unit>>>,
    pub operations: watch::Receiver<Arc<Vec<Operation>>>,
    pub launches: watch::Receiver<Arc<Vec<Launch>>>,
    pub catalog: watch::Receiver<Arc<Catalog>>,
    pub interval_s: Live<u64>,
}

/// The handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct Models {
    lists: watch::Receiver<Lists>,
    menu: watch::Receiver<Arc<ModelList>>,
    kicks: mpsc::Sender<()>,
}

impl Models {
    /// Starts the task.
    pub fn start(around: Surroundings) -> Self {
        let lists = watch::Sender::new(Lists::default());
        let empty = ModelList {
            models: Vec::new(),
            recipe_errors: around.catalog.borrow().errors().to_vec(),
            observed_at: None,
        };
        let menu = watch::Sender::new(Arc::new(empty));
        let (kicks, asked) = mpsc::channel(1);
        let handle = Self {
            lists: lists.subscribe(),
            menu: menu.subscribe(),
            kicks,
        };
        let tasks = around.tasks.clone();
        tasks.spawn("models", run(around, lists, menu, asked));
        handle
    }

    /// What is on the disks, as last listed.
    pub fn lists(&self) -> Lists {
        Arc::clone(&self.lists.borrow())
    }

    /// What is on the disks, and its changes.
    pub fn changes(&self) -> watch::Receiver<Lists> {
        self.lists.clone()
    }

    /// The menu, and its changes.
    pub fn menu(&self) -> watch::Receiver<Arc<ModelList>> {
        self.menu.clone()
    }

    /// Lists all disks soon.
    pub fn kick(&self) {
        // A full queue means that it is about to be done.
        if self.kicks.try_send(()).is_err() {
            tracing::trace!("the disks are about to be listed already");
        }
    }
}

#[derive(Default)]
struct Disks {
    lists: BTreeMap<NodeId, Arc<Vec<DiskModel>>>,
    /// When each node was asked last.
    asked: BTreeMap<NodeId, Instant>,
    /// What each said last that was taken.
    said: BTreeMap<NodeId, Digest>,
    /// Nodes that are being listed now.
    under_way: BTreeSet<NodeId>,
    observed_at: Option<Time>,
    /// MemTotal of every node.
    totals: Vec<Option<u64>>,
}

fn totals(nodes: &[Node]) -> Vec<Option<u64>> {
    nodes
        .iter()
        .map(|n| n.memory.as_ref().map(|m| m.total_bytes))
        .collect()
}

async fn run(
    around: Surroundings,
    lists: watch::Sender<Lists>,
    menu: watch::Sender<Arc<ModelList>>,
    mut kicks: mpsc::Receiver<()>,
) {
    let stop = around.tasks.token().clone();
    let mut changes = around.clone();
    let mut disks = Disks::default();
    // A node that is slow to list holds up nobody else.
    let mut listings = FuturesUnordered::new();
    loop {
        let (mut everywhere, mut remake) = (false, true);
        let rest = disks.rest(around.interval_s.get());
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(rest) => remake = false,
            kick = kicks.recv() => if kick.is_some() { everywhere = true } else { return },
            changed = changes.node_list.changed() => {
                // Of what a poll tells, only the size of a memory shows in the menu.
                let totals = totals(&changes.node_list.borrow());
                remake = totals != disks.totals;
                disks.totals = totals;
                if changed.is_err() { return }
            }
            changed = changes.units.changed() => if changed.is_err() { return },
            changed = changes.operations.changed() => if changed.is_err() { return },
            changed = changes.launches.changed() => if changed.is_err() { return },
            changed = changes.catalog.changed() => if changed.is_err() { return },
            Some((id, found)) = listings.next(), if !listings.is_empty() => {
                remake = disks.take(id, found);
                if remake {
                    lists.send_replace(Arc::new(disks.lists.clone()));
                }
            }
        }
        let nodes = Arc::clone(&changes.node_list.borrow_and_update());
        for id in disks.due(&nodes, around.interval_s.get(), everywhere) {
            let before = disks.said.get(&id).copied();
            listings.push(list(around.nodes.clone(), id, before));
        }
        if remake {
            let made = Arc::new(menu::make(&around, &nodes, &disks.lists, disks.observed_at));
            menu.send_if_modified(|now| {
                let changed = *now != made;
                if changed {
                    *now = made;
                }
                changed
            });
        } else {
            menu.send_if_modified(|now| disks.observed(now));
        }
    }
}

impl Disks {
    /// Time until the next disk is due, however seldom nodes are polled; not longer than a new interval of the
    /// settings may wait to be seen.
    fn rest(&self, interval_s: u64) -> Duration {
        let interval = Duration::from_secs(interval_s);
        let idle = self
            .asked
            .iter()
            .filter(|(id, _)| !self.under_way.contains(*id));
        let next = idle
            .map(|(_, at)| interval.saturating_sub(at.elapsed()))
            .min();
        next.unwrap_or(LOOK).clamp(SHORTEST, LOOK)
    }

    /// The nodes whose time to be listed has come; they count as being listed from now on.
    fn due(&mut self, nodes: &[Node], interval_s: u64, everywhere: bool) -> Vec<NodeId> {
        let interval = Duration::from_secs(interval_s);
        let due = |n: &&Node| {
            let waited = self
                .asked
                .get(&n.id)
                .is_none_or(|at| at.elapsed() >= interval);
            let idle = !self.under_way.contains(&n.id);
            n.link.state == LinkState::Connected && idle && (everywhere || waited)
        };
        let due: Vec<NodeId> = nodes.iter().filter(due).map(|n| n.id.clone()).collect();
        for id in &due {
            self.under_way.insert(id.clone());
            self.asked.insert(id.clone(), Instant::now());
        }
        due
    }

    /// Takes a finished listing; whether it is new.
    fn take(&mut self, id: NodeId, found: Option<Said>) -> bool {
        self.under_way.remove(&id);
        let (digest, found) = match found {
            None => return false,
            Some(Said::Same) => {
                self.observed_at = Some(clock::now());
                return false;
            }
            Some(Said::New(digest, listing)) => (digest, listing),
        };
        let Listing { models, whole } = found;
        if !whole && self.lists.contains_key(&id) {
            return false;
        }
        self.observed_at = Some(clock::now());
        self.said.insert(id.clone(), digest);
        self.lists.insert(id, Arc::new(models));
        true
    }

    /// Notes in the menu when the disks were last listed; whether that is news.
    fn observed(&self, menu: &mut Arc<ModelList>) -> bool {
        let news = menu.observed_at != self.observed_at;
        if news {
            Arc::make_mut(menu).observed_at = self.observed_at;
        }
        news
    }
}

/// What a node said about its disk.
struct Listing {
    models: Vec<DiskModel>,
    /// A list that was cut shows what it can, but never in the place of an earlier one.
    whole: bool,
}

/// What a node said, next to what it had said before.
enum Said {
    /// Word for word the same: hundreds of models need no second reading.
    Same,
    New(Digest, Listing),
}

/// A digest of a listing's bytes: two that differ have the same one by chance once in 2^64.
type Digest = u64;

fn digest(listing: &str) -> Digest {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    KEYS.hash_one(listing)
}

/// The models on a node's disk, unless it says the same as `before`; `None` when it did not say.
async fn list(nodes: Nodes, id: NodeId, before: Option<Digest>) -> (NodeId, Option<Said>) {
    let found = list_one(&nodes, &id, before).await;
    (id, found)
}

async fn list_one(nodes: &Nodes, id: &NodeId, before: Option<Digest>) -> Option<Said> {
    let link = nodes.link(id)?;
    let limits = Limits {
        max_stdout: MAX_LISTING,
        ..Limits::within(LOOK)
    };
    match link.run(&inventory::command(), limits).await {
        Outcome::Exited {
            status: 0, stdout, ..
        } => {
            let said = digest(&stdout);
            if before == Some(said) {
                return Some(Said::Same);
            }
            let (models, warnings) = inventory::read(&stdout);
            for warning in warnings {
                tracing::warn!(node = %id, ?warning, "a model cannot be read");
            }
            let whole = inventory::is_whole(&stdout);
            Some(Said::New(said, Listing { models, whole }))
        }
        other => {
            tracing::warn!(node = %id, outcome = ?other, "the models on the disk cannot be listed");
            None
        }
    }
}
