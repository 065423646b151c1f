//! Following a load: the logs of all ranks, their stages, and the death of any of them.
//!
//! A quiet head is no hang: the worker's log counts as movement too. A link that drops is waited for; the
//! log is then read on from the last line seen. The load ends when the head listens, when a rank dies, or
//! when nothing at all has moved for the limit.

use std::collections::BTreeSet;
use std::time::Duration;

use spark_core::plan::RankLaunch;
use spark_core::shell::{Arg, RawArg, Remote};
use spark_core::stage::{Load, Stage};
use spark_ipc::Time;
use spark_ipc::id::NodeId;
use spark_ipc::model::operation::LogLine;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::super::context::Context;
use super::super::diagnose;
use super::super::hands;
use super::super::run::{Halt, Run, StepResult};
use crate::ssh::{Exec, Followed};
use crate::units::split_time;

/// Lines that may wait to be looked at.
const QUEUE: usize = 512;
/// How often the containers are looked at, beside their logs.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long the engine may take to say that it is well.
const ASK: Duration = Duration::from_secs(1);
/// A log that ended is followed again after this time.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// What a follower tells.
enum News {
    Line {
        rank: u32,
        node: NodeId,
        at: Option<Time>,
        text: String,
    },
    /// The log ended, so the container may have.
    Ended,
    LinkLost(NodeId),
}

