//! `/sys` of a node: network, RDMA, temperatures, identity.

use std::net::Ipv4Addr;

use crate::facts::Gpu;
use crate::node::network::Interface;
use crate::node::state::NodeState;

/// The files, by their path under `root/`.
pub(super) fn files(
    state: &NodeState,
    gpu: &Gpu,
    interfaces: &[Interface],
) -> Vec<(String, String)> {
    let mut all = identity();
    all.extend(sensors(gpu));
    for interface in interfaces {
        all.extend(net(interface, state));
        if let Some(hca) = interface.hca {
            all.extend(infiniband(hca, interface, state));
        }
    }
    all.into_iter()
        .map(|(path, value)| (format!("sys/class/{path}"), format!("{value}\n")))
        .collect()
}

/// Empty folders that scripts test for: the device behind an interface.
pub(super) fn folders(interfaces: &[Interface]) -> Vec<String> {
    interfaces
        .iter()
        .flat_map(|interface| {
            let name = interface.name;
            let device = format!("sys/class/net/{name}/device");
            let rdma = interface
                .hca
                .map(|hca| format!("sys/class/infiniband/{hca}/device/net/{name}"));
            [Some(device), rdma]
        })
        .flatten()
        .collect()
}

fn identity() -> Vec<(String, String)> {
    [
        ("product_name", "NVIDIA_DGX_Spark"),
        ("sys_vendor", "NVIDIA"),
        ("board_name", "P4242"),
        ("bios_version", "5.36_0ACUM018"),
    ]
    .map(|(name, value)| (format!("dmi/id/{name}"), value.to_owned()))
    .to_vec()
}

fn sensors(gpu: &Gpu) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (zone, mc) in gpu.zones_mc().into_iter().enumerate() {
        all.push((
            format!("thermal/thermal_zone{zone}/type"),
            "acpitz".to_owned(),
        ));
        all.push((format!("thermal/thermal_zone{zone}/temp"), mc.to_string()));
    }
    let [first, ..] = gpu.zones_mc();
    let chips = [
        ("acpitz", "temp1", first),
        ("nvme", "Composite", gpu.nvme_mc()),
        ("mlx5", "asic", gpu.nic_mc()),
        ("mlx5", "asic", gpu.nic_mc() + 1000),
    ];
    for (index, (name, label, mc)) in chips.into_iter().enumerate() {
        let folder = format!("hwmon/hwmon{index}");
        all.push((format!("{folder}/name"), name.to_owned()));
        all.push((format!("{folder}/temp1_label"), label.to_owned()));
        all.push((format!("{folder}/temp1_input"), mc.to_string()));
    }
    all
}

fn net(interface: &Interface, state: &NodeState) -> Vec<(String, String)> {
    let counters = state.counters;
    let bytes = match (interface.up, interface.hca) {
        (false, _) => 0,
        (true, Some(_)) => counters.fabric_rx_bytes,
        (true, None) => counters.lan_rx_bytes,
    };
    let changes = if interface.hca.is_some() && interface.address.is_some() {
        state.carrier_changes
    } else {
        1
    };
    [
        (
            "operstate",
            if interface.up { "up" } else { "down" }.to_owned(),
        ),
        ("carrier", u8::from(interface.up).to_string()),
        ("speed", interface.speed_mbps.to_string()),
        ("mtu", interface.mtu.to_string()),
        ("address", interface.mac.clone()),
        ("carrier_changes", changes.to_string()),
        ("statistics/rx_bytes", bytes.to_string()),
        ("statistics/tx_bytes", (bytes / 2).to_string()),
    ]
    .map(|(name, value)| (format!("net/{}/{name}", interface.name), value))
    .to_vec()
}

fn infiniband(hca: &str, interface: &Interface, state: &NodeState) -> Vec<(String, String)> {
    let (port_state, physical) = if interface.up {
        ("4: ACTIVE", "5: LinkUp")
    } else {
        ("1: DOWN", "3: Disabled")
    };
    let mut rows = vec![
        ("state".to_owned(), port_state.to_owned()),
        ("phys_state".to_owned(), physical.to_owned()),
        ("rate".to_owned(), "200 Gb/sec (4X HDR)".to_owned()),
        ("link_layer".to_owned(), "Ethernet".to_owned()),
        (
            "counters/link_downed".to_owned(),
            link_downed(state).to_string(),
        ),
    ];
    let known = interface.up && interface.has_gid;
    let entries = gids(interface.address.filter(|_| known));
    for (index, (gid, kind)) in entries.into_iter().enumerate() {
        rows.push((format!("gids/{index}"), gid));
        rows.push((format!("gid_attrs/types/{index}"), kind.to_owned()));
        rows.push((
            format!("gid_attrs/ndevs/{index}"),
            interface.name.to_owned(),
        ));
    }
    rows.into_iter()
        .map(|(name, value)| (format!("infiniband/{hca}/ports/1/{name}"), value))
        .collect()
}

/// A carrier that changed twice went down once.
fn link_downed(state: &NodeState) -> u64 {
    state.carrier_changes / 2
}

/// The table of a port with an IPv4 address: link-local and mapped, each for both RoCE versions. Without one its
/// entries are zero and of no type.
fn gids(address: Option<Ipv4Addr>) -> [(String, &'static str); 4] {
    let Some(address) = address else {
        return [(); 4].map(|()| (["0000"; 8].join(":"), ""));
    };
    let [a, b, c, d] = address.octets();
    let mapped = format!("0000:0000:0000:0000:0000:ffff:{a:02x}{b:02x}:{c:02x}{d:02x}");
    let local = format!("fe80:0000:0000:0000:4ebb:47ff:fe{b:02x}:{c:02x}{d:02x}");
    [
        (local.clone(), "IB/RoCE v1"),
        (local, "RoCE v2"),
        (mapped.clone(), "IB/RoCE v1"),
        (mapped, "RoCE v2"),
    ]
}
