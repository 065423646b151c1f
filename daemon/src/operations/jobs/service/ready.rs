//! Waiting until a service's health route answers, with its first start's download as progress.

use std::time::Duration;

use spark_core::advice::{Ending, Evidence, first_cause};
use spark_core::services::StartPlan;
use spark_core::shell::{HomePath, Remote};
use spark_core::transfer::progress::Meter;
use spark_core::units::ContainerFacts;
use spark_ipc::model::operation::{LogLine, Progress};
use spark_ipc::text::clean_text;
use tokio::time::Instant;

use super::super::super::hands::{self, Done};
use super::super::super::job::JobRun;
use super::super::super::run::Halt;
use super::super::detached::figure;
use crate::clock;
use crate::services::health;
use crate::units::split_time;

/// Time between two questions to the health route.
const EVERY: Duration = Duration::from_secs(1);
/// Questions between two looks at the container and its cache.
const LOOK_EVERY: u32 = 3;
/// Lines of the log that are looked through after a death.
const LINES: u32 = 400;

/// Waits for the health route, as long as the container lives and its limit lasts.
pub(super) async fn wait(
    run: &mut JobRun,
    plan: &StartPlan,
    step: usize,
) -> Result<((), Option<String>), Halt> {
    let url = format!("{}{}", plan.endpoint, plan.health);
    let limit = Duration::from_secs(u64::from(plan.ready_limit_s));
    let began = Instant::now();
    let mut growth = Growth::default();
    let mut asked = 0;
    loop {
        let silent = match health::ask(&run.ctx.engine, &url).await {
            Ok(()) => return ready(run, plan, began).await,
            Err(silent) => silent,
        };
        run.record.detail(step, silent.clone()).await;
        if asked % LOOK_EVERY == 0 {
            alive(run, plan).await?;
            growth.tell(run, plan, began).await;
        }
        asked += 1;
        if began.elapsed() >= limit {
            let error = format!(
                "{} does not answer after {} s: {silent}",
                plan.service,
                limit.as_secs()
            );
            return Err(ended(run, plan, error, None).await);
        }
        run.pause(EVERY).await?;
    }
}

/// It answers; it must be our container that does.
async fn ready(
    run: &JobRun,
    plan: &StartPlan,
    began: Instant,
) -> Result<((), Option<String>), Halt> {
    let found = super::own(run, &plan.node).await?;
    let Some(container) = found.iter().find(|c| c.running()) else {
        let error = format!(
            "something answers at {}, but {} does not run",
            plan.endpoint, plan.service
        );
        return Err(ended(run, plan, error, found.first()).await);
    };
    run.ctx
        .services
        .answered(&container.id, container.started_at, clock::now())
        .await;
    Ok((
        (),
        Some(format!(
            "ready after {:.0} s",
            began.elapsed().as_secs_f64()
        )),
    ))
}

/// The container still runs. A node that cannot be asked says nothing about it.
async fn alive(run: &JobRun, plan: &StartPlan) -> Result<(), Halt> {
    let Ok(found) = hands::containers_of(&run.ctx, &plan.node, run.id()).await else {
        return Ok(());
    };
    match found.first() {
        Some(container) if container.running() => Ok(()),
        Some(container) => {
            let code = container
                .exit_code
                .map_or("unknown".to_owned(), |c| c.to_string());
            let error = format!("{} ended with code {code} before it answered", plan.service);
            Err(ended(run, plan, error, Some(container)).await)
        }
        None => Err(Halt::failed(format!(
            "the container of {} is gone from {}",
            plan.service, plan.node
        ))),
    }
}

/// The failure with its first cause, from what the container said; its last lines go to the operation's log.
async fn ended(
    run: &JobRun,
    plan: &StartPlan,
    error: String,
    container: Option<&ContainerFacts>,
) -> Halt {
    let name = plan.container.as_str();
    let text = hands::tail(&run.ctx, &plan.node, name, LINES)
        .await
        .unwrap_or_default();
    let mut lines = Vec::new();
    for line in clean_text(&text).lines() {
        let (at, text) = split_time(line);
        run.record.line(LogLine {
            seq: 0,
            node: Some(plan.node.clone()),
            rank: None,
            at,
            text: text.clone(),
        });
        lines.push(Evidence {
            node: plan.node.clone(),
            rank: None,
            at,
            text,
        });
    }
    let ending = container.filter(|c| !c.running()).map(|c| Ending {
        node: plan.node.clone(),
        rank: 0,
        at: c.finished_at,
        state: c.state.clone(),
        exit_code: c.exit_code,
        oom_killed: c.oom_killed,
        error: c.error.clone(),
    });
    let advice = first_cause(&lines, ending.as_slice());
    Halt::Failed {
        error: advice
            .as_ref()
            .map_or_else(|| error.clone(), |a| format!("{}: {error}", a.title)),
        advice: advice.map(Box::new),
    }
}

/// How the cache of a first start grows.
#[derive(Default)]
struct Growth {
    meter: Meter,
    /// Bytes that were there at the first look.
    before: Option<u64>,
}

impl Growth {
    async fn tell(&mut self, run: &mut JobRun, plan: &StartPlan, began: Instant) {
        let Some(bytes) = cache_bytes(run, plan).await else {
            return;
        };
        let before = *self.before.get_or_insert(bytes);
        let pace = self.meter.take(began.elapsed().as_secs_f64(), bytes);
        let come = bytes.saturating_sub(before);
        let stage = if come > 0 {
            "fetching its weights"
        } else {
            "starting"
        };
        run.record
            .progress(Progress {
                done: Some(figure(come)),
                total: None,
                unit: "bytes".to_owned(),
                rate: pace.rate,
                eta_s: None,
                stage: Some(stage.to_owned()),
            })
            .await;
    }
}

/// Bytes in the cache folder; `None` without one, or when the node does not say.
async fn cache_bytes(run: &JobRun, plan: &StartPlan) -> Option<u64> {
    let path = HomePath::checked(plan.cache.as_deref()?).ok()?;
    let command = Remote::script("cache-size", "du -sk -- \"$1\" 2>/dev/null | cut -f1").arg(path);
    match hands::exec(&run.ctx, &plan.node, Ok(command), 20).await {
        Done::Ok(output) => output.trim().parse::<u64>().ok()?.checked_mul(1024),
        Done::Refused { .. } | Done::Unknown(_) => None,
    }
}
