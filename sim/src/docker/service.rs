//! The program of a service's image, with this node and container around it.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::image::{Image, Software};
use super::store::Store;
use super::vllm::{Host, inside};
use crate::node::Node;
use crate::services::{self, Kind};
use crate::tools::{Env, Outcome, Refusal};

/// Runs `program` with `args` in the container that the environment names.
pub(crate) fn main(node: &Node, program: &str, args: &[String], env: &Env) -> Outcome {
    let store = Store::new(node.clone());
    let container = inside(&store, env)?;
    let images = store.images()?;
    let image = images
        .into_iter()
        .find(|image| image.id == container.image_id);
    let image = image.unwrap_or_else(|| Image::published(&container.spec.image));
    let Software::Service(kind) = image.software else {
        return Err(Refusal::new(
            127,
            format!("bash: {program}: command not found"),
        ));
    };
    let name = last_name(&image);
    let shutdown = CancellationToken::new();
    let host = Host::new(store, container, image.engine, 0, shutdown.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Refusal::new(1, format!("{program}: {error}")))?;
    let asked = Asked {
        kind,
        image: &name,
        program,
        args,
    };
    Ok(runtime.block_on(run(&asked, Arc::new(host), shutdown)))
}

/// What the container was started for.
struct Asked<'a> {
    kind: Kind,
    image: &'a str,
    program: &'a str,
    args: &'a [String],
}

async fn run(asked: &Asked<'_>, host: Arc<Host>, shutdown: CancellationToken) -> i32 {
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        return 1;
    };
    let running = services::run(asked.kind, asked.image, asked.program, asked.args, host);
    let mut running = Box::pin(running);
    loop {
        tokio::select! {
            code = &mut running => return code,
            _ = term.recv() => shutdown.cancel(),
        }
    }
}

/// `kokoro-fastapi-cpu` of `ghcr.io/remsky/kokoro-fastapi-cpu:latest`.
fn last_name(image: &Image) -> String {
    let tag = image.tags.first().map_or("", String::as_str);
    let name = tag.rsplit('/').next().unwrap_or(tag);
    name.split(':').next().unwrap_or(name).to_owned()
}
