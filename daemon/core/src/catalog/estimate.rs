//! Whether a recipe that is being written would fit, node by node.

use spark_ipc::model::inventory::FitVerdict;
use spark_ipc::model::node::Node;
use spark_ipc::model::recipe::{FitParts, NodeFit, Recipe, RecipeFit};
use spark_ipc::model::unit::Unit;

use crate::fit::{kv_cost, need, verdict};
use crate::flags::{size, value_of};
use crate::inventory::{DiskModel, traits_of};
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
    let whole = verdict(model, Some(recipe), recipe.nodes, least);
    let needed = need(recipe, Some(model), least);
    let one = |node: &Node| {
        let total = node.memory.as_ref().map(|m| m.total_bytes);
        let bytes = need(recipe, Some(model), total).launch_bytes();
        of_node(node, units, bytes, spare_bytes)
    };
    RecipeFit {
        fit: whole,
        parts: Some(FitParts {
            weights_bytes: needed.weights_bytes,
            kv_bytes: needed.kv_bytes,
            kv_token_bytes: token_bytes(recipe, model),
            context_bytes: needed.context_bytes,
            reserved_bytes: needed.reserved_bytes,
            spare_bytes,
            context_tokens: context(recipe, model),
        }),
        nodes: nodes.iter().map(one).collect(),
        faults: Vec::new(),
        confirm: Vec::new(),
    }
}

fn token_bytes(recipe: &Recipe, model: &DiskModel) -> Option<u64> {
    let fp8 = value_of(&recipe.flags, "--kv-cache-dtype").is_some_and(|v| v.starts_with("fp8"));
    let cost = kv_cost(model.config.as_ref()?, if fp8 { 1 } else { 2 })?;
    Some(cost.token_bytes)
}

/// The length that the flags set, else the one that the model promises.
fn context(recipe: &Recipe, model: &DiskModel) -> Option<u64> {
    let told = value_of(&recipe.flags, "--max-model-len").and_then(size);
    told.or_else(|| traits_of(model).max_context_tokens)
}

fn of_node(node: &Node, units: &[Unit], need_bytes: u64, spare_bytes: u64) -> NodeFit {
    let memory = node.memory.as_ref();
    let freed = freed(node, units);
    let free = memory
        .zip(freed)
        .map(|(m, freed)| m.available_bytes + freed);
    NodeFit {
        node: node.id.clone(),
        total_bytes: memory.map(|m| m.total_bytes),
        available_bytes: memory.map(|m| m.available_bytes),
        freed_bytes: freed,
        need_bytes,
        verdict: match free {
            None => FitVerdict::Unknown,
            Some(free) if free < need_bytes => FitVerdict::DoesNotFit,
            Some(free) if free < need_bytes.saturating_add(spare_bytes) => FitVerdict::Tight,
            Some(_) => FitVerdict::Fits,
        },
    }
}

/// What the GPU processes in our containers on a node hold; `None` when the driver does not tell.
fn freed(node: &Node, units: &[Unit]) -> Option<u64> {
    let ours: Vec<&str> = units
        .iter()
        .filter(|u| u.owner == OWNER)
        .flat_map(|u| &u.ranks)
        .filter(|r| r.node == node.id)
        .map(|r| r.container.as_str())
        .collect();
    let processes = node.gpu_processes.as_ref()?.iter();
    let inside = processes.filter(|p| p.container.as_deref().is_some_and(|c| ours.contains(&c)));
    inside.map(|p| p.memory_bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::GIB;
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
    fn the_parts_add_up_to_the_need() {
        let world = world();
        let nodes: Vec<Node> = world.nodes.iter().map(|n| n.node.clone()).collect();
        let model = disk_model("Org/Model-8B");
        let recipe = recipe(&["--kv-cache-memory-bytes=4G"]);
        let fit = estimate(&recipe, &model, &nodes, &[], 8 * GIB);
        let parts = fit.parts.unwrap();
        assert_eq!(parts.reserved_bytes, 0);
        let sum = parts.weights_bytes + parts.kv_bytes + parts.context_bytes;
        assert_eq!(fit.nodes[0].need_bytes, sum);
        assert_eq!(fit.fit.need_bytes_per_node, Some(sum));
    }
}
