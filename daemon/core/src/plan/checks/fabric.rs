//! What is seen of the fabric when nothing is wrong with it.

use super::super::preflight::{Look, pings};
use super::super::{NodeWorld, Planned};
use super::Seen;
use crate::launch::{Fabric, NodeFacts, Reach, common_fabric};

/// The ports in which the ranks meet.
pub(super) fn links(look: &Look<'_>, _planned: &Planned) -> Seen {
    with_fabric(look, |common| {
        let ports = (0..).map_while(|rank| common.link(rank));
        let ports: Vec<String> = ports
            .map(|l| format!("{} {}/{}", l.interface, l.address, l.prefix))
            .collect();
        let mtu = common
            .mtus()
            .first()
            .map_or(String::new(), |mtu| format!(", MTU {mtu}"));
        Seen::Well(format!("{} are up{mtu}", ports.join(" and ")))
    })
}

/// The entry of the node's address in the table of its device.
pub(super) fn gid(look: &Look<'_>, node: &NodeWorld, _planned: &Planned) -> Seen {
    with_fabric(look, |common| {
        let link = rank_of(look, node).and_then(|rank| common.link(rank));
        match link.and_then(|l| Some((l, l.gid_index?))) {
            Some((l, index)) => {
                Seen::Well(format!("{} has entry {index} for {}", l.hca, l.address))
            }
            None => Seen::Untold("The entry is not known".to_owned()),
        }
    })
}

/// Whole frames to the other ranks.
pub(super) fn frames(look: &Look<'_>, node: &NodeWorld, _planned: &Planned) -> Seen {
    with_fabric(look, |common| {
        let tried = rank_of(look, node).zip(node.facts.as_ref());
        let passed: Vec<String> = tried
            .into_iter()
            .flat_map(|(rank, facts)| pings(common, facts, rank))
            .filter(|p| p.reach == Reach::Whole)
            .map(|p| format!("{} bytes to {}", p.payload.saturating_add(28), p.address))
            .collect();
        if passed.is_empty() {
            return Seen::Untold("No frame was tried".to_owned());
        }
        Seen::Well(format!("Whole frames pass: {}", passed.join(", ")))
    })
}

fn rank_of(look: &Look<'_>, node: &NodeWorld) -> Option<usize> {
    look.choice
        .nodes
        .iter()
        .position(|n| n.node.id == node.node.id)
}

fn with_fabric(look: &Look<'_>, seen: impl FnOnce(&Fabric) -> Seen) -> Seen {
    if look.choice.nodes.len() < 2 {
        return Seen::Nothing;
    }
    let facts: Option<Vec<&NodeFacts>> =
        look.choice.nodes.iter().map(|n| n.facts.as_ref()).collect();
    match facts.and_then(|facts| common_fabric(&facts)) {
        Some(common) => seen(&common),
        None => Seen::Untold("The fabric is not known".to_owned()),
    }
}
