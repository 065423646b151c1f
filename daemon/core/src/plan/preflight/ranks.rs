//! What can be wrong between the nodes of a placement.

use spark_ipc::id::NodeId;

use super::super::Planned;
use super::{Choice, blocker};

/// Fills the findings about several nodes together.
pub(super) fn check(choice: &Choice<'_>, planned: &mut Planned) {
    same_image(choice, planned);
    same_commit(choice, planned);
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
