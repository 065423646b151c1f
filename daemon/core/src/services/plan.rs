//! The planner of a service: from a wish and the world to a plan, or to what stands in its way.
//!
//! A service is a co-tenant of the model: it is started into the memory that is free, and never makes room by
//! stopping something else. The plan is data; the journal keeps it and a later daemon carries it out again.

use serde::{Deserialize, Serialize};
use spark_ipc::id::{ContainerName, ImageRef, NodeId, OperationId, ServiceName};
use spark_ipc::model::node::{DockerState, Freshness, Node};
use spark_ipc::model::preflight::Finding;
use spark_ipc::model::service::{Service, ServiceKind, ServiceProbe, ServiceSpec, ServiceState};
use spark_ipc::model::unit::Unit;

use super::{ServiceNode, argv};
use crate::fit::gib;
use crate::launch::{DockerRun, NodeFacts};
use crate::units::{ContainerFacts, OWNER, base_url};

/// What the planner looks at beside the node itself.
#[derive(Debug, Clone, Copy)]
pub struct ServiceWorld<'a> {
    /// Every service as it is shown.
    pub services: &'a [Service],
    /// What runs, to say who holds the memory.
    pub units: &'a [Unit],
    /// The secrets that are set, by the names of their settings.
    pub secrets: &'a [&'a str],
}

/// The node of a start, with its facts.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    pub node: ServiceNode<'a>,
    pub view: &'a Node,
    pub facts: &'a NodeFacts,
}

/// One start, complete enough that the executor makes no choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartPlan {
    pub service: ServiceName,
    pub kind: ServiceKind,
    pub node: NodeId,
    pub container: ContainerName,
    pub run: DockerRun,
    pub image: ImageRef,
    /// The image was there when the plan was made.
    pub image_present: bool,
    /// Only an image for arm64 will do.
    pub needs_arm64: bool,
    pub nim: bool,
    /// Settings that go into the container's environment.
    pub secrets: Vec<String>,
    /// Folders to make before: the path, and whether other users write there.
    pub folders: Vec<(String, bool)>,
    /// The folder whose growth shows how far a first start is.
    pub cache: Option<String>,
    pub endpoint: String,
    pub health: String,
    pub probe: ServiceProbe,
    pub model: Option<String>,
    pub ready_limit_s: u32,
    /// Dead containers of the service that go first, by id.
    pub leftovers: Vec<String>,
}

/// One stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopPlan {
    pub service: ServiceName,
    pub node: NodeId,
    /// The containers, by id: a newer one under the same name is never hit.
    pub containers: Vec<String>,
}

/// Where a service is started: where it is asked to, else as its entry says, else where most memory is free.
pub fn choose_node<'a>(
    spec: &ServiceSpec,
    asked: Option<&NodeId>,
    nodes: &'a [Node],
) -> Result<&'a Node, Finding> {
    if let Some(wanted) = asked.or(spec.node.as_ref()) {
        let found = nodes.iter().find(|n| n.id == *wanted);
        return found.ok_or_else(|| {
            let names: Vec<&str> = nodes.iter().map(|n| n.id.as_str()).collect();
            finding(
                "unknown_node",
                None,
                format!("There is no node {wanted}"),
                &format!("The nodes are {}.", names.join(", ")),
            )
        });
    }
    let free = |n: &&Node| n.memory.as_ref().map(|m| m.available_bytes);
    let well = nodes.iter().filter(|n| reachable(n));
    // The first of equals, so that the order of the settings decides.
    well.rev().max_by_key(free).ok_or_else(|| {
        finding(
            "node_unreachable",
            None,
            "No node can be reached".to_owned(),
            "Test the connections.",
        )
    })
}

