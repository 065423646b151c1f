//! The running things of all nodes, found again from what Docker says.
//!
//! Containers are the only durable truth: those with our labels become our units, one a name and launch;
//! others that serve a model are shown with their owner, and never touched.

use std::collections::BTreeMap;

use spark_ipc::id::{NodeId, OperationId, RecipeId, RepoId, UnitId};
use spark_ipc::model::node::GpuProcess;
use spark_ipc::model::unit::{Rank, Unit, UnitState};

mod docker;
mod foreign;

pub use crate::owner::OWNER;
pub use docker::{ContainerFacts, command, read};
pub use foreign::{Adoptions, Heard, take_over};

/// What is known of one node.
#[derive(Debug, Clone, Copy)]
pub struct NodeContainers<'a> {
    pub node: &'a NodeId,
    /// The address that clients reach it at.
    pub host: &'a str,
    /// `None` while it cannot be reached: nothing is known then.
    pub containers: Option<&'a [ContainerFacts]>,
    pub gpu_processes: &'a [GpuProcess],
}

/// The units of all nodes. `previous` carries what containers do not tell: that a unit has answered, and what
/// ran on a node that cannot be reached now.
pub fn from_containers(nodes: &[NodeContainers<'_>], previous: &[Unit]) -> Vec<Unit> {
    let mut groups: BTreeMap<(String, String), Vec<Member<'_>>> = BTreeMap::new();
    let mut foreign = Vec::new();
    for node in nodes {
        for facts in node.containers.unwrap_or_default() {
            let member = Member { node, facts };
            if let Some(unit) = facts.label("unit") {
                let launch = facts.label("launch").unwrap_or_default();
                groups
                    .entry((unit.to_owned(), launch.to_owned()))
                    .or_default()
                    .push(member);
            } else {
                foreign.extend(foreign::unit(&member, previous));
            }
        }
    }
    let missing: Vec<&NodeId> = nodes
        .iter()
        .filter(|n| n.containers.is_none())
        .map(|n| n.node)
        .collect();
    let mut units: Vec<Unit> = groups
        .into_values()
        .filter_map(|g| own_unit(&g, nodes, previous))
        .collect();
    rename_leftovers(&mut units);
    keep_unreachable(&mut units, previous, &missing);
    units.append(&mut foreign);
    units
}

/// Whether a unit may be stopped and served from: we started it, or the operator has adopted it.
pub fn is_ours(unit: &Unit) -> bool {
    unit.owner == OWNER || unit.adopted
}

/// One container on its node.
struct Member<'a> {
    node: &'a NodeContainers<'a>,
    facts: &'a ContainerFacts,
}

impl Member<'_> {
    fn rank(&self) -> Rank {
        Rank {
            node: self.node.node.clone(),
            rank: self
                .facts
                .label("rank")
                .and_then(|r| r.parse().ok())
                .unwrap_or(0),
            container: self.facts.name.clone(),
            container_id: self.facts.id.clone(),
            image: self.facts.image.clone(),
            state: self.facts.state.clone(),
            exit_code: (!self.facts.running())
                .then_some(self.facts.exit_code)
                .flatten(),
            started_at: self.facts.started_at,
        }
    }

    /// GPU memory of the processes in it.
    fn memory(&self) -> Option<u64> {
        let inside = self
            .node
            .gpu_processes
            .iter()
            .filter(|p| p.container.as_deref() == Some(&self.facts.name));
        let known: Vec<u64> = inside.filter_map(|p| p.memory_bytes).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    }
}

fn own_unit(group: &[Member<'_>], nodes: &[NodeContainers<'_>], previous: &[Unit]) -> Option<Unit> {
    let first = group.first()?.facts;
    let id = UnitId::new(first.label("unit")?).ok()?;
    let launch = first.label("launch").and_then(|l| OperationId::new(l).ok());
    let before = previous
        .iter()
        .find(|u| u.owner == OWNER && u.launch == launch);
    let mut ranks: Vec<Rank> = group.iter().map(Member::rank).collect();
    let unreachable = |rank: &&Rank| {
        nodes
            .iter()
            .any(|n| *n.node == rank.node && n.containers.is_none())
    };
    ranks.extend(
        before
            .iter()
            .flat_map(|u| &u.ranks)
            .filter(unreachable)
            .cloned(),
    );
    ranks.sort_by_key(|r| r.rank);
    let world: u32 = first
        .label("world")
        .and_then(|w| w.parse().ok())
        .unwrap_or(1);
    let (state, message) = judge(group, &ranks, world, nodes, before);
    let memory = group.iter().map(Member::memory).collect::<Vec<_>>();
    Some(Unit {
        endpoint: endpoint(first, &ranks, nodes),
        owner: OWNER.to_owned(),
        adopted: false,
        repo: first.label("repo").and_then(|r| RepoId::new(r).ok()),
        recipe: first.label("recipe").and_then(|r| RecipeId::new(r).ok()),
        served_name: first
            .label("served")
            .map(|s| spark_ipc::text::clean_line(s, 128)),
        launch,
        started_at: ranks.iter().filter_map(|r| r.started_at).min(),
        ready_at: before
            .and_then(|u| u.ready_at)
            .filter(|_| matches!(state, UnitState::Ready | UnitState::Unknown)),
        memory_bytes: memory
            .iter()
            .any(Option::is_some)
            .then(|| memory.iter().flatten().sum()),
        id,
        state,
        ranks,
        message,
        deep: None,
    })
}

