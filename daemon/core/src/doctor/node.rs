//! What one node shows by itself: links, speed, addresses, MTU, RDMA addresses.

use std::collections::{BTreeMap, BTreeSet};

use spark_ipc::model::doctor::DoctorCheck;

use super::ports::{Address, Port};
use super::{Patient, Verdict, listed};

/// Megabits per second of a good cable.
const SPEED_MBPS: u64 = 200_000;

/// Bytes; what NVIDIA's playbooks set.
const LARGE_MTU: u32 = 9000;

const RESEAT: &str =
    "Seat the QSFP cable anew at both ends; if that does not help, restart both Sparks.";

/// Where the addresses of the fabric are set on DGX OS, by NVIDIA's playbooks.
const NETPLAN: &str = "/etc/netplan/40-cx7.yaml";

pub(super) fn checks(patient: &Patient, all: &[Patient]) -> Vec<DoctorCheck> {
    let checks = [
        ("link", link(patient)),
        ("speed", speed(patient)),
        ("twins", twins(patient)),
        ("mtu", mtu(patient, all)),
        ("gid", gid(patient)),
    ];
    let of = |(name, verdict): (&str, Verdict)| verdict.of(name, &patient.node);
    checks.into_iter().map(of).collect()
}

fn names(ports: &[&Port]) -> String {
    let names: Vec<String> = ports.iter().map(|port| port.name()).collect();
    listed(&names)
}

/// Ports that are meant to be used and work.
fn live(patient: &Patient) -> Vec<&Port> {
    patient.addressed().filter(|port| port.up).collect()
}

fn link(patient: &Patient) -> Verdict {
    let down: Vec<&Port> = patient.addressed().filter(|port| !port.up).collect();
    if !down.is_empty() {
        return Verdict::failed(format!("no link at {}", names(&down)), RESEAT);
    }
    let up: Vec<&Port> = patient.known().iter().filter(|port| port.up).collect();
    if up.is_empty() {
        return Verdict::failed("no QSFP port has a link", RESEAT);
    }
    Verdict::passed(format!("up: {}", names(&up)))
}

fn speed(patient: &Patient) -> Verdict {
    let up: Vec<&Port> = patient.known().iter().filter(|port| port.up).collect();
    let slow = |port: &&&Port| port.speed_mbps.is_some_and(|speed| speed < SPEED_MBPS);
    let Some(slow) = up.iter().find(slow) else {
        return match up.iter().filter_map(|port| port.speed_mbps).min() {
            Some(speed) => Verdict::passed(format!("{} Gb/s", speed / 1000)),
            None => Verdict::skipped("no link"),
        };
    };
    let speed = slow.speed_mbps.unwrap_or(0) / 1000;
    Verdict::failed(
        format!("{} runs at {speed} Gb/s instead of 200 Gb/s", slow.name()),
        format!("{RESEAT} Behind a switch, set its port to 200G-baseCR4."),
    )
}

/// Both halves of a QSFP port need an address, each in a network of its own: else half the bandwidth is lost.
fn twins(patient: &Patient) -> Verdict {
    let used: BTreeSet<String> = patient.addressed().map(Port::socket).collect();
    let used = if used.is_empty() {
        let up = patient.known().iter().filter(|port| port.up);
        up.map(Port::socket).collect()
    } else {
        used
    };
    let halves: Vec<&Port> = patient
        .known()
        .iter()
        .filter(|port| used.contains(&port.socket()))
        .collect();
    if halves.is_empty() {
        return Verdict::skipped("no port is in use");
    }
    let bare: Vec<&Port> = halves
        .iter()
        .filter(|port| port.addresses.is_empty())
        .copied()
        .collect();
    let fix = |port: &Port| {
        format!(
            "Give {} an address in a network of its own (e.g. 192.168.100.10/24 and 192.168.101.10/24 for the two) \
             in {NETPLAN}, then: sudo netplan apply",
            port.interface
        )
    };
    if let Some(first) = bare.first() {
        let detail = format!("no address on {}", names(&bare));
        return if bare.len() == halves.len() {
            Verdict::failed(detail, fix(first))
        } else {
            Verdict::warning(format!("{detail}: half the bandwidth is lost"), fix(first))
        };
    }
    match shared_network(&halves) {
        Some((network, port)) => Verdict::failed(
            format!("{} are both in {network}", names(&halves)),
            fix(port),
        ),
        None => Verdict::passed(listed(&addresses(&halves))),
    }
}

fn addresses(ports: &[&Port]) -> Vec<String> {
    let all = ports.iter().flat_map(|port| &port.addresses);
    all.map(Address::to_string).collect()
}

/// A network that two of `ports` are in, and the second of them.
fn shared_network<'a>(ports: &[&'a Port]) -> Option<(Address, &'a Port)> {
    let mut seen: BTreeMap<Address, &str> = BTreeMap::new();
    for port in ports {
        for address in &port.addresses {
            let network = address.network();
            let owner = *seen.entry(network).or_insert(&port.interface);
            if owner != port.interface {
                return Some((network, port));
            }
        }
    }
    None
}

/// The largest frame must be the same everywhere; the odd ones out are those below the largest.
fn mtu(patient: &Patient, all: &[Patient]) -> Verdict {
    let own = live(patient);
    let others = all.iter().flat_map(|other| live(other));
    let Some(largest) = others.filter_map(|port| port.mtu).max() else {
        return Verdict::skipped("no link");
    };
    let short: Vec<&Port> = own
        .into_iter()
        .filter(|port| port.mtu.is_some_and(|mtu| mtu < largest))
        .collect();
    let set = |ports: &[&Port], mtu: u32| {
        let each = ports.iter();
        let commands: Vec<String> = each
            .map(|port| format!("sudo ip link set dev {} mtu {mtu}", port.interface))
            .collect();
        format!(
            "{}; and `mtu: {mtu}` in {NETPLAN}, so that it lasts",
            commands.join(" && ")
        )
    };
    if let Some(first) = short.first() {
        let mtu = first.mtu.unwrap_or(0);
        return Verdict::failed(
            format!("{}: {mtu} bytes, elsewhere {largest}", names(&short)),
            set(&short, largest),
        );
    }
    if largest < LARGE_MTU {
        let ports = live(patient);
        let detail = format!("{largest} bytes everywhere; {LARGE_MTU} is faster");
        return Verdict::warning(detail, set(&ports, LARGE_MTU));
    }
    Verdict::passed(format!("{largest} bytes"))
}

/// Each address needs its RoCE v2 entry, or NCCL cannot use the port.
fn gid(patient: &Patient) -> Verdict {
    let live = live(patient);
    if live.is_empty() {
        return Verdict::skipped("no port is in use");
    }
    let missing = live.iter().find(|port| port.gid_index().is_none());
    if let Some(port) = missing {
        let name = &port.interface;
        let own: Vec<&Port> = vec![port];
        return Verdict::failed(
            format!(
                "{} has no RoCE v2 entry for {}",
                port.hca,
                listed(&addresses(&own))
            ),
            format!(
                "sudo ip link set dev {name} down && sudo ip link set dev {name} up; if it stays so, restart the Spark."
            ),
        );
    }
    let entry = |port: &&Port| {
        let index = port.gid_index();
        index.map(|index| format!("{} entry {index}", port.hca))
    };
    let entries: Vec<String> = live.iter().filter_map(entry).collect();
    Verdict::passed(listed(&entries))
}
