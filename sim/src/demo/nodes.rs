//! The demo's nodes: made once, found again next time.

use std::net::Ipv4Addr;
use std::path::Path;

use crate::cache;
use crate::node::{Node, NodeConfig, files};
use crate::ssh::free_address;

/// SSH port of the demo's nodes; the usual one is for those who may bind it.
const SSH_PORT: u16 = 2222;

/// The node number `index`, counted from 0, under `data`.
pub(super) fn open(data: &Path, index: usize, speed: f64) -> anyhow::Result<Node> {
    let name = format!("spark{}", index + 1);
    let dir = data.join(&name);
    if !dir.join("node.json").exists() {
        let node = Node::create(&dir, config(&name, speed))?;
        cache::put_demo(&node, index)?;
        return Ok(node);
    }
    let node = Node::open(&dir)?;
    let config = NodeConfig {
        speed,
        ..node.config().clone()
    };
    if config != *node.config() {
        files::write_json(&dir.join("node.json"), &config)?;
    }
    Ok(Node::open(&dir)?)
}

fn config(name: &str, speed: f64) -> NodeConfig {
    let address = free_address(SSH_PORT);
    let [_, b, c, d] = address.octets();
    // Beside the node's own address, in a subnet for each twin.
    let fabric = [1, 2].map(|twin| Ipv4Addr::new(127, twin, b ^ c, d));
    NodeConfig {
        name: name.to_owned(),
        hostname: format!("{name}-demo"),
        address,
        ssh_port: SSH_PORT,
        fabric: fabric.to_vec(),
        speed,
        seed: u64::from(address.to_bits()),
        ..NodeConfig::default()
    }
}
