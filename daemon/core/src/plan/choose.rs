//! Which recipe and which nodes a swap uses.

use spark_ipc::id::NodeId;
use spark_ipc::model::inventory::LastLoaded;
use spark_ipc::model::node::DockerState;
use spark_ipc::model::preflight::Finding;
use spark_ipc::model::recipe::Recipe;

use super::{Intent, NodeWorld, Planned, World};
use crate::inventory::DiskModel;
use crate::launch::Placed;
use crate::units::OWNER;

/// The recipe and the nodes by rank, head first.
#[derive(Debug, Clone)]
pub(super) struct Choice<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) nodes: Vec<&'a NodeWorld>,
}

impl<'a> Choice<'a> {
    pub(super) fn has_node(&self, id: &NodeId) -> bool {
        self.nodes.iter().any(|n| n.node.id == *id)
    }

    /// `None` while the facts of a node are not known.
    pub(super) fn placed(&self) -> Option<Vec<Placed<'a>>> {
        let placed = |n: &&'a NodeWorld| {
            Some(Placed {
                node: &n.node.id,
                facts: n.facts.as_ref()?,
            })
        };
        self.nodes.iter().map(placed).collect()
    }

    /// The newest launch of this recipe that ended well.
    pub(super) fn last_good<'w>(&self, world: &'w World) -> Option<&'w LastLoaded> {
        let same =
            |m: &&super::Measured| m.repo == self.recipe.repo && m.launch.recipe == self.recipe.id;
        world
            .measured
            .iter()
            .filter(same)
            .map(|m| &m.launch)
            .max_by_key(|l| l.at)
    }
}

/// Chooses, or says why nothing can be chosen.
pub(super) fn choose<'a>(
    intent: &Intent,
    world: &'a World,
    planned: &mut Planned,
) -> Option<Choice<'a>> {
    let recipe = match recipe(intent, world) {
        Ok(recipe) => recipe,
        Err(blocker) => {
            planned.blockers.push(blocker);
            return None;
        }
    };
    match nodes(intent, world, recipe) {
        Ok(nodes) => Some(Choice { recipe, nodes }),
        Err(blocker) => {
            planned.blockers.push(blocker);
            None
        }
    }
}

/// Every other placement of as many nodes, in the order of the settings.
pub(super) fn others<'a>(world: &'a World, first: &Choice<'a>) -> Vec<Choice<'a>> {
    let mut sets: Vec<Vec<&'a NodeWorld>> = vec![Vec::new()];
    for node in &world.nodes {
        let longer = sets.iter().filter(|set| set.len() < first.nodes.len());
        let with: Vec<Vec<&NodeWorld>> = longer
            .map(|set| set.iter().copied().chain([node]).collect())
            .collect();
        sets.extend(with);
    }
    let whole = |set: &Vec<&NodeWorld>| set.len() == first.nodes.len();
    let differs = |set: &Vec<&NodeWorld>| set.iter().any(|n| !first.has_node(&n.node.id));
    sets.into_iter()
        .filter(|set| whole(set) && differs(set))
        .map(|nodes| Choice {
            recipe: first.recipe,
            nodes,
        })
        .collect()
}

fn blocker(code: &str, message: String, fix: impl Into<String>) -> Finding {
    Finding {
        code: code.to_owned(),
        node: None,
        message,
        fix: Some(fix.into()),
    }
}

fn recipe<'a>(intent: &Intent, world: &'a World) -> Result<&'a Recipe, Finding> {
    let repo = &intent.repo;
    if let Some(id) = &intent.recipe {
        let Some(entry) = world.catalog.get(id) else {
            return Err(blocker(
                "unknown_recipe",
                format!("There is no recipe {id}"),
                "Choose one of the listed recipes.",
            ));
        };
        if !entry
            .recipe
            .repo
            .as_str()
            .eq_ignore_ascii_case(repo.as_str())
        {
            let message = format!(
                "The recipe {id} is for {}, not for {repo}",
                entry.recipe.repo
            );
            return Err(blocker(
                "unknown_recipe",
                message,
                "Choose a recipe of this model.",
            ));
        }
        return Ok(&entry.recipe);
    }
    let in_force = world.catalog.in_force(repo, available(intent, world));
    in_force
        .map(|entry| &entry.recipe)
        .ok_or_else(|| no_recipe(intent, world))
}

