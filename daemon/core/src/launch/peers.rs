//! Whom a node should reach over the fabric, so that it can be asked in the same look as everything else.
//!
//! RDMA needs whole frames to pass: with an MTU of 9000 on both ends and less in between, small packets pass
//! and the load hangs. So a frame of full size is sent, without leave to split it (spark-domain 2.10).

use std::net::Ipv4Addr;

use spark_ipc::id::NodeId;
use spark_ipc::model::node::{Interface, Node};

use crate::shell::RawArg;

/// Bytes of an IPv4 and an ICMP header.
const HEADERS: u32 = 28;
/// The MTU of an interface that does not tell one.
const USUAL_MTU: u32 = 1500;

/// An address of another node in a network of this node's fabric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub address: Ipv4Addr,
    /// Bytes of a `ping` that fills a frame.
    pub payload: u32,
}

/// What became of the frames that were sent to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Frames of full size pass.
    Whole,
    /// Only small ones do.
    Small,
    /// No answer.
    Silent,
    /// The node has no `ping`.
    Unknown,
}

/// A peer and what became of its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ping {
    pub address: Ipv4Addr,
    pub payload: u32,
    pub reach: Reach,
}

/// The peers of `id`, as the nodes were last seen.
pub fn peers(nodes: &[Node], id: &NodeId) -> Vec<Peer> {
    let own: Vec<Port> = nodes
        .iter()
        .filter(|n| n.id == *id)
        .flat_map(ports)
        .collect();
    let others = nodes.iter().filter(|n| n.id != *id).flat_map(ports);
    let mut found: Vec<Peer> = Vec::new();
    for other in others {
        let Some(port) = own.iter().find(|port| port.network() == other.network()) else {
            continue;
        };
        let peer = Peer {
            address: other.address,
            payload: port.mtu.min(other.mtu).saturating_sub(HEADERS),
        };
        if found.iter().all(|p| p.address != peer.address) {
            found.push(peer);
        }
    }
    found
}

/// The peers as words for the look at a node's facts.
pub fn ping_words(peers: &[Peer]) -> Vec<RawArg> {
    let word = |p: &Peer| RawArg::checked(&format!("ping={}={}", p.address, p.payload)).ok();
    peers.iter().filter_map(word).collect()
}

/// Reads one row of the answer: address, payload, `whole`, `small`, `silent` or `unknown`.
pub(super) fn read(fields: &[&str]) -> Option<Ping> {
    let [address, payload, reach] = fields else {
        return None;
    };
    Some(Ping {
        address: address.parse().ok()?,
        payload: payload.parse().ok()?,
        reach: match *reach {
            "whole" => Reach::Whole,
            "small" => Reach::Small,
            "silent" => Reach::Silent,
            "unknown" => Reach::Unknown,
            _ => return None,
        },
    })
}

struct Port {
    address: Ipv4Addr,
    prefix: u8,
    mtu: u32,
}

impl Port {
    fn network(&self) -> (u32, u8) {
        let host_bits = 32 - u32::from(self.prefix.min(32));
        let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
        (self.address.to_bits() & mask, self.prefix)
    }
}

/// The addresses of a node's fabric.
fn ports(node: &Node) -> Vec<Port> {
    let fabric: Vec<&str> = node
        .fabric
        .iter()
        .filter_map(|port| port.interface.as_deref())
        .collect();
    let on_fabric = node
        .interfaces
        .iter()
        .filter(|i| fabric.contains(&i.name.as_str()));
    on_fabric.flat_map(addresses).collect()
}

fn addresses(interface: &Interface) -> Vec<Port> {
    let port = |text: &String| {
        let (address, prefix) = text.split_once('/')?;
        Some(Port {
            address: address.parse().ok()?,
            prefix: prefix.parse().ok()?,
            mtu: interface.mtu.unwrap_or(USUAL_MTU),
        })
    };
    interface.addresses.iter().filter_map(port).collect()
}

#[cfg(test)]
mod tests {
    use spark_ipc::model::node::FabricPort;

    use super::*;
    use crate::plan::tests::world::{id, node};

    fn with_fabric(n: u32, address: &str, mtu: u32) -> Node {
        let mut node = node(n);
        let interface = |name: &str, address: &str| Interface {
            name: name.to_owned(),
            addresses: vec![address.to_owned()],
            state: "up".to_owned(),
            carrier: Some(true),
            speed_mbps: None,
            mtu: Some(mtu),
            rx_bytes: None,
            tx_bytes: None,
            carrier_changes: None,
        };
        let lan = format!("192.168.1.{}/24", 20 + n);
        node.interfaces = vec![interface("enP7s7", &lan), interface("enp1s0f1np1", address)];
        node.fabric = vec![FabricPort {
            hca: "rocep1s0f1".to_owned(),
            interface: Some("enp1s0f1np1".to_owned()),
            state: None,
            rate_gbps: None,
        }];
        node
    }

    #[test]
    fn peers_share_a_network_of_the_fabric() {
        let nodes = [
            with_fabric(1, "192.168.100.10/24", 9000),
            with_fabric(2, "192.168.100.11/24", 9000),
            with_fabric(3, "192.168.200.12/24", 9000),
            with_fabric(4, "192.168.100.13/24", 1500),
        ];
        let found: Vec<(String, u32)> = peers(&nodes, &id(1))
            .iter()
            .map(|p| (p.address.to_string(), p.payload))
            .collect();
        let expected = [("192.168.100.11", 8972), ("192.168.100.13", 1472)];
        assert_eq!(found, expected.map(|(a, p)| (a.to_owned(), p)));
        assert_eq!(peers(&nodes, &id(3)), []);
        let words = ping_words(&peers(&nodes, &id(1)));
        assert_eq!(words[0].as_str(), "ping=192.168.100.11=8972");
    }
}
