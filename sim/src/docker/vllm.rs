//! `vllm` inside a container: the engine, with this node and container around it.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::container::{Container, ContainerId};
use super::entry::CONTAINER_VARIABLE;
use super::image::Image;
use super::store::Store;
use crate::engine;
use crate::node::Node;
use crate::tools::{Env, Outcome, Refusal, console};

mod faults;
mod host;

pub(super) use host::Host;

/// Runs `vllm` with `args` in the container that the environment names.
pub(crate) fn main(node: &Node, args: &[String], env: &Env) -> Outcome {
    let store = Store::new(node.clone());
    let container = inside(&store, env)?;
    let image = store
        .images()?
        .into_iter()
        .find(|image| image.id == container.image_id);
    let image = image.unwrap_or_else(|| Image::published(&container.spec.image));
    if let ["--version" | "-v"] = *args.iter().map(String::as_str).collect::<Vec<_>>() {
        console::out(&image.engine.vllm_version);
        return Ok(0);
    }
    let shutdown = CancellationToken::new();
    let host = Host::new(store, container, image.engine, rank(args), shutdown.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Refusal::new(1, format!("vllm: {error}")))?;
    let code = runtime.block_on(run(args.to_vec(), Arc::new(host), shutdown));
    Ok(code)
}

async fn run(args: Vec<String>, host: Arc<Host>, shutdown: CancellationToken) -> i32 {
    let mut term = match signal(SignalKind::terminate()) {
        Ok(term) => term,
        Err(error) => {
            console::err(&format!("vllm: {error}"));
            return 1;
        }
    };
    let mut running = Box::pin(engine::run(args, host));
    loop {
        tokio::select! {
            code = &mut running => return code,
            _ = term.recv() => shutdown.cancel(),
        }
    }
}

/// The container that this process runs in.
pub(crate) fn container_name(node: &Node, env: &Env) -> Option<String> {
    let container = inside(&Store::new(node.clone()), env).ok()?;
    Some(container.name().to_owned())
}

/// Where a path of the container that this process runs in lies on the node; `None` outside of one.
pub(crate) fn on_node(
    node: &Node,
    env: &Env,
    path: &std::path::Path,
) -> Option<std::path::PathBuf> {
    let container = inside(&Store::new(node.clone()), env).ok()?;
    container.spec.on_node(path.to_str()?).map(Into::into)
}

/// Whether this process runs in a container, and as its root.
pub(crate) fn runs_as_root(node: &Node, env: &Env) -> bool {
    let container = inside(&Store::new(node.clone()), env);
    container.is_ok_and(|container| matches!(container.spec.user.as_str(), "" | "0" | "root"))
}

pub(super) fn inside(store: &Store, env: &Env) -> Result<Container, Refusal> {
    let id = env.get(CONTAINER_VARIABLE).and_then(ContainerId::parse);
    let container = id.map(|id| store.load(&id)).transpose()?.flatten();
    container.ok_or_else(|| Refusal::new(127, "bash: vllm: command not found"))
}

fn rank(args: &[String]) -> u32 {
    let mut words = args.iter();
    let mut rank = 0;
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--node-rank") {
            Some("") => words.next().map(String::as_str),
            Some(rest) => rest.strip_prefix('='),
            None => continue,
        };
        rank = value.and_then(|value| value.parse().ok()).unwrap_or(rank);
    }
    rank
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_rank_is_read_in_both_spellings() {
        let rank =
            |line: &str| super::rank(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(rank("serve m --node-rank 1 --headless"), 1);
        assert_eq!(rank("serve m --node-rank=2"), 2);
        assert_eq!(rank("serve m"), 0);
    }
}
