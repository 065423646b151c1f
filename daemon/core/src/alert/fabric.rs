//! The cable between two Sparks.
//!
//! A QSFP port shows as two RDMA devices with an interface each (twins), so what is wrong with a cable is seen
//! twice; it is told once, with both names.

use std::collections::BTreeMap;

use spark_ipc::Time;
use spark_ipc::model::alert::{AlertKind, Severity};
use spark_ipc::model::node::{FabricPort, Interface, Node};

use super::{Case, Finding, Timing};
use crate::probe::socket;

/// Megabits per second of a good cable.
const SPEED_MBPS: u64 = 200_000;

/// How far back changes count.
const WINDOW_S: f64 = 600.0;

/// Changes of the carrier in that time that are an alert: it went, and came back.
const CHANGES: u64 = 2;

/// How long a moved address is told.
const MOVED_S: f64 = 900.0;

const CABLE: Timing = Timing::new(5.0, 10.0);

const RESEAT: &str =
    "Seat the QSFP cable anew at both ends; if that does not help, restart both Sparks.";

/// What is remembered of a node's ports.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Past {
    carriers: BTreeMap<String, Carrier>,
    /// Index by device and address.
    gids: BTreeMap<(String, String), u32>,
    moves: Vec<Move>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Carrier {
    /// The kernel's count, as last seen.
    count: Option<u64>,
    changes: Vec<(Time, u64)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Move {
    at: Time,
    hca: String,
    address: String,
    from: u32,
    to: u32,
}

/// The ports behind one QSFP socket that have an address: those that are meant to be used.
struct Cable<'a> {
    ports: Vec<(&'a FabricPort, &'a Interface)>,
}

/// Cables that are out, or slow.
pub(super) fn cables(case: &Case<'_>) -> Vec<Finding> {
    let cables = of_node(case.node);
    cables.iter().filter_map(|cable| bad(case, cable)).collect()
}

/// Cables whose link came and went.
pub(super) fn unsteady(case: &Case<'_>, past: &mut Past) -> Vec<Finding> {
    let cables = of_node(case.node);
    let mut findings = Vec::new();
    for cable in &cables {
        let counts = cable.ports.iter().map(|(_, interface)| {
            let count = interface.carrier_changes;
            let carrier = past.carriers.entry(interface.name.clone());
            count.map_or(0, |count| changes(carrier.or_default(), count, case.now))
        });
        let changes = counts.max().unwrap_or(0);
        let detail = format!("unsteady/{}", cable.name());
        let standing = case.standing(AlertKind::Link, Some(&detail)).is_some();
        let least = if standing { 1 } else { CHANGES };
        if changes >= least {
            findings.push(Finding {
                kind: AlertKind::Link,
                detail: Some(detail),
                severity: Severity::Warning,
                title: "Fabric link is unsteady".to_owned(),
                text: format!(
                    "The link of {} changed {changes} times in ten minutes.",
                    cable.names()
                ),
                fix: Some(RESEAT.to_owned()),
                timing: Timing::AT_ONCE,
            });
        }
    }
    findings
}

/// Addresses whose index in the table of their device is another one than before.
pub(super) fn moved(case: &Case<'_>, past: &mut Past) -> Vec<Finding> {
    for gid in &case.node.gids {
        let key = (gid.hca.clone(), gid.address.clone());
        let before = past.gids.insert(key, gid.index);
        if let Some(from) = before.filter(|index| *index != gid.index) {
            past.moves.retain(|m| m.address != gid.address);
            past.moves.push(Move {
                at: case.now,
                hca: gid.hca.clone(),
                address: gid.address.clone(),
                from,
                to: gid.index,
            });
        }
    }
    past.moves
        .retain(|m| case.now.seconds_since(m.at) < MOVED_S);
    past.moves.iter().map(Move::finding).collect()
}

