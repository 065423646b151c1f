//! The fault matrix: every operation, struck in its middle by every fault, on real daemons and simulated Sparks.
//!
//! A [`Deed`] is an operation with the world it wants; a [`Fault`] strikes while it is under way. What came of it
//! is an [`Outcome`]; what must hold in every cell is checked by [`cell`]: the operation comes to an end that is
//! shown, nothing is launched or begun twice, nothing half done is left that is not shown, and once the fault is
//! gone the same operation succeeds.

mod deed;
mod fault;
mod trace;

use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use spark_ipc::id::OperationId;
use spark_ipc::model::node::{Freshness, LinkState};
use spark_ipc::model::operation::{Operation, OperationState};
use spark_ipc::model::status::Snapshot;

use crate::fleet::{Fleet, FleetOptions, SMALL, Spark};

pub use deed::Deed;
pub use fault::Fault;

/// What came of an operation that was struck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    state: OperationState,
    /// The advice that it ended with.
    advice: Option<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            OperationState::Running => "running",
            OperationState::Succeeded => "done",
            OperationState::Failed => "failed",
            OperationState::RolledBack => "rolled back",
            OperationState::Cancelled => "cancelled",
            OperationState::Interrupted => "interrupted",
        };
        match &self.advice {
            Some(advice) => write!(f, "{state}: {advice}"),
            None => f.write_str(state),
        }
    }
}

/// The row of one operation: what came of it under each fault, in the order of [`Fault::ALL`]; an error where a rule
/// of every cell was broken.
pub async fn row(deed: Deed) -> Result<Vec<Result<Outcome>>> {
    let mut fleet = fleet(deed).await?;
    let mut outcomes = Vec::new();
    for fault in Fault::ALL {
        let outcome = cell(&mut fleet, deed, fault).await;
        match &outcome {
            Ok(outcome) => eprintln!("{deed:<16} {fault:<16} {outcome}"),
            Err(error) => {
                eprintln!("{deed:<16} {fault:<16} {error:?}\n{}", fleet.daemon.log());
                fleet = self::fleet(deed).await?;
            }
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

async fn fleet(deed: Deed) -> Result<Fleet> {
    let fleet = Fleet::start(&FleetOptions {
        nodes: deed.nodes(),
        models: vec![SMALL],
        record: true,
        settings: vec![("DEEP_HEALTH_INTERVAL_S", "0".to_owned())],
        ..FleetOptions::default()
    })?;
    fleet.daemon.settled().await?;
    Ok(fleet)
}

async fn cell(fleet: &mut Fleet, deed: Deed, fault: Fault) -> Result<Outcome> {
    deed.ready(fleet).await?;
    deed.slow(fleet)?;
    let marks = trace::marks(fleet)?;
    let id = deed.begin(fleet).await?;
    if deed.lasts() {
        in_the_middle(fleet, &id).await?;
    }
    fault.strike(fleet, deed, &id).await?;
    deed.quick(fleet)?;
    let end = end(fleet, &id).await?;
    fleet.sparks.iter().try_for_each(Spark::clear_faults)?;
    calm(fleet).await?;
    told(&end)?;
    trace::once(fleet, &marks, &id, fault)?;
    trace::nothing_left(fleet, &end, &id)?;
    if end.state != OperationState::Succeeded {
        succeeds(fleet, deed).await?;
    }
    Ok(Outcome {
        state: end.state,
        advice: end.advice.map(|a| a.id),
    })
}

/// Waits until the operation has done something and is not at its end.
async fn in_the_middle(fleet: &Fleet, id: &OperationId) -> Result<()> {
    let under_way = |s: &Snapshot| {
        find(s, id).is_some_and(|o| {
            let moved = o.progress.done.is_some_and(|d| d > 0.0) || o.progress.stage.is_some();
            o.state.is_final() || moved
        })
    };
    let snapshot = fleet.daemon.wait_for("the middle of it", under_way).await?;
    let operation = find(&snapshot, id).context("it is gone")?;
    ensure!(
        !operation.state.is_final(),
        "it ended before it could be struck: {:?} {:?}",
        operation.state,
        operation.error
    );
    Ok(())
}

fn find<'a>(snapshot: &'a Snapshot, id: &OperationId) -> Option<&'a Operation> {
    snapshot.status.operations.iter().find(|o| o.id == *id)
}

async fn end(fleet: &Fleet, id: &OperationId) -> Result<Operation> {
    fleet.daemon.ended_operation(id).await
}

/// Waits until every node answers and nothing is under way.
async fn calm(fleet: &Fleet) -> Result<()> {
    let calm = |s: &Snapshot| {
        let nodes = &s.status.nodes;
        !nodes.is_empty()
            && nodes
                .iter()
                .all(|n| n.freshness == Freshness::Fresh && n.link.state == LinkState::Connected)
            && s.status.operations.iter().all(|o| o.state.is_final())
    };
    fleet.daemon.wait_for("calm", calm).await?;
    Ok(())
}

/// An end that is no success says why, and an operator can read it.
fn told(end: &Operation) -> Result<()> {
    if matches!(
        end.state,
        OperationState::Succeeded | OperationState::Cancelled
    ) {
        return Ok(());
    }
    let error = end.error.as_deref().unwrap_or_default();
    ensure!(!error.is_empty(), "it failed without a word: {end:#?}");
    Ok(())
}

/// The operation once more, in the world as the struck one left it.
async fn succeeds(fleet: &Fleet, deed: Deed) -> Result<()> {
    let id = deed.begin(fleet).await?;
    let end = end(fleet, &id).await?;
    if end.state != OperationState::Succeeded {
        bail!(
            "again, without a fault: {:?} {:?} {:#?}",
            end.error,
            end.advice,
            end.steps
        );
    }
    Ok(())
}
