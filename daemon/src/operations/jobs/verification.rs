//! Every byte of a model against the Hub's sizes and checksums, on one or several nodes.

use serde::{Deserialize, Serialize};
use spark_core::transfer::{JobName, Selection, damage};
use spark_ipc::id::{NodeId, RepoId};
use spark_ipc::model::transfer::DeleteState;

use super::super::hands::{self, Done};
use super::super::job::{JobRun, JobStep};
use super::super::run::Halt;
use super::super::transfers;
use super::detached::{self, Share, ready};
use super::verify;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::operations) struct Verification {
    pub(in crate::operations) repo: RepoId,
    pub(in crate::operations) nodes: Vec<NodeId>,
    /// Whether damaged files are removed.
    pub(in crate::operations) repair: bool,
}

impl Verification {
    pub(in crate::operations) fn steps(&self) -> Vec<JobStep> {
        let steps = self.nodes.iter().map(|node| JobStep::on("verify", node));
        steps.collect()
    }

    /// Every node is looked at, also after one that has damaged files; the first failure is the operation's.
    pub(in crate::operations) async fn run(&self, run: &mut JobRun) -> Result<(), Halt> {
        let mut first = Ok(());
        for (index, node) in self.nodes.iter().enumerate() {
            let looked = run.step(index, async |run| self.one(run, index, node).await);
            match looked.await {
                Err(failed @ Halt::Failed { .. }) => first = first.and(Err(failed)),
                looked => looked?,
            }
        }
        let name = name(run)?;
        for node in &self.nodes {
            detached::forget(run, node, &name).await;
        }
        first
    }

    async fn one(
        &self,
        run: &mut JobRun,
        step: usize,
        node: &NodeId,
    ) -> Result<((), Option<String>), Halt> {
        let sizes = verify::whole(run, node, &self.repo, true).await?;
        let what = Selection {
            repo: self.repo.clone(),
            revision: None,
            include: Vec::new(),
            exclude: Vec::new(),
        };
        let job = verify::checksums(run, node, &what)?;
        let Err(halt) = job.carry(run, step, Share::default()).await else {
            return Ok(((), Some(format!("{sizes}; so are all checksums"))));
        };
        let damaged = match job.look(run).await? {
            Some(seen) => damage::damaged(&seen.log),
            None => Vec::new(),
        };
        if damaged.is_empty() {
            return Err(halt);
        }
        if self.repair {
            self.discard(run, node, &damaged).await?;
        }
        Err(self.told(halt, node))
    }

    /// Only what nothing uses is touched.
    async fn discard(&self, run: &JobRun, node: &NodeId, files: &[String]) -> Result<(), Halt> {
        let found = transfers::deletion(&run.ctx, &self.repo, node, Some(run.id())).await;
        let stays = |why: String| {
            let files = damage::words(files);
            Halt::failed(format!("{node}: {files}: damaged, and not removed: {why}"))
        };
        if found.state != DeleteState::Present {
            return Err(stays(transfers::why_not(&found)));
        }
        match hands::exec(
            &run.ctx,
            node,
            ready(damage::discard(&self.repo, files)),
            70,
        )
        .await
        {
            Done::Ok(_) => Ok(()),
            Done::Refused { stderr, .. } | Done::Unknown(stderr) => Err(stays(stderr)),
        }
    }

    /// The failure with what to do now.
    fn told(&self, mut halt: Halt, node: &NodeId) -> Halt {
        let repo = &self.repo;
        if let Halt::Failed { error, advice } = &mut halt {
            let download = format!("spark-control download {repo} --node {node}");
            let remedy = if self.repair {
                error.push_str("; the damaged files were removed");
                format!("Download what is missing now: {download}")
            } else {
                let verify = format!("spark-control models verify {repo} --node {node} --repair");
                format!(
                    "Remove the damaged files alone and download them again: {verify}; {download}"
                )
            };
            if let Some(advice) = advice {
                advice.remedy = remedy;
            }
        }
        halt
    }

    /// Nothing of it goes on.
    pub(in crate::operations) async fn undo(&self, run: &JobRun) -> Result<(), String> {
        let Ok(name) = name(run) else { return Ok(()) };
        for node in &self.nodes {
            detached::end(run, node, &name).await?;
        }
        Ok(())
    }
}

fn name(run: &JobRun) -> Result<JobName, Halt> {
    verify::name(run)
}
