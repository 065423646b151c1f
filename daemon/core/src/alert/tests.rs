//! Each alert: raised at its limit, held in between, cleared at a better value.

use spark_ipc::model::node::{
    Disk, DockerState, FabricPort, Freshness, Gpu, GpuProcess, Identity, Interface, Link,
    LinkCause, LinkState, Temperature, UnifiedMemory,
};

use super::*;
use crate::health::{Address, Tracked};

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

#[test]
fn memory_low() {
    let gib = |tenths: u64| {
        with(|node| {
            let memory = UnifiedMemory {
                total_bytes: 120 * GIB,
                available_bytes: tenths * GIB / 10,
                ..UnifiedMemory::default()
            };
            node.memory = Some(memory);
        })
    };
    let steps = [
        (80, None),
        (79, WARNING),
        (89, WARNING),
        (91, None),
        (29, CRITICAL),
        (39, CRITICAL),
        (41, WARNING),
        (91, None),
    ];
    check(
        AlertKind::MemoryLow,
        steps.map(|(value, expected)| (gib(value), expected)),
    );
}

#[test]
fn disk() {
    let disk = |percent: u64, total: u64| {
        with(|node| {
            let used_bytes = total * percent / 100 * GIB;
            let available_bytes = total * GIB - used_bytes;
            node.disks = vec![Disk {
                mount: "/".to_owned(),
                total_bytes: total * GIB,
                used_bytes,
                available_bytes,
            }];
        })
    };
    let big = [
        (85, None),
        (86, WARNING),
        (84, WARNING),
        (83, None),
        (96, CRITICAL),
        (94, CRITICAL),
        (93, WARNING),
        (80, None),
    ];
    check(
        AlertKind::Disk,
        big.map(|(percent, expected)| (disk(percent, 4000), expected)),
    );
    check(
        AlertKind::Disk,
        [(disk(10, 50), CRITICAL), (disk(10, 100), None)],
    );
}

#[test]
fn thermal() {
    let hot = |celsius: f64| {
        with(|node| {
            node.temperatures = vec![Temperature {
                sensor: "acpitz".to_owned(),
                temperature_c: celsius,
            }];
        })
    };
    let steps = [
        (80.0, None),
        (81.0, WARNING),
        (78.0, WARNING),
        (76.0, None),
        (91.0, CRITICAL),
        (88.0, CRITICAL),
        (86.0, WARNING),
        (70.0, None),
    ];
    check(
        AlertKind::Thermal,
        steps.map(|(celsius, expected)| (hot(celsius), expected)),
    );
    let slowed = with(|node| {
        node.gpu = Some(Gpu {
            throttle: vec!["hw_thermal_slowdown".to_owned()],
            ..Gpu::default()
        });
    });
    check(AlertKind::Thermal, [(slowed, CRITICAL), (healthy(), None)]);
}

#[test]
fn orphan_process() {
    let process = |orphan, memory_bytes| {
        with(|node| {
            let process = GpuProcess {
                pid: 7,
                name: "python3".to_owned(),
                memory_bytes,
                container: None,
                orphan,
            };
            node.gpu_processes = Some(vec![process]);
        })
    };
    check(
        AlertKind::OrphanProcess,
        [
            (process(true, Some(GIB)), WARNING),
            (process(true, None), WARNING),
            (process(true, Some(1 << 20)), None),
            (process(false, Some(GIB)), None),
        ],
    );
}

#[test]
fn low_power() {
    let gpu = |load, clock, power, pstate: &str| {
        with(|node| {
            node.gpu = Some(Gpu {
                utilization_percent: Some(load),
                sm_clock_mhz: Some(clock),
                power_w: Some(power),
                pstate: Some(pstate.to_owned()),
                ..Gpu::default()
            });
        })
    };
    let stuck = || gpu(96.0, 799, 19.5, "P0");
    check(
        AlertKind::LowPower,
        [
            (stuck(), None),
            (stuck(), None),
            (stuck(), None),
            (stuck(), CRITICAL),
            (gpu(85.0, 1500, 35.0, "P0"), CRITICAL),
            (gpu(96.0, 2281, 92.5, "P0"), None),
            (stuck(), None),
            (gpu(0.0, 208, 3.6, "P8"), None),
            (stuck(), None),
        ],
    );
}

#[test]
fn reboot() {
    let booted = |id: &str| {
        with(|node| {
            node.identity = Identity {
                boot_id: Some(id.to_owned()),
                ..Identity::default()
            }
        })
    };
    let standing = (0..90).map(|_| (booted("b"), WARNING));
    let states = [(booted("a"), None), (healthy(), None), (booted("a"), None)];
    check(
        AlertKind::Reboot,
        states
            .into_iter()
            .chain(standing)
            .chain([(booted("b"), None)]),
    );
}

#[test]
fn docker() {
    let docker = |state| with(|node| node.docker = Some(state));
    check(
        AlertKind::Docker,
        [
            (docker(DockerState::Ok), None),
            (docker(DockerState::Down), CRITICAL),
            (docker(DockerState::Denied), CRITICAL),
            (docker(DockerState::Missing), WARNING),
            (docker(DockerState::Ok), None),
        ],
    );
}

#[test]
fn fabric_link() {
    let port = |carrier, speed, addresses: &[&str]| {
        with(|node| {
            node.fabric = vec![FabricPort {
                hca: "rocep1s0f1".to_owned(),
                interface: Some("enp1".to_owned()),
                state: None,
                rate_gbps: None,
            }];
            node.interfaces = vec![Interface {
                name: "enp1".to_owned(),
                addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
                state: "up".to_owned(),
                carrier: Some(carrier),
                speed_mbps: speed,
                mtu: None,
                rx_bytes: None,
                tx_bytes: None,
                carrier_changes: None,
            }];
        })
    };
    let address = ["192.168.100.10/24"];
    check(
        AlertKind::Link,
        [
            (port(true, Some(200_000), &address), None),
            (port(true, Some(100_000), &address), WARNING),
            (port(false, None, &address), CRITICAL),
            (port(true, Some(200_000), &address), None),
            (port(false, None, &[]), None),
        ],
    );
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
fn unreachable_once_the_values_have_aged() {
    check(
        AlertKind::Unreachable,
        [
            (broken(LinkCause::Lost, Freshness::Fresh), None),
            (broken(LinkCause::Lost, Freshness::Unreachable), CRITICAL),
            (
                broken(LinkCause::NoBanner, Freshness::Unreachable),
                CRITICAL,
            ),
            (healthy(), None),
        ],
    );
}

#[test]
fn host_key_at_once() {
    check(
        AlertKind::HostKey,
        [
            (
                broken(LinkCause::HostKeyUnknown, Freshness::Unknown),
                WARNING,
            ),
            (
                broken(LinkCause::HostKeyChanged, Freshness::Fresh),
                CRITICAL,
            ),
            (healthy(), None),
        ],
    );
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
