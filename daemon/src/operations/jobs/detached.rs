//! A job that runs on its node by itself, followed from here to its end.
//!
//! The link may break and this daemon may be killed: the job goes on, and is found again by its name, which is
//! the operation's id and the leg. So everything here looks before it acts.

use std::time::Duration;

use spark_core::shell::{InvalidArg, Remote};
use spark_core::transfer::progress::{self, Meter, Pace};
use spark_core::transfer::{
    Fault, FaultId, InvalidWord, JobName, JobState, Seen, Target, damage, fault, job,
};
use spark_ipc::id::{NodeId, RepoId};
use spark_ipc::model::operation::Progress;
use tokio::time::Instant;

use super::super::hands::{self, Done};
use super::super::job::JobRun;
use super::super::run::Halt;

/// Time between two looks at a job.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Looks between two listings of the disks: the menu shows a download as such.
const LIST_EVERY: u32 = 5;
/// Starts of a job whose beginning could not be seen.
const STARTS: u32 = 3;

/// A job on a node.
#[derive(Debug)]
pub(in crate::operations) struct Detached {
    pub(in crate::operations) node: NodeId,
    pub(in crate::operations) name: JobName,
    pub(in crate::operations) begin: Result<Remote, InvalidArg>,
    pub(in crate::operations) growth: Growth,
    /// Who the other node is for this one, where there is another.
    pub(in crate::operations) login: Option<Target>,
    /// What it does, e.g. `downloading`.
    pub(in crate::operations) verb: &'static str,
}

/// What shows how far it is.
#[derive(Debug)]
pub(in crate::operations) enum Growth {
    /// The model's bytes on this node.
    Model(NodeId, RepoId),
    /// Bytes that went through the pipe to this node.
    Pipe(NodeId),
    /// Layers of an image.
    Layers,
    /// Nothing does.
    Nothing,
}

/// What is to come, over all legs of the operation.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::operations) struct Share {
    /// Of all legs together; `None` when it is not known.
    pub(in crate::operations) total: Option<u64>,
    /// Of the legs before this one.
    pub(in crate::operations) before: u64,
    /// Of this leg.
    pub(in crate::operations) own: Option<u64>,
    /// What was there before this leg began.
    pub(in crate::operations) have: u64,
}

/// A command of the core, for [`hands::exec`].
pub(in crate::operations) fn ready(
    remote: Result<Remote, InvalidWord>,
) -> Result<Remote, InvalidArg> {
    remote.map_err(|error| InvalidArg {
        kind: error.kind,
        value: error.value,
        rule: error.rule,
    })
}

impl Detached {
    /// Begins the job where it is not at work yet, and follows it to its end.
    pub(in crate::operations) async fn carry(
        &self,
        run: &mut JobRun,
        step: usize,
        share: Share,
    ) -> Result<(), Halt> {
        let mut follow = Follow::new();
        loop {
            run.check()?;
            let Some(seen) = self.look(run).await? else {
                let told = format!("{} does not answer; it goes on there by itself", self.node);
                run.record.detail(step, told).await;
                run.pause(LOOK_EVERY).await?;
                continue;
            };
            match seen.state {
                JobState::Running => self.tell(run, step, share, &seen, &mut follow).await,
                JobState::Ended(0) => return Ok(()),
                JobState::Ended(status) => return Err(self.failed(&fault_of(status, &seen))),
                JobState::Restarted => return Err(self.failed(&Fault::silent(FaultId::Restarted))),
                JobState::Gone => return Err(self.failed(&killed(&seen))),
                JobState::Absent => self.begin(run, &mut follow).await?,
            }
            run.pause(LOOK_EVERY).await?;
        }
    }

    /// How it is; `None` when the node does not answer.
    pub(in crate::operations) async fn look(&self, run: &JobRun) -> Result<Option<Seen>, Halt> {
        let here = match &self.growth {
            Growth::Model(node, repo) if *node == self.node => Some(repo),
            _ => None,
        };
        let command = ready(job::follow(&self.name, here));
        let mut seen = match hands::exec(&run.ctx, &self.node, command, 40).await {
            Done::Ok(output) => job::read(&output).map_err(Halt::failed)?,
            Done::Refused { stderr, .. } => return Err(self.failed(&fault::classify(&[stderr]))),
            Done::Unknown(_) => return Ok(None),
        };
        if let Growth::Model(node, repo) = &self.growth
            && *node != self.node
        {
            seen.bytes = grown(run, node, &self.name, repo).await;
        }
        Ok(Some(seen))
    }

    async fn begin(&self, run: &JobRun, follow: &mut Follow) -> Result<(), Halt> {
        follow.starts += 1;
        if follow.starts > STARTS {
            return Err(Halt::failed(format!(
                "the job does not begin on {}",
                self.node
            )));
        }
        match hands::exec(&run.ctx, &self.node, self.begin.clone(), 70).await {
            Done::Ok(_) | Done::Unknown(_) => Ok(()),
            Done::Refused { status, stderr } => Err(self.failed(&fault::of_job(status, &[stderr]))),
        }
    }

    async fn tell(
        &self,
        run: &mut JobRun,
        step: usize,
        share: Share,
        seen: &Seen,
        follow: &mut Follow,
    ) {
        follow.looks += 1;
        if follow.looks % LIST_EVERY == 1 && matches!(self.growth, Growth::Model(..)) {
            run.ctx.models.kick();
        }
        let progress = self.progress(share, seen, follow);
        let words = if follow.pace.is_some_and(|p| p.stalled()) {
            let stalled = Fault::silent(FaultId::Stalled);
            Some(format!("{} {}", stalled.sentence(), stalled.remedy(None)))
        } else {
            seen.log.last().cloned()
        };
        if let Some(words) = words {
            run.record.detail(step, words).await;
        }
        run.record.progress(progress).await;
    }

