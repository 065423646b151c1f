//! Proof that memory is free: what `MemAvailable` says, twice, and no GPU process left behind.

use std::time::Duration;

use spark_core::plan::{FreeTarget, Plan, Step};
use spark_ipc::id::NodeId;
use spark_ipc::model::node::Node;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::context::{self, Context};
use super::super::run::{Halt, StepResult};
use crate::clock;

/// Time between the two readings that must agree (spark-domain 2.9).
const SETTLE: Duration = Duration::from_secs(2);
/// Time between readings while waiting.
const EVERY: Duration = Duration::from_secs(1);
const GIB: f64 = 1_073_741_824.0;

pub(in crate::operations) async fn prove(
    ctx: &Context,
    plan: &Plan,
    step: &Step,
    cancel: &CancellationToken,
) -> StepResult {
    let Step::ProveFree { node, .. } = step else {
        return Ok(None);
    };
    let Some(target) = plan.free_target(node) else {
        return Ok(None);
    };
    let began = Instant::now();
    let limit = Duration::from_secs(u64::from(plan.free_wait_s));
    let mut free_since: Option<Instant> = None;
    loop {
        let seen = context::fresh(ctx, node, clock::now(), Duration::from_secs(15)).await;
        let verdict = seen.as_ref().map_or(Verdict::Unknown, |n| judge(n, target));
        match (verdict, free_since) {
            (Verdict::Free(bytes), Some(at)) if at.elapsed() >= SETTLE => {
                return Ok(Some(told(bytes)));
            }
            // A node where nothing had to be stopped has nothing to settle.
            (Verdict::Free(bytes), None) if plan.stops.is_empty() => return Ok(Some(told(bytes))),
            (Verdict::Free(_), at) => free_since = Some(at.unwrap_or_else(Instant::now)),
            (Verdict::Held(_) | Verdict::Unknown, _) => free_since = None,
        }
        if began.elapsed() >= limit {
            return Err(not_free(node, target, seen.as_ref()));
        }
        context::pause(ctx, cancel, EVERY).await?;
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Free(u64),
    Held(String),
    Unknown,
}

fn judge(node: &Node, target: &FreeTarget) -> Verdict {
    let Some(memory) = &node.memory else {
        return Verdict::Unknown;
    };
    let Some(processes) = &node.gpu_processes else {
        return Verdict::Held("its GPU processes cannot be listed".to_owned());
    };
    if let Some(process) = processes.iter().find(|p| p.orphan && is_engine(&p.name)) {
        return Verdict::Held(format!(
            "process {} ({}) was left behind and holds memory",
            process.pid, process.name
        ));
    }
    if memory.available_bytes >= target.threshold_bytes {
        Verdict::Free(memory.available_bytes)
    } else {
        Verdict::Held(format!(
            "{} of {} are available",
            gib(memory.available_bytes),
            gib(target.threshold_bytes)
        ))
    }
}

fn is_engine(process: &str) -> bool {
    process.contains("VLLM::")
}

fn not_free(node: &NodeId, target: &FreeTarget, seen: Option<&Node>) -> Halt {
    let why = match seen.map(|n| judge(n, target)) {
        Some(Verdict::Held(why)) => why,
        Some(Verdict::Free(_)) => "it does not stay free".to_owned(),
        Some(Verdict::Unknown) | None => "the node does not answer".to_owned(),
    };
    Halt::failed(format!("the memory of {node} did not come back: {why}"))
}

fn told(bytes: u64) -> String {
    format!("{} available", gib(bytes))
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / GIB)
}

/// MemAvailable of the nodes that a launch takes, as last seen.
pub(in crate::operations) fn available(ctx: &Context, plan: &Plan) -> Vec<(NodeId, u64)> {
    let nodes = ctx.view.nodes.borrow();
    let of = |id: &NodeId| {
        nodes
            .iter()
            .find(|n| n.id == *id)?
            .memory
            .as_ref()
            .map(|m| m.available_bytes)
    };
    let ids = plan.launch.iter().flat_map(|l| &l.nodes);
    ids.filter_map(|id| Some((id.clone(), of(id)?))).collect()
}

/// What the launch took on the fullest of its nodes: MemAvailable before it less MemAvailable now.
pub(in crate::operations) async fn taken(ctx: &Context, before: &[(NodeId, u64)]) -> Option<u64> {
    let since = clock::now();
    let mut most = None;
    for (id, bytes) in before {
        let node = context::fresh(ctx, id, since, Duration::from_secs(10)).await?;
        let now = node.memory.as_ref()?.available_bytes;
        most = most.max(bytes.checked_sub(now));
    }
    most
}