impl Move {
    fn finding(&self) -> Finding {
        let Self {
            hca,
            address,
            from,
            to,
            ..
        } = self;
        Finding {
            kind: AlertKind::Link,
            detail: Some(format!("gid/{address}")),
            severity: Severity::Warning,
            title: "RDMA address moved".to_owned(),
            text: format!("{address} is now entry {to} of {hca}; it was entry {from}."),
            fix: Some(
                "A model that runs over the fabric still uses the old entry: start it again. If \
                 NCCL_IB_GID_INDEX is set in a recipe, remove it there."
                    .to_owned(),
            ),
            timing: Timing::AT_ONCE,
        }
    }
}

/// Changes within the window, with `count` taken in. A count that fell began anew with a restart.
fn changes(carrier: &mut Carrier, count: u64, now: Time) -> u64 {
    let before = carrier.count.replace(count);
    let grown = before.map_or(0, |before| count.saturating_sub(before));
    if grown > 0 {
        carrier.changes.push((now, grown));
    }
    carrier
        .changes
        .retain(|(at, _)| now.seconds_since(*at) < WINDOW_S);
    carrier.changes.iter().map(|(_, grown)| grown).sum()
}

fn bad(case: &Case<'_>, cable: &Cable<'_>) -> Option<Finding> {
    let down = cable.those(|i| i.carrier == Some(false) || i.state == "down");
    let slow = cable.those(|i| i.speed_mbps.is_some_and(|speed| speed < SPEED_MBPS));
    let (severity, title, text) = if down.ports.is_empty() {
        let speeds = slow.ports.iter().filter_map(|(_, i)| i.speed_mbps);
        let speed = speeds.min()? / 1000;
        let text = format!("{}: {speed} Gb/s instead of 200 Gb/s.", slow.names());
        (Severity::Warning, "Fabric link is slow", text)
    } else {
        // With a single Spark an address that was left behind harms nobody.
        let severity = if case.nodes.len() > 1 {
            Severity::Critical
        } else {
            Severity::Warning
        };
        let verb = if down.ports.len() > 1 { "have" } else { "has" };
        let text = format!("{} {verb} an address, but no link.", down.names());
        (severity, "Fabric link is down", text)
    };
    Some(Finding {
        kind: AlertKind::Link,
        detail: Some(cable.name().to_owned()),
        severity,
        title: title.to_owned(),
        text,
        fix: Some(RESEAT.to_owned()),
        timing: CABLE,
    })
}

impl Cable<'_> {
    /// Of the first twin.
    fn name(&self) -> &str {
        self.ports.first().map_or("", |(_, i)| i.name.as_str())
    }

    /// `enp1s0f1np1 (rocep1s0f1) and enP2p1s0f1np1 (roceP2p1s0f1)`.
    fn names(&self) -> String {
        let each = self.ports.iter();
        let names: Vec<String> = each
            .map(|(port, interface)| format!("{} ({})", interface.name, port.hca))
            .collect();
        names.join(" and ")
    }

    fn those(&self, which: impl Fn(&Interface) -> bool) -> Self {
        let ports = self.ports.iter().filter(|(_, i)| which(i)).copied();
        Self {
            ports: ports.collect(),
        }
    }
}

fn of_node(node: &Node) -> Vec<Cable<'_>> {
    let mut sockets: BTreeMap<String, Cable<'_>> = BTreeMap::new();
    for port in &node.fabric {
        let interface = port
            .interface
            .as_deref()
            .and_then(|name| node.interfaces.iter().find(|i| i.name == name));
        if let Some(interface) = interface.filter(|i| !i.addresses.is_empty()) {
            let cable = sockets
                .entry(socket(&port.hca))
                .or_insert(Cable { ports: Vec::new() });
            cable.ports.push((port, interface));
        }
    }
    let mut cables: Vec<Cable<'_>> = sockets.into_values().collect();
    for cable in &mut cables {
        // The twin of PCI domain 0, which has no capital letter, is what every guide names first.
        cable
            .ports
            .sort_by_key(|(port, _)| port.hca.contains(|c: char| c.is_ascii_uppercase()));
    }
    cables
}
