//! Why a launch failed: logs and endings of all ranks, given to the table of causes.

use spark_core::advice::{Ending, Evidence, first_cause};
use spark_core::units::ContainerFacts;
use spark_ipc::id::NodeId;
use spark_ipc::text::clean_text;

use super::hands;
use super::run::{Halt, Run};
use crate::units::split_time;

/// Lines of each rank that are looked through.
const LINES: u32 = 2000;

/// A launch that Docker refused: its own words are the evidence.
pub(super) fn refused(run: &Run, node: &NodeId, rank: u32, stderr: &str) -> Halt {
    let evidence = Evidence {
        node: node.clone(),
        rank: Some(rank),
        at: None,
        text: stderr.to_owned(),
    };
    let advice = first_cause(&[evidence], &[]);
    let error = match &advice {
        Some(advice) => format!(
            "rank {rank} could not be started on {node}: {}",
            advice.title
        ),
        None => format!("rank {rank} could not be started on {node}: {stderr}"),
    };
    tracing::warn!(operation = %run.plan.operation, %node, rank, ?stderr, "docker run was refused");
    Halt::Failed {
        error,
        advice: advice.map(Box::new),
    }
}

/// A launch whose rank ended or that stands still: everything that every rank said.
pub(super) async fn ended(run: &Run, error: String) -> Halt {
    let mut lines = Vec::new();
    let mut endings = Vec::new();
    let launch = run.plan.launch.as_ref();
    for node in launch.iter().flat_map(|l| &l.nodes) {
        let found = hands::containers_of(&run.ctx, node, &run.plan.operation).await;
        for container in found.unwrap_or_default() {
            let Some(rank) = hands::rank_of(&container) else {
                continue;
            };
            lines.extend(said(run, node, rank, &container).await);
            endings.extend((!container.running()).then(|| ending(node, rank, &container)));
        }
    }
    let advice = first_cause(&lines, &endings);
    let error = match &advice {
        Some(advice) => format!("{}: {error}", advice.title),
        None => error,
    };
    Halt::Failed {
        error,
        advice: advice.map(Box::new),
    }
}

async fn said(run: &Run, node: &NodeId, rank: u32, container: &ContainerFacts) -> Vec<Evidence> {
    let text = hands::tail(&run.ctx, node, &container.id, LINES)
        .await
        .unwrap_or_default();
    clean_text(&text)
        .lines()
        .map(|line| {
            let (at, text) = split_time(line);
            Evidence {
                node: node.clone(),
                rank: Some(rank),
                at,
                text,
            }
        })
        .collect()
}

fn ending(node: &NodeId, rank: u32, container: &ContainerFacts) -> Ending {
    Ending {
        node: node.clone(),
        rank,
        at: container.finished_at,
        state: container.state.clone(),
        exit_code: container.exit_code,
        oom_killed: container.oom_killed,
        error: container.error.clone(),
    }
}
