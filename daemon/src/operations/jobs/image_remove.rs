//! An image off the disk of its nodes: `docker rmi`, never forced, so that one in use stays.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use spark_core::shell::Remote;
use spark_ipc::id::{ImageRef, NodeId};

use tokio::time::Instant;

use super::super::hands::{self, Done};
use super::super::job::{JobRun, JobStep};
use super::super::run::Halt;

/// Seconds that removing the layers of a large image may take.
const LIMIT_S: u64 = 300;
/// How long a lost link is waited for.
const LINK_BACK: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::operations) struct ImageRemove {
    pub(in crate::operations) image: ImageRef,
    pub(in crate::operations) nodes: Vec<NodeId>,
}

impl ImageRemove {
    pub(in crate::operations) fn steps(&self) -> Vec<JobStep> {
        let steps = self.nodes.iter().map(|node| JobStep::on("remove", node));
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
        let mut said = self.rmi(run, node).await;
        let begun = Instant::now();
        while matches!(said, Done::Unknown(_)) && begun.elapsed() < LINK_BACK {
            // Said once more it does no harm: an image that is gone is told so.
            run.pause(Duration::from_secs(1)).await?;
            hands::link_back(&run.ctx, node, LINK_BACK).await?;
            said = self.rmi(run, node).await;
        }
        match said {
            Done::Ok(_) => Ok(((), Some("removed".to_owned()))),
            Done::Refused { stderr, .. } if stderr.contains("No such image") => {
                Ok(((), Some("it was not there".to_owned())))
            }
            Done::Refused { stderr, .. } => Err(Halt::failed(format!(
                "{} could not be removed from {node}: {stderr}",
                self.image
            ))),
            Done::Unknown(why) => Err(Halt::failed(format!(
                "whether {} was removed from {node} is not known: {why}",
                self.image
            ))),
        }
    }

    async fn rmi(&self, run: &JobRun, node: &NodeId) -> Done {
        let command = Remote::command("docker")
            .lit("rmi")
            .lit("--")
            .arg(&self.image);
        hands::exec(&run.ctx, node, Ok(command), LIMIT_S).await
    }
}