fn endpoint(
    facts: &ContainerFacts,
    ranks: &[Rank],
    nodes: &[NodeContainers<'_>],
) -> Option<String> {
    let port: u16 = facts.label("port")?.parse().ok()?;
    let head = facts.label("head").and_then(|h| NodeId::new(h).ok());
    let head = head.or_else(|| ranks.first().map(|r| r.node.clone()))?;
    let node = nodes.iter().find(|n| *n.node == head)?;
    Some(base_url(node.host, port))
}

/// `http://HOST:PORT`, with an IPv6 address in brackets.
pub(crate) fn base_url(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("http://[{host}]:{port}")
    } else {
        format!("http://{host}:{port}")
    }
}

/// The state of one of our units and, when it is not well, why.
fn judge(
    group: &[Member<'_>],
    ranks: &[Rank],
    world: u32,
    nodes: &[NodeContainers<'_>],
    before: Option<&Unit>,
) -> (UnitState, Option<String>) {
    let dead: Vec<&Member<'_>> = group.iter().filter(|m| !m.facts.running()).collect();
    if let Some(member) = dead.first() {
        let all_dead = dead.len() == group.len();
        let clean = dead
            .iter()
            .all(|m| m.facts.exit_code == Some(0) && !m.facts.never_started());
        let state = if all_dead && clean {
            UnitState::Stopped
        } else {
            UnitState::Failed
        };
        return (state, Some(member.facts.why_dead(member.node.node)));
    }
    let unreachable: Vec<&str> = nodes
        .iter()
        .filter(|n| n.containers.is_none())
        .map(|n| n.node.as_str())
        .collect();
    let present = u32::try_from(group.len()).unwrap_or(u32::MAX);
    if present < world && !unreachable.is_empty() {
        return (
            UnitState::Unknown,
            Some(format!("{} cannot be reached", unreachable.join(", "))),
        );
    }
    if present < world {
        let there: Vec<u32> = ranks.iter().map(|r| r.rank).collect();
        let gone: Vec<String> = (0..world)
            .filter(|r| !there.contains(r))
            .map(|r| r.to_string())
            .collect();
        return (
            UnitState::Failed,
            Some(format!(
                "the container of rank {} is missing",
                gone.join(", ")
            )),
        );
    }
    // A container that Docker started again is another engine, and has not answered.
    let same_start = |u: &Unit| {
        ranks.iter().all(|r| {
            let mut earlier = u.ranks.iter().filter(|e| e.container_id == r.container_id);
            earlier.any(|e| e.started_at == r.started_at)
        })
    };
    match before.filter(|u| same_start(u)) {
        Some(unit) if unit.state == UnitState::Stopping => (UnitState::Stopping, None),
        Some(unit) if unit.state == UnitState::Ready || unit.ready_at.is_some() => {
            (UnitState::Ready, None)
        }
        _ => (UnitState::Loading, None),
    }
}

/// What an earlier launch left behind must not pass for the unit of that name: only the newest keeps it.
fn rename_leftovers(units: &mut Vec<Unit>) {
    units.sort_by(|a, b| a.id.cmp(&b.id).then(b.started_at.cmp(&a.started_at)));
    let mut newest: Option<UnitId> = None;
    for unit in units {
        if newest.as_ref() != Some(&unit.id) {
            newest = Some(unit.id.clone());
        } else if let Some(launch) = &unit.launch {
            let name = UnitId::new(format!("{}.{launch}", unit.id));
            unit.id = name.unwrap_or_else(|_too_long| unit.id.clone());
            unit.state = UnitState::Failed;
            unit.message = Some("left over from an earlier launch".to_owned());
        }
    }
}

/// Units of which nothing but unreachable nodes is left stay, as unknown.
fn keep_unreachable(units: &mut Vec<Unit>, previous: &[Unit], missing: &[&NodeId]) {
    for unit in previous {
        let seen = units
            .iter()
            .any(|u| u.id == unit.id && u.launch == unit.launch);
        let there = unit.ranks.iter().any(|r| missing.contains(&&r.node));
        if !seen && there {
            let names: Vec<&str> = missing.iter().map(|n| n.as_str()).collect();
            units.push(Unit {
                state: UnitState::Unknown,
                message: Some(format!("{} cannot be reached", names.join(", "))),
                ..unit.clone()
            });
        }
    }
}

#[cfg(test)]
mod tests;
