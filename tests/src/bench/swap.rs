//! The controller's own share of a swap: what is left of it without the engine and the waits.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use spark_ipc::model::operation::OperationState;

use super::Figure;
use crate::fleet::{Fleet, FleetOptions, PAIR, SMALL};

/// At the engine's true pace, from one running model to one over two nodes.
pub async fn own_share() -> Result<Figure> {
    let options = FleetOptions {
        speed: 1.0,
        models: vec![SMALL, PAIR],
        ..FleetOptions::default()
    };
    let fleet = Fleet::start(&options)?;
    fleet.daemon.settled().await?;
    let mut own = Vec::new();
    let mut whole = 0.0;
    for repo in [SMALL, PAIR] {
        // Planning happens before the answer, so it counts too.
        let began = Instant::now();
        let operation = fleet.daemon.swap(repo).await?;
        let planning = began.elapsed().as_secs_f64() * 1000.0;
        let end = fleet.daemon.long_operation(&operation.id).await?;
        ensure!(
            end.state == OperationState::Succeeded,
            "{:?} {:?}",
            end.error,
            end.advice
        );
        own.push(planning + end.own_ms.context("the daemon tells no time of its own")?);
        whole = end
            .ended_at
            .map_or(f64::NAN, |at| at.seconds_since(end.started_at) * 1000.0);
    }
    let worst = own.into_iter().fold(0.0, f64::max);
    Ok(Figure::new("swap_own_share", worst, "ms", "the whole swap", whole).at_most(1500.0))
}