/// Plans a start on a node. `restart` is set when the service's own running container goes first: its port and
/// its memory are free then.
pub fn plan_start(
    spec: &ServiceSpec,
    placed: &Placed<'_>,
    world: &ServiceWorld<'_>,
    restart: bool,
    launch: &OperationId,
) -> Result<StartPlan, Vec<Finding>> {
    let mut blockers = Vec::new();
    if !spec.enabled {
        blockers.push(finding(
            "service_disabled",
            None,
            format!("{} is not enabled", spec.name),
            "Enable it first.",
        ));
    }
    node_well(placed.view, &mut blockers);
    image(spec, placed, &mut blockers);
    secrets(spec, world, &mut blockers);
    if !restart {
        runs_already(spec, world, &mut blockers);
    }
    names_and_ports(spec, placed, world, restart, &mut blockers);
    memory(spec, placed, world, restart, &mut blockers);
    if !blockers.is_empty() {
        return Err(blockers);
    }
    start(spec, placed, launch).map_err(|error| {
        vec![finding(
            "launch_impossible",
            Some(&placed.view.id),
            format!("The command of {} cannot be made: {error}", spec.name),
            "Correct its entry.",
        )]
    })
}

/// Plans a stop; `None` when there is no container of the service.
pub fn plan_stop(name: &ServiceName, nodes: &[ServiceNode<'_>]) -> Option<StopPlan> {
    let here = |n: &&ServiceNode<'_>| n.containers_of(name).next().is_some();
    let running = |n: &&ServiceNode<'_>| n.containers_of(name).any(ContainerFacts::running);
    let node = nodes
        .iter()
        .find(running)
        .or_else(|| nodes.iter().find(here))?;
    Some(StopPlan {
        service: name.clone(),
        node: node.node.clone(),
        containers: node.containers_of(name).map(|c| c.id.clone()).collect(),
    })
}

fn start(
    spec: &ServiceSpec,
    placed: &Placed<'_>,
    launch: &OperationId,
) -> Result<StartPlan, crate::launch::LaunchError> {
    let node = &placed.view.id;
    let source = |m| argv::mount_source(m, placed.facts);
    let home = placed.facts.home.trim_end_matches('/');
    let ours = |path: &String| {
        path.strip_prefix(home)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let dead = placed.node.containers_of(&spec.name);
    Ok(StartPlan {
        service: spec.name.clone(),
        kind: spec.kind,
        node: node.clone(),
        container: ContainerName::new(spec.container())
            .map_err(|_invalid| crate::launch::LaunchError::Name(spec.container()))?,
        run: argv::docker_run(spec, node, placed.facts, launch)?,
        image: spec.image.clone(),
        image_present: placed.facts.images.contains_key(spec.image.as_str()),
        needs_arm64: spec.arch == spark_ipc::model::service::ServiceArch::Arm64,
        nim: spec.nim,
        secrets: spec.secrets.clone(),
        folders: spec
            .mounts
            .iter()
            .map(|m| (source(m), m.shared))
            .filter(|(path, _)| ours(path))
            .collect(),
        cache: spec.mounts.iter().find(|m| m.shared).map(source),
        endpoint: base_url(placed.node.host, spec.port),
        health: spec.health.clone(),
        probe: spec.probe,
        model: spec.model.clone(),
        ready_limit_s: spec.ready_limit_s,
        leftovers: dead
            .filter(|c| !c.running())
            .map(|c| c.id.clone())
            .collect(),
    })
}

fn finding(code: &str, node: Option<&NodeId>, message: String, fix: &str) -> Finding {
    Finding {
        code: code.to_owned(),
        node: node.cloned(),
        message,
        fix: Some(fix.to_owned()),
    }
}

fn reachable(node: &Node) -> bool {
    matches!(node.freshness, Freshness::Fresh | Freshness::Stale)
}

fn node_well(node: &Node, blockers: &mut Vec<Finding>) {
    let id = &node.id;
    let user = &node.user;
    let (code, message, fix) = match node.docker {
        _ if !reachable(node) => (
            "node_unreachable",
            format!("{id} cannot be reached"),
            "Test its connection.".to_owned(),
        ),
        Some(DockerState::Denied) => (
            "docker_denied",
            format!("The user {user} may not talk to Docker on {id}"),
            format!("On {id}: sudo usermod -aG docker {user} (it counts from the next login)."),
        ),
        Some(DockerState::Down) => (
            "docker_down",
            format!("Docker does not run on {id}"),
            format!("On {id}: sudo systemctl start docker"),
        ),
        Some(DockerState::Missing) => (
            "docker_missing",
            format!("Docker is not installed on {id}"),
            "Install Docker and the NVIDIA Container Toolkit.".to_owned(),
        ),
        Some(DockerState::Ok) | None => return,
    };
    blockers.push(finding(code, Some(id), message, &fix));
}

/// An image that is there for another processor; one that is absent is pulled by the operation.
fn image(spec: &ServiceSpec, placed: &Placed<'_>, blockers: &mut Vec<Finding>) {
    use spark_ipc::model::service::ServiceArch;
    let id = &placed.view.id;
    let Some(found) = placed.facts.images.get(spec.image.as_str()) else {
        return;
    };
    if spec.arch == ServiceArch::Arm64 && found.architecture != "arm64" {
        blockers.push(finding(
            "image_architecture",
            Some(id),
            format!(
                "The image {} on {id} is for {}, and a Spark needs arm64",
                spec.image, found.architecture
            ),
            "Give the service an image that is built for arm64.",
        ));
    }
}

fn secrets(spec: &ServiceSpec, world: &ServiceWorld<'_>, blockers: &mut Vec<Finding>) {
    // NVIDIA's registry answers nobody without a key, whatever the entry says of its environment.
    let login = spec.nim.then_some("NGC_API_KEY");
    let named = spec.secrets.iter().map(String::as_str);
    let mut missing: Vec<&str> = named
        .chain(login)
        .filter(|s| !world.secrets.contains(s) && *s != "HF_TOKEN")
        .collect();
    missing.sort_unstable();
    missing.dedup();
    blockers.extend(missing.into_iter().map(|secret| {
        finding(
            "secret_missing",
            None,
            format!("{} needs {secret}, which is not set", spec.name),
            &format!("Set {secret} in the settings (a personal key of ngc.nvidia.com)."),
        )
    }));
}

fn runs_already(spec: &ServiceSpec, world: &ServiceWorld<'_>, blockers: &mut Vec<Finding>) {
    let Some(service) = world.services.iter().find(|s| s.name == spec.name) else {
        return;
    };
    let runs = matches!(
        service.state,
        ServiceState::Starting | ServiceState::Ready | ServiceState::Degraded
    );
    let node = service.node.as_ref();
    if runs {
        blockers.push(finding(
            "already_running",
            node,
            format!("{} runs already", spec.name),
            "Restart it instead, or stop it first.",
        ));
    } else if service.state == ServiceState::Unknown && service.container.is_some() {
        blockers.push(finding(
            "node_unreachable",
            node,
            format!(
                "{} was last seen on a node that cannot be reached",
                spec.name
            ),
            "Wait for the node, so that it never runs twice.",
        ));
    }
}

fn names_and_ports(
    spec: &ServiceSpec,
    placed: &Placed<'_>,
    world: &ServiceWorld<'_>,
    restart: bool,
    blockers: &mut Vec<Finding>,
) {
    let id = &placed.view.id;
    let name = spec.container();
    let taken = placed.view.containers.iter().find(|c| c.name == name);
    if let Some(other) = taken.filter(|c| c.owner != OWNER) {
        blockers.push(finding(
            "name_taken",
            Some(id),
            format!("A container of {} on {id} has the name {name}", other.owner),
            &format!("On {id}: docker rename {name} another-name"),
        ));
    }
    let own = |port: &u16| restart && port_is_own(spec, world, *port, id);
    let listening = &placed.view.listening_ports;
    let busy = spec
        .host_ports()
        .into_iter()
        .filter(|p| listening.contains(p) && !own(p));
    blockers.extend(busy.map(|port| {
        let by = world
            .services
            .iter()
            .find(|s| {
                s.name != spec.name
                    && s.port == port
                    && s.node.as_ref() == Some(id)
                    && s.container.is_some()
            })
            .map_or_else(|| "something".to_owned(), |s| s.name.to_string());
        finding(
            "port_taken",
            Some(id),
            format!("{by} on {id} listens on port {port} already"),
            &format!("Give {} another port, or stop what holds it.", spec.name),
        )
    }));
}

/// Whether the port is held by the very container that a restart stops.
fn port_is_own(spec: &ServiceSpec, world: &ServiceWorld<'_>, port: u16, node: &NodeId) -> bool {
    let runs_here = |s: &&Service| s.name == spec.name && s.node.as_ref() == Some(node);
    let running = world.services.iter().find(runs_here);
    running.is_some_and(|s| s.container.is_some()) && spec.host_ports().contains(&port)
}

/// The budget against MemAvailable, less what services that are still starting will take.
fn memory(
    spec: &ServiceSpec,
    placed: &Placed<'_>,
    world: &ServiceWorld<'_>,
    restart: bool,
    blockers: &mut Vec<Finding>,
) {
    let id = &placed.view.id;
    let Some(memory) = &placed.view.memory else {
        blockers.push(finding(
            "memory_unknown",
            Some(id),
            format!("The memory of {id} has not been read yet"),
            "Try again in a moment.",
        ));
        return;
    };
    let here = |s: &&Service| s.node.as_ref() == Some(id) && s.container.is_some();
    let promised: u64 = world
        .services
        .iter()
        .filter(here)
        .filter(|s| s.name != spec.name && s.state == ServiceState::Starting)
        .map(|s| s.budget_bytes.saturating_sub(s.memory_bytes.unwrap_or(0)))
        .sum();
    let own = world
        .services
        .iter()
        .filter(here)
        .find(|s| restart && s.name == spec.name);
    let back = own.map_or(0, |s| s.memory_bytes.unwrap_or(s.budget_bytes));
    let free = (memory.available_bytes + back).saturating_sub(promised);
    let need = spec.memory_bytes();
    if free >= need {
        return;
    }
    let held = holders(id, world, spec);
    let held = if held.is_empty() {
        String::new()
    } else {
        format!("; held by {}", held.join(", "))
    };
    blockers.push(finding(
        "memory_short",
        Some(id),
        format!(
            "{id} has {} free and {} needs {}: {} short{held}",
            gib(free),
            spec.name,
            gib(need),
            gib(need - free)
        ),
        "Stop what holds the memory, choose another node, or lower the service's budget.",
    ));
}

/// Models and services on the node, the largest first.
fn holders(node: &NodeId, world: &ServiceWorld<'_>, spec: &ServiceSpec) -> Vec<String> {
    let units = world
        .units
        .iter()
        .filter(|u| u.ranks.iter().any(|r| r.node == *node))
        .map(|u| {
            let ranks = u64::try_from(u.ranks.len()).unwrap_or(1).max(1);
            (u.id.to_string(), u.memory_bytes.map(|b| b / ranks))
        });
    let services = world
        .services
        .iter()
        .filter(|s| s.node.as_ref() == Some(node) && s.container.is_some() && s.name != spec.name)
        .map(|s| (s.name.to_string(), s.memory_bytes));
    let mut held: Vec<(String, Option<u64>)> = units.chain(services).collect();
    held.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let told = |(name, bytes): (String, Option<u64>)| match bytes {
        Some(bytes) => format!("{name} ({})", gib(bytes)),
        None => name,
    };
    held.into_iter().take(4).map(told).collect()
}
