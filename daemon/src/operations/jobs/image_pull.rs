//! An image from its registry to one or several nodes, one after the other.

use serde::{Deserialize, Serialize};
use spark_core::transfer::{JobName, job};
use spark_ipc::id::{ImageRef, NodeId};

use super::super::job::{JobRun, JobStep};
use super::super::run::Halt;
use super::detached::{self, Detached, Growth, Share, ready};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::operations) struct ImagePull {
    pub(in crate::operations) image: ImageRef,
    pub(in crate::operations) nodes: Vec<NodeId>,
}

impl ImagePull {
    pub(in crate::operations) fn steps(&self) -> Vec<JobStep> {
        self.nodes
            .iter()
            .map(|node| JobStep::on("pull", node))
            .collect()
    }

    pub(in crate::operations) async fn run(&self, run: &mut JobRun) -> Result<(), Halt> {
        for (index, node) in self.nodes.iter().enumerate() {
            run.step(index, async |run| {
                let name = name(run)?;
                let job = Detached {
                    node: node.clone(),
                    begin: ready(job::pull(&name, &self.image)),
                    name,
                    growth: Growth::Layers,
                    login: None,
                    verb: "pulling",
                };
                job.carry(run, index, Share::default()).await?;
                Ok(((), None))
            })
            .await?;
        }
        let name = name(run)?;
        for node in &self.nodes {
            detached::forget(run, node, &name).await;
        }
        Ok(())
    }

    /// Nothing of it goes on; layers that have come stay.
    pub(in crate::operations) async fn undo(&self, run: &JobRun) -> Result<(), String> {
        let Ok(name) = name(run) else { return Ok(()) };
        for node in &self.nodes {
            detached::end(run, node, &name).await?;
        }
        Ok(())
    }
}

fn name(run: &JobRun) -> Result<JobName, Halt> {
    JobName::of(run.id(), "pull").map_err(|e| Halt::failed(e.to_string()))
}