/// Follows until the head listens; `step` is the record's index of this step.
pub(in crate::operations) async fn follow(run: &mut Run, step: usize) -> StepResult {
    let Some(launch) = run.plan.launch.clone() else {
        return Ok(None);
    };
    let followers = CancellationToken::new();
    let _end_followers = followers.clone().drop_guard();
    let (news, mut told) = mpsc::channel(QUEUE);
    for rank in launch.ranks.clone() {
        let (ctx, news, stop) = (run.ctx.clone(), news.clone(), followers.clone());
        let operation = run.plan.operation.clone();
        run.ctx.tasks.spawn("follow a log", async move {
            let following = follow_rank(&ctx, &rank, &operation, &news);
            stop.run_until_cancelled(following).await;
        });
    }
    drop(news);
    let began = Instant::now();
    let mut load = Load::new(launch.expected_s);
    let mut moved = Instant::now();
    let mut look = tokio::time::interval_at(began + LOOK_EVERY, LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut lost = BTreeSet::new();
    let engine = run.ctx.engine.at(&launch.endpoint);
    let (cancel, shut_down) = (run.cancel.clone(), run.ctx.tasks.token().clone());
    loop {
        tokio::select! {
            () = cancel.cancelled() => return Err(Halt::Cancelled),
            () = shut_down.cancelled() => return Err(Halt::ShutDown),
            Some(news) = told.recv() => match news {
                News::Line { rank, node, at, text } => {
                    moved = Instant::now();
                    lost.remove(&node);
                    let head = rank == 0;
                    load.take(&text);
                    run.record.line(LogLine { seq: 0, node: Some(node), rank: Some(rank), at, text });
                    if head && load.stage() == Stage::HttpUp {
                        run.record.progress(load.progress(began.elapsed().as_secs_f64())).await;
                        return Ok(Some(format!("listening after {:.0} s", began.elapsed().as_secs_f64())));
                    }
                }
                News::Ended => dead(run).await?,
                News::LinkLost(node) => {
                    lost.insert(node);
                }
            },
            _ = look.tick() => {
                dead(run).await?;
                // Its log may be out of reach while the engine is well.
                let asked = tokio::time::timeout(ASK, engine.serves(&launch.served_name)).await;
                if matches!(asked, Ok(Ok(()))) {
                    return Ok(Some(format!("answering after {:.0} s", began.elapsed().as_secs_f64())));
                }
            }
        }
        let progress = load.progress(began.elapsed().as_secs_f64());
        let detail = if lost.is_empty() {
            progress.stage.clone().unwrap_or_default()
        } else {
            let names: Vec<&str> = lost.iter().map(NodeId::as_str).collect();
            format!("the log of {} is out of reach for now", names.join(" and "))
        };
        run.record.progress(progress).await;
        run.record.detail(step, detail).await;
        if moved.elapsed() >= Duration::from_secs(u64::from(launch.limit_s)) {
            let error = format!("nothing has moved for {} s", launch.limit_s);
            return Err(diagnose::ended(run, error).await);
        }
    }
}

/// An error when a rank's container is there and does not run.
async fn dead(run: &Run) -> Result<(), Halt> {
    let ranks: Vec<RankLaunch> = run
        .plan
        .launch
        .iter()
        .flat_map(|l| &l.ranks)
        .cloned()
        .collect();
    for rank in ranks {
        let Ok(found) = hands::containers_of(&run.ctx, &rank.node, &run.plan.operation).await
        else {
            // Nothing is known of that node now.
            continue;
        };
        let container = found.iter().find(|c| hands::rank_of(c) == Some(rank.rank));
        let error = match container {
            Some(c) if c.running() => continue,
            Some(c) => {
                let code = c
                    .exit_code
                    .map_or("unknown".to_owned(), |code| code.to_string());
                format!("rank {} on {} ended with code {code}", rank.rank, rank.node)
            }
            None => format!(
                "the container of rank {} is gone from {}",
                rank.rank, rank.node
            ),
        };
        return Err(diagnose::ended(run, error).await);
    }
    Ok(())
}

/// Follows one rank's log, again and again, until it is ended from outside.
async fn follow_rank(
    ctx: &Context,
    rank: &RankLaunch,
    operation: &spark_ipc::id::OperationId,
    news: &mpsc::Sender<News>,
) {
    let mut since: Option<Time> = None;
    loop {
        let found = hands::containers_of(ctx, &rank.node, operation)
            .await
            .unwrap_or_default();
        let container = found.iter().find(|c| hands::rank_of(c) == Some(rank.rank));
        if let (Some(container), Some(link)) = (container, ctx.nodes.link(&rank.node)) {
            let lost = match command(&container.id, since) {
                Ok(command) => pass_on(&*link, &command, rank, &mut since, news).await,
                Err(error) => {
                    tracing::error!(%error, "a container's id is no word");
                    return;
                }
            };
            let told = if lost {
                News::LinkLost(rank.node.clone())
            } else {
                News::Ended
            };
            if news.send(told).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

/// Passes a log on to its end; whether it ended since the link broke.
async fn pass_on(
    link: &dyn Exec,
    command: &Remote,
    rank: &RankLaunch,
    since: &mut Option<Time>,
    news: &mpsc::Sender<News>,
) -> bool {
    let resumed = *since;
    let Ok(mut lines) = link.follow(command).await else {
        return true;
    };
    while let Some(followed) = lines.next().await {
        let (at, text) = match followed {
            Followed::Line(line) => split_time(&line),
            Followed::Dropped(n) => (None, format!("… {n} lines were dropped here")),
            Followed::Ended(status) => return status.is_none(),
        };
        // Docker's --since is inclusive: the last lines seen come again.
        if at.is_some() && at <= resumed {
            continue;
        }
        *since = at.or(*since);
        let line = News::Line {
            rank: rank.rank,
            node: rank.node.clone(),
            at,
            text,
        };
        if news.send(line).await.is_err() {
            return false;
        }
    }
    true
}

/// `docker logs -f`, from the beginning or from the last line seen.
fn command(id: &str, since: Option<Time>) -> Result<Remote, spark_core::shell::InvalidArg> {
    let id = RawArg::checked(id).map(Arg::from)?;
    let from = RawArg::checked(&since.map_or_else(|| "0".to_owned(), |at| at.to_string()))
        .map(Arg::from)?;
    let script = "exec docker logs --follow --timestamps --since \"$1\" -- \"$2\" 2>&1";
    Ok(Remote::script("follow", script).arg(from).arg(id))
}
