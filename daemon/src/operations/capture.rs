//! The world as the planner wants it: one fresh look at everything that a plan rests on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use spark_core::lane::Lanes;
use spark_core::launch::{NodeFacts, facts_command, peers, ping_words, read_facts};
use spark_core::plan::{
    Busy, Intent, NodeWorld, PlanSettings, Planned, StopTarget, World, plan as decide,
    plan_stop as decide_stop,
};
use spark_ipc::id::{ImageRef, NodeId, OperationId};
use spark_ipc::model::node::{Freshness, Node};
use spark_ipc::model::operation::OperationState;
use spark_ipc::model::preflight::Preflight;

use super::context::{self, Context};
use crate::clock;
use crate::ssh::{Limits, Outcome};

/// How long one look at a node may take before the plan is made without it.
const LOOK: Duration = Duration::from_secs(20);

/// Plans a swap on a fresh look. `id` is the operation that would carry it out.
pub(super) async fn plan(ctx: &Context, intent: &Intent, id: &OperationId) -> Planned {
    let images = images_of(ctx, intent);
    let world = world(ctx, &images, id).await;
    decide(intent, &world, &settings(ctx), clock::now(), id.clone())
}

/// Plans a stop on a fresh look.
pub(super) async fn plan_stop(ctx: &Context, target: &StopTarget, id: &OperationId) -> Planned {
    let world = world(ctx, &[], id).await;
    decide_stop(target, &world, &settings(ctx), clock::now(), id.clone())
}

/// The plan as the API shows it.
pub(super) fn view(planned: Planned) -> Preflight {
    planned.preflight()
}

fn settings(ctx: &Context) -> PlanSettings {
    let seconds = |s: u64| u32::try_from(s).unwrap_or(u32::MAX);
    PlanSettings {
        free_wait_s: seconds(ctx.free_timeout_s.get()),
        load_limit_s: seconds(ctx.load_timeout_s.get()),
        ..PlanSettings::default()
    }
}

/// The images that the recipes of the wanted repository name.
fn images_of(ctx: &Context, intent: &Intent) -> Vec<ImageRef> {
    let catalog = Arc::clone(&ctx.catalog.borrow());
    let recipes = catalog.for_repo(&intent.repo);
    let images: BTreeSet<_> = recipes.iter().map(|e| e.recipe.image.clone()).collect();
    images.into_iter().collect()
}

async fn world(ctx: &Context, images: &[ImageRef], id: &OperationId) -> World {
    let ids: Vec<NodeId> = ctx
        .view
        .nodes
        .borrow()
        .iter()
        .map(|n| n.id.clone())
        .collect();
    let since = clock::now();
    let nodes = join_all(ids.iter().map(|node| look(ctx, node, images, since)));
    let (nodes, known) = tokio::join!(nodes, ctx.units.refresh());
    let lists = ctx.models.lists();
    let nodes = nodes.into_iter().map(|(node, facts)| NodeWorld {
        models: lists.get(&node.id).map(|models| Vec::clone(models)),
        best_idle_bytes: known.best_idle_bytes.get(&node.id).copied(),
        node,
        facts,
    });
    World {
        nodes: nodes.collect(),
        units: Vec::clone(&known.units),
        catalog: Arc::clone(&ctx.catalog.borrow()),
        busy: busy(ctx, id),
        measured: crate::models::measured(&ctx.launches.borrow()),
    }
}

/// A node as polled just now (else as last seen), and its facts.
async fn look(
    ctx: &Context,
    id: &NodeId,
    images: &[ImageRef],
    since: spark_ipc::Time,
) -> (Node, Option<NodeFacts>) {
    let reachable = |n: &Node| n.id == *id && n.freshness == Freshness::Fresh;
    let tried = ctx.view.nodes.borrow().iter().any(reachable);
    let fresh = async {
        if tried {
            context::fresh(ctx, id, since, LOOK).await
        } else {
            None
        }
    };
    let (fresh, facts) = tokio::join!(fresh, facts(ctx, id, images, tried));
    let node = fresh.or_else(|| {
        ctx.view
            .nodes
            .borrow()
            .iter()
            .find(|n| n.id == *id)
            .cloned()
    });
    #[expect(
        clippy::expect_used,
        reason = "the list of nodes never loses one while the daemon runs"
    )]
    (node.expect("a node that was listed stays listed"), facts)
}

async fn facts(ctx: &Context, id: &NodeId, images: &[ImageRef], tried: bool) -> Option<NodeFacts> {
    if !tried {
        return None;
    }
    let link = ctx.nodes.link(id)?;
    let peers = peers(&ctx.view.nodes.borrow(), id);
    let command = facts_command(images).args(ping_words(&peers));
    match link.run(&command, Limits::within(LOOK)).await {
        Outcome::Exited {
            status: 0, stdout, ..
        } => {
            let (mut facts, warnings) = read_facts(&stdout);
            let ours = clock::now().0.as_second();
            facts.clock_ahead_s = facts.clock_s.map(|theirs| theirs - ours);
            for warning in warnings {
                tracing::warn!(node = %id, ?warning, "a fact of the node cannot be read");
            }
            Some(facts)
        }
        Outcome::Exited { stderr, .. } => {
            tracing::warn!(node = %id, ?stderr, "the node's facts cannot be read");
            None
        }
        Outcome::TimedOut | Outcome::Lost { .. } | Outcome::Refused(_) => None,
    }
}

fn busy(ctx: &Context, id: &OperationId) -> Vec<Busy> {
    let operations = Arc::clone(&ctx.view.operations.borrow());
    let running = operations
        .iter()
        .filter(|o| o.state == OperationState::Running && o.id != *id);
    running
        .filter(|o| Lanes::of(o.kind).engine)
        .map(|o| Busy {
            operation: o.id.clone(),
            nodes: o.nodes.clone(),
            subject: o.subject.clone(),
        })
        .collect()
}
