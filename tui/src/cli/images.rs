//! `images` and `pull`: the images on the nodes, and how they come there.

use spark_ipc::model::transfer::{Image, ImageCopyRequest, ImageList, ImagePullRequest};

use super::context::Context;
use super::failure::Failure;
use super::table;
use super::transfer::{Act, send};
use crate::args::{ImagesCommand, Pull, Wait};
use crate::exit::Exit;
use crate::format::{UNKNOWN, bytes, or_unknown};
use crate::paint::{Line, Span, Tone};
use crate::preview::joined;

pub(super) async fn run(
    context: &mut Context,
    command: Option<ImagesCommand>,
) -> Result<Exit, Failure> {
    match command {
        None | Some(ImagesCommand::List) => list(context).await,
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
