//! The way back after a failed swap: the last good model, by setting and once, or as an offer.

use spark_core::flags::dangers;
use spark_core::plan::{Intent, Plan};

use super::capture;
use super::context::Context;
use super::run::Run;
use crate::journal::Launch;

/// A plan that starts the last good model again. `None` when the setting says only to offer it, when this
/// operation stopped no such model, when that ran on nodes that this operation does not hold, or when it
/// cannot be started now. Units on other nodes stay as they are.
pub(super) async fn plan(run: &Run) -> Option<Plan> {
    let last = last_good(&run.ctx, &run.plan)?;
    let held = |node| run.record.operation().nodes.contains(node);
    if !run.ctx.restore_last_good.get() || !last.nodes.iter().all(held) {
        return None;
    }
    let intent = Intent {
        repo: last.repo.clone(),
        recipe: Some(last.recipe.clone()),
        nodes: Some(last.nodes.clone()),
        keep: true,
        allow: said_yes_to(&run.ctx, &last),
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

/// What was said yes to when that model was started: everything that its recipe needs a yes for.
fn said_yes_to(ctx: &Context, last: &Launch) -> Vec<String> {
    let catalog = std::sync::Arc::clone(&ctx.catalog.borrow());
    let entry = catalog.get(&last.recipe);
    let dangers = entry.map(|e| dangers(&e.recipe)).unwrap_or_default();
    dangers.into_iter().map(|danger| danger.name).collect()
}

/// The newest launch that ended well of a model that this plan stopped.
pub(super) fn last_good(ctx: &Context, plan: &Plan) -> Option<Launch> {
    let stopped = |l: &&Launch| plan.stops.iter().any(|s| s.repo.as_ref() == Some(&l.repo));
    ctx.launches.borrow().iter().find(stopped).cloned()
}
