//! Each alert: raised at its limit after its time, held in between, cleared at a better value.

use spark_ipc::model::node::{
    Container, DockerState, Freshness, KernelLine, Link, LinkCause, LinkState,
};

use super::*;
use crate::health::{Address, Tracked};

mod engine;
mod fabric;
mod hardware;
mod launches;
mod life;
mod memory;
mod tools;

const GIB: u64 = 1 << 30;

fn at(seconds: i64) -> Time {
    Time("2026-11-23T12:00:00Z".parse().unwrap()).plus_seconds(seconds)
}

/// A node with which nothing is wrong.
fn healthy() -> Node {
    let address = Address {
        id: NodeId::numbered(1),
        name: "left".to_owned(),
        host: "spark-1".to_owned(),
        user: "ada".to_owned(),
        ssh_port: 22,
    };
    let mut node = Tracked::new(address, at(0)).node;
    node.link.state = LinkState::Connected;
    node.freshness = Freshness::Fresh;
    node
}

/// A container with this sentence of Docker's.
fn container(name: &str, status: &str) -> Container {
    let state = match status.split(' ').next() {
        Some("Up") => "running",
        Some("Restarting") => "restarting",
        _ => "exited",
    };
    Container {
        id: format!("id of {name}"),
        name: name.to_owned(),
        image: "image".to_owned(),
        state: state.to_owned(),
        status: status.to_owned(),
        owner: "other".to_owned(),
    }
}

/// The alerts of a series of states of one node, ten seconds apart: kind and severity.
fn series(nodes: impl IntoIterator<Item = Node>) -> Vec<Vec<(AlertKind, Severity)>> {
    let mut memory = Memory::default();
    let mut alerts = Vec::new();
    let mut seen = Vec::new();
    for (n, node) in nodes.into_iter().enumerate() {
        let now = at(i64::try_from(n).unwrap() * 10);
        alerts = evaluate(&alerts, &mut memory, &[node], now);
        seen.push(alerts.iter().map(|a| (a.kind, a.severity)).collect());
    }
    seen
}

/// Checks what alert of `kind` stands after each state.
fn check(kind: AlertKind, states: impl IntoIterator<Item = (Node, Option<Severity>)>) {
    let (nodes, expected): (Vec<Node>, Vec<Option<Severity>>) = states.into_iter().unzip();
    let expected: Vec<Vec<(AlertKind, Severity)>> = expected
        .into_iter()
        .map(|s| s.map(|s| (kind, s)).into_iter().collect())
        .collect();
    assert_eq!(series(nodes), expected);
}

const WARNING: Option<Severity> = Some(Severity::Warning);
const CRITICAL: Option<Severity> = Some(Severity::Critical);

fn with(change: impl FnOnce(&mut Node)) -> Node {
    let mut node = healthy();
    change(&mut node);
    node
}

fn broken(cause: LinkCause, freshness: Freshness) -> Node {
    with(|node| {
        node.link = Link {
            state: LinkState::BackingOff,
            cause: Some(cause),
            ..node.link.clone()
        };
        node.freshness = freshness;
    })
}

#[test]
fn an_alert_keeps_its_id_and_its_begin_while_it_stands() {
    let node = |cause| broken(cause, Freshness::Unreachable);
    let mut memory = Memory::default();
    let first = evaluate(&[], &mut memory, &[node(LinkCause::Refused)], at(0));
    let second = evaluate(&first, &mut memory, &[node(LinkCause::NoBanner)], at(60));
    assert_eq!(
        (first[0].id.as_str(), first[0].since),
        ("spark1/unreachable", at(0))
    );
    assert_eq!(
        (second[0].id.as_str(), second[0].since),
        ("spark1/unreachable", at(0))
    );
    assert_ne!(first[0].text, second[0].text);
}

#[test]
fn every_alert_says_what_to_do_and_has_an_id_of_its_own() {
    let node = with(|node| {
        node.docker = Some(DockerState::Down);
        node.freshness = Freshness::Stale;
        let line = |text: &str| KernelLine {
            at: None,
            text: text.to_owned(),
        };
        node.kernel = vec![line("oom-kill:x"), line("NVRM: Xid 13")];
    });
    let mut memory = Memory::default();
    let alerts = evaluate(&[], &mut memory, std::slice::from_ref(&node), at(0));
    let alerts = evaluate(&alerts, &mut memory, &[node], at(60));
    let mut ids: Vec<&str> = alerts.iter().map(|a| a.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        [
            "spark1/docker",
            "spark1/kernel/oom",
            "spark1/kernel/xid",
            "spark1/reading/poll"
        ]
    );
    let helps = |alert: &Alert| alert.fix.as_ref().is_some_and(|fix| !fix.is_empty());
    assert!(alerts.iter().all(helps));
}
