//! A model from the Hub to one or several nodes: the first one downloads, the others copy from it or download too.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use spark_core::shell::EnvValue;
use spark_core::transfer::job::{self, HubAccess};
use spark_core::transfer::plan::{Leg, Way};
use spark_core::transfer::{InvalidWord, JobName, Selection};
use spark_ipc::id::{NodeId, OperationId};

use super::super::context::Context;
use super::super::job::{JobRun, JobStep};
use super::super::run::Halt;
use super::detached::{self, Detached, Growth, Share, ready};
use super::verify;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::operations) struct Download {
    pub(in crate::operations) what: Selection,
    /// In the order in which they are done.
    pub(in crate::operations) legs: Vec<Leg>,
    /// Whether checksums are compared at the end.
    #[serde(default)]
    pub(in crate::operations) verify: bool,
}

impl Download {
    pub(in crate::operations) fn nodes(&self) -> Vec<NodeId> {
        self.legs.iter().map(|leg| leg.node.clone()).collect()
    }

    /// Two steps for each leg: the bytes come, and are looked at.
    pub(in crate::operations) fn steps(&self) -> Vec<JobStep> {
        let name = |leg: &Leg| match leg.way {
            Way::Copy { .. } => "copy",
            Way::Download | Way::Nothing => "download",
        };
        let steps = self.legs.iter().flat_map(|leg| {
            [
                JobStep::on(name(leg), &leg.node),
                JobStep::on("verify", &leg.node),
            ]
        });
        steps.collect()
    }

    pub(in crate::operations) async fn run(&self, run: &mut JobRun) -> Result<(), Halt> {
        let mut before = 0;
        for (number, leg) in self.legs.iter().enumerate() {
            let share = Share {
                total: self.legs.iter().map(|l| l.bytes).sum(),
                before,
                own: leg.bytes,
                have: leg.have_bytes,
            };
            run.step(2 * number, async |run| {
                self.leg(run, 2 * number, leg, share).await
            })
            .await?;
            run.step(2 * number + 1, async |run| {
                self.check(run, 2 * number + 1, leg).await
            })
            .await?;
            before += leg.bytes.unwrap_or(0);
        }
        for (node, name) in self.places(run) {
            detached::forget(run, &node, &name).await;
        }
        Ok(())
    }

    async fn leg(
        &self,
        run: &mut JobRun,
        step: usize,
        leg: &Leg,
        share: Share,
    ) -> Result<((), Option<String>), Halt> {
        let detail = match &leg.way {
            Way::Nothing => "every file was there already".to_owned(),
            Way::Download => "from the Hub".to_owned(),
            Way::Copy { from, target } => format!("from {from} to {}", target.address),
        };
        if let Some(job) = self.job(run, leg)? {
            job.carry(run, step, share).await?;
        }
        Ok(((), Some(detail)))
    }

    /// The sizes always, the checksums where that was asked for.
    async fn check(
        &self,
        run: &mut JobRun,
        step: usize,
        leg: &Leg,
    ) -> Result<((), Option<String>), Halt> {
        let whole = self.what.is_whole() && self.what.revision.is_none();
        let found = verify::whole(run, &leg.node, &self.what.repo, whole).await?;
        if !self.verify {
            return Ok(((), Some(found)));
        }
        let job = verify::checksums(run, &leg.node, &self.what)?;
        job.carry(run, step, Share::default()).await?;
        Ok(((), Some(format!("{found}; so are all checksums"))))
    }

    fn job(&self, run: &JobRun, leg: &Leg) -> Result<Option<Detached>, Halt> {
        let Some((node, name)) = place(run.id(), leg) else {
            return Ok(None);
        };
        let repo = &self.what.repo;
        let (begin, login, verb) = match &leg.way {
            Way::Copy { target, .. } => {
                let begin = ready(job::copy(&name, repo, target));
                (begin, Some(target.clone()), "copying")
            }
            Way::Download | Way::Nothing => {
                let access = access(&run.ctx, &leg.node)?;
                (
                    job::download(&name, &self.what, &access),
                    None,
                    "downloading",
                )
            }
        };
        Ok(Some(Detached {
            node,
            name,
            begin,
            growth: Growth::Model(leg.node.clone(), repo.clone()),
            login,
            verb,
        }))
    }

    /// Every job that it may have begun, with its node.
    fn places(&self, run: &JobRun) -> Vec<(NodeId, JobName)> {
        let id = run.id();
        let legs = self.legs.iter().filter_map(|leg| place(id, leg));
        let checked = self.legs.iter().filter(|_| self.verify);
        let checks = checked.filter_map(|leg| Some((leg.node.clone(), verify::name(run).ok()?)));
        legs.chain(checks).collect()
    }

    /// Nothing of it goes on. What has come stays: finished files are not fetched again.
    pub(in crate::operations) async fn undo(&self, run: &JobRun) -> Result<(), String> {
        let mut left = Vec::new();
        for (node, name) in self.places(run) {
            if let Err(why) = detached::end(run, &node, &name).await {
                left.push(why);
            }
        }
        if left.is_empty() {
            Ok(())
        } else {
            Err(left.join("; "))
        }
    }
}

/// Where a leg's job runs, and its name.
fn place(id: &OperationId, leg: &Leg) -> Option<(NodeId, JobName)> {
    let named = |leg: &str| -> Result<JobName, InvalidWord> { JobName::of(id, leg) };
    match &leg.way {
        Way::Nothing => None,
        Way::Download => Some((leg.node.clone(), named("download").ok()?)),
        Way::Copy { from, .. } => {
            let name = named(&format!("copy-{}", leg.node)).ok()?;
            Some((from.clone(), name))
        }
    }
}

/// The token in force now, and whether the whole line may be used: not beside a model that serves.
pub(in crate::operations) fn access(ctx: &Context, node: &NodeId) -> Result<HubAccess, Halt> {
    let token = ctx.hf_token.get();
    let token = token
        .map(|secret| EnvValue::checked(secret.expose()))
        .transpose()
        .map_err(|_shown_nowhere| Halt::failed("HF_TOKEN is not a token"))?;
    let units = Arc::clone(&ctx.view.units.borrow());
    let serves = units
        .iter()
        .any(|u| u.ranks.iter().any(|r| r.node == *node));
    Ok(HubAccess {
        token,
        fast: !serves,
    })
}
