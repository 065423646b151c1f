//! What runs of each service: the catalogue, the containers and the answers, folded into the read-model.

use std::collections::{BTreeMap, BTreeSet};

use spark_ipc::Time;
use spark_ipc::id::{ContainerName, NodeId, OperationId, ServiceName};
use spark_ipc::model::node::GpuProcess;
use spark_ipc::model::operation::{Operation, OperationKind, OperationState};
use spark_ipc::model::service::{Service, ServiceState};

use super::{Entry, Services};
use crate::units::{ContainerFacts, base_url};

/// Deaths in a row after which a service is not started again by itself.
pub(super) const MOST_RESTARTS: u32 = 3;

/// What is known of one node.
#[derive(Debug, Clone, Copy)]
pub struct ServiceNode<'a> {
    pub node: &'a NodeId,
    /// The address that clients reach it at.
    pub host: &'a str,
    /// `None` while it cannot be reached: nothing is known then.
    pub containers: Option<&'a [ContainerFacts]>,
    pub gpu_processes: &'a [GpuProcess],
}

impl<'a> ServiceNode<'a> {
    /// The containers of a service on this node.
    pub(super) fn containers_of<'n>(
        &self,
        name: &'n ServiceName,
    ) -> impl Iterator<Item = &'a ContainerFacts> + use<'a, 'n> {
        let containers = self.containers.unwrap_or_default();
        containers
            .iter()
            .filter(move |c| c.label("service") == Some(name.as_str()))
    }
}

/// How a container last answered its health route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// When it last answered 200; `None` when it never did.
    pub answered_at: Option<Time>,
    /// Why the newest question was not answered; `None` when it was.
    pub silent: Option<String>,
}

/// The answers of containers, by container id and start.
pub type Answers = BTreeMap<(String, Option<Time>), Seen>;

/// How often the daemon has started a service again since it was last well.
pub type Restarts = BTreeMap<ServiceName, u32>;

/// What containers do not tell.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    pub answers: &'a Answers,
    pub restarts: &'a Restarts,
    /// Newest first.
    pub operations: &'a [Operation],
}

