//! `models`: what is on the disks, and one model in full.

use spark_ipc::model::inventory::{Model, ModelDetail, ModelList};
use spark_ipc::model::transfer::VerifyRequest;

use super::context::Context;
use super::failure::Failure;
use super::transfer::{self, Act};
use super::{pick, table};
use crate::args::{ModelsCommand, Verify};
use crate::exit::Exit;
use crate::format::{UNKNOWN, bytes, duration, or_unknown, parameters};
use crate::paint::{Line, Span, Tone};
use crate::words;

pub(super) async fn run(
    context: &mut Context,
    command: Option<ModelsCommand>,
) -> Result<Exit, Failure> {
    let list: ModelList = context.client.get("/api/models").await?;
    match command {
        None | Some(ModelsCommand::List) => print_list(context, &list),
        Some(ModelsCommand::Show { model }) => {
            let repo = &pick::model(&list.models, &model)?.repo;
            let detail = context.client.get(&format!("/api/models/{repo}")).await?;
            print_one(context, &detail)
        }
        Some(ModelsCommand::Verify(args)) => verify(context, &list, args).await,
    }
}

async fn verify(context: &mut Context, list: &ModelList, args: Verify) -> Result<Exit, Failure> {
    let request = VerifyRequest {
        repo: pick::model(&list.models, &args.model)?.repo.clone(),
        nodes: args.nodes,
        repair: args.repair,
    };
    let act = Act {
        dry_run: false,
        no_wait: args.no_wait,
        timeout: args.timeout,
    };
    transfer::send(context, "/api/verifications", &request, act).await
}

fn print_list(context: &mut Context, list: &ModelList) -> Result<Exit, Failure> {
    if context.json {
        return context.print_json("spark.models/1", list);
    }
    if context.quiet {
        let names: Vec<Line> = list
            .models
            .iter()
            .map(|m| Line::plain(m.repo.as_str()))
            .collect();
        context.out.lines(&names)?;
        return Ok(Exit::Done);
    }
    if list.models.is_empty() {
        let text = match list.observed_at {
            Some(_) => "No models on the disks.",
            None => "The disks have not been listed yet.",
        };
        context.out.line(&Line::of(Tone::Dim, text))?;
    } else {
        let rows = list.models.iter().map(row).collect();
        let headers = ["STATE", "MODEL", "SIZE", "NODES", "QUANT", "FIT", "RECIPE"];
        let lines = table::lines(&headers, rows, context.out.width);
        context.out.lines(&lines)?;
    }
    for error in &list.recipe_errors {
        context
            .out
            .line(&Line::of(Tone::Warn, format!("▲ recipe: {error}")))?;
    }
    Ok(Exit::Done)
}

fn row(model: &Model) -> Vec<Span> {
    let recipe = model.recipe.as_ref().map(ToString::to_string);
    vec![
        words::model(model.state).span(),
        model.repo.as_str().into(),
        bytes(model.size_bytes).into(),
        nodes(model).into(),
        model
            .quantization
            .clone()
            .unwrap_or_else(|| UNKNOWN.to_owned())
            .into(),
        words::fit(model.fit.verdict).span(),
        recipe.unwrap_or_else(|| UNKNOWN.to_owned()).into(),
    ]
}

/// `spark1+spark2`; a node where something is missing ends in `!`.
pub(crate) fn nodes(model: &Model) -> String {
    let names: Vec<String> = model
        .nodes
        .iter()
        .map(|n| format!("{}{}", n.node, if n.complete { "" } else { "!" }))
        .collect();
    if names.is_empty() {
        UNKNOWN.to_owned()
    } else {
        names.join("+")
    }
}

fn print_one(context: &mut Context, detail: &ModelDetail) -> Result<Exit, Failure> {
    if context.json {
        return context.print_json("spark.model/1", detail);
    }
    let lines = facts(detail);
    context.out.lines(&lines)?;
    Ok(Exit::Done)
}

pub(crate) fn facts(detail: &ModelDetail) -> Vec<Line> {
    let model = &detail.model;
    let fact = |name: &str, value: String| {
        Line::of(Tone::Dim, format!("{name:<13}")).add(Tone::Plain, value)
    };
    let state = words::model(model.state).span();
    let fit = words::fit(model.fit.verdict);
    let mut lines = vec![
        Line::of(Tone::Strong, model.repo.as_str()),
        Line::of(Tone::Dim, format!("{:<13}", "state")).add(state.tone, state.text),
        fact("size", bytes(model.size_bytes)),
        fact("parameters", or_unknown(model.parameters, parameters)),
        fact(
            "quantization",
            or_unknown(model.quantization.clone(), |q| q),
        ),
        fact(
            "architecture",
            or_unknown(model.architecture.clone(), |a| a),
        ),
        fact(
            "context",
            or_unknown(model.max_context_tokens, |t| format!("{t} tokens")),
        ),
        fact(
            "recipe",
            or_unknown(model.recipe.as_ref(), ToString::to_string),
        ),
    ];
    if !model.alternatives.is_empty() {
        let names: Vec<&str> = model.alternatives.iter().map(AsRef::as_ref).collect();
        lines.push(fact("or", names.join(", ")));
    }
    lines.push(fact(
        "fit",
        format!("{} {}: {}", fit.glyph, fit.text, model.fit.reason),
    ));
    for node in &model.nodes {
        let what = if node.complete {
            format!("complete, {}", bytes(node.size_bytes))
        } else {
            format!(
                "{} of {} missing: {}",
                node.missing_count,
                bytes(node.size_bytes),
                node.missing.join(", ")
            )
        };
        lines.push(fact(node.node.as_str(), what));
        lines.extend(
            node.warnings
                .iter()
                .map(|w| Line::of(Tone::Warn, format!("  ▲ {w}"))),
        );
    }
    for launch in &detail.launches {
        let memory = or_unknown(launch.memory_bytes, bytes);
        lines.push(fact(
            "launched",
            format!(
                "{} with {} in {}, {memory}",
                launch.at,
                launch.recipe,
                duration(launch.load_s)
            ),
        ));
    }
    lines
}
