//! Everything that can be known to stand in the way before anything is touched (spark-domain 2.10).

use spark_ipc::id::{NodeId, UnitId};
use spark_ipc::model::preflight::Finding;
use spark_ipc::model::recipe::Executor;

use super::choose::Choice;
use super::{NodeWorld, Planned, UnitStop, World, touched};
use crate::flags::{dangers, unconfirmed};
use crate::launch::MASTER_PORT;
use crate::units::OWNER;

mod fabric;
mod node;
mod ranks;

pub(super) use fabric::pings;

/// What the findings are about.
pub(super) struct Look<'a> {
    pub(super) world: &'a World,
    pub(super) choice: &'a Choice<'a>,
    /// The name of the new unit.
    pub(super) unit: Option<&'a UnitId>,
    pub(super) stops: &'a [UnitStop],
    /// What the operator says yes to for this launch.
    pub(super) allow: &'a [String],
}

/// Fills the blockers and warnings of a swap.
pub(super) fn check(look: &Look<'_>, planned: &mut Planned) {
    let nodes = &look.choice.nodes;
    let ids: Vec<NodeId> = nodes.iter().map(|n| n.node.id.clone()).collect();
    busy(look.world, &touched(look.stops, &ids), planned);
    recipe(look, planned);
    for (rank, node) in (0u32..).zip(nodes) {
        if !node.reachable() {
            planned.add_blocker(unreachable(node));
            continue;
        }
        node::check(look, node, rank, planned);
    }
    ports(look, planned);
    ranks::check(look.choice, planned);
    fabric::check(look.choice, planned);
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
            node::docker(node, planned);
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

fn recipe(look: &Look<'_>, planned: &mut Planned) {
    let recipe = look.choice.recipe;
    if recipe.executor == Executor::Ray {
        planned.add_blocker(blocker(
            "unsupported_executor",
            None,
            format!("The recipe {} wants a Ray cluster, which Spark Control does not start yet", recipe.id),
            "Use a recipe with `executor: mp`: vLLM's own engine runs over several nodes without Ray.",
        ));
    }
    planned.confirm = unconfirmed(recipe, look.allow);
    for danger in dangers(recipe) {
        let (name, why) = (&danger.name, &danger.why);
        let message = format!("The recipe {} uses {name}, which {why}", recipe.id);
        if planned.confirm.contains(&danger) {
            let fix = format!(
                "Say yes to it by name (`allow`: {name}) if you trust where it comes from."
            );
            planned
                .blockers
                .push(blocker("needs_yes", None, message, fix));
        } else {
            let fix = "It was said yes to; go on only if you trust where it comes from.";
            planned
                .warnings
                .push(blocker("dangerous_flag", None, message, fix));
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
