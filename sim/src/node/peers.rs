//! The other nodes of the same fleet: those whose folders lie beside this one's.

use std::fs;
use std::net::Ipv4Addr;

use super::Node;

/// How one node reaches another.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The other node; this one, for an address of its own.
    pub node: Node,
    /// Whether the address is one of the fabric.
    pub over_fabric: bool,
}

impl Node {
    /// Every node of the fleet, this one included.
    pub fn fleet(&self) -> Vec<Self> {
        let folder = self.dir().parent().unwrap_or(self.dir());
        let folders = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut nodes: Vec<Self> = folders
            .filter(|entry| entry.path().join("node.json").is_file())
            .filter_map(|entry| Self::open(&entry.path()).ok())
            .collect();
        nodes.sort_by(|a, b| a.dir().cmp(b.dir()));
        nodes
    }

    /// The node with this address or host name.
    pub fn peer(&self, host: &str) -> Option<Peer> {
        let address = host.parse::<Ipv4Addr>().ok();
        self.fleet().into_iter().find_map(|node| {
            let config = node.config();
            let over_fabric = address.is_some_and(|address| config.fabric.contains(&address));
            let named = host.strip_suffix(".local").unwrap_or(host) == config.hostname;
            let known = over_fabric || named || address == Some(config.address);
            known.then_some(Peer { node, over_fabric })
        })
    }
}

impl Peer {
    /// Whether the cable between `from` and the other node is out, when it is the cable that counts.
    pub fn is_cut_off(&self, from: &Node) -> bool {
        let elsewhere = self.node.dir() != from.dir();
        let down = from.faults().link_down() || self.node.faults().link_down();
        self.over_fabric && elsewhere && down
    }
}