    fn progress(&self, share: Share, seen: &Seen, follow: &mut Follow) -> Progress {
        if let (Growth::Layers, Some(layers)) = (&self.growth, seen.layers) {
            return Progress {
                done: Some(figure(layers.done)),
                total: Some(figure(layers.total)),
                unit: "layers".to_owned(),
                stage: Some(format!("{} on {}", self.verb, self.node)),
                ..Progress::default()
            };
        }
        let bytes = match self.growth {
            Growth::Model(..) => seen.bytes,
            Growth::Pipe(_) => seen.copied_bytes,
            Growth::Layers | Growth::Nothing => None,
        };
        let Some(bytes) = bytes else {
            return Progress {
                unit: "bytes".to_owned(),
                stage: Some(format!("{} on {}", self.verb, self.node)),
                ..Progress::default()
            };
        };
        let pace = follow
            .meter
            .take(follow.began.elapsed().as_secs_f64(), bytes);
        follow.pace = Some(pace);
        let come = bytes.saturating_sub(share.have);
        let come = share.own.map_or(come, |own| come.min(own));
        self.measured(share, come, pace)
    }

    fn measured(&self, share: Share, come: u64, pace: Pace) -> Progress {
        let done = share.before + come;
        let verb = match progress::stage(pace, come, share.own) {
            "transferring" => self.verb,
            other => other,
        };
        Progress {
            done: Some(figure(done)),
            total: share.total.map(figure),
            unit: "bytes".to_owned(),
            rate: pace.rate,
            eta_s: share
                .total
                .and_then(|all| pace.eta_s(all.saturating_sub(done))),
            stage: Some(format!("{verb} on {}", self.node)),
        }
    }

    fn failed(&self, fault: &Fault) -> Halt {
        let files = match fault.id {
            FaultId::Corrupt => format!(" ({})", fault.evidence),
            _ => String::new(),
        };
        let place = self.place(fault);
        Halt::Failed {
            error: format!("{place}: {}{files}", fault.sentence()),
            advice: Some(Box::new(fault.advice(place, self.login.as_ref()))),
        }
    }

    /// The node that a fault is about: what has no room or may not be written is where the bytes go.
    fn place(&self, fault: &Fault) -> &NodeId {
        let writes = matches!(
            fault.id,
            FaultId::DiskFull | FaultId::Quota | FaultId::ReadOnly | FaultId::Permission
        );
        match &self.growth {
            Growth::Model(to, _) | Growth::Pipe(to) if writes => to,
            _ => &self.node,
        }
    }
}

/// What one run of the daemon knows of a job that it follows.
struct Follow {
    began: Instant,
    meter: Meter,
    pace: Option<Pace>,
    looks: u32,
    starts: u32,
}

impl Follow {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            meter: Meter::default(),
            pace: None,
            looks: 0,
            starts: 0,
        }
    }
}

/// A disk that is full may have had no room for the client's last words.
fn fault_of(status: i32, seen: &Seen) -> Fault {
    let fault = fault::of_job(status, &seen.log);
    let damaged = damage::damaged(&seen.log);
    match (fault.id, seen.free_bytes) {
        (FaultId::Corrupt, _) if !damaged.is_empty() => Fault {
            evidence: damage::words(&damaged),
            ..fault
        },
        (FaultId::Other | FaultId::Killed, Some(0)) => Fault {
            id: FaultId::DiskFull,
            ..fault
        },
        _ => fault,
    }
}

fn killed(seen: &Seen) -> Fault {
    match (fault::classify(&seen.log), seen.free_bytes) {
        (_, Some(0)) => Fault::silent(FaultId::DiskFull),
        (said, _) if said.id != FaultId::Other => said,
        (said, _) => Fault {
            id: FaultId::Killed,
            ..said
        },
    }
}

/// Bytes of a model on a node that is not the job's own.
async fn grown(run: &JobRun, node: &NodeId, name: &JobName, repo: &RepoId) -> Option<u64> {
    match hands::exec(&run.ctx, node, ready(job::follow(name, Some(repo))), 40).await {
        Done::Ok(output) => job::read(&output).ok()?.bytes,
        Done::Refused { .. } | Done::Unknown(_) => None,
    }
}

/// Ends the job on its node, if it is at work there; what still may run is told.
pub(in crate::operations) async fn end(
    run: &JobRun,
    node: &NodeId,
    name: &JobName,
) -> Result<(), String> {
    for attempt in 0..3 {
        match hands::exec(&run.ctx, node, ready(job::cancel(name)), 50).await {
            Done::Ok(_) => {
                forget(run, node, name).await;
                return Ok(());
            }
            Done::Refused { stderr, .. } => {
                return Err(format!("what it began on {node} may still run: {stderr}"));
            }
            Done::Unknown(_) if attempt < 2 => {
                let back = hands::link_back(&run.ctx, node, Duration::from_secs(60)).await;
                if let Err(Halt::ShutDown) = back {
                    return Err(String::new());
                }
            }
            Done::Unknown(_) => {}
        }
    }
    Err(format!(
        "{node} does not answer, so what it began there may still run"
    ))
}

/// Removes the folder of a job that has ended; one that stays is swept up by a later job.
pub(in crate::operations) async fn forget(run: &JobRun, node: &NodeId, name: &JobName) {
    if let Done::Refused { stderr, .. } =
        hands::exec(&run.ctx, node, ready(job::clean(name)), 40).await
    {
        tracing::debug!(%node, ?stderr, "the folder of a job stays");
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes below 2^53 are exact")]
pub(super) fn figure(count: u64) -> f64 {
    count as f64
}
