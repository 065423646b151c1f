//! Everything that can be known to stand in the way before anything is touched (spark-domain 2.10).

use spark_ipc::id::NodeId;
use spark_ipc::model::node::{DockerState, GpuProcess};
use spark_ipc::model::preflight::Finding;
use spark_ipc::model::recipe::Executor;

use super::choose::Choice;
use super::memory::stops_container;
use super::{GIB, NodeWorld, Planned, UnitStop, World, touched};
use crate::catalog::check::dangerous_flags;
use crate::fit::gib;
use crate::inventory::{DiskModel, DiskState};
use crate::launch::{MASTER_PORT, NodeFacts, common_fabric, container_name};
use crate::units::OWNER;

/// A fuller disk than this leaves no room for compile caches and logs.
const FULLEST_DISK_PERCENT: u64 = 95;

/// What the findings are about.
struct Look<'a> {
    world: &'a World,
    choice: &'a Choice<'a>,
    stops: &'a [UnitStop],
}

/// Fills the blockers and warnings of a swap.
pub(super) fn check(world: &World, choice: &Choice<'_>, stops: &[UnitStop], planned: &mut Planned) {
    let look = Look {
        world,
        choice,
        stops,
    };
    let ids: Vec<NodeId> = choice.nodes.iter().map(|n| n.node.id.clone()).collect();
    busy(world, &touched(stops, &ids), planned);
    recipe(choice, planned);
    for (rank, node) in (0u32..).zip(&choice.nodes) {
        if !node.reachable() {
            planned.add_blocker(unreachable(node));
            continue;
        }
        docker(node, planned);
        image(node, choice, planned);
        model(node, choice, planned);
        name_taken(&look, node, rank, planned);
        gpu_processes(&look, node, planned);
        disks(node, planned);
    }
    ports(&look, planned);
    same_image(choice, planned);
    same_commit(choice, planned);
    fabric(choice, planned);
}

/// Whether another operation holds one of `nodes`.
pub(super) fn busy(world: &World, nodes: &[NodeId], planned: &mut Planned) {
    for other in &world.busy {
        if let Some(node) = other.nodes.iter().find(|n| nodes.contains(n)) {
            planned.add_blocker(blocker(
                "busy",
                Some(node),
                format!(
                    "Another operation is at work on {node}: {} ({})",
                    other.subject, other.operation
                ),
                "Wait for it, or cancel it.",
            ));
        }
    }
}

/// Whether the containers of `stops` can be stopped now.
pub(super) fn stoppable(world: &World, stops: &[UnitStop], planned: &mut Planned) {
    for id in touched(stops, &[]) {
        if let Some(node) = world.node(&id) {
            docker(node, planned);
        }
    }
}

fn blocker(code: &str, node: Option<&NodeId>, message: String, fix: impl Into<String>) -> Finding {
    Finding {
        code: code.to_owned(),
        node: node.cloned(),
        message,
        fix: Some(fix.into()),
    }
}

fn unreachable(node: &NodeWorld) -> Finding {
    let id = &node.node.id;
    let why = node
        .node
        .link
        .message
        .clone()
        .unwrap_or_else(|| "it does not answer".to_owned());
    let fix = node.node.link.fix.clone();
    let fix = fix.unwrap_or_else(|| format!("Test the connection of {id}."));
    blocker(
        "node_unreachable",
        Some(id),
        format!("{id} cannot be reached: {why}"),
        fix,
    )
}

fn recipe(choice: &Choice<'_>, planned: &mut Planned) {
    let recipe = choice.recipe;
    if recipe.executor == Executor::Ray {
        planned.add_blocker(blocker(
            "unsupported_executor",
            None,
            format!("The recipe {} wants a Ray cluster, which Spark Control does not start yet", recipe.id),
            "Use a recipe with `executor: mp`: vLLM's own engine runs over several nodes without Ray.",
        ));
    }
    for flag in dangerous_flags(recipe) {
        planned.warnings.push(blocker(
            "dangerous_flag",
            None,
            format!("The recipe {} uses {flag}, which runs code or reads files that come with the model", recipe.id),
            "Go on only if you trust the model's author.",
        ));
    }
}

