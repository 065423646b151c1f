//! Every item of the pre-flight as a plain result, also what is in order (spark-domain 2.10).
//!
//! The findings say what is wrong; here each item takes the findings that are about it, and where there is
//! none says what was seen. So an item can never be shown as in order while a finding about it stands.

use spark_ipc::id::NodeId;
use spark_ipc::model::node::DockerState;
use spark_ipc::model::preflight::{Finding, PreflightCheck, PreflightState};

use super::preflight::Look;
use super::{NodeWorld, Planned};
use crate::fit::gib;

mod fabric;

/// What an item shows when no finding is about it.
pub(super) enum Seen {
    Well(String),
    /// The node has not told.
    Untold(String),
    /// The item does not apply.
    Nothing,
}

/// One item: its name, the codes of the findings that are about it, and what is seen when there is none.
struct Item<S> {
    name: &'static str,
    codes: &'static [&'static str],
    seen: S,
}

type OfNode = fn(&Look<'_>, &NodeWorld, &Planned) -> Seen;
type OfLaunch = fn(&Look<'_>, &Planned) -> Seen;

const NODE_ITEMS: [Item<OfNode>; 13] = [
    Item {
        name: "ssh",
        codes: &["node_unreachable"],
        seen: ssh,
    },
    Item {
        name: "docker",
        codes: &["docker_denied", "docker_down", "docker_missing"],
        seen: docker,
    },
    Item {
        name: "nvidia_runtime",
        codes: &["nvidia_runtime"],
        seen: runtime,
    },
    Item {
        name: "image",
        codes: &[
            "image_missing",
            "image_architecture",
            "image_unknown",
            "image_differs",
        ],
        seen: image,
    },
    Item {
        name: "model",
        codes: &[
            "disk_unknown",
            "model_missing",
            "model_incomplete",
            "model_downloading",
            "commit_differs",
        ],
        seen: model,
    },
    Item {
        name: "memory",
        codes: &["memory_short", "memory_tight", "memory_unproven"],
        seen: memory,
    },
    Item {
        name: "gpu_processes",
        codes: &["foreign_gpu_process", "gpu_shared"],
        seen: gpu,
    },
    Item {
        name: "disk",
        codes: &["disk_full"],
        seen: disk,
    },
    Item {
        name: "port",
        codes: &["port_taken"],
        seen: port,
    },
    Item {
        name: "name",
        codes: &["name_taken"],
        seen: name,
    },
    Item {
        name: "clock",
        codes: &["clock_differs"],
        seen: clock,
    },
    Item {
        name: "gid",
        codes: &["gid_unknown"],
        seen: fabric::gid,
    },
    Item {
        name: "fabric_frames",
        codes: &["fabric_frames", "fabric_silent"],
        seen: fabric::frames,
    },
];

const LAUNCH_ITEMS: [Item<OfLaunch>; 4] = [
    Item {
        name: "busy",
        codes: &["busy"],
        seen: idle,
    },
    Item {
        name: "flags",
        codes: &["needs_yes", "dangerous_flag", "unsupported_executor"],
        seen: flags,
    },
    Item {
        name: "fabric",
        codes: &["fabric_missing", "fabric_mtu", "no_infiniband"],
        seen: fabric::links,
    },
    Item {
        name: "command",
        codes: &["launch_impossible", "facts_unknown"],
        seen: command,
    },
];

/// The items of a plan, those of the launch first, then node by node.
pub(super) fn of(look: &Look<'_>, planned: &Planned) -> Vec<PreflightCheck> {
    let launch = LAUNCH_ITEMS.iter().filter_map(|item| {
        let found = worst(planned, item.codes, None);
        result(item.name, None, found, || (item.seen)(look, planned))
    });
    let mut checks: Vec<PreflightCheck> = launch.collect();
    for node in &look.choice.nodes {
        checks.extend(of_node(look, node, planned));
    }
    checks
}

fn of_node<'a>(
    look: &'a Look<'a>,
    node: &'a NodeWorld,
    planned: &'a Planned,
) -> impl Iterator<Item = PreflightCheck> + 'a {
    let id = &node.node.id;
    NODE_ITEMS.iter().filter_map(move |item| {
        let found = worst(planned, item.codes, Some(id));
        let seen = || {
            if node.reachable() {
                (item.seen)(look, node, planned)
            } else {
                Seen::Untold(format!("{id} cannot be reached"))
            }
        };
        result(item.name, Some(id), found, seen)
    })
}

