//! What a launch needs to know of a node: its home, its model cache, its fabric, its images.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use spark_ipc::id::ImageRef;
use spark_ipc::text::clean_line;

use super::peers::{self, Ping};
use crate::shell::Remote;

/// Facts of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// Home directory of the login user.
    pub home: String,
    /// The folder that holds `models--…`.
    pub hub: String,
    pub user: String,
    pub uid: Option<u32>,
    /// Whether `/dev/infiniband` exists.
    pub has_infiniband: bool,
    pub fabric: Vec<FabricLink>,
    /// Images that are present, by the reference that was asked for.
    pub images: BTreeMap<String, ImageFacts>,
    /// References that are known to be absent.
    pub absent: Vec<String>,
    /// Whether Docker has the NVIDIA runtime; `None` when it would not say.
    pub nvidia_runtime: Option<bool>,
    /// The node's clock in seconds since 1970.
    pub clock_s: Option<i64>,
    /// Seconds that it is ahead of ours; whoever reads the answer tells.
    pub clock_ahead_s: Option<i64>,
    /// Addresses of other nodes that were tried over the fabric.
    pub pings: Vec<Ping>,
}

/// One address of one RDMA device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FabricLink {
    pub hca: String,
    pub interface: String,
    pub address: Ipv4Addr,
    pub prefix: u8,
    /// Port active and interface up.
    pub up: bool,
    pub mtu: Option<u32>,
    /// RoCE v2 entry of the address in the device's table.
    pub gid_index: Option<u32>,
}

/// One image on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// `sha256:…`; equal ids are equal images.
    pub id: String,
    /// e.g. `arm64`.
    pub architecture: String,
    /// The entry point as JSON; shown only, since it is always replaced.
    pub entrypoint: String,
}

/// Reads the facts of a node, with those of `images`. The words of [`super::ping_words`] may be added.
pub fn facts_command(images: &[ImageRef]) -> Remote {
    Remote::script("facts", include_str!("facts.sh"))
        .args(images)
        .timeout(20)
}

/// Reads the answer of [`facts_command`]; what is malformed is left out and warned of.
pub fn read_facts(output: &str) -> (NodeFacts, Vec<String>) {
    let mut facts = NodeFacts::default();
    let mut warnings = Vec::new();
    let mut ended = false;
    for line in output.lines().filter(|l| !l.is_empty()) {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["end"] => ended = true,
            fields => {
                if read_row(&mut facts, fields).is_none() {
                    warnings.push(format!("facts: cannot read {:?}", clean_line(line, 120)));
                }
            }
        }
    }
    // Of two twins the one in PCI domain 0 is what every guide configures first; the other has a capital letter.
    facts
        .fabric
        .sort_by_key(|link| link.hca.bytes().any(|b| b.is_ascii_uppercase()));
    if !ended {
        warnings.push("facts: the answer was cut".to_owned());
    }
    (facts, warnings)
}

fn read_row(facts: &mut NodeFacts, fields: &[&str]) -> Option<()> {
    match fields {
        ["home", path] => facts.home = absolute(path)?,
        ["hub", path] => {
            let path = path.strip_prefix("~/").map_or_else(
                || (*path).to_owned(),
                |rest| format!("{}/{rest}", facts.home),
            );
            facts.hub = absolute(path.trim_end_matches('/'))?;
        }
        ["user", name, uid, _gid] => {
            facts.user = clean_line(name, 64);
            facts.uid = uid.parse().ok();
        }
        ["clock", seconds] => facts.clock_s = Some(seconds.parse().ok()?),
        ["infiniband", answer] => facts.has_infiniband = *answer == "yes",
        ["ping", rest @ ..] => facts.pings.push(peers::read(rest)?),
        ["runtime", name] => facts.nvidia_runtime = Some(*name == "nvidia"),
        ["fabric", rest @ ..] => facts.fabric.push(read_link(rest)?),
        ["image", reference, rest] => {
            facts
                .images
                .insert((*reference).to_owned(), read_image(rest)?);
        }
        ["absent", reference] => facts.absent.push((*reference).to_owned()),
        _ => return None,
    }
    Some(())
}

fn absolute(path: &str) -> Option<String> {
    let clean = clean_line(path, 1024);
    (clean == path && path.starts_with('/')).then_some(clean)
}

fn read_link(fields: &[&str]) -> Option<FabricLink> {
    let [hca, interface, address, state, operational, mtu, gid] = fields else {
        return None;
    };
    let (address, prefix) = address.split_once('/')?;
    let up = state.contains("ACTIVE") && !matches!(*operational, "down" | "lowerlayerdown");
    Some(FabricLink {
        hca: device_name(hca)?,
        interface: device_name(interface)?,
        address: address.parse().ok()?,
        prefix: prefix.parse().ok().filter(|p| *p <= 32)?,
        up,
        mtu: mtu.parse().ok(),
        gid_index: gid.parse().ok(),
    })
}

fn device_name(name: &str) -> Option<String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let fits = (1..=32).contains(&name.len()) && name.bytes().all(good);
    fits.then(|| name.to_owned())
}

fn read_image(text: &str) -> Option<ImageFacts> {
    let mut parts = text.splitn(3, ' ');
    let id = parts.next().filter(|id| id.starts_with("sha256:"))?;
    let architecture = parts.next()?;
    Some(ImageFacts {
        id: clean_line(id, 80),
        architecture: clean_line(architecture, 32),
        entrypoint: clean_line(parts.next().unwrap_or("null"), 200),
    })
}
