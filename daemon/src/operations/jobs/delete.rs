//! A model off the disk of its nodes: looked at once more, then its folder and its locks are removed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use spark_core::transfer::delete;
use spark_ipc::id::{NodeId, RepoId};
use spark_ipc::model::transfer::{DeleteOnNode, DeleteState, ModelUser};

use tokio::time::Instant;

use super::super::hands::{self, Done};
use super::super::job::{JobRun, JobStep};
use super::super::run::Halt;
use super::super::transfers;
use super::detached::ready;

/// Seconds that removing a few hundred gigabytes may take.
const LIMIT_S: u64 = 620;
/// How long a lost link is waited for.
const LINK_BACK: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::operations) struct Delete {
    pub(in crate::operations) repo: RepoId,
    pub(in crate::operations) nodes: Vec<NodeId>,
}

impl Delete {
    pub(in crate::operations) fn steps(&self) -> Vec<JobStep> {
        let steps = self.nodes.iter().map(|node| JobStep::on("delete", node));
        steps.collect()
    }

    pub(in crate::operations) async fn run(&self, run: &mut JobRun) -> Result<(), Halt> {
        for (index, node) in self.nodes.iter().enumerate() {
            run.step(index, async |run| self.one(run, node).await)
                .await?;
        }
        Ok(())
    }

    async fn one(&self, run: &JobRun, node: &NodeId) -> Result<((), Option<String>), Halt> {
        let found = self.look(run, node).await?;
        match found.state {
            DeleteState::Absent => return Ok(((), Some("it is not there".to_owned()))),
            DeleteState::Present => {}
            DeleteState::InUse | DeleteState::Refused | DeleteState::Unknown => {
                let why = transfers::why_not(&found);
                return Err(Halt::failed(format!(
                    "{} stays on {node}: {why}",
                    self.repo
                )));
            }
        }
        match hands::exec(&run.ctx, node, ready(delete::remove(&self.repo)), LIMIT_S).await {
            Done::Ok(_) => {
                let freed = found.size_bytes.map(spark_core::transfer::plan::gigabytes);
                let told = freed.map_or("deleted".to_owned(), |freed| format!("{freed} came free"));
                Ok(((), Some(told)))
            }
            Done::Refused { stderr, .. } => Err(Halt::failed(format!(
                "{} could not be deleted from {node}: {stderr}",
                self.repo
            ))),
            Done::Unknown(why) => self.after_silence(run, node, &why).await,
        }
    }

    /// What is there; a lost link is waited for.
    async fn look(&self, run: &JobRun, node: &NodeId) -> Result<DeleteOnNode, Halt> {
        let begun = Instant::now();
        loop {
            let found = transfers::deletion(&run.ctx, &self.repo, node, Some(run.id())).await;
            if found.state != DeleteState::Unknown || begun.elapsed() > LINK_BACK {
                return Ok(found);
            }
            run.pause(Duration::from_secs(1)).await?;
            hands::link_back(&run.ctx, node, LINK_BACK).await?;
        }
    }

    /// The link broke in the middle: what is there now tells.
    async fn after_silence(
        &self,
        run: &JobRun,
        node: &NodeId,
        why: &str,
    ) -> Result<((), Option<String>), Halt> {
        let found = self.look(run, node).await?;
        if found.state == DeleteState::Absent {
            return Ok(((), Some("deleted".to_owned())));
        }
        Err(Halt::failed(format!(
            "whether {} was deleted from {node} is not known ({why}); delete it again",
            self.repo
        )))
    }
}

/// A user in words.
pub(in crate::operations) fn user_words(user: &ModelUser) -> String {
    match user {
        ModelUser::Unit { unit } => format!("the unit {unit} serves it"),
        ModelUser::Container { name } => format!("the container {name} uses it"),
        ModelUser::Operation { operation } => format!("operation {operation} works with it"),
        ModelUser::Download => "it is being downloaded".to_owned(),
        ModelUser::Recipe { recipe } => format!("the recipe {recipe} launches it"),
    }
}
