//! What two nodes show together: the networks that both are in.

use spark_ipc::model::doctor::DoctorCheck;

use super::ports::{Address, Port};
use super::{Patient, Verdict, listed};

/// A network that two nodes have a port in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common<'a> {
    pub(super) network: Address,
    pub(super) from: (&'a Port, Address),
    pub(super) to: (&'a Port, Address),
}

/// The networks that both nodes have an address in, in the order of the first node's ports.
pub(super) fn common<'a>(from: &'a Patient, to: &'a Patient) -> Vec<Common<'a>> {
    let addresses = |patient: &'a Patient| {
        let ports = patient.addressed();
        ports.flat_map(|port| port.addresses.iter().map(move |address| (port, *address)))
    };
    let own = addresses(from);
    let meet = |(port, address): (&'a Port, Address)| {
        let network = address.network();
        let other = addresses(to).find(|(_, other)| other.network() == network)?;
        Some(Common {
            network,
            from: (port, address),
            to: other,
        })
    };
    own.filter_map(meet).collect()
}

pub(super) fn network(from: &Patient, to: &Patient) -> DoctorCheck {
    judge(from, to).between("network", &from.node, &to.node)
}

fn judge(from: &Patient, to: &Patient) -> Verdict {
    if from.ports.is_err() || to.ports.is_err() {
        return Verdict::skipped("one of them cannot be looked at");
    }
    let common = common(from, to);
    let of = |patient: &Patient| {
        let all = patient.addressed().flat_map(|port| &port.addresses);
        let all: Vec<String> = all.map(Address::to_string).collect();
        if all.is_empty() {
            "none".to_owned()
        } else {
            listed(&all)
        }
    };
    if common.is_empty() {
        return Verdict::failed(
            format!(
                "no common network: {} has {}, {} has {}",
                from.node,
                of(from),
                to.node,
                of(to)
            ),
            "Give the same port of both Sparks addresses in one network, e.g. 192.168.100.10/24 and \
             192.168.100.11/24, in /etc/netplan/40-cx7.yaml, then: sudo netplan apply",
        );
    }
    if let Some(twice) = common.iter().find(|c| c.from.1.ip == c.to.1.ip) {
        return Verdict::failed(
            format!("both have the address {}", twice.from.1.ip),
            format!(
                "Change it on {} in /etc/netplan/40-cx7.yaml, then: sudo netplan apply",
                to.node
            ),
        );
    }
    let networks: Vec<String> = common.iter().map(|c| c.network.to_string()).collect();
    Verdict::passed(format!("they share {}", listed(&networks)))
}
