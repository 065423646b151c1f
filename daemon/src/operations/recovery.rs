//! Operations that an earlier run of the daemon left open: looked at, then finished, adopted or undone.

use std::time::Duration;

use futures_util::future::join_all;
use spark_core::plan::Plan;
use spark_core::recover::{Observed, Recovery, StepMark, recover};
use spark_core::units;
use spark_ipc::id::NodeId;
use spark_ipc::model::operation::{OperationState, StepState};
use tokio_util::sync::CancellationToken;

use super::context::{self, Context};
use super::hands;
use super::job::{Job, JobRun};
use super::record::Record;
use super::run::{Halt, Run};
use crate::gate::Route;
use crate::journal::OpenOperation;
use crate::ssh::{Limits, Outcome};

/// Time between two looks while a node does not answer.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Takes up one operation to its end. Nothing is done to a node before all of the plan's nodes were seen.
pub(super) async fn take_up(
    ctx: Context,
    record: Record,
    open: OpenOperation,
    cancel: CancellationToken,
) {
    // A job says what it is; the plan of a swap or a stop does not.
    if let Ok(job) = serde_json::from_str::<Job>(&open.plan) {
        let run = JobRun {
            ctx,
            record,
            cancel,
        };
        return run.execute(job).await;
    }
    let plan: Plan = match serde_json::from_str(&open.plan) {
        Ok(plan) => plan,
        Err(error) => return unreadable(&ctx, record, &error).await,
    };
    if plan.launch.is_some() {
        let to = plan.launch.as_ref().map(|l| l.served_name.clone());
        ctx.gate.set(Route::Swapping {
            to,
            retry_after_s: 30,
        });
    }
    let offset = record
        .operation()
        .steps
        .len()
        .saturating_sub(plan.steps.len());
    let mut run = Run {
        ctx,
        record,
        plan,
        offset,
        cancel,
        restoring: open.operation.error.is_some(),
        launched: None,
        memory_before: Vec::new(),
    };
    for step in &open.steps {
        if step.mark == StepMark::Done {
            run.record
                .end_step(offset + step.index, StepState::Done, None)
                .await;
        }
    }
    let recovery = loop {
        let observed = observe(&run.ctx, &run.plan.nodes).await;
        match recover(&run.plan, &open.steps, &observed) {
            Recovery::Wait(nodes) => match wait(&mut run, &nodes).await {
                Ok(()) => {}
                Err(Halt::ShutDown) => return,
                // The operator does not want to wait: what runs there is not known, and is left alone.
                Err(_) => return interrupted(run, &nodes).await,
            },
            decided => break decided,
        }
    };
    tracing::info!(operation = %run.plan.operation, ?recovery, "an open operation goes on");
    match recovery {
        Recovery::Continue { from } | Recovery::Adopt { from } => {
            for index in 0..from {
                run.record
                    .end_step(offset + index, StepState::Done, None)
                    .await;
            }
            run.execute(from).await;
        }
        Recovery::Undo { reason } => {
            run.give_up(format!(
                "the daemon was restarted in the middle, and {reason}"
            ))
            .await;
        }
        Recovery::Finished(OperationState::Succeeded) => {
            let state = run.success();
            run.end(state).await;
        }
        Recovery::Finished(state) => run.end(state).await,
        Recovery::Wait(_) => {}
    }
}

/// The containers of every node; `None` for one that does not answer, or nonsense.
async fn observe(ctx: &Context, nodes: &[NodeId]) -> Observed {
    let looks = nodes.iter().map(|id| async move {
        let containers = match ctx.nodes.link(id) {
            Some(link) => {
                match link
                    .run(&units::command(), Limits::within(Duration::from_secs(25)))
                    .await
                {
                    Outcome::Exited {
                        status: 0, stdout, ..
                    } => hands::all_containers(&stdout).ok(),
                    _ => None,
                }
            }
            None => None,
        };
        (id.clone(), containers)
    });
    join_all(looks).await.into_iter().collect()
}

async fn wait(run: &mut Run, nodes: &[NodeId]) -> Result<(), Halt> {
    let names: Vec<&str> = nodes.iter().map(NodeId::as_str).collect();
    let detail = format!(
        "waiting for {} to answer, to see what runs there",
        names.join(" and ")
    );
    let pending = run
        .record
        .operation()
        .steps
        .iter()
        .position(|s| s.state == StepState::Pending);
    if let Some(index) = pending {
        run.record.detail(index, detail).await;
    }
    context::pause(&run.ctx, &run.cancel, AGAIN_AFTER).await
}

async fn interrupted(mut run: Run, nodes: &[NodeId]) {
    let names: Vec<&str> = nodes.iter().map(NodeId::as_str).collect();
    let error = format!(
        "{} did not answer; what runs there is not known and was left alone",
        names.join(" and ")
    );
    run.record.failed_with(error, None).await;
    run.record.skip_rest().await;
    run.end(OperationState::Interrupted).await;
}

/// A plan of another version of the daemon: nothing is touched.
async fn unreadable(ctx: &Context, mut record: Record, error: &serde_json::Error) {
    tracing::error!(%error, operation = %record.operation().id, "the plan of an open operation cannot be read");
    let text = format!("the plan in the journal cannot be read ({error}); nothing was touched");
    record.failed_with(text, None).await;
    record.skip_rest().await;
    record.set_end(OperationState::Interrupted);
    if let Err(error) = ctx.journal.end(record.operation(), None).await {
        tracing::error!(%error, "the end of an operation was not written");
    }
    record.close().await;
}
