//! `images` and `pull`: the images on the nodes, and how they come there.

use std::time::Duration;

use spark_ipc::id::{ImageRef, NodeId};
use spark_ipc::model::operation::OperationStarted;
use spark_ipc::model::transfer::{Image, ImageCopyRequest, ImageList, ImagePullRequest};

use super::context::Context;
use super::failure::Failure;
use super::transfer::{Act, send};
use super::{follow, table};
use crate::args::{ImagesCommand, Pull, Wait};
use crate::exit::Exit;
use crate::format::{UNKNOWN, bytes, or_unknown};
use crate::paint::{Line, Span, Tone};
use crate::preview::joined;
use crate::trouble::Trouble;

/// How long one waits for layers to go.
const REMOVAL: Duration = Duration::from_secs(900);

pub(super) async fn run(
    context: &mut Context,
    command: Option<ImagesCommand>,
) -> Result<Exit, Failure> {
    match command {
        None | Some(ImagesCommand::List) => list(context).await,
        Some(ImagesCommand::Rm { image, nodes, yes }) => remove(context, image, nodes, yes).await,
        Some(ImagesCommand::Copy {
            image,
            from,
            to,
            wait,
        }) => {
            let act = act(&wait);
            let request = ImageCopyRequest {
                image,
                from,
                to,
                dry_run: wait.dry_run,
            };
            send(context, "/api/images/copy", &request, act).await
        }
    }
}

pub(super) async fn pull(context: &mut Context, args: Pull) -> Result<Exit, Failure> {
    let act = act(&args.wait);
    let request = ImagePullRequest {
        image: args.image,
        nodes: args.nodes,
        dry_run: args.wait.dry_run,
    };
    send(context, "/api/images/pull", &request, act).await
}

async fn remove(
    context: &mut Context,
    image: ImageRef,
    nodes: Vec<NodeId>,
    yes: bool,
) -> Result<Exit, Failure> {
    if !yes && (!context.may_ask || context.json) {
        let text = format!("removing {image} must be agreed to, and nobody can be asked here");
        let trouble = Trouble::new(Exit::Usage, "not_agreed", text);
        return Err(trouble.hint("add --yes").into());
    }
    if !yes && !context.ask(&format!("Remove {image}?"))? {
        let text = Line::of(Tone::Dim, "Nothing was changed.");
        context.out.line(&text)?;
        return Ok(Exit::Cancelled);
    }
    let path = format!("/api/images?image={image}");
    let path = nodes
        .iter()
        .fold(path, |path, n| path + "&node=" + n.as_ref());
    let started: OperationStarted = context.client.delete(&path).await?;
    follow::to_the_end(context, started.operation, REMOVAL, &[]).await
}

fn act(wait: &Wait) -> Act {
    Act {
        dry_run: wait.dry_run,
        no_wait: wait.no_wait,
        timeout: wait.timeout,
    }
}

async fn list(context: &mut Context) -> Result<Exit, Failure> {
    let list: ImageList = context.client.get("/api/images").await?;
    if context.json {
        return context.print_json("spark.images/1", &list);
    }
    let rows = list.images.iter().map(row).collect();
    let headers = ["IMAGE", "SIZE", "NODES", "MISSING", "RECIPES"];
    let lines = table::lines(&headers, rows, context.out.width);
    context.out.lines(&lines)?;
    for unknown in &list.unknown {
        let text = format!("▲ {}: {}", unknown.node, unknown.reason);
        context.out.line(&Line::of(Tone::Warn, text))?;
    }
    Ok(Exit::Done)
}

fn row(image: &Image) -> Vec<Span> {
    let size = image.nodes.iter().filter_map(|n| n.size_bytes).max();
    let on: Vec<_> = image.nodes.iter().map(|n| n.node.clone()).collect();
    let nodes = match (on.is_empty(), image.differs) {
        (true, _) => Span::new(Tone::Dim, UNKNOWN),
        (false, true) => Span::new(Tone::Warn, format!("{} (differ)", joined(&on))),
        (false, false) => joined(&on).into(),
    };
    let missing = if image.missing_on.is_empty() {
        Span::new(Tone::Dim, UNKNOWN)
    } else {
        joined(&image.missing_on).into()
    };
    let recipes = match image.recipes.as_slice() {
        [] => UNKNOWN.to_owned(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    };
    vec![
        image.reference.as_str().into(),
        or_unknown(size, bytes).into(),
        nodes,
        missing,
        recipes.into(),
    ]
}
