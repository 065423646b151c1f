//! The menu: lists, recipes, units, operations and launches, merged by `spark-core`.

use std::collections::BTreeMap;
use std::sync::Arc;

use spark_core::inventory::{DiskModel, MergeInput, NodeList, merge};
use spark_core::plan::Measured;
use spark_ipc::Time;
use spark_ipc::id::{NodeId, RepoId};
use spark_ipc::model::inventory::{LastLoaded, ModelList};
use spark_ipc::model::node::Node;
use spark_ipc::model::operation::{OperationKind, OperationState};

use super::Surroundings;
use crate::journal::Launch;

pub(super) fn make(
    around: &Surroundings,
    nodes: &[Node],
    lists: &BTreeMap<NodeId, Arc<Vec<DiskModel>>>,
    observed_at: Option<Time>,
) -> ModelList {
    let node_lists: Vec<NodeList<'_>> = nodes
        .iter()
        .filter_map(|n| {
            let models = lists.get(&n.id)?;
            let total_bytes = n.memory.as_ref().map(|m| m.total_bytes);
            Some(NodeList {
                node: &n.id,
                models,
                total_bytes,
            })
        })
        .collect();
    let starting: Vec<RepoId> = around
        .operations
        .borrow()
        .iter()
        .filter(|o| o.state == OperationState::Running && o.kind == OperationKind::Swap)
        .filter_map(|o| o.subject.parse().ok())
        .collect();
    let units = Arc::clone(&around.units.borrow());
    let measured = measured(&around.launches.borrow());
    let catalog = Arc::clone(&around.catalog.borrow());
    merge(&MergeInput {
        nodes: &node_lists,
        nodes_available: nodes.len(),
        catalog: &catalog,
        units: &units,
        starting: &starting,
        measured: &measured,
        observed_at,
    })
}

/// The launches as the planner and the menu want them.
pub(crate) fn measured(launches: &[Launch]) -> Vec<Measured> {
    launches
        .iter()
        .map(|l| Measured {
            repo: l.repo.clone(),
            launch: LastLoaded {
                at: l.at,
                load_s: l.load_s,
                memory_bytes: l.memory_bytes,
                recipe: l.recipe.clone(),
            },
        })
        .collect()
}
