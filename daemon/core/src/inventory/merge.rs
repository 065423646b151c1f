//! One menu out of the lists of all nodes.

use std::collections::BTreeMap;

use spark_ipc::Time;
use spark_ipc::id::{NodeId, RepoId};
use spark_ipc::model::inventory::{
    Fit, FitVerdict, LastLoaded, Model, ModelList, ModelOnNode, ModelState,
};
use spark_ipc::model::recipe::Recipe;
use spark_ipc::model::unit::{Unit, UnitState};

use super::{DiskModel, DiskState, traits_of};
use crate::catalog::Catalog;
use crate::fit;
use crate::plan::Measured;

/// The list of one node.
#[derive(Debug, Clone, Copy)]
pub struct NodeList<'a> {
    pub node: &'a NodeId,
    pub models: &'a [DiskModel],
    /// MemTotal.
    pub total_bytes: Option<u64>,
}

/// What the menu is made from.
#[derive(Debug, Clone, Copy)]
pub struct MergeInput<'a> {
    pub nodes: &'a [NodeList<'a>],
    /// How many nodes there are, listed yet or not.
    pub nodes_available: usize,
    pub catalog: &'a Catalog,
    pub units: &'a [Unit],
    /// Repositories that a running operation is starting.
    pub starting: &'a [RepoId],
    pub measured: &'a [Measured],
    /// When the oldest of the lists was made.
    pub observed_at: Option<Time>,
}

/// Merges the lists: a line for every repository that is on a disk.
pub fn merge(input: &MergeInput<'_>) -> ModelList {
    let mut repos: BTreeMap<&RepoId, Vec<Found<'_>>> = BTreeMap::new();
    for list in input.nodes {
        for model in list.models {
            repos.entry(&model.repo).or_default().push((list, model));
        }
    }
    let line = |found: Vec<Found<'_>>| found.first().map(|first| menu_line(input, first.1, &found));
    let models = repos.into_values().filter_map(line).collect();
    ModelList {
        models,
        recipe_errors: input.catalog.errors().to_vec(),
        observed_at: input.observed_at,
    }
}

/// A copy of a model, and the list that it is in.
type Found<'a> = (&'a NodeList<'a>, &'a DiskModel);

fn menu_line(input: &MergeInput<'_>, first: &DiskModel, found: &[Found<'_>]) -> Model {
    let repo = &first.repo;
    let entries = input.catalog.for_repo(repo);
    let in_force = input.catalog.in_force(repo, input.nodes_available);
    let recipe = in_force.map(|e| &e.recipe);
    let best = fullest(first, found);
    let traits = traits_of(best);
    let complete = found.iter().filter(|(_, m)| m.complete()).count();
    let nodes = u32::try_from(input.nodes_available).unwrap_or(1);
    let total = found.iter().filter_map(|(list, _)| list.total_bytes).min();
    Model {
        repo: repo.clone(),
        state: state(input, repo, recipe, found, complete),
        size_bytes: found.iter().map(|(_, m)| m.size_bytes).max().unwrap_or(0),
        nodes: found
            .iter()
            .map(|(list, m)| on_node(list.node, m))
            .collect(),
        recipe: recipe.map(|r| r.id.clone()),
        recipe_source: in_force.map(|e| e.source),
        alternatives: entries
            .iter()
            .filter(|e| Some(**e) != in_force)
            .map(|e| e.recipe.id.clone())
            .collect(),
        // The recipe knows better than the files what it serves.
        kind: recipe.map_or(traits.kind, |r| r.kind),
        quantization: traits.quantization,
        parameters: traits.parameters,
        architecture: traits.architecture,
        max_context_tokens: traits.max_context_tokens,
        fit: fit_of(best, recipe, nodes, total),
        running_on: running_on(input.units, repo),
        last_loaded: last_loaded(input.measured, repo),
    }
}

/// The copy that tells most: a whole one, else the largest.
fn fullest<'a>(first: &'a DiskModel, found: &[Found<'a>]) -> &'a DiskModel {
    let copies = found.iter().map(|(_, m)| *m);
    copies
        .max_by_key(|m| (m.complete(), m.weight_bytes))
        .unwrap_or(first)
}

/// Without a recipe a model that does not fit one node is judged for two.
fn fit_of(model: &DiskModel, recipe: Option<&Recipe>, nodes: u32, total: Option<u64>) -> Fit {
    let alone = fit::verdict(model, recipe, 1, total);
    if recipe.is_none() && nodes > 1 && alone.verdict == FitVerdict::DoesNotFit {
        return fit::verdict(model, None, 2, total);
    }
    alone
}

fn state(
    input: &MergeInput<'_>,
    repo: &RepoId,
    recipe: Option<&Recipe>,
    found: &[Found<'_>],
    complete: usize,
) -> ModelState {
    let any = |is: fn(&Unit) -> bool| {
        let mut of_repo = input.units.iter().filter(|u| u.repo.as_ref() == Some(repo));
        of_repo.any(is)
    };
    let has = |state: DiskState| found.iter().any(|(_, m)| m.state == state);
    let wanted = recipe.map_or(1, |r| usize::try_from(r.nodes).unwrap_or(usize::MAX));
    if any(runs) {
        ModelState::Running
    } else if any(|u| u.state == UnitState::Loading) || input.starting.contains(repo) {
        ModelState::Loading
    } else if recipe.is_some() && complete >= wanted {
        ModelState::Ready
    } else if recipe.is_none() && complete > 0 {
        ModelState::NeedsSetup
    } else if has(DiskState::Downloading) {
        ModelState::Downloading
    } else if complete > 0 || has(DiskState::Partial) {
        ModelState::Partial
    } else {
        ModelState::NoWeights
    }
}

/// A unit that answered and whose node cannot be reached now has not ended.
fn runs(unit: &Unit) -> bool {
    unit.state == UnitState::Ready || (unit.state == UnitState::Unknown && unit.ready_at.is_some())
}

fn on_node(node: &NodeId, model: &DiskModel) -> ModelOnNode {
    ModelOnNode {
        node: node.clone(),
        complete: model.complete(),
        missing: model.missing.clone(),
        missing_count: model.missing_count,
        size_bytes: model.size_bytes,
        incomplete_bytes: model.incomplete_bytes,
        downloading: model.state == DiskState::Downloading,
        commit: model.commit.clone(),
        warnings: model.warnings.clone(),
    }
}

fn running_on(units: &[Unit], repo: &RepoId) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = units
        .iter()
        .filter(|u| u.repo.as_ref() == Some(repo) && runs(u))
        .flat_map(|u| u.ranks.iter().map(|r| r.node.clone()))
        .collect();
    nodes.sort();
    nodes.dedup();
    nodes
}

fn last_loaded(measured: &[Measured], repo: &RepoId) -> Option<LastLoaded> {
    let of_repo = measured.iter().filter(|m| m.repo == *repo);
    of_repo.map(|m| &m.launch).max_by_key(|l| l.at).cloned()
}

#[cfg(test)]
mod tests;
