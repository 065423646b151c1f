//! Network interfaces with hardware behind them, and the RDMA devices of the QSFP ports.

use std::net::Ipv4Addr;

use spark_ipc::model::node::{FabricPort, Gid, Interface};
use spark_ipc::text::clean_line;

use super::Warning;
use super::section::{Sections, ended, lines};

pub(super) fn interfaces(
    sections: &Sections<'_>,
    warnings: &mut Vec<Warning>,
) -> Option<Vec<Interface>> {
    let body = sections.body("net", warnings)?;
    let addresses = match ended(body) {
        Ok(output) => output,
        Err(problem) => {
            // The interfaces themselves come from /sys and are still of use.
            warnings.push(Warning {
                section: "net",
                problem,
            });
            ""
        }
    };
    let found = lines(body).filter_map(|line| line.strip_prefix("@if="));
    Some(found.map(|line| interface(line, addresses)).collect())
}

fn interface(line: &str, addresses: &str) -> Interface {
    let (name, fields) = line.split_once('\t').unwrap_or((line, ""));
    let field = |key: &str| {
        let value = fields
            .split('\t')
            .find_map(|f| f.strip_prefix(key)?.strip_prefix('='));
        value.map(str::trim).filter(|v| !v.is_empty())
    };
    let number = |key: &str| field(key).and_then(|v| v.parse::<u64>().ok());
    Interface {
        name: clean_line(name, 40),
        addresses: addresses_of(name, addresses),
        state: clean_line(field("operstate").unwrap_or("unknown"), 20),
        carrier: number("carrier").map(|carrier| carrier == 1),
        // A link that is down says -1, or nothing.
        speed_mbps: number("speed").filter(|speed| *speed > 0 && *speed < 10_000_000),
        mtu: number("mtu").and_then(|mtu| u32::try_from(mtu).ok()),
        rx_bytes: number("rx_bytes"),
        tx_bytes: number("tx_bytes"),
        carrier_changes: number("carrier_changes"),
    }
}

/// `ip -br -4 addr`: name, state, addresses.
fn addresses_of(name: &str, addresses: &str) -> Vec<String> {
    let row = lines(addresses).find_map(|line| {
        let mut words = line.split_whitespace();
        // A virtual interface shows as `name@parent`.
        let first = words.next()?.split('@').next()?;
        (first == name).then_some(words)
    });
    let is_address = |word: &&str| {
        word.split_once('/')
            .is_some_and(|(ip, _)| ip.parse::<Ipv4Addr>().is_ok())
    };
    row.into_iter()
        .flatten()
        .filter(is_address)
        .map(|word| clean_line(word, 40))
        .collect()
}

/// `HCA<tab>INTERFACE<tab>4: ACTIVE<tab>200 Gb/sec (4X HDR)` a line.
pub(super) fn ports(
    sections: &Sections<'_>,
    warnings: &mut Vec<Warning>,
) -> Option<Vec<FabricPort>> {
    let body = sections.body("roce", warnings)?;
    let ports = body
        .lines()
        .filter(|line| !line.trim().is_empty())
        .filter_map(|line| {
            let mut fields = line.split('\t').map(str::trim);
            let port = FabricPort {
                hca: clean_line(fields.next()?, 40),
                interface: fields
                    .next()
                    .filter(|n| !n.is_empty() && *n != "*")
                    .map(|n| clean_line(n, 40)),
                state: fields.next().and_then(word_after_colon),
                rate_gbps: fields
                    .next()
                    .and_then(|rate| rate.split(' ').next()?.parse().ok()),
            };
            Some(port)
        });
    Some(ports.collect())
}

fn word_after_colon(state: &str) -> Option<String> {
    let word = state.rsplit(':').next()?.trim();
    (!word.is_empty()).then(|| clean_line(word, 20))
}

/// `HCA<tab>INDEX<tab>0000:0000:0000:0000:0000:ffff:c0a8:640a` a line. `None` when the look was a light one.
pub(super) fn gids(sections: &Sections<'_>) -> Option<Vec<Gid>> {
    let body = sections.optional("gids")?;
    let gid = |line: &str| {
        let mut fields = line.split('\t');
        Some(Gid {
            hca: clean_line(fields.next()?, 40),
            index: fields.next()?.parse().ok()?,
            address: mapped_address(fields.next()?)?.to_string(),
        })
    };
    Some(lines(body).filter_map(gid).collect())
}

pub(crate) fn mapped_address(gid: &str) -> Option<Ipv4Addr> {
    let digits = gid.rsplit_once(":ffff:")?.1.replace(':', "");
    let bits = (digits.len() == 8).then(|| u32::from_str_radix(&digits, 16).ok())??;
    Some(Ipv4Addr::from_bits(bits))
}

/// The QSFP socket of an RDMA device: its name without the PCI domain, which is where twins differ (`roceP2p1s0f1`
/// is a twin of `rocep1s0f1`).
pub fn socket(hca: &str) -> String {
    let Some((before, rest)) = hca.split_once('P') else {
        return hca.to_owned();
    };
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}{rest}")
}
