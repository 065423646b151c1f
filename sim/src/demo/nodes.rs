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
        let node = Node::create(&dir, config(data, index, &name, speed))?;
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

fn config(data: &Path, index: usize, name: &str, speed: f64) -> NodeConfig {
    let address = free_address(SSH_PORT);
    NodeConfig {
        name: name.to_owned(),
        hostname: format!("{name}-demo"),
        address,
        ssh_port: SSH_PORT,
        fabric: fabric(data, index, address),
        speed,
        seed: u64::from(address.to_bits()),
        ..NodeConfig::default()
    }
}

/// The fabric addresses of node `index`: both twins of a cable have a subnet of their own, and all nodes
/// share the two. The first node chooses them.
fn fabric(data: &Path, index: usize, address: Ipv4Addr) -> Vec<Ipv4Addr> {
    let first = Node::open(&data.join("spark1")).ok();
    let chosen = first
        .map(|node| node.config().fabric.clone())
        .unwrap_or_default();
    let [_, b, c, _] = address.octets();
    let subnets: Vec<[u8; 2]> = match chosen.as_slice() {
        [] => vec![[1, b ^ c], [2, b ^ c]],
        chosen => chosen
            .iter()
            .map(|a| [a.octets()[1], a.octets()[2]])
            .collect(),
    };
    let last = u8::try_from(index + 10).unwrap_or(u8::MAX);
    subnets
        .into_iter()
        .map(|[b, c]| Ipv4Addr::new(127, b, c, last))
        .collect()
}
