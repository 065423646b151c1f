//! The cable: down, slow, unsteady, and addresses that move.

use spark_ipc::model::node::{FabricPort, Gid, Interface};

use super::*;

/// A node with the twins of one cable; both have an address unless told otherwise.
fn twins(change: impl Fn(&mut Interface)) -> Node {
    with(|node| {
        for (hca, name) in [
            ("roceP2p1s0f1", "enP2p1s0f1np1"),
            ("rocep1s0f1", "enp1s0f1np1"),
        ] {
            node.fabric.push(FabricPort {
                hca: hca.to_owned(),
                interface: Some(name.to_owned()),
                state: None,
                rate_gbps: None,
            });
            let mut interface = Interface {
                name: name.to_owned(),
                addresses: vec!["192.168.100.10/24".to_owned()],
                state: "up".to_owned(),
                carrier: Some(true),
                speed_mbps: Some(200_000),
                mtu: Some(9000),
                rx_bytes: None,
                tx_bytes: None,
                carrier_changes: Some(4),
            };
            change(&mut interface);
            node.interfaces.push(interface);
        }
    })
}

fn down() -> Node {
    twins(|i| {
        i.carrier = Some(false);
        i.speed_mbps = None;
    })
}

/// The alerts of `nodes` after they have stood for ten seconds.
fn lasting(nodes: &[Node]) -> Vec<Alert> {
    let mut memory = Memory::default();
    evaluate(&[], &mut memory, nodes, at(0));
    evaluate(&[], &mut memory, nodes, at(10))
}

#[test]
fn link_down_and_slow() {
    let good = || twins(|_| {});
    let slow = || twins(|i| i.speed_mbps = Some(100_000));
    check(
        AlertKind::Link,
        [
            (good(), None),
            (slow(), None),
            (slow(), WARNING),
            (down(), WARNING),
            (good(), None),
            (down(), None),
            (good(), None),
            (twins(|i| i.addresses.clear()), None),
        ],
    );
}

#[test]
fn one_cable_is_one_alert_with_both_names() {
    let mut other = down();
    other.id = NodeId::numbered(2);
    let alerts = lasting(&[down(), other]);
    let seen: Vec<_> = alerts.iter().map(|a| (a.id.as_str(), a.severity)).collect();
    assert_eq!(
        seen,
        [
            ("spark1/link/enp1s0f1np1", Severity::Critical),
            ("spark2/link/enp1s0f1np1", Severity::Critical),
        ]
    );
    assert_eq!(
        alerts[0].text,
        "enp1s0f1np1 (rocep1s0f1) and enP2p1s0f1np1 (roceP2p1s0f1) have an address, but no link."
    );
}

#[test]
fn one_twin_alone_is_told_alone() {
    let node = twins(|i| {
        if i.name == "enP2p1s0f1np1" {
            i.carrier = Some(false);
        }
    });
    assert_eq!(
        lasting(&[node])[0].text,
        "enP2p1s0f1np1 (roceP2p1s0f1) has an address, but no link."
    );
}

#[test]
fn an_unsteady_link_is_told_until_ten_minutes_have_passed() {
    let counted = |count| twins(move |i| i.carrier_changes = Some(count));
    let states = [
        (counted(4), None),
        (counted(5), None),
        (counted(6), WARNING),
        // A restart begins the count anew.
        (counted(1), WARNING),
    ];
    let still = (4..62).map(|_| (counted(1), WARNING));
    check(
        AlertKind::Link,
        states.into_iter().chain(still).chain([(counted(1), None)]),
    );
}

#[test]
fn an_rdma_address_that_moved_is_told() {
    let indexed = |index| {
        with(move |node| {
            node.gids = vec![Gid {
                hca: "rocep1s0f1".to_owned(),
                index,
                address: "192.168.100.10".to_owned(),
            }];
        })
    };
    let standing = (0..90).map(|_| (indexed(5), WARNING));
    check(
        AlertKind::Link,
        [(indexed(3), None), (healthy(), None)]
            .into_iter()
            .chain(standing)
            .chain([(indexed(5), None)]),
    );
}
