//! `swap`: preview, question, swap, and the way to its end.

use serde_json::json;
use spark_ipc::model::inventory::{Model, ModelList, ModelState};
use spark_ipc::model::operation::{OperationStarted, SwapRequest};
use spark_ipc::model::preflight::{Preflight, PreflightRequest};
use spark_ipc::model::unit::{Unit, UnitList};

use super::context::Context;
use super::failure::Failure;
use super::{follow, pick};
use crate::args::Swap;
use crate::exit::Exit;
use crate::paint::{Line, Tone};
use crate::preview;
use crate::trouble::Trouble;

pub(super) async fn run(context: &mut Context, args: Swap) -> Result<Exit, Failure> {
    let list: ModelList = context.client.get("/api/models").await?;
    let model = pick::model(&list.models, &args.model)?;
    if args.ensure && runs_already(model, &args) {
        return already(context, model);
    }
    let nodes = (!args.nodes.is_empty()).then(|| args.nodes.clone());
    let question = PreflightRequest {
        repo: model.repo.clone(),
        recipe: args.recipe.clone(),
        nodes: nodes.clone(),
        keep: args.keep,
        allow: args.allow.clone(),
    };
    let preflight: Preflight = context.client.post("/api/preflight", &question).await?;
    let units = context.client.get::<UnitList>("/api/units").await?.units;
    if args.dry_run {
        return dry_run(context, &preflight, &units);
    }
    if !agreed(context, &args, model, &preflight, &units)? {
        return Ok(Exit::Cancelled);
    }
    let request = SwapRequest {
        repo: question.repo,
        recipe: question.recipe,
        nodes,
        keep: args.keep,
        dry_run: false,
        allow: question.allow,
    };
    let started: OperationStarted = context.client.post("/api/swap", &request).await?;
    let replaced = replaced(&preflight, &units);
    if args.no_wait {
        return follow::left_running(context, &started.operation);
    }
    follow::to_the_end(context, started.operation, args.timeout, &replaced).await
}

fn runs_already(model: &Model, args: &Swap) -> bool {
    model.state == ModelState::Running
        && args
            .recipe
            .as_ref()
            .is_none_or(|r| model.recipe.as_ref() == Some(r))
        && args.nodes.iter().all(|n| model.running_on.contains(n))
}

fn already(context: &mut Context, model: &Model) -> Result<Exit, Failure> {
    if context.json {
        let body = json!({ "changed": false, "operation": null, "repo": model.repo });
        return context.print_json("spark.swap/1", &body);
    }
    let text = format!(
        "{} already runs on {}",
        model.repo,
        preview::joined(&model.running_on)
    );
    context.out.line(&Line::plain(text))?;
    Ok(Exit::Done)
}

fn dry_run(context: &mut Context, preflight: &Preflight, units: &[Unit]) -> Result<Exit, Failure> {
    if context.json {
        context.print_json("spark.preflight/1", preflight)?;
    } else {
        context.out.lines(&preview::lines(preflight, units, true))?;
    }
    Ok(if preflight.blockers.is_empty() {
        Exit::Done
    } else {
        Exit::Degraded
    })
}

/// Shows what would be done and asks; blockers refuse.
fn agreed(
    context: &mut Context,
    args: &Swap,
    model: &Model,
    preflight: &Preflight,
    units: &[Unit],
) -> Result<bool, Failure> {
    if !preflight.blockers.is_empty() {
        return Err(blocked(model, preflight).into());
    }
    if !context.json && !context.quiet {
        context
            .out
            .lines(&preview::lines(preflight, units, false))?;
    }
    if args.yes {
        return Ok(true);
    }
    if !context.may_ask || context.json {
        let text = format!(
            "swapping to {} must be agreed to, and nobody can be asked here",
            model.repo
        );
        return Err(Trouble::new(Exit::Usage, "not_agreed", text)
            .hint("add --yes, or look first with --dry-run")
            .into());
    }
    let agreed = context.ask(&format!("Swap to {}?", model.repo))?;
    if !agreed {
        context
            .out
            .line(&Line::of(Tone::Dim, "Nothing was changed."))?;
    }
    Ok(agreed)
}

fn blocked(model: &Model, preflight: &Preflight) -> Trouble {
    let reasons: Vec<String> = preflight
        .blockers
        .iter()
        .map(|b| match &b.node {
            Some(node) => format!("{node}: {}", b.message),
            None => b.message.clone(),
        })
        .collect();
    let message = format!("cannot swap to {}: {}", model.repo, reasons.join("; "));
    let (exit, code) = if preflight.blockers.iter().any(|b| b.code == "busy") {
        (Exit::Busy, "busy")
    } else {
        (Exit::Failed, "blocked")
    };
    let trouble = Trouble::new(exit, code, message);
    match preflight.blockers.iter().find_map(|b| b.fix.clone()) {
        Some(fix) => trouble.hint(fix),
        None => trouble,
    }
}

/// The repositories of the units that the plan stops.
fn replaced(preflight: &Preflight, units: &[Unit]) -> Vec<String> {
    let stops = preflight.plan.iter().flat_map(|p| &p.stops);
    stops
        .filter_map(|id| units.iter().find(|u| u.id == *id))
        .map(|u| {
            u.repo
                .as_ref()
                .map_or(u.id.to_string(), ToString::to_string)
        })
        .collect()
}
