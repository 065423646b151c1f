//! After a failure or a cancel: nothing of the launch stays.

use std::time::Duration;

use spark_core::plan::Plan;
use spark_ipc::id::NodeId;
use spark_ipc::model::operation::LogLine;

use super::context::Context;
use super::hands::{self, Done};
use super::record::Record;
use crate::clock;
use crate::gate::Route;

/// Tries while the link comes and goes.
const TRIES: u32 = 5;

/// Removes every container that carries this launch's label, on all nodes at the same time.
///
/// Gives the nodes where that could not be done.
pub(super) async fn launched(ctx: &Context, record: &mut Record, plan: &Plan) -> Vec<NodeId> {
    let Some(launch) = &plan.launch else {
        return Vec::new();
    };
    let mut left = Vec::new();
    let results =
        futures_util::future::join_all(launch.nodes.iter().map(|node| on_node(ctx, plan, node)))
            .await;
    for (node, result) in launch.nodes.iter().zip(results) {
        match result {
            Ok(0) => {}
            Ok(_) => record.line(note(node, "the containers of this launch are removed")),
            Err(why) => {
                tracing::warn!(%node, ?why, "containers of a failed launch may be left");
                left.push(node.clone());
                record.line(note(
                    node,
                    &format!("containers of this launch may be left: {why}"),
                ));
            }
        }
    }
    // What runs is looked at afresh when the operation has ended; until then nothing is promised.
    ctx.gate.set(Route::NoModel);
    left
}

async fn on_node(ctx: &Context, plan: &Plan, node: &NodeId) -> Result<usize, String> {
    let mut last = "it does not answer".to_owned();
    for attempt in 0..TRIES {
        if attempt > 0
            && hands::link_back(ctx, node, Duration::from_secs(20))
                .await
                .is_err()
        {
            return Err(last);
        }
        match hands::containers_of(ctx, node, &plan.operation).await {
            Err(why) => last = why,
            Ok(found) => {
                let mut left = 0;
                for container in &found {
                    match hands::remove(ctx, node, &container.id).await {
                        Done::Ok(_) => {}
                        Done::Refused { stderr, .. } if hands::is_gone(&stderr) => {}
                        Done::Refused { stderr, .. } => return Err(stderr),
                        Done::Unknown(why) => {
                            last = why;
                            left += 1;
                        }
                    }
                }
                if left == 0 {
                    return Ok(found.len());
                }
            }
        }
    }
    Err(last)
}

fn note(node: &NodeId, text: &str) -> LogLine {
    LogLine {
        seq: 0,
        node: Some(node.clone()),
        rank: None,
        at: Some(clock::now()),
        text: format!("spark-control: {text}"),
    }
}
