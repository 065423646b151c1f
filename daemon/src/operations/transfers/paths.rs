//! How one node reaches another: a network of the fabric that both are in, and a login that needs no password.

use std::net::IpAddr;
use std::time::Duration;

use spark_core::launch::{NodeFacts, common_fabric, facts_command, read_facts};
use spark_core::transfer::plan::Path;
use spark_core::transfer::{Fault, FaultId, Target, fault, job};
use spark_ipc::id::NodeId;

use super::super::context::Context;
use super::super::hands::{self, Done};
use super::super::jobs::detached::ready;
use super::{node_of, said};

/// The way from one node to another over the fabric; with `lan`, over the ordinary network where there is no fabric.
pub(super) async fn path(ctx: &Context, from: &NodeId, to: &NodeId, lan: bool) -> (Path, bool) {
    let (near, far) = tokio::join!(facts(ctx, from), facts(ctx, to));
    let mut path = Path {
        from: from.clone(),
        to: to.clone(),
        target: None,
        fault: None,
    };
    let (Some(near), Some(far)) = (near, far) else {
        return (path, false);
    };
    let fabric = common_fabric(&[&near, &far]).and_then(|fabric| fabric.address(1));
    let over_fabric = fabric.is_some();
    let address = fabric.map(|a| IpAddr::V4(a).to_string());
    let Some(node) = node_of(ctx, to) else {
        return (path, over_fabric);
    };
    let address = address.or_else(|| lan.then(|| node.host.clone()));
    path.target = address.map(|address| Target {
        user: node.user,
        address,
        port: node.ssh_port,
        hub: far.hub,
    });
    if let Some(target) = &path.target {
        path.fault = reach(ctx, from, target).await;
    }
    (path, over_fabric)
}

/// Why the login fails; `None` when it does not.
async fn reach(ctx: &Context, from: &NodeId, target: &Target) -> Option<Fault> {
    match hands::exec(ctx, from, ready(job::reach(target)), 30).await {
        Done::Ok(_) => None,
        Done::Refused { status, stderr } => Some(fault::of_job(status, &[stderr])),
        Done::Unknown(_) => Some(Fault::silent(FaultId::Network)),
    }
}

async fn facts(ctx: &Context, node: &NodeId) -> Option<NodeFacts> {
    let output = said(ctx, node, Ok(facts_command(&[])), Duration::from_secs(25)).await;
    output.ok().map(|output| read_facts(&output).0)
}