fn docker(node: &NodeWorld, planned: &mut Planned) {
    let id = &node.node.id;
    let user = &node.node.user;
    let (code, message, fix) = match node.node.docker {
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
    planned.add_blocker(blocker(code, Some(id), message, fix));
}

fn image(node: &NodeWorld, choice: &Choice<'_>, planned: &mut Planned) {
    let id = &node.node.id;
    let image = &choice.recipe.image;
    let Some(facts) = &node.facts else {
        return;
    };
    if facts.absent.iter().any(|a| a == image.as_str()) {
        planned.add_blocker(blocker(
            "image_missing",
            Some(id),
            format!("The image {image} is not on {id}"),
            format!("On {id}: docker pull {image}"),
        ));
    } else if let Some(found) = facts.images.get(image.as_str()) {
        if found.architecture != "arm64" {
            planned.add_blocker(blocker(
                "image_architecture",
                Some(id),
                format!(
                    "The image {image} on {id} is for {}, and a Spark needs arm64",
                    found.architecture
                ),
                format!("On {id}: docker pull --platform=linux/arm64 {image}"),
            ));
        }
    } else {
        planned.add_blocker(blocker(
            "image_unknown",
            Some(id),
            format!("Whether the image {image} is on {id} is not known yet"),
            "Try again in a moment.",
        ));
    }
    if facts.nvidia_runtime == Some(false) {
        planned.warnings.push(blocker(
            "nvidia_runtime",
            Some(id),
            format!("Docker on {id} lists no NVIDIA runtime"),
            format!(
                "If the start fails, on {id}: sudo nvidia-ctk runtime configure --runtime=docker"
            ),
        ));
    }
}

fn model(node: &NodeWorld, choice: &Choice<'_>, planned: &mut Planned) {
    let id = &node.node.id;
    let repo = &choice.recipe.repo;
    let Some(_) = &node.models else {
        planned.add_blocker(blocker(
            "disk_unknown",
            Some(id),
            format!("The models on {id} have not been listed yet"),
            "Try again in a moment.",
        ));
        return;
    };
    let fetch = format!("Download {repo} to {id}, or copy it from another node.");
    let finding = match node.find_model(repo.as_str()) {
        None => blocker(
            "model_missing",
            Some(id),
            format!("{repo} is not on {id}"),
            fetch,
        ),
        Some(model) => match model.state {
            DiskState::Complete => return,
            DiskState::Downloading => blocker(
                "model_downloading",
                Some(id),
                format!("{repo} is still being downloaded on {id}{}", missing(model)),
                "Wait for the download.",
            ),
            DiskState::Partial => blocker(
                "model_incomplete",
                Some(id),
                format!("{repo} is not complete on {id}{}", missing(model)),
                fetch,
            ),
            DiskState::NoWeights | DiskState::Empty => blocker(
                "model_incomplete",
                Some(id),
                format!("{repo} has no weights on {id}"),
                fetch,
            ),
        },
    };
    planned.add_blocker(finding);
}

/// The files that are missing, in words.
fn missing(model: &DiskModel) -> String {
    let count = usize::try_from(model.missing_count).unwrap_or(usize::MAX);
    if model.missing.is_empty() {
        return String::new();
    }
    let more = count.saturating_sub(model.missing.len());
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!(": {count} missing, {}{more}", model.missing.join(", "))
}

fn name_taken(look: &Look<'_>, node: &NodeWorld, rank: u32, planned: &mut Planned) {
    let id = &node.node.id;
    let main = spark_ipc::id::UnitId::new("main").ok();
    let Some(name) = main.and_then(|unit| container_name(&unit, rank).ok()) else {
        return;
    };
    let taken = node
        .node
        .containers
        .iter()
        .find(|c| c.name == name.as_str());
    if let Some(container) =
        taken.filter(|c| c.owner != OWNER && !stops_container(look.stops, &c.name))
    {
        planned.add_blocker(blocker(
            "name_taken",
            Some(id),
            format!(
                "A container of {} on {id} has the name {name}",
                container.owner
            ),
            format!("On {id}: docker rename {name} another-name"),
        ));
    }
}

/// Processes in no container are nobody's: an engine that was left behind keeps its memory for ever. Those in
/// others' containers are what an operator runs beside; they only count when the memory is short.
fn gpu_processes(look: &Look<'_>, node: &NodeWorld, planned: &mut Planned) {
    let id = &node.node.id;
    let big = |p: &&GpuProcess| p.memory_bytes.is_some_and(|b| b > GIB);
    for process in node.node.gpu_processes.iter().flatten().filter(big) {
        let size = gib(process.memory_bytes.unwrap_or(0));
        let GpuProcess { name, pid, .. } = process;
        match &process.container {
            None if process.orphan => planned.blockers.push(blocker(
                "foreign_gpu_process",
                Some(id),
                format!(
                    "{name} (pid {pid}) holds {size} of GPU memory on {id} and runs in no container"
                ),
                format!("If it is a leftover, on {id}: kill {pid}"),
            )),
            Some(container) if !stops_container(look.stops, container) => {
                planned.warnings.push(blocker(
                    "gpu_shared",
                    Some(id),
                    format!("{container} holds {size} of GPU memory on {id} and stays"),
                    "Stop it if the model does not fit beside it.",
                ));
            }
            _ => {}
        }
    }
}

fn disks(node: &NodeWorld, planned: &mut Planned) {
    let id = &node.node.id;
    for disk in &node.node.disks {
        let usable = disk.used_bytes + disk.available_bytes;
        if usable > 0 && disk.used_bytes.saturating_mul(100) / usable >= FULLEST_DISK_PERCENT {
            planned.add_blocker(blocker(
                "disk_full",
                Some(id),
                format!(
                    "{} on {id} is full: {} of {} left",
                    disk.mount,
                    gib(disk.available_bytes),
                    gib(usable)
                ),
                "Delete models that are not needed.",
            ));
        }
    }
}

/// With the host's network a taken port fails only after the load, so it is looked for before.
fn ports(look: &Look<'_>, planned: &mut Planned) {
    let Some(head) = look.choice.nodes.first() else {
        return;
    };
    let master = (look.choice.nodes.len() > 1).then_some(MASTER_PORT);
    for port in [Some(look.choice.recipe.port), master]
        .into_iter()
        .flatten()
    {
        if head.node.listening_ports.contains(&port) && !is_freed(look, head, port) {
            let id = &head.node.id;
            let holder = look.world.units.iter().find(|u| {
                u.owner != OWNER
                    && u.endpoint
                        .as_deref()
                        .is_some_and(|e| e.ends_with(&format!(":{port}")))
                    && u.ranks.iter().any(|r| r.node == *id)
            });
            let who = holder.map_or_else(
                || "something else".to_owned(),
                |u| format!("{} ({})", u.id, u.owner),
            );
            planned.add_blocker(blocker(
                "port_taken",
                Some(id),
                format!("Port {port} on {id} is taken by {who}"),
                "Stop what listens there, or set another `port` in the recipe.",
            ));
        }
    }
}

/// Whether a unit that stops listens on `port` of `head`. Only its head serves, and all meet at the master port.
fn is_freed(look: &Look<'_>, head: &NodeWorld, port: u16) -> bool {
    look.stops.iter().any(|stop| {
        let unit = look.world.units.iter().find(|u| u.id == stop.unit);
        let serves = unit
            .and_then(|u| u.endpoint.as_deref())
            .is_some_and(|e| e.ends_with(&format!(":{port}")));
        let meets = port == MASTER_PORT && stop.containers.len() > 1;
        let here = stop
            .containers
            .iter()
            .any(|c| c.node == head.node.id && c.running && c.rank == 0);
        here && (serves || meets)
    })
}

/// Ranks of different builds fail in ways that look like network faults.
fn same_image(choice: &Choice<'_>, planned: &mut Planned) {
    let image = choice.recipe.image.as_str();
    let ids: Vec<(&NodeId, &str)> = choice
        .nodes
        .iter()
        .filter_map(|n| Some((&n.node.id, n.facts.as_ref()?.images.get(image)?.id.as_str())))
        .collect();
    if let [(head, first), rest @ ..] = ids.as_slice() {
        for (node, _) in rest.iter().filter(|(_, id)| id != first) {
            planned.add_blocker(blocker(
                "image_differs",
                Some(node),
                format!("The image {image} on {node} is not the one on {head}"),
                format!("On every node: docker pull {image}"),
            ));
        }
    }
}

fn same_commit(choice: &Choice<'_>, planned: &mut Planned) {
    let repo = &choice.recipe.repo;
    let commits: Vec<(&NodeId, &str)> = choice
        .nodes
        .iter()
        .filter_map(|n| Some((&n.node.id, n.find_model(repo.as_str())?.commit.as_deref()?)))
        .collect();
    if let [(head, first), rest @ ..] = commits.as_slice() {
        for (node, commit) in rest.iter().filter(|(_, commit)| commit != first) {
            planned.add_blocker(blocker(
                "commit_differs",
                Some(node),
                format!(
                    "{repo} is at {} on {node} and at {} on {head}",
                    short(commit),
                    short(first)
                ),
                format!("Copy the model from {head} to {node}."),
            ));
        }
    }
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

fn fabric(choice: &Choice<'_>, planned: &mut Planned) {
    if choice.nodes.len() < 2 {
        return;
    }
    let facts: Option<Vec<&NodeFacts>> = choice.nodes.iter().map(|n| n.facts.as_ref()).collect();
    let Some(facts) = facts else {
        return;
    };
    let names: Vec<&str> = choice.nodes.iter().map(|n| n.node.id.as_str()).collect();
    let names = names.join(" and ");
    let Some(common) = common_fabric(&facts) else {
        planned.add_blocker(blocker(
            "fabric_missing",
            None,
            format!(
                "{names} share no network between active QSFP ports{}",
                ports_in_words(choice)
            ),
            "Connect the cable, and give both ports addresses in one subnet.",
        ));
        return;
    };
    let mtus = common.mtus();
    if mtus.windows(2).any(|pair| matches!(pair, [a, b] if a != b)) {
        planned.warnings.push(blocker(
            "fabric_mtu",
            None,
            format!("The fabric ports of {names} have different MTUs: {mtus:?}"),
            "Set the same MTU (9000 is advised) on all of them.",
        ));
    }
    for (node, facts) in choice.nodes.iter().zip(&facts) {
        if !facts.has_infiniband {
            planned.warnings.push(blocker(
                "no_infiniband",
                Some(&node.node.id),
                format!(
                    "{} has no /dev/infiniband: the ranks cannot use RDMA",
                    node.node.id
                ),
                "Load the RDMA drivers, or restart the node.",
            ));
        }
    }
}

fn ports_in_words(choice: &Choice<'_>) -> String {
    let of_node = |n: &&NodeWorld| {
        let up = n.facts.iter().flat_map(|f| &f.fabric).filter(|l| l.up);
        let links: Vec<String> = up
            .map(|l| format!("{} {}/{}", l.interface, l.address, l.prefix))
            .collect();
        let links = if links.is_empty() {
            "none active".to_owned()
        } else {
            links.join(", ")
        };
        format!("{}: {links}", n.node.id)
    };
    let nodes: Vec<String> = choice.nodes.iter().map(of_node).collect();
    format!(" ({})", nodes.join("; "))
}