fn available(intent: &Intent, world: &World) -> usize {
    intent.nodes.as_ref().map_or(world.nodes.len(), Vec::len)
}

fn no_recipe(intent: &Intent, world: &World) -> Finding {
    let repo = &intent.repo;
    let on_disk = world.nodes.iter().any(|n| n.model(intent).is_some());
    if on_disk {
        let message = format!("{repo} is on disk, but no recipe says how to launch it");
        blocker(
            "needs_setup",
            message,
            "Confirm a recipe for it: one is suggested from its files.",
        )
    } else {
        let message = format!("{repo} is on no node, and no recipe names it");
        blocker(
            "unknown_repo",
            message,
            "Check the name, or download the model first.",
        )
    }
}

impl NodeWorld {
    fn model(&self, intent: &Intent) -> Option<&DiskModel> {
        self.find_model(intent.repo.as_str())
    }

    pub(super) fn find_model(&self, repo: &str) -> Option<&DiskModel> {
        self.models
            .as_ref()?
            .iter()
            .find(|m| m.repo.as_str().eq_ignore_ascii_case(repo))
    }
}

fn nodes<'a>(
    intent: &Intent,
    world: &'a World,
    recipe: &Recipe,
) -> Result<Vec<&'a NodeWorld>, Finding> {
    let wanted = usize::try_from(recipe.nodes).unwrap_or(usize::MAX);
    let few = |have: usize| {
        let message = format!(
            "The recipe {} needs {wanted} nodes, and there {} {have}",
            recipe.id,
            if have == 1 { "is" } else { "are" }
        );
        blocker(
            "too_few_nodes",
            message,
            "Choose a recipe for fewer nodes, or add a node in the settings.",
        )
    };
    match &intent.nodes {
        None if world.nodes.len() < wanted => Err(few(world.nodes.len())),
        None => Ok(preferred(intent, world, wanted)),
        Some(named) => {
            let nodes = named
                .iter()
                .map(|id| {
                    world.node(id).ok_or_else(|| {
                        blocker(
                            "unknown_node",
                            format!("There is no node {id}"),
                            "Choose from the listed nodes.",
                        )
                    })
                })
                .collect::<Result<Vec<_>, _>>()?;
            let repeated = named
                .iter()
                .enumerate()
                .any(|(i, id)| named.iter().skip(i + 1).any(|o| o == id));
            match nodes.len().cmp(&wanted) {
                std::cmp::Ordering::Less => Err(few(nodes.len())),
                std::cmp::Ordering::Equal if !repeated => Ok(nodes),
                _ => {
                    let message = format!(
                        "The recipe {} needs {wanted} different nodes, and {} were named",
                        recipe.id,
                        nodes.len()
                    );
                    Err(blocker(
                        "too_many_nodes",
                        message,
                        format!("Name exactly {wanted}."),
                    ))
                }
            }
        }
    }
}

/// Usable nodes that hold the model whole come first, then those that run our units (their memory is given
/// back anyway), then the order of the settings, which also decides the head.
fn preferred<'a>(intent: &Intent, world: &'a World, wanted: usize) -> Vec<&'a NodeWorld> {
    let mut ranked: Vec<(usize, &NodeWorld)> = world.nodes.iter().enumerate().collect();
    ranked.sort_by_key(|(index, n)| {
        let usable = n.reachable() && matches!(n.node.docker, None | Some(DockerState::Ok));
        let whole = n.model(intent).is_some_and(DiskModel::complete);
        let runs_ours = world
            .units
            .iter()
            .any(|u| u.owner == OWNER && u.ranks.iter().any(|r| r.node == n.node.id));
        (!usable, !whole, !runs_ours, *index)
    });
    ranked.truncate(wanted);
    ranked.sort_by_key(|(index, _)| *index);
    ranked.into_iter().map(|(_, node)| node).collect()
}
