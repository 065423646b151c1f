//! The fabric between the nodes of one unit, and the environment that makes NCCL use it.
//!
//! A QSFP port of a Spark shows as two RDMA devices (twins) with an address each in different networks. The
//! ranks meet over a network that every node has a port in; NCCL may use every active twin. The figures are
//! those of spark-domain 2.5.

use std::net::Ipv4Addr;

use super::{FabricLink, MASTER_PORT, NodeFacts};

/// One link for each rank, all in one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fabric {
    ranks: Vec<Port>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Port {
    link: FabricLink,
    /// Every active RDMA device of the node, the chosen one first.
    devices: Vec<String>,
}

/// The first network in which every node has an active fabric port; `None` when there is none.
pub fn common_fabric(nodes: &[&NodeFacts]) -> Option<Fabric> {
    let head = nodes.first()?;
    active(head).find_map(|link| {
        let ranks = nodes
            .iter()
            .map(|facts| {
                let own = active(facts).find(|l| same_network(l, link))?;
                Some(Port {
                    link: own.clone(),
                    devices: devices(facts, own),
                })
            })
            .collect::<Option<Vec<_>>>()?;
        all_distinct(&ranks).then_some(Fabric { ranks })
    })
}

fn active(facts: &NodeFacts) -> impl Iterator<Item = &FabricLink> {
    facts.fabric.iter().filter(|l| l.up)
}

fn same_network(a: &FabricLink, b: &FabricLink) -> bool {
    let mask = u32::MAX
        .checked_shl(32 - u32::from(a.prefix.min(32)))
        .unwrap_or(0);
    a.prefix == b.prefix && (a.address.to_bits() & mask) == (b.address.to_bits() & mask)
}

fn all_distinct(ranks: &[Port]) -> bool {
    ranks.iter().enumerate().all(|(i, port)| {
        ranks
            .iter()
            .skip(i + 1)
            .all(|other| other.link.address != port.link.address)
    })
}

fn devices(facts: &NodeFacts, first: &FabricLink) -> Vec<String> {
    let mut names = vec![first.hca.clone()];
    for link in active(facts) {
        if !names.contains(&link.hca) {
            names.push(link.hca.clone());
        }
    }
    names
}

impl Fabric {
    /// The fabric address of a rank.
    pub fn address(&self, rank: usize) -> Option<Ipv4Addr> {
        self.ranks.get(rank).map(|port| port.link.address)
    }

    /// The port of a rank in the network where all meet.
    pub(crate) fn link(&self, rank: usize) -> Option<&FabricLink> {
        self.ranks.get(rank).map(|port| &port.link)
    }

    /// The MTU of every rank's port that tells one.
    pub(crate) fn mtus(&self) -> Vec<u32> {
        self.ranks.iter().filter_map(|port| port.link.mtu).collect()
    }

    /// The variables of a rank's container.
    pub(super) fn environment(&self, rank: usize) -> Vec<(String, String)> {
        let (Some(port), Some(head)) = (self.ranks.get(rank), self.address(0)) else {
            return Vec::new();
        };
        let interface = port.link.interface.as_str();
        let own = [
            ("VLLM_HOST_IP", port.link.address.to_string()),
            ("MASTER_ADDR", head.to_string()),
            ("MASTER_PORT", MASTER_PORT.to_string()),
            ("NCCL_IB_HCA", port.devices.join(",")),
        ];
        let interfaces = [
            "NCCL_SOCKET_IFNAME",
            "GLOO_SOCKET_IFNAME",
            "TP_SOCKET_IFNAME",
            "UCX_NET_DEVICES",
            "OMPI_MCA_btl_tcp_if_include",
        ];
        // The index differs from node to node and drifts after a restart, so it is never a constant.
        let gid = port
            .link
            .gid_index
            .map(|index| ("NCCL_IB_GID_INDEX", index.to_string()));
        own.into_iter()
            .chain(interfaces.map(|name| (name, interface.to_owned())))
            .chain(gid)
            .chain(CONSTANT.map(|(name, value)| (name, value.to_owned())))
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// Direct RDMA to the GPU does not exist on GB10, and with `NCCL_NET=IB` a missing device fails loudly.
const CONSTANT: [(&str, &str); 10] = [
    ("NCCL_NET", "IB"),
    ("NCCL_IB_DISABLE", "0"),
    ("NCCL_IB_ROCE_VERSION_NUM", "2"),
    ("NCCL_IB_ADDR_FAMILY", "AF_INET"),
    ("NCCL_CROSS_NIC", "1"),
    ("NCCL_CUMEM_ENABLE", "0"),
    ("NCCL_NVLS_ENABLE", "0"),
    ("NCCL_NET_GDR_LEVEL", "0"),
    ("NCCL_NET_PLUGIN", "none"),
    ("NCCL_DEBUG", "WARN"),
];
