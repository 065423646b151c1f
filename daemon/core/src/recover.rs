//! What becomes of an operation that was open when the daemon was killed.
//!
//! The journal says what was about to be done, the containers say what was. A launch whose outcome is not in the
//! journal is looked for by its label before anything else: a container that is there is adopted, and only when
//! its node has been seen without one may it be launched. A node that cannot be seen makes everything wait.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use spark_ipc::id::NodeId;
use spark_ipc::model::operation::OperationState;

use crate::plan::{Plan, RankLaunch, Step};
use crate::units::ContainerFacts;

/// How far a step got, as the journal has it. A step without a record was not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepMark {
    /// It was about to be done; whether it was is not known.
    Intent,
    Done,
    Failed,
}

/// One record of the journal; `index` counts the plan's steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    pub index: usize,
    pub mark: StepMark,
}

/// The containers of every node, `None` for one that could not be asked.
pub type Observed = BTreeMap<NodeId, Option<Vec<ContainerFacts>>>;

/// What to do with the operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// Ask again when these nodes answer.
    Wait(Vec<NodeId>),
    /// Go on with this step. A daemon that takes up an operation keeps its gate closed, so a drain that was done
    /// needs no second one.
    Continue { from: usize },
    /// Every rank runs: go on with this step, which watches and asks and changes nothing on a node.
    Adopt { from: usize },
    /// Stop every container with this launch's label; the reason is for the operator.
    Undo { reason: String },
    /// Nothing is left to do.
    Finished(OperationState),
}

/// Decides what becomes of an open operation.
pub fn recover(plan: &Plan, journal: &[StepRecord], observed: &Observed) -> Recovery {
    let unseen: Vec<NodeId> = plan
        .nodes
        .iter()
        .filter(|n| !matches!(observed.get(n), Some(Some(_))))
        .cloned()
        .collect();
    if !unseen.is_empty() {
        return Recovery::Wait(unseen);
    }
    if let Some(failed) = journal.iter().find(|r| r.mark == StepMark::Failed) {
        let step = plan.steps.get(failed.index).map_or("a step", Step::name);
        return undo_or_fail(plan, format!("{step} had failed before the daemon stopped"));
    }
    let next = (0..plan.steps.len()).find(|i| mark(journal, *i) != Some(StepMark::Done));
    let Some(next) = next else {
        return Recovery::Finished(OperationState::Succeeded);
    };
    match plan.launch.as_ref() {
        Some(unit) if begun(plan, journal, observed) => {
            let ranks = unit.ranks.iter().map(|r| (r, look(plan, r, observed)));
            resume_launch(plan, journal, &ranks.collect::<Vec<_>>(), next)
        }
        _ => Recovery::Continue { from: next },
    }
}

/// A plan that launches has something to undo; one that only stops has merely failed.
fn undo_or_fail(plan: &Plan, reason: String) -> Recovery {
    match plan.launch {
        Some(_) => Recovery::Undo { reason },
        None => Recovery::Finished(OperationState::Failed),
    }
}

fn mark(journal: &[StepRecord], index: usize) -> Option<StepMark> {
    journal
        .iter()
        .rev()
        .find(|r| r.index == index)
        .map(|r| r.mark)
}

/// What was seen of one rank.
#[derive(Debug, Clone, Copy)]
enum Seen<'a> {
    Absent,
    Running,
    Dead(&'a ContainerFacts),
}

fn look<'a>(plan: &Plan, rank: &RankLaunch, observed: &'a Observed) -> Seen<'a> {
    let containers = observed.get(&rank.node).into_iter().flatten().flatten();
    let number = rank.rank.to_string();
    let mut of_launch = containers.filter(|c| {
        c.label("launch") == Some(plan.operation.as_str()) && c.label("rank") == Some(&number)
    });
    match of_launch.next() {
        None => Seen::Absent,
        Some(container) if container.running() => Seen::Running,
        Some(container) => Seen::Dead(container),
    }
}

/// Whether a rank may have been launched: by the journal, or by what is there.
fn begun(plan: &Plan, journal: &[StepRecord], observed: &Observed) -> bool {
    let by_journal = plan
        .steps
        .iter()
        .enumerate()
        .any(|(i, s)| matches!(s, Step::Launch { .. }) && mark(journal, i).is_some());
    let mut ranks = plan.launch.iter().flat_map(|l| &l.ranks);
    by_journal || ranks.any(|r| !matches!(look(plan, r, observed), Seen::Absent))
}

fn resume_launch(
    plan: &Plan,
    journal: &[StepRecord],
    ranks: &[(&RankLaunch, Seen<'_>)],
    next: usize,
) -> Recovery {
    for (rank, seen) in ranks {
        if let Seen::Dead(container) = seen {
            let code = container
                .exit_code
                .map_or_else(|| "unknown".to_owned(), |c| c.to_string());
            let reason = format!(
                "rank {} on {} ended with code {code} meanwhile",
                rank.rank, rank.node
            );
            return Recovery::Undo { reason };
        }
    }
    for (index, step) in plan.steps.iter().enumerate() {
        let Step::Launch { rank, node } = step else {
            continue;
        };
        let absent = ranks
            .iter()
            .any(|(r, seen)| r.rank == *rank && matches!(seen, Seen::Absent));
        match mark(journal, index) {
            Some(StepMark::Done) if absent => {
                return Recovery::Undo {
                    reason: format!("the container of rank {rank} on {node} is gone"),
                };
            }
            // It was looked for and is not there, so the command never ran to its end.
            _ if absent => return Recovery::Continue { from: index },
            _ => {}
        }
    }
    let first_watch = plan
        .steps
        .iter()
        .position(|s| *s == Step::AssertRunning)
        .unwrap_or(next);
    Recovery::Adopt {
        from: next.max(first_watch),
    }
}

#[cfg(test)]
mod tests;