/// Every service as it is now. `previous` carries since when a service is in its state, and where one was whose
/// node cannot be reached.
pub fn view(
    catalog: &Services,
    nodes: &[ServiceNode<'_>],
    told: &Told<'_>,
    previous: &[Service],
    now: Time,
) -> Vec<Service> {
    let Told {
        answers,
        restarts,
        operations,
    } = *told;
    let of = |entry: &Entry| {
        let name = &entry.spec.name;
        let before = previous.iter().find(|s| s.name == *name);
        let mut service = base(entry, before, operations, now);
        service.restarts = restarts.get(name).copied().unwrap_or(0);
        match newest(name, nodes) {
            Some((node, facts)) => found(&mut service, node, facts, answers),
            None => absent(&mut service, nodes, before, operations),
        }
        let dead = !matches!(
            service.state,
            ServiceState::Ready | ServiceState::Degraded | ServiceState::Unknown
        );
        if dead && operations.iter().any(|o| starts(o, name)) {
            service.state = ServiceState::Starting;
        }
        service.since = match before {
            Some(before) if before.state == service.state => before.since,
            _ => now,
        };
        service
    };
    catalog.entries().iter().map(of).collect()
}

/// Services that died by themselves and may be started again: not those that ended well, nor those that the
/// lack of memory killed.
pub fn fallen(catalog: &Services, nodes: &[ServiceNode<'_>]) -> BTreeSet<ServiceName> {
    let died = |c: &ContainerFacts| {
        let code = c.exit_code.unwrap_or(0);
        !c.running() && !c.never_started() && !c.oom_killed && code != 0 && code != 137
    };
    let names = catalog.entries().iter().map(|e| &e.spec.name);
    names
        .filter(|name| newest(name, nodes).is_some_and(|(_, facts)| died(facts)))
        .cloned()
        .collect()
}

/// The service's container: the running one, else the one that was started last.
fn newest<'n, 'a>(
    name: &ServiceName,
    nodes: &'n [ServiceNode<'a>],
) -> Option<(&'n ServiceNode<'a>, &'a ContainerFacts)> {
    nodes
        .iter()
        .flat_map(|n| n.containers_of(name).map(move |c| (n, c)))
        .max_by_key(|(_, c)| (c.running(), c.started_at))
}

fn base(entry: &Entry, before: Option<&Service>, operations: &[Operation], now: Time) -> Service {
    let spec = &entry.spec;
    let acts = |o: &&Operation| o.state == OperationState::Running && is_about(o, &spec.name);
    Service {
        name: spec.name.clone(),
        title: spec.title.clone(),
        kind: spec.kind,
        state: ServiceState::Off,
        node: spec.node.clone(),
        enabled: spec.enabled,
        autostart: spec.autostart,
        order: spec.order,
        source: entry.source,
        image: spec.image.clone(),
        nim: spec.nim,
        port: spec.port,
        endpoint: None,
        model: spec.model.clone(),
        health: spec.health.clone(),
        probe: spec.probe,
        probe_path: spec.probe_path.clone(),
        container: None,
        container_id: None,
        memory_bytes: None,
        budget_bytes: spec.memory_bytes(),
        restarts: 0,
        started_at: None,
        since: before.map_or(now, |b| b.since),
        answered_at: None,
        launch: None,
        operation: operations.iter().find(acts).map(|o| o.id.clone()),
        message: None,
        deep: None,
        notes: spec.notes.clone(),
    }
}

fn found(service: &mut Service, node: &ServiceNode<'_>, facts: &ContainerFacts, answers: &Answers) {
    let seen = answers.get(&(facts.id.clone(), facts.started_at));
    service.node = Some(node.node.clone());
    service.container = ContainerName::new(facts.name.clone()).ok();
    service.container_id = Some(facts.id.clone());
    service.launch = facts.label("launch").and_then(|l| OperationId::new(l).ok());
    service.started_at = facts.started_at;
    service.memory_bytes = memory(node, facts);
    service.answered_at = seen.and_then(|s| s.answered_at);
    // The port it was started with, which a change of its entry does not move.
    let port = facts.label("port").and_then(|p| p.parse().ok());
    service.port = port.unwrap_or(service.port);
    service.restarts = service.restarts.saturating_add(facts.restarts);
    let (state, message) = judge(node.node, facts, seen, service.restarts);
    if facts.running() {
        service.endpoint = Some(base_url(node.host, service.port));
    }
    service.state = state;
    service.message = message;
}

fn judge(
    node: &NodeId,
    facts: &ContainerFacts,
    seen: Option<&Seen>,
    restarts: u32,
) -> (ServiceState, Option<String>) {
    if facts.state == "restarting" {
        let message = format!("Docker has started it again {} times", facts.restarts);
        return (ServiceState::CrashLoop, Some(message));
    }
    if !facts.running() {
        let ended_well = facts.exit_code == Some(0) && !facts.never_started();
        let state = match restarts {
            _ if ended_well => ServiceState::Off,
            n if n >= MOST_RESTARTS => ServiceState::CrashLoop,
            _ => ServiceState::Failed,
        };
        return (state, Some(facts.why_dead(node)));
    }
    match seen {
        Some(Seen {
            silent: None,
            answered_at: Some(_),
        }) => (ServiceState::Ready, None),
        Some(Seen {
            silent,
            answered_at: Some(_),
        }) => (ServiceState::Degraded, silent.clone()),
        Some(Seen { silent, .. }) => (ServiceState::Starting, silent.clone()),
        None => (ServiceState::Starting, None),
    }
}

/// No container: off, unless it was on a node that cannot be reached, or could not be started.
fn absent(
    service: &mut Service,
    nodes: &[ServiceNode<'_>],
    before: Option<&Service>,
    operations: &[Operation],
) {
    let unknown = |id: &NodeId| nodes.iter().any(|n| n.node == id && n.containers.is_none());
    let was_there = before.filter(|b| b.container.is_some());
    let place = was_there.and_then(|b| b.node.clone());
    let hidden = match (&place, &service.node) {
        (Some(node), _) | (None, Some(node)) => unknown(node),
        (None, None) => nodes.iter().all(|n| n.containers.is_none()) && !nodes.is_empty(),
    };
    if !hidden {
        if let Some(error) = failed_start(service, operations) {
            service.state = ServiceState::Failed;
            service.message = Some(format!("the last start failed: {error}"));
        }
        return;
    }
    service.state = ServiceState::Unknown;
    if let (Some(before), Some(node)) = (was_there, place) {
        service.message = Some(format!("{node} cannot be reached"));
        service.node = Some(node);
        service.container.clone_from(&before.container);
        service.container_id.clone_from(&before.container_id);
        service.started_at = before.started_at;
        service.launch.clone_from(&before.launch);
        service.port = before.port;
    }
}

/// Why the last act on a service, a start, failed. Operations come newest first.
fn failed_start(service: &Service, operations: &[Operation]) -> Option<String> {
    let last = operations.iter().find(|o| is_about(o, &service.name))?;
    let failed = matches!(
        last.state,
        OperationState::Failed | OperationState::Interrupted
    );
    let start = last.kind != OperationKind::ServiceStop;
    (failed && start).then(|| last.error.clone()).flatten()
}

/// Whether an operation starts this service now.
fn starts(operation: &Operation, name: &ServiceName) -> bool {
    operation.state == OperationState::Running
        && operation.kind != OperationKind::ServiceStop
        && is_about(operation, name)
}

/// Whether an operation is about this service.
pub fn is_about(operation: &Operation, name: &ServiceName) -> bool {
    let kind = matches!(
        operation.kind,
        OperationKind::ServiceStart | OperationKind::ServiceStop | OperationKind::ServiceRestart
    );
    kind && operation.subject == name.as_str()
}

/// GPU memory of the processes in a container.
fn memory(node: &ServiceNode<'_>, facts: &ContainerFacts) -> Option<u64> {
    let inside = node
        .gpu_processes
        .iter()
        .filter(|p| p.container.as_deref() == Some(&facts.name));
    let known: Vec<u64> = inside.filter_map(|p| p.memory_bytes).collect();
    (!known.is_empty()).then(|| known.iter().sum())
}