/// The finding that an item shows: a blocker, else a warning.
fn worst<'a>(
    planned: &'a Planned,
    codes: &[&str],
    node: Option<&NodeId>,
) -> Option<(PreflightState, &'a Finding)> {
    let about = |f: &&Finding| {
        let here = node.is_none() || f.node.as_ref() == node;
        here && codes.contains(&f.code.as_str())
    };
    let blocked = planned.blockers.iter().find(about);
    let warned = planned.warnings.iter().find(about);
    blocked
        .map(|f| (PreflightState::Blocked, f))
        .or_else(|| warned.map(|f| (PreflightState::Warning, f)))
}

fn result(
    name: &str,
    node: Option<&NodeId>,
    found: Option<(PreflightState, &Finding)>,
    seen: impl FnOnce() -> Seen,
) -> Option<PreflightCheck> {
    let (state, detail, fix) = match found {
        Some((state, finding)) => (state, finding.message.clone(), finding.fix.clone()),
        None => match seen() {
            Seen::Well(detail) => (PreflightState::Ok, detail, None),
            Seen::Untold(detail) => (PreflightState::Unknown, detail, None),
            Seen::Nothing => return None,
        },
    };
    Some(PreflightCheck {
        name: name.to_owned(),
        node: node.cloned(),
        state,
        detail,
        fix,
    })
}

/// What is seen in the facts of a node, when they were read.
fn in_facts(node: &NodeWorld, seen: impl FnOnce(&crate::launch::NodeFacts) -> Seen) -> Seen {
    let untold = || Seen::Untold(format!("{} has not told yet", node.node.id));
    node.facts.as_ref().map_or_else(untold, seen)
}

fn ssh(_look: &Look<'_>, node: &NodeWorld, _planned: &Planned) -> Seen {
    Seen::Well(node.node.poll_ms.map_or_else(
        || format!("{} answers", node.node.id),
        |ms| format!("{} answers in {ms:.0} ms", node.node.id),
    ))
}

fn docker(_look: &Look<'_>, node: &NodeWorld, _planned: &Planned) -> Seen {
    match node.node.docker {
        Some(DockerState::Ok) => Seen::Well(format!("{} may use Docker", node.node.user)),
        _ => Seen::Untold("Docker has not been asked yet".to_owned()),
    }
}

fn runtime(_look: &Look<'_>, node: &NodeWorld, _planned: &Planned) -> Seen {
    in_facts(node, |facts| match facts.nvidia_runtime {
        Some(_) => Seen::Well("Docker has the NVIDIA runtime".to_owned()),
        None => Seen::Untold("Docker does not tell its runtimes".to_owned()),
    })
}

fn image(look: &Look<'_>, node: &NodeWorld, _planned: &Planned) -> Seen {
    let image = &look.choice.recipe.image;
    in_facts(node, |facts| match facts.images.get(image.as_str()) {
        Some(found) => {
            let same = if look.choice.nodes.len() > 1 {
                ", the same on every node"
            } else {
                ""
            };
            let id = found.id.get(..19).unwrap_or(&found.id);
            Seen::Well(format!(
                "{image} is here, {} ({id}){same}",
                found.architecture
            ))
        }
        None => Seen::Untold(format!("Whether {image} is here is not known")),
    })
}

