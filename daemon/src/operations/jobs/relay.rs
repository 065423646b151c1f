//! A model passed on by the daemon, piece by piece, for nodes that cannot reach each other.
//!
//! Only when asked: every byte crosses the daemon's own network twice. One piece is in memory at a time; what
//! the target has already is not sent again, so a relay that was broken off goes on where it was.

use std::collections::BTreeMap;
use std::time::Duration;

use spark_core::shell::{InvalidArg, Payload, Remote};
use spark_core::transfer::fault;
use spark_core::transfer::progress::Meter;
use spark_core::transfer::relay::{self, File, Kind};
use spark_ipc::id::{NodeId, RepoId};
use spark_ipc::model::operation::Progress;
use tokio::time::Instant;

use super::super::job::JobRun;
use super::super::run::Halt;
use super::detached::{Share, figure, ready};
use crate::ssh::{Limits, Outcome};

/// A piece as base64, with room to spare.
const MAX_PIECE: usize = 8 << 20;
/// Tries of one piece whose link broke.
const TRIES: u32 = 30;

/// Brings the model from one node to another; gives a word for the record.
pub(super) async fn model(
    run: &mut JobRun,
    repo: &RepoId,
    from: &NodeId,
    to: &NodeId,
    share: Share,
) -> Result<String, Halt> {
    let files = listed(run, repo, from).await?;
    let there: BTreeMap<String, Kind> = listed(run, repo, to)
        .await?
        .into_iter()
        .map(|f| (f.name, f.kind))
        .collect();
    let mut sent = 0;
    let (mut meter, began) = (Meter::default(), Instant::now());
    for file in files {
        if there.get(&file.name) == Some(&file.kind) {
            continue;
        }
        if let Kind::Link(target) = &file.kind {
            said(run, to, ready(relay::link(repo, &file, target))).await?;
            continue;
        }
        for piece in 0..file.pieces() {
            run.check()?;
            let bytes = said(run, from, ready(relay::read_piece(repo, &file, piece))).await?;
            let payload = Payload::checked(bytes.trim().to_owned())
                .map_err(|error| Halt::failed(format!("{from}: {error}")))?;
            said(
                run,
                to,
                ready(relay::write_piece(repo, &file, piece, payload)),
            )
            .await?;
            let size = u64::from(relay::PIECE_MIB) << 20;
            sent += file.bytes().saturating_sub(piece * size).min(size);
            let pace = meter.take(began.elapsed().as_secs_f64(), sent);
            let left = share.own.map(|own| own.saturating_sub(sent));
            let progress = Progress {
                done: Some(figure(sent)),
                total: share.own.map(figure),
                unit: "bytes".to_owned(),
                rate: pace.rate,
                eta_s: left.and_then(|left| pace.eta_s(left)),
                stage: Some(format!("passing on to {to}")),
            };
            run.record.progress(progress).await;
        }
    }
    Ok(format!("from {from} to {to} through the daemon"))
}

async fn listed(run: &JobRun, repo: &RepoId, node: &NodeId) -> Result<Vec<File>, Halt> {
    let output = said(run, node, ready(relay::list_command(repo))).await?;
    relay::read(&output).map_err(|why| Halt::failed(format!("{node}: {why}")))
}

/// What the node said. Every command here may be run again, so a broken link is waited for.
async fn said(
    run: &JobRun,
    node: &NodeId,
    command: Result<Remote, InvalidArg>,
) -> Result<String, Halt> {
    let command = command.map_err(|error| Halt::failed(error.to_string()))?;
    let limits = Limits {
        max_stdout: MAX_PIECE,
        ..Limits::within(Duration::from_secs(130))
    };
    for _ in 0..TRIES {
        run.check()?;
        let Some(link) = run.ctx.nodes.link(node) else {
            return Err(Halt::failed(format!("there is no node {node}")));
        };
        match link.run(&command, limits).await {
            Outcome::Exited {
                status: 0,
                stdout,
                truncated: false,
                ..
            } => return Ok(stdout),
            Outcome::Exited { status, stderr, .. } => {
                let lines: Vec<&str> = stderr.lines().collect();
                let fault = fault::of_job(status, &lines);
                return Err(Halt::Failed {
                    error: format!("{node}: {}", fault.sentence()),
                    advice: Some(Box::new(fault.advice(node, None))),
                });
            }
            Outcome::TimedOut | Outcome::Lost { .. } | Outcome::Refused(_) => {
                run.pause(Duration::from_secs(2)).await?;
            }
        }
    }
    Err(Halt::failed(format!("{node} does not answer")))
}
