//! An image from one node to another: `docker save` on the one, through SSH into `docker load` on the other.

use serde::{Deserialize, Serialize};
use spark_core::transfer::{JobName, Target, image, job};
use spark_ipc::id::{ImageRef, NodeId};

use super::super::hands::{self, Done};
use super::super::job::{JobRun, JobStep};
use super::super::run::Halt;
use super::detached::{self, Detached, Growth, Share, ready};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::operations) struct ImageCopy {
    pub(in crate::operations) image: ImageRef,
    pub(in crate::operations) from: NodeId,
    pub(in crate::operations) to: NodeId,
    pub(in crate::operations) target: Target,
    pub(in crate::operations) bytes: Option<u64>,
}

impl ImageCopy {
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
        run.step(0, async |run| {
            let name = name(run)?;
            let job = Detached {
                node: self.from.clone(),
                begin: ready(job::image_copy(&name, &self.image, &self.target)),
                name,
                growth: Growth::Pipe(self.to.clone()),
                login: Some(self.target.clone()),
                verb: "copying",
            };
            let share = Share {
                total: self.bytes,
                own: self.bytes,
                ..Share::default()
            };
            job.carry(run, 0, share).await?;
            Ok((
                (),
                Some(format!("from {} to {}", self.from, self.target.address)),
            ))
        })
        .await?;
        run.step(1, async |run| self.compare(run).await).await?;
        let name = name(run)?;
        detached::forget(run, &self.from, &name).await;
        Ok(())
    }

    async fn compare(&self, run: &JobRun) -> Result<((), Option<String>), Halt> {
        let source = id_on(run, &self.from, &self.image).await?;
        let copy = id_on(run, &self.to, &self.image).await?;
        match (source, copy) {
            (Some(a), Some(b)) if a == b => {
                Ok(((), Some(format!("both nodes have {}", short(&a)))))
            }
            (_, Some(_)) => Err(Halt::failed(format!(
                "{} has another {} than {}",
                self.to, self.image, self.from
            ))),
            (_, None) => Err(Halt::failed(format!(
                "{} did not arrive on {}",
                self.image, self.to
            ))),
        }
    }

    pub(in crate::operations) async fn undo(&self, run: &JobRun) -> Result<(), String> {
        match name(run) {
            Ok(name) => detached::end(run, &self.from, &name).await,
            Err(_) => Ok(()),
        }
    }
}

async fn id_on(run: &JobRun, node: &NodeId, wanted: &ImageRef) -> Result<Option<String>, Halt> {
    let list = match hands::exec(&run.ctx, node, Ok(image::list_command()), 70).await {
        Done::Ok(output) => image::read_list(&output).map_err(Halt::failed)?,
        Done::Refused { stderr, .. } | Done::Unknown(stderr) => {
            return Err(Halt::failed(format!(
                "the images of {node} cannot be listed: {stderr}"
            )));
        }
    };
    let tag = image::with_tag(wanted.as_str());
    let found = list.into_iter().find(|i| i.tags.contains(&tag));
    Ok(found.map(|i| i.id))
}

/// `sha256:0123456789ab`.
fn short(id: &str) -> String {
    id.chars().take(19).collect()
}

fn name(run: &JobRun) -> Result<JobName, Halt> {
    JobName::of(run.id(), "image").map_err(|e| Halt::failed(e.to_string()))
}