fn model(look: &Look<'_>, node: &NodeWorld, _planned: &Planned) -> Seen {
    let repo = look.choice.recipe.repo.as_str();
    let Some(model) = node.find_model(repo) else {
        return Seen::Untold("The disk has not been listed yet".to_owned());
    };
    let commit = model
        .commit
        .as_deref()
        .map_or("unknown", |c| c.get(..12).unwrap_or(c));
    let size = gib(model.size_bytes);
    Seen::Well(format!("{repo} is complete: {size}, commit {commit}"))
}

fn memory(_look: &Look<'_>, node: &NodeWorld, planned: &Planned) -> Seen {
    let forecast = planned.memory.iter().find(|m| m.node == node.node.id);
    let figures = forecast.and_then(|m| Some((m.available_bytes?, m.freed_bytes?, m.need_bytes?)));
    let Some((available, freed, need)) = figures else {
        return Seen::Untold("The memory has not been read yet".to_owned());
    };
    let from_stops = match freed {
        0 => String::new(),
        bytes => format!(" and {} from what is stopped", gib(bytes)),
    };
    let (available, need) = (gib(available), gib(need));
    Seen::Well(format!("{available} free{from_stops}, {need} needed"))
}

fn gpu(_look: &Look<'_>, node: &NodeWorld, _planned: &Planned) -> Seen {
    match node.node.gpu_processes {
        Some(_) => Seen::Well("Nobody else holds over 1 GiB of GPU memory".to_owned()),
        None => Seen::Untold("The driver does not tell its processes".to_owned()),
    }
}

fn disk(_look: &Look<'_>, node: &NodeWorld, _planned: &Planned) -> Seen {
    let left = |d: &spark_ipc::model::node::Disk| {
        format!("{} left on {}", gib(d.available_bytes), d.mount)
    };
    let disks: Vec<String> = node.node.disks.iter().map(left).collect();
    if disks.is_empty() {
        return Seen::Untold("The disks have not been read yet".to_owned());
    }
    Seen::Well(disks.join(", "))
}

/// Only the head serves, and all meet there.
fn port(look: &Look<'_>, node: &NodeWorld, _planned: &Planned) -> Seen {
    let head = look
        .choice
        .nodes
        .first()
        .is_some_and(|head| head.node.id == node.node.id);
    if !head {
        return Seen::Nothing;
    }
    let port = look.choice.recipe.port;
    Seen::Well(if look.choice.nodes.len() > 1 {
        format!("{port} and {} are free", crate::launch::MASTER_PORT)
    } else {
        format!("{port} is free")
    })
}

fn name(look: &Look<'_>, node: &NodeWorld, _planned: &Planned) -> Seen {
    let rank = look
        .choice
        .nodes
        .iter()
        .position(|n| n.node.id == node.node.id);
    let rank = rank.and_then(|r| u32::try_from(r).ok());
    let name = look
        .unit
        .zip(rank)
        .map(|(unit, rank)| crate::launch::container_name(unit, rank));
    match name {
        Some(Ok(name)) => Seen::Well(format!("The name {name} is free")),
        _ => Seen::Untold("The container has no name".to_owned()),
    }
}

fn clock(_look: &Look<'_>, node: &NodeWorld, _planned: &Planned) -> Seen {
    in_facts(node, |facts| match facts.clock_ahead_s {
        Some(ahead) => Seen::Well(format!("{} s from ours", ahead.abs())),
        None => Seen::Untold("The clock has not been read".to_owned()),
    })
}

fn idle(_look: &Look<'_>, _planned: &Planned) -> Seen {
    Seen::Well("No other operation is at work on these nodes".to_owned())
}

fn flags(look: &Look<'_>, _planned: &Planned) -> Seen {
    let count = look.choice.recipe.flags.len();
    let version = &crate::flags::engine().version;
    Seen::Well(format!(
        "{count} flags, all known to vLLM {version} or to the image"
    ))
}

fn command(_look: &Look<'_>, planned: &Planned) -> Seen {
    match planned.commands.len() {
        0 => Seen::Untold("There is no command yet".to_owned()),
        count => Seen::Well(format!(
            "{count} launch commands split back to exactly their words"
        )),
    }
}
