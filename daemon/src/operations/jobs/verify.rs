//! Whether a model that has come is whole: the lister's look at the manifest and the shards, and the client's at
//! every byte.

use std::time::Duration;

use spark_core::inventory::{self, DiskModel, DiskState};
use spark_core::transfer::{Fault, FaultId, JobName, Selection, job};
use spark_ipc::id::{NodeId, RepoId};

use super::super::job::JobRun;
use super::super::run::Halt;
use super::detached::{Detached, Growth};
use super::download::access;
use crate::ssh::{Limits, Outcome};

/// How long a listing may take, and how much it may say.
const LOOK: Duration = Duration::from_secs(150);
const MAX_LISTING: usize = 32 << 20;

/// The model as the node's disk has it now; `None` when it is not there.
async fn listed(run: &JobRun, node: &NodeId, repo: &RepoId) -> Result<Option<DiskModel>, Halt> {
    let limits = Limits {
        max_stdout: MAX_LISTING,
        ..Limits::within(LOOK)
    };
    loop {
        run.check()?;
        let Some(link) = run.ctx.nodes.link(node) else {
            return Err(Halt::failed(format!("there is no node {node}")));
        };
        match link.run(&inventory::command(), limits).await {
            Outcome::Exited {
                status: 0, stdout, ..
            } if inventory::is_whole(&stdout) => {
                let (models, _warnings) = inventory::read(&stdout);
                return Ok(models.into_iter().find(|m| m.repo == *repo));
            }
            Outcome::Exited { stderr, .. } => {
                let said = spark_ipc::text::clean_line(&stderr, 300);
                return Err(Halt::failed(format!(
                    "the disk of {node} cannot be listed: {said}"
                )));
            }
            // A look may be repeated.
            Outcome::TimedOut | Outcome::Lost { .. } | Outcome::Refused(_) => {
                run.pause(Duration::from_secs(2)).await?;
            }
        }
    }
}

/// Fails when files are missing; gives a word for the record. With `whole` false only a part was asked for.
pub(in crate::operations) async fn whole(
    run: &JobRun,
    node: &NodeId,
    repo: &RepoId,
    whole: bool,
) -> Result<String, Halt> {
    let Some(model) = listed(run, node, repo).await? else {
        return Err(incomplete(node, "nothing of it is there".to_owned()));
    };
    let missing = model.missing_count;
    match model.state {
        DiskState::Complete => {
            Ok("every file is there, with the size that the manifest says".to_owned())
        }
        _ if !whole => Ok(format!(
            "the files that were asked for are there; {missing} others are not"
        )),
        // No weights in the repository, or another client's unfinished file beside it.
        DiskState::NoWeights | DiskState::Downloading if missing == 0 => {
            Ok("every file is there".to_owned())
        }
        DiskState::NoWeights | DiskState::Downloading | DiskState::Partial | DiskState::Empty => {
            Err(incomplete(node, missing_words(&model)))
        }
    }
}

/// Fails when `to` has not the same as `from`.
pub(in crate::operations) async fn same(
    run: &JobRun,
    repo: &RepoId,
    from: &NodeId,
    to: &NodeId,
) -> Result<String, Halt> {
    let source = listed(run, from, repo).await?;
    let copy = listed(run, to, repo).await?;
    match (source, copy) {
        (Some(source), Some(copy))
            if copy.complete()
                || (source.commit == copy.commit && source.missing_count >= copy.missing_count) =>
        {
            Ok(format!("{to} has what {from} has"))
        }
        (_, Some(copy)) => Err(incomplete(to, missing_words(&copy))),
        (_, None) => Err(incomplete(to, "nothing of it is there".to_owned())),
    }
}

/// The job that compares every byte with the Hub's checksums, one a node and operation.
pub(in crate::operations) fn checksums(
    run: &JobRun,
    node: &NodeId,
    what: &Selection,
) -> Result<Detached, Halt> {
    let access = access(&run.ctx, node)?;
    let name = name(run)?;
    Ok(Detached {
        node: node.clone(),
        begin: job::verify(&name, what, &access),
        name,
        growth: Growth::Nothing,
        login: None,
        verb: "comparing checksums",
    })
}

/// The name of the job of [`checksums`].
pub(in crate::operations) fn name(run: &JobRun) -> Result<JobName, Halt> {
    JobName::of(run.id(), "verify").map_err(|e| Halt::failed(e.to_string()))
}

fn missing_words(model: &DiskModel) -> String {
    match model.missing.as_slice() {
        [] => "files are missing".to_owned(),
        [first, ..] if model.missing_count > 1 => {
            format!("{first} and {} more are missing", model.missing_count - 1)
        }
        [first, ..] => format!("{first} is missing"),
    }
}

fn incomplete(node: &NodeId, evidence: String) -> Halt {
    let fault = Fault {
        id: FaultId::Incomplete,
        evidence,
    };
    Halt::Failed {
        error: format!(
            "{node}: {}: {}",
            fault.sentence().trim_end_matches('.'),
            fault.evidence
        ),
        advice: Some(Box::new(fault.advice(node, None))),
    }
}
