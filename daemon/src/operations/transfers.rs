//! Looks and plans of downloads, copies, deletions and image transfers: what the nodes say, given to the core.

mod copies;
mod deletions;
mod downloads;
mod images;
mod paths;
mod verifications;

pub(in crate::operations) use deletions::{deletion, why_not};

use std::time::Duration;

use spark_core::shell::{InvalidArg, Remote};
use spark_ipc::id::NodeId;
use spark_ipc::model::node::Node;
use spark_ipc::model::preflight::Finding;
use spark_ipc::{ApiError, ErrorCode, FieldError};

use super::context::Context;
use super::hands::{self, Done};
use super::requests::known;

/// What was said, or why nothing was.
async fn said(
    ctx: &Context,
    node: &NodeId,
    command: Result<Remote, InvalidArg>,
    limit: Duration,
) -> Result<String, String> {
    match hands::exec(ctx, node, command, limit.as_secs()).await {
        Done::Ok(output) => Ok(output),
        Done::Refused { stderr, .. } => Err(stderr),
        Done::Unknown(why) => Err(format!("{node} does not answer: {why}")),
    }
}

/// The named nodes, each once; all of them when none is named.
fn chosen(ctx: &Context, named: &[NodeId]) -> Result<Vec<NodeId>, ApiError> {
    let mut nodes: Vec<NodeId> = Vec::new();
    if named.is_empty() {
        nodes.extend(ctx.view.nodes.borrow().iter().map(|n| n.id.clone()));
    }
    for node in named {
        if !nodes.contains(node) {
            nodes.push(node.clone());
        }
    }
    known(ctx, &nodes)?;
    Ok(nodes)
}

fn node_of(ctx: &Context, id: &NodeId) -> Option<Node> {
    ctx.view
        .nodes
        .borrow()
        .iter()
        .find(|n| n.id == *id)
        .cloned()
}

/// What stands in the way, as one error.
pub(in crate::operations) fn blocked(blockers: &[Finding]) -> Option<ApiError> {
    let first = blockers.first()?;
    let on = |b: &Finding| match &b.node {
        Some(node) => format!("{node}: {}", b.message),
        None => b.message.clone(),
    };
    let message: Vec<String> = blockers.iter().map(on).collect();
    let code = if blockers.iter().all(|b| b.code == "unreachable") {
        ErrorCode::Unreachable
    } else {
        ErrorCode::Blocked
    };
    let fields = blockers.iter().map(|b| FieldError {
        path: b
            .node
            .as_ref()
            .map_or_else(|| b.code.clone(), |n| format!("{}@{n}", b.code)),
        message: on(b),
    });
    let mut error = ApiError::new(code, message.join("; ")).with_fields(fields.collect());
    error.hint.clone_from(&first.fix);
    Some(error)
}
