//! What can be wrong with the fabric between the nodes of a placement.

use super::super::{NodeWorld, Planned};
use super::{Choice, blocker};
use crate::launch::{Fabric, NodeFacts, Ping, Reach, common_fabric};

/// Fills the findings about the fabric; a launch on one node needs none.
pub(super) fn check(choice: &Choice<'_>, planned: &mut Planned) {
    if choice.nodes.len() < 2 {
        return;
    }
    let facts: Option<Vec<&NodeFacts>> = choice.nodes.iter().map(|n| n.facts.as_ref()).collect();
    let Some(facts) = facts else {
        return;
    };
    let Some(common) = common_fabric(&facts) else {
        planned.add_blocker(blocker(
            "fabric_missing",
            None,
            format!(
                "{} share no network between active QSFP ports{}",
                names(choice),
                ports_in_words(choice)
            ),
            "Connect the cable, and give both ports addresses in one subnet.",
        ));
        return;
    };
    mtu(choice, &common, planned);
    for (rank, (node, facts)) in choice.nodes.iter().zip(&facts).enumerate() {
        devices(node, facts, planned);
        gid(node, &common, rank, planned);
        for ping in pings(&common, facts, rank) {
            frames(node, ping, planned);
        }
    }
}

/// What became of the frames from a rank's node to those of the other ranks.
pub(in crate::plan) fn pings<'a>(
    common: &'a Fabric,
    facts: &'a NodeFacts,
    rank: usize,
) -> impl Iterator<Item = &'a Ping> {
    let others = (0..).map_while(|r| Some((r, common.address(r)?)));
    let others: Vec<_> = others.filter(|(r, _)| *r != rank).map(|(_, a)| a).collect();
    let to_other = move |p: &&Ping| others.contains(&p.address);
    facts.pings.iter().filter(to_other)
}

fn mtu(choice: &Choice<'_>, common: &Fabric, planned: &mut Planned) {
    let mtus = common.mtus();
    if mtus.windows(2).any(|pair| matches!(pair, [a, b] if a != b)) {
        planned.warnings.push(blocker(
            "fabric_mtu",
            None,
            format!(
                "The fabric ports of {} have different MTUs: {mtus:?}",
                names(choice)
            ),
            "Set the same MTU (9000 is advised) on all of them.",
        ));
    }
}

fn devices(node: &NodeWorld, facts: &NodeFacts, planned: &mut Planned) {
    let id = &node.node.id;
    if !facts.has_infiniband {
        planned.warnings.push(blocker(
            "no_infiniband",
            Some(id),
            format!("{id} has no /dev/infiniband: the ranks cannot use RDMA"),
            "Load the RDMA drivers, or restart the node.",
        ));
    }
}

fn gid(node: &NodeWorld, common: &Fabric, rank: usize, planned: &mut Planned) {
    let id = &node.node.id;
    let Some(link) = common.link(rank).filter(|l| l.gid_index.is_none()) else {
        return;
    };
    planned.warnings.push(blocker(
        "gid_unknown",
        Some(id),
        format!(
            "{} on {id} has no RoCE v2 entry for {}, so NCCL must find its own",
            link.hca, link.address
        ),
        format!(
            "On {id}: sudo ip link set {0} down && sudo ip link set {0} up",
            link.interface
        ),
    ));
}

/// A node that answers small frames and no whole ones would hang in the load; one that answers none may only
/// have a firewall.
fn frames(node: &NodeWorld, ping: &Ping, planned: &mut Planned) {
    let id = &node.node.id;
    let address = ping.address;
    match ping.reach {
        Reach::Small => planned.add_blocker(blocker(
            "fabric_frames",
            Some(id),
            format!(
                "Frames of {} bytes do not pass from {id} to {address}, and small ones do",
                ping.payload.saturating_add(28)
            ),
            "Set the same MTU on both ports and on a switch between them.",
        )),
        Reach::Silent => planned.warnings.push(blocker(
            "fabric_silent",
            Some(id),
            format!("{address} does not answer {id} over the fabric"),
            format!(
                "On {id}: ping -c1 -M do -s {} {address}; see the cable and any firewall.",
                ping.payload
            ),
        )),
        Reach::Whole | Reach::Unknown => {}
    }
}

fn names(choice: &Choice<'_>) -> String {
    let names: Vec<&str> = choice.nodes.iter().map(|n| n.node.id.as_str()).collect();
    names.join(" and ")
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
