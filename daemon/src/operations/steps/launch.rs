//! Launching one rank, and seeing that every rank runs.

use std::time::Duration;

use spark_core::launch::verify_round_trip;
use spark_core::units::ContainerFacts;
use spark_ipc::id::NodeId;
use tokio::time::Instant;

use super::super::diagnose;
use super::super::hands::{self, Done};
use super::super::run::{Halt, Run, StepResult};
use super::free;

/// Tries to launch a rank while the link comes and goes. The container's name keeps a second from starting.
const TRIES: u32 = 10;

/// The launch commands still say what was planned: each splits back to exactly its words.
pub(in crate::operations) fn still_holds(run: &Run) -> StepResult {
    let ranks = run.plan.launch.iter().flat_map(|l| &l.ranks);
    for rank in ranks {
        verify_round_trip(&rank.run.remote()).map_err(|e| {
            Halt::failed(format!(
                "the launch command of rank {} is refused: {e}",
                rank.rank
            ))
        })?;
    }
    Ok(Some("the plan holds".to_owned()))
}

pub(in crate::operations) async fn one(run: &mut Run, rank: u32) -> StepResult {
    let Some(launch) = run.plan.rank_launch(rank).cloned() else {
        return Ok(None);
    };
    if run.launched.is_none() {
        run.launched = Some(Instant::now());
        run.memory_before = free::available(&run.ctx, &run.plan);
    }
    for _try in 0..TRIES {
        match hands::run(&run.ctx, &launch.node, &launch.run).await {
            Done::Ok(id) => return Ok(Some(format!("{} {}", launch.container, short(&id)))),
            Done::Refused { stderr, .. } => {
                if already_ours(run, &launch.node, rank).await? {
                    return Ok(Some(format!("{} was started before", launch.container)));
                }
                return Err(diagnose::refused(run, &launch.node, rank, &stderr));
            }
            Done::Unknown(_) => {
                hands::link_back(&run.ctx, &launch.node, Duration::from_secs(60)).await?;
                if already_ours(run, &launch.node, rank).await? {
                    return Ok(Some(format!(
                        "{} runs; the link had dropped",
                        launch.container
                    )));
                }
            }
        }
    }
    Err(Halt::failed(format!(
        "{} does not answer, so it is not known whether rank {rank} runs",
        launch.node
    )))
}

/// Whether the node has a container of this very launch for `rank`. A node that cannot be asked is waited
/// for: not to know is not the same as no.
async fn already_ours(run: &Run, node: &NodeId, rank: u32) -> Result<bool, Halt> {
    let found = look(run, node).await?;
    Ok(found.iter().any(|c| hands::rank_of(c) == Some(rank)))
}

/// The containers of this launch on `node`, as soon as it can be asked.
async fn look(run: &Run, node: &NodeId) -> Result<Vec<ContainerFacts>, Halt> {
    let mut why = String::new();
    for _try in 0..TRIES {
        match hands::containers_of(&run.ctx, node, &run.plan.operation).await {
            Ok(found) => return Ok(found),
            Err(error) => why = error,
        }
        hands::link_back(&run.ctx, node, Duration::from_secs(60)).await?;
        run.pause(Duration::from_secs(1)).await?;
    }
    Err(Halt::failed(format!(
        "{node} does not say what runs there: {why}"
    )))
}

/// Every rank's container runs.
pub(in crate::operations) async fn all_run(run: &mut Run) -> StepResult {
    let ranks = run
        .plan
        .launch
        .iter()
        .flat_map(|l| &l.ranks)
        .cloned()
        .collect::<Vec<_>>();
    for rank in ranks {
        let found = look(run, &rank.node).await?;
        match found.iter().find(|c| hands::rank_of(c) == Some(rank.rank)) {
            Some(container) if container.state == "running" => {}
            Some(container) => {
                let error = format!(
                    "rank {} on {} is {}, not running",
                    rank.rank, rank.node, container.state
                );
                return Err(diagnose::ended(run, error).await);
            }
            None => {
                return Err(Halt::failed(format!(
                    "{} has no container of this launch",
                    rank.node
                )));
            }
        }
    }
    Ok(Some("every rank runs".to_owned()))
}

fn short(id: &str) -> &str {
    id.trim().get(..12).unwrap_or(id.trim())
}
