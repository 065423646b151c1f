//! What can be wrong with one node of a placement.

use spark_ipc::model::node::{DockerState, GpuProcess};

use super::super::memory::stops_container;
use super::super::{GIB, NodeWorld, Planned};
use super::{Choice, Look, blocker};
use crate::fit::gib;
use crate::inventory::{DiskModel, DiskState};
use crate::launch::container_name;
use crate::units::OWNER;

/// A fuller disk than this leaves no room for compile caches and logs.
const FULLEST_DISK_PERCENT: u64 = 95;

/// Clocks may differ by as many seconds.
const CLOCK_LIMIT_S: i64 = 5;

/// Fills the findings about a node that can be reached.
pub(super) fn check(look: &Look<'_>, node: &NodeWorld, rank: u32, planned: &mut Planned) {
    docker(node, planned);
    image(node, look.choice, planned);
    model(node, look.choice, planned);
    name_taken(look, node, rank, planned);
    gpu_processes(look, node, planned);
    disks(node, planned);
    clock(node, planned);
}

pub(super) fn docker(node: &NodeWorld, planned: &mut Planned) {
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
    let Some(name) = look.unit.and_then(|unit| container_name(unit, rank).ok()) else {
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

/// Certificates and the times in logs count on the clock.
fn clock(node: &NodeWorld, planned: &mut Planned) {
    let id = &node.node.id;
    let ahead = node.facts.as_ref().and_then(|f| f.clock_ahead_s);
    let Some(ahead) = ahead.filter(|s| s.abs() > CLOCK_LIMIT_S) else {
        return;
    };
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    planned.warnings.push(blocker(
        "clock_differs",
        Some(id),
        format!("The clock of {id} is {} s {way} ours", ahead.abs()),
        format!("On {id}: sudo timedatectl set-ntp true"),
    ));
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
