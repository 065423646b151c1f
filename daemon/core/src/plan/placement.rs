//! Other nodes where those of the first choice are short of memory.

use spark_ipc::id::NodeId;
use spark_ipc::model::preflight::Finding;

use super::choose::Choice;
use super::{Ask, Planned};

/// The first plan, or where its nodes are short of memory that of other nodes: taken where the operator left the
/// nodes open, named where not. While another operation is at work the choice cannot be made, and the first stays.
pub(super) fn settle(ask: &Ask<'_>, first: Planned, others: Vec<Choice<'_>>) -> Planned {
    let busy = first.blockers.iter().any(|b| b.code == "busy");
    let short = first.blockers.iter().any(is_short);
    if busy || !short {
        return first;
    }
    let mut plans = others
        .into_iter()
        .map(|choice| (ask.attempt(&choice), choice));
    let Some((other, choice)) = plans.find(|(planned, _)| planned.plan.is_some()) else {
        return first;
    };
    let nodes: Vec<NodeId> = choice.nodes.iter().map(|n| n.node.id.clone()).collect();
    if ask.intent.nodes.is_some() {
        named(first, &nodes)
    } else {
        taken(&first, other, &nodes)
    }
}

/// The plan on other nodes, with the reason why not on those that come first.
fn taken(first: &Planned, mut other: Planned, nodes: &[NodeId]) -> Planned {
    let short = first.blockers.iter().filter(|b| is_short(b));
    let why: Vec<&str> = short.map(|b| b.message.as_str()).collect();
    let message = format!("It goes to {}: {}", in_words(nodes), why.join("; "));
    let finding = Finding {
        code: "placed_elsewhere".to_owned(),
        node: None,
        message,
        fix: Some("Name the nodes to have it elsewhere.".to_owned()),
    };
    other.warnings.insert(0, finding);
    other
}

/// The blockers of the operator's nodes, each with the nodes that would do.
fn named(mut first: Planned, nodes: &[NodeId]) -> Planned {
    let advice = format!("It would fit on {}.", in_words(nodes));
    for blocker in first.blockers.iter_mut().filter(|b| is_short(b)) {
        let fix = blocker.fix.take().unwrap_or_default();
        blocker.fix = Some(format!("{fix} {advice}").trim().to_owned());
    }
    for check in &mut first.checks {
        let same = |b: &&Finding| b.message == check.detail;
        if let Some(blocker) = first.blockers.iter().find(same) {
            check.fix.clone_from(&blocker.fix);
        }
    }
    first
}

fn is_short(finding: &Finding) -> bool {
    finding.code == "memory_short"
}

fn in_words(nodes: &[NodeId]) -> String {
    let names: Vec<&str> = nodes.iter().map(NodeId::as_str).collect();
    names.join(" and ")
}
