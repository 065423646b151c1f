//! The QSFP ports of a node, as a script of its own reads them: the poll's values may be seconds old, and a doctor
//! looks afresh.

use std::fmt;
use std::net::Ipv4Addr;

use crate::probe::{mapped_address, socket};
use crate::shell::Remote;
use spark_ipc::text::clean_line;

/// Seconds after which the node ends the look by itself.
const TIMEOUT_S: u32 = 8;

/// One RDMA device with its interface: half of a QSFP port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Port {
    /// e.g. `rocep1s0f1`.
    pub hca: String,
    /// e.g. `enp1s0f1np1`.
    pub interface: String,
    /// The device is active and the interface has a carrier.
    pub up: bool,
    pub speed_mbps: Option<u64>,
    pub mtu: Option<u32>,
    pub addresses: Vec<Address>,
    /// RoCE v2 entries of the device's table, with the IPv4 address that each stands for.
    pub gids: Vec<(u32, Ipv4Addr)>,
}

/// An IPv4 address with its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    pub ip: Ipv4Addr,
    pub prefix: u8,
}

impl Address {
    fn read(text: &str) -> Option<Self> {
        let (ip, prefix) = text.split_once('/')?;
        Some(Self {
            ip: ip.parse().ok()?,
            prefix: prefix.parse().ok().filter(|p| *p <= 32)?,
        })
    }

    /// The network that it is in.
    #[must_use]
    pub fn network(self) -> Self {
        let mask = u32::MAX
            .checked_shl(32 - u32::from(self.prefix))
            .unwrap_or(0);
        Self {
            ip: Ipv4Addr::from_bits(self.ip.to_bits() & mask),
            ..self
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

impl Port {
    /// `enp1s0f1np1 (rocep1s0f1)`.
    pub(super) fn name(&self) -> String {
        format!("{} ({})", self.interface, self.hca)
    }

    pub(super) fn socket(&self) -> String {
        socket(&self.hca)
    }

    /// The entry of the device's table that stands for one of its addresses.
    pub(super) fn gid_index(&self) -> Option<u32> {
        let own = |ip: &Ipv4Addr| self.addresses.iter().any(|a| a.ip == *ip);
        let mut entries = self.gids.iter().filter(|(_, ip)| own(ip));
        entries.next().map(|(index, _)| *index)
    }
}

/// The command whose output [`read_ports`] understands. It changes nothing.
pub fn ports_command() -> Remote {
    Remote::script("fabric", include_str!("ports.sh")).timeout(TIMEOUT_S)
}

/// Reads the ports, the twin of PCI domain 0 first; lines that are malformed are left out. `None` when the output
/// was cut.
pub fn read_ports(output: &str) -> Option<Vec<Port>> {
    let rows: Vec<Vec<&str>> = output.lines().map(|l| l.split('\t').collect()).collect();
    let mut ports: Vec<Port> = rows.iter().filter_map(|row| port(row)).collect();
    for row in &rows {
        match row.as_slice() {
            ["address", interface, address] => {
                let of = ports.iter_mut().find(|p| p.interface == *interface);
                if let (Some(port), Some(address)) = (of, Address::read(address)) {
                    port.addresses.push(address);
                }
            }
            ["gid", hca, index, gid] => {
                let of = ports.iter_mut().find(|p| p.hca == *hca);
                let entry = index.parse().ok().zip(mapped_address(gid));
                if let (Some(port), Some(entry)) = (of, entry) {
                    port.gids.push(entry);
                }
            }
            _ => {}
        }
    }
    ports.sort_by_key(|port| port.hca.contains(|c: char| c.is_ascii_uppercase()));
    rows.last()
        .is_some_and(|row| *row == ["end"])
        .then_some(ports)
}

fn port(row: &[&str]) -> Option<Port> {
    let [
        "port",
        hca,
        interface,
        state,
        operational,
        carrier,
        speed,
        mtu,
    ] = row
    else {
        return None;
    };
    Some(Port {
        hca: clean_line(hca, 40),
        interface: clean_line(interface, 40),
        up: state.contains("ACTIVE") && *operational != "down" && *carrier != "0",
        // A link that is down says -1.
        speed_mbps: speed.parse().ok(),
        mtu: mtu.parse().ok(),
        ..Port::default()
    })
}
