//! Whether a recipe that is being written would fit, node by node.

use spark_ipc::model::inventory::FitVerdict;
use spark_ipc::model::node::Node;
use spark_ipc::model::recipe::{NodeFit, Recipe, RecipeFit};
use spark_ipc::model::unit::Unit;

use crate::fit::{need, verdict};
use crate::infer::{self, NodeFactsForFit};
use crate::inventory::DiskModel;
use crate::launch::peers;
use crate::plan::GIB;
use crate::units::OWNER;

/// The estimate for `model` under `recipe` on every one of `nodes`, of which the units in `units` would give
/// their memory back. `spare_bytes` should stay free beside the model.
pub fn estimate(
    recipe: &Recipe,
    model: &DiskModel,
    nodes: &[Node],
    units: &[Unit],
    spare_bytes: u64,
) -> RecipeFit {
    let totals = nodes.iter().filter_map(|n| n.memory.as_ref());
    let least = totals.map(|m| m.total_bytes).min();
    let one = |node: &Node| {
        let total = node.memory.as_ref().map(|m| m.total_bytes);
        let bytes = need(recipe, Some(model), total).launch_bytes();
        of_node(node, units, bytes, spare_bytes)
    };
    RecipeFit {
        fit: verdict(model, Some(recipe), recipe.nodes, least),
        memory: infer::estimate(model, &node_facts(nodes, units), recipe),
        nodes: nodes.iter().map(one).collect(),
        faults: Vec::new(),
        confirm: Vec::new(),
    }
}

/// What a reckoning needs to know of the nodes, once our units on them have ended.
pub fn node_facts(nodes: &[Node], units: &[Unit]) -> Vec<NodeFactsForFit> {
    let facts = |node: &Node| {
        let free = memory_free(node, units);
        NodeFactsForFit {
            node: node.id.clone(),
            total_bytes: node.memory.as_ref().map(|m| m.total_bytes),
            available_bytes: free,
            fabric_up: !peers(nodes, &node.id).is_empty(),
            shared: is_shared(node, units),
        }
    };
    nodes.iter().map(facts).collect()
}

/// Whether something that is not ours holds more than 1 GiB of GPU memory.
fn is_shared(node: &Node, units: &[Unit]) -> bool {
    let ours = ours(node, units);
    node.gpu_processes.iter().flatten().any(|p| {
        let big = p.memory_bytes.is_some_and(|b| b > GIB);
        big && p.container.as_deref().is_none_or(|c| !ours.contains(&c))
    })
}

fn of_node(node: &Node, units: &[Unit], need_bytes: u64, spare_bytes: u64) -> NodeFit {
    let memory = node.memory.as_ref();
    NodeFit {
        node: node.id.clone(),
        total_bytes: memory.map(|m| m.total_bytes),
        available_bytes: memory.map(|m| m.available_bytes),
        freed_bytes: freed(node, units),
        need_bytes,
        verdict: match memory_free(node, units) {
            None => FitVerdict::Unknown,
            Some(free) if free < need_bytes => FitVerdict::DoesNotFit,
            Some(free) if free < need_bytes.saturating_add(spare_bytes) => FitVerdict::Tight,
            Some(_) => FitVerdict::Fits,
        },
    }
}

/// What will be available once our units have ended.
fn memory_free(node: &Node, units: &[Unit]) -> Option<u64> {
    let memory = node.memory.as_ref()?;
    let free = memory.available_bytes.saturating_add(freed(node, units)?);
    Some(free.min(memory.total_bytes))
}

/// What the GPU processes in our containers on a node hold; `None` when the driver does not tell.
fn freed(node: &Node, units: &[Unit]) -> Option<u64> {
    let ours = ours(node, units);
    let processes = node.gpu_processes.as_ref()?.iter();
    let inside = processes.filter(|p| p.container.as_deref().is_some_and(|c| ours.contains(&c)));
    inside.map(|p| p.memory_bytes).sum()
}

/// The names of our containers on a node.
fn ours<'a>(node: &Node, units: &'a [Unit]) -> Vec<&'a str> {
    let ranks = units
        .iter()
        .filter(|u| u.owner == OWNER)
        .flat_map(|u| &u.ranks);
    let here = ranks.filter(|r| r.node == node.id);
    here.map(|r| r.container.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::world::{disk_model, run_unit, world};

    fn recipe(flags: &[&str]) -> Recipe {
        serde_json::from_value(serde_json::json!({
            "id": "m", "repo": "Org/Model-8B", "image": "x", "flags": flags,
        }))
        .unwrap()
    }

    #[test]
    fn each_node_is_judged_by_what_it_will_have() {
        let mut world = world();
        run_unit(&mut world, "main", &[1], 90 * GIB);
        let mut nodes: Vec<Node> = world.nodes.iter().map(|n| n.node.clone()).collect();
        nodes[1].memory.as_mut().unwrap().available_bytes = 50 * GIB;
        let model = disk_model("Org/Model-8B");
        let judged = |flags: &[&str]| {
            let fit = estimate(&recipe(flags), &model, &nodes, &world.units, 8 * GIB);
            (fit.nodes[0].verdict, fit.nodes[1].verdict)
        };
        let half = ["--gpu-memory-utilization=0.5"];
        assert_eq!(judged(&half), (FitVerdict::Fits, FitVerdict::DoesNotFit));
        let third = ["--gpu-memory-utilization=0.37"];
        assert_eq!(judged(&third), (FitVerdict::Fits, FitVerdict::Tight));
    }

    #[test]
    fn what_is_stopped_counts_as_free_and_a_neighbour_as_sharing() {
        let mut world = world();
        run_unit(&mut world, "main", &[1], 90 * GIB);
        let mut nodes: Vec<Node> = world.nodes.iter().map(|n| n.node.clone()).collect();
        let mut other = nodes[0].gpu_processes.clone().unwrap().remove(0);
        other.container = Some("parakeet".to_owned());
        nodes[1].gpu_processes = Some(vec![other]);
        let facts = node_facts(&nodes, &world.units);
        let told: Vec<_> = facts
            .iter()
            .map(|f| (f.available_bytes, f.shared))
            .collect();
        let free = Some(117 * GIB);
        assert_eq!(told, [(free, false), (free, true)]);
    }
}
