//! The way back after a failed swap: the last good model, by setting and once, or as an offer.

use spark_core::plan::{Intent, Plan};

use super::run::Run;
use super::{capture, context};

/// A plan that starts the last good model again; `None` when there is none, when the setting says only to
/// offer it, or when it cannot be started now.
pub(super) async fn plan(run: &Run) -> Option<Plan> {
    let failed = run.plan.launch.as_ref()?;
    let last = last_good(&run.ctx, failed)?;
    if !run.ctx.restore_last_good.get() {
        return None;
    }
    let intent = Intent {
        repo: last.repo.clone(),
        recipe: Some(last.recipe.clone()),
        nodes: Some(last.nodes.clone()),
        keep: false,
    };
    let planned = capture::plan(&run.ctx, &intent, &run.plan.operation).await;
    if planned.plan.is_none() {
        let blockers: Vec<_> = planned
            .blockers
            .iter()
            .map(|b| b.message.as_str())
            .collect();
        tracing::warn!(repo = %last.repo, ?blockers, "the last good model cannot be restored");
    }
    planned.plan
}

/// The newest launch that ended well and is not the one that failed.
pub(super) fn last_good(
    ctx: &context::Context,
    failed: &spark_core::plan::UnitLaunch,
) -> Option<crate::journal::Launch> {
    let launches = ctx.launches.borrow();
    launches
        .iter()
        .find(|l| (&l.repo, &l.recipe) != (&failed.repo, &failed.recipe))
        .cloned()
}
