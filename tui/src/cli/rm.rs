//! `rm`: a model off the disks, after a look at what uses it.

use spark_ipc::model::inventory::ModelList;
use spark_ipc::model::operation::OperationStarted;
use spark_ipc::model::transfer::{DeleteOnNode, DeletePreview, DeleteState, ModelUser};

use super::context::Context;
use super::failure::Failure;
use super::{follow, pick};
use crate::args::Rm;
use crate::exit::Exit;
use crate::format::{bytes, or_unknown};
use crate::paint::{Line, Tone};
use crate::trouble::Trouble;

pub(super) async fn run(context: &mut Context, args: Rm) -> Result<Exit, Failure> {
    let list: ModelList = context.client.get("/api/models").await?;
    let repo = pick::model(&list.models, &args.model)?.repo.clone();
    let path = |dry: bool| {
        let first = format!("/api/models/{repo}?dry_run={dry}");
        args.nodes
            .iter()
            .fold(first, |path, n| path + "&node=" + n.as_ref())
    };
    let preview: DeletePreview = context.client.delete(&path(true)).await?;
    if args.dry_run {
        return show(context, &preview);
    }
    if !args.yes && !agreed(context, &preview)? {
        return Ok(Exit::Cancelled);
    }
    let started: OperationStarted = context.client.delete(&path(false)).await?;
    if args.no_wait {
        return follow::left_running(context, &started.operation);
    }
    follow::to_the_end(context, started.operation, args.timeout, &[]).await
}

fn show(context: &mut Context, preview: &DeletePreview) -> Result<Exit, Failure> {
    if context.json {
        context.print_json("spark.deletion_preview/1", preview)?;
    } else {
        context.out.lines(&lines(preview))?;
    }
    let fine = |n: &DeleteOnNode| matches!(n.state, DeleteState::Present | DeleteState::Absent);
    Ok(if preview.nodes.iter().all(fine) {
        Exit::Done
    } else {
        Exit::Degraded
    })
}

fn agreed(context: &mut Context, preview: &DeletePreview) -> Result<bool, Failure> {
    if !context.may_ask || context.json {
        let text = format!(
            "deleting {} must be agreed to, and nobody can be asked here",
            preview.repo
        );
        return Err(Trouble::new(Exit::Usage, "not_agreed", text)
            .hint("add --yes, or look first with --dry-run")
            .into());
    }
    context.out.lines(&lines(preview))?;
    let agreed = context.ask(&format!("Delete {}?", preview.repo))?;
    if !agreed {
        let text = Line::of(Tone::Dim, "Nothing was changed.");
        context.out.line(&text)?;
    }
    Ok(agreed)
}

pub(crate) fn lines(preview: &DeletePreview) -> Vec<Line> {
    let mut lines: Vec<Line> = preview.nodes.iter().flat_map(on_node).collect();
    let total = format!("{} come free", bytes(preview.total_bytes));
    lines.push(Line::of(Tone::Strong, total));
    let warnings = preview.warnings.iter();
    lines.extend(warnings.map(|w| Line::of(Tone::Warn, format!("▲ {w}"))));
    lines
}

/// `spark1  34.2 GiB  in use  last used 2026-11-20T…`, and what uses it.
fn on_node(node: &DeleteOnNode) -> Vec<Line> {
    let (word, tone) = match node.state {
        DeleteState::Present => ("can be deleted", Tone::Plain),
        DeleteState::InUse => ("in use", Tone::Bad),
        DeleteState::Absent => ("not there", Tone::Dim),
        DeleteState::Refused => ("not touched", Tone::Bad),
        DeleteState::Unknown => ("unknown", Tone::Warn),
    };
    let used = node.last_used.map(|at| format!("  last used {at}"));
    let size = or_unknown(node.size_bytes, bytes);
    let head = Line::of(Tone::Plain, format!("{}  {size}  ", node.node))
        .add(tone, word)
        .add(Tone::Dim, used.unwrap_or_default());
    let users = node.used_by.iter().filter(|u| u.holds()).map(user);
    let detail = node.detail.clone().filter(|_| tone != Tone::Plain);
    let below = users.chain(detail);
    std::iter::once(head)
        .chain(below.map(|text| Line::of(Tone::Dim, format!("  {text}"))))
        .collect()
}

fn user(user: &ModelUser) -> String {
    match user {
        ModelUser::Unit { unit } => format!("the unit {unit} serves it"),
        ModelUser::Container { name } => format!("the container {name} uses it"),
        ModelUser::Operation { operation } => format!("operation {operation} works with it"),
        ModelUser::Download => "it is being downloaded".to_owned(),
        ModelUser::Recipe { recipe } => format!("the recipe {recipe} launches it"),
    }
}
