//! Network interfaces of a node.
//!
//! A Spark has two QSFP ports, and each shows as two interfaces of one speed with a subnet of
//! their own ("twins"). Here one cable is in the second port, as on most pairs; the addresses are
//! loopback addresses so that ranks on two simulated nodes can really connect.

use std::net::Ipv4Addr;

use super::Node;

/// One interface as `ip`, `/sys/class/net` and `/sys/class/infiniband` show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name, e.g. `enp1s0f1np1`.
    pub name: &'static str,
    /// Its RDMA device, for the fabric's interfaces.
    pub hca: Option<&'static str>,
    /// Whether it has a carrier.
    pub up: bool,
    /// Mb/s; -1 without a carrier.
    pub speed_mbps: i64,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Its address, when it has one.
    pub address: Option<Ipv4Addr>,
    /// Whether its RDMA device knows the address.
    pub has_gid: bool,
    /// Its hardware address.
    pub mac: String,
}

/// Speed of a fabric link in Mb/s.
const FABRIC_MBPS: i64 = 200_000;

impl Node {
    /// Every interface but the loopback, in the order in which the kernel lists them.
    pub fn interfaces(&self) -> Vec<Interface> {
        let config = self.config();
        let faults = self.faults();
        let cable = !faults.link_down();
        let fabric_mtu = faults.fabric_mtu().unwrap_or(9000);
        let fabric = |twin: usize| config.fabric.get(twin).copied();
        [
            ("enP2p1s0f0np0", Some("roceP2p1s0f0"), None, false),
            ("enP2p1s0f1np1", Some("roceP2p1s0f1"), fabric(1), cable),
            ("enP7s7", None, Some(config.address), true),
            ("enp1s0f0np0", Some("rocep1s0f0"), None, false),
            ("enp1s0f1np1", Some("rocep1s0f1"), fabric(0), cable),
            ("wlP9s9", None, None, false),
        ]
        .into_iter()
        .zip(0_u64..)
        .map(|((name, hca, address, carrier), index)| {
            let up = carrier && address.is_some();
            Interface {
                name,
                hca,
                up,
                speed_mbps: match (up, hca) {
                    (false, _) => -1,
                    (true, Some(_)) => FABRIC_MBPS,
                    (true, None) => 10_000,
                },
                // A cable that is out changes no setting.
                mtu: if address.is_some() && hca.is_some() {
                    fabric_mtu
                } else {
                    1500
                },
                has_gid: !faults.gid_missing(),
                address,
                mac: mac(config.seed, index),
            }
        })
        .collect()
    }
}

/// A hardware address with NVIDIA's prefix, different for each box and interface.
fn mac(seed: u64, index: u64) -> String {
    let [.., a, b, c] = seed
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(index)
        .to_le_bytes();
    format!("4c:bb:47:{a:02x}:{b:02x}:{c:02x}")
}
