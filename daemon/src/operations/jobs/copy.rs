//! A model from one node to another: rsync runs on the source, towards the target's address.

use serde::{Deserialize, Serialize};
use spark_core::transfer::{JobName, Target, job};
use spark_ipc::id::{NodeId, RepoId};

use super::super::job::{JobRun, JobStep};
use super::super::run::Halt;
use super::detached::{self, Detached, Growth, Share, ready};
use super::{relay, verify};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::operations) struct Copy {
    pub(in crate::operations) repo: RepoId,
    pub(in crate::operations) from: NodeId,
    pub(in crate::operations) to: NodeId,
    /// Where the source sends to; `None` when the daemon passes the bytes on.
    pub(in crate::operations) target: Option<Target>,
    /// Bytes that are to come, and those that were there before.
    pub(in crate::operations) bytes: Option<u64>,
    pub(in crate::operations) have_bytes: u64,
}

impl Copy {
    pub(in crate::operations) fn nodes(&self) -> Vec<NodeId> {
        vec![self.from.clone(), self.to.clone()]
    }

    pub(in crate::operations) fn steps(&self) -> Vec<JobStep> {
        vec![
            JobStep::on("copy", &self.to),
            JobStep::on("verify", &self.to),
        ]
    }

    pub(in crate::operations) async fn run(&self, run: &mut JobRun) -> Result<(), Halt> {
        run.step(0, async |run| self.bring(run).await).await?;
        run.step(1, async |run| {
            let found = verify::same(run, &self.repo, &self.from, &self.to).await?;
            Ok(((), Some(found)))
        })
        .await?;
        if self.target.is_some()
            && let Ok(name) = self.name(run)
        {
            detached::forget(run, &self.from, &name).await;
        }
        Ok(())
    }

    async fn bring(&self, run: &mut JobRun) -> Result<((), Option<String>), Halt> {
        let share = Share {
            total: self.bytes,
            before: 0,
            own: self.bytes,
            have: self.have_bytes,
        };
        let Some(target) = &self.target else {
            let told = relay::model(run, &self.repo, &self.from, &self.to, share).await?;
            return Ok(((), Some(told)));
        };
        let name = self.name(run)?;
        let job = Detached {
            node: self.from.clone(),
            begin: ready(job::copy(&name, &self.repo, target)),
            name,
            growth: Growth::Model(self.to.clone(), self.repo.clone()),
            login: Some(target.clone()),
            verb: "copying",
        };
        job.carry(run, 0, share).await?;
        Ok((
            (),
            Some(format!("from {} to {}", self.from, target.address)),
        ))
    }

    fn name(&self, run: &JobRun) -> Result<JobName, Halt> {
        let leg = format!("copy-{}", self.to);
        JobName::of(run.id(), &leg).map_err(|e| Halt::failed(e.to_string()))
    }

    /// Nothing of it goes on. What has come stays: it is not sent again.
    pub(in crate::operations) async fn undo(&self, run: &JobRun) -> Result<(), String> {
        match (&self.target, self.name(run)) {
            (Some(_), Ok(name)) => detached::end(run, &self.from, &name).await,
            _ => Ok(()),
        }
    }
}
