//! `ops`: what the daemon does and did.

use serde_json::Value;
use spark_ipc::model::operation::{Operation, OperationList};

use super::context::Context;
use super::failure::Failure;
use super::{follow, pick, table};
use crate::args::OpsCommand;
use crate::exit::Exit;
use crate::format::duration;
use crate::paint::{Line, Span, Tone};
use crate::trouble::Trouble;
use crate::{outcome, preview, words};

pub(super) async fn run(
    context: &mut Context,
    command: Option<OpsCommand>,
) -> Result<Exit, Failure> {
    let list: OperationList = context.client.get("/api/operations").await?;
    match command {
        None | Some(OpsCommand::List) => print_list(context, &list),
        Some(OpsCommand::Show { id }) => {
            let operation = pick::operation(list.operations, &id)?;
            print_one(context, &operation)
        }
        Some(OpsCommand::Cancel { id }) => {
            cancel(context, pick::operation(list.operations, &id)?).await
        }
        Some(OpsCommand::Wait { id, timeout }) => {
            let operation = pick::operation(list.operations, &id)?;
            follow::to_the_end(context, operation, timeout, &[]).await
        }
    }
}

fn print_list(context: &mut Context, list: &OperationList) -> Result<Exit, Failure> {
    if context.json {
        return context.print_json("spark.operations/1", list);
    }
    if context.quiet {
        let ids: Vec<Line> = list
            .operations
            .iter()
            .map(|o| Line::plain(o.id.as_str()))
            .collect();
        context.out.lines(&ids)?;
        return Ok(Exit::Done);
    }
    if list.operations.is_empty() {
        context
            .out
            .line(&Line::of(Tone::Dim, "Nothing has been done yet."))?;
        return Ok(Exit::Done);
    }
    let rows = list.operations.iter().map(row).collect();
    let headers = [
        "STATE", "WHAT", "SUBJECT", "NODES", "STARTED", "TOOK", "ID", "BY",
    ];
    let lines = table::lines(&headers, rows, context.out.width);
    context.out.lines(&lines)?;
    Ok(Exit::Done)
}

fn row(operation: &Operation) -> Vec<Span> {
    let took = match operation.ended_at {
        Some(end) => duration(end.seconds_since(operation.started_at)),
        None => outcome::progress(operation),
    };
    vec![
        words::operation(operation.state).span(),
        words::kind(operation.kind).0.into(),
        operation.subject.as_str().into(),
        preview::joined(&operation.nodes).into(),
        format!("{:.0}", operation.started_at.0).into(),
        took.into(),
        operation.id.as_str().into(),
        operation.actor.as_str().into(),
    ]
}

fn print_one(context: &mut Context, operation: &Operation) -> Result<Exit, Failure> {
    if context.json {
        return context.print_json("spark.operation/1", operation);
    }
    context.out.line(&outcome::sentence(operation, &[]))?;
    let asked = format!(
        "{} by {}, {:.0}",
        operation.id, operation.actor, operation.started_at.0
    );
    context.out.line(&Line::of(Tone::Dim, asked))?;
    let steps: Vec<Line> = operation
        .steps
        .iter()
        .map(|s| outcome::step(s, None))
        .collect();
    context.out.lines(&steps)?;
    context.out.lines(&outcome::trouble(operation))?;
    Ok(Exit::Done)
}

async fn cancel(context: &mut Context, operation: Operation) -> Result<Exit, Failure> {
    if operation.state.is_final() {
        let word = words::operation(operation.state).text;
        let text = format!("operation {} has ended: {word}", operation.id);
        return Err(Trouble::new(Exit::Busy, "conflict", text).into());
    }
    let path = format!("/api/operations/{}/cancel", operation.id);
    let answer: Value = context.client.post(&path, &serde_json::json!({})).await?;
    if context.json {
        return context.print_json("spark.operation_cancel/1", &answer);
    }
    let text = format!(
        "Asked to cancel; follow with spark-control ops wait {}",
        operation.id
    );
    context.out.line(&Line::plain(text))?;
    Ok(Exit::Done)
}
