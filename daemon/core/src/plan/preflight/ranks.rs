//! What can be wrong between the nodes of a placement.

use spark_ipc::id::NodeId;

use super::super::{NodeWorld, Planned};
use super::{Choice, blocker};
use crate::launch::{NodeFacts, common_fabric};

/// Fills the findings about several nodes together.
pub(super) fn check(choice: &Choice<'_>, planned: &mut Planned) {
    same_image(choice, planned);
    same_commit(choice, planned);
    fabric(choice, planned);
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
