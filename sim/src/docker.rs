//! The simulated Docker: the client's command line, and what the daemon would do behind it.
//!
//! ```text
//! docker/images.json                 images of the node
//! docker/containers/<id>/            config.json  state.json  log.jsonl  root/
//! docker/programs/                   programs of the images, links to this executable
//! ```
//!
//! There is no daemon process: state is files, a running container is a real process under a shim of
//! its own, and every command looks at both. Sentences, exit codes and JSON shapes are Docker 28's.

mod archive;
mod cgroup;
mod commands;
mod container;
mod copy;
mod create;
pub(crate) mod entry;
mod exec;
mod flags;
mod image;
mod images;
mod info;
mod inspect;
mod lifecycle;
mod listing;
mod login;
mod logs;
mod proxy;
mod ps;
mod pull;
mod reference;
mod registry;
pub(crate) mod service;
pub(crate) mod shim;
mod spec;
mod store;
mod template;
mod values;
pub(crate) mod vllm;

use flags::with;
use store::Store;

use crate::node::Node;
use crate::tools::{Env, Outcome, Refusal, console};

const DOWN: &str = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. \
                    Is the docker daemon running?";
const DENIED: &str = "permission denied while trying to connect to the Docker daemon socket at \
                      unix:///var/run/docker.sock: Get \
                      \"http://%2Fvar%2Frun%2Fdocker.sock/v1.51/containers/json\": dial unix \
                      /var/run/docker.sock: connect: permission denied";

/// Commands of Docker that are not simulated; they are refused by name and not as unknown.
const ABSENT: [&str; 27] = [
    "attach",
    "build",
    "builder",
    "buildx",
    "checkpoint",
    "commit",
    "compose",
    "config",
    "context",
    "diff",
    "events",
    "export",
    "history",
    "import",
    "network",
    "node",
    "pause",
    "plugin",
    "port",
    "push",
    "search",
    "secret",
    "service",
    "stack",
    "swarm",
    "trust",
    "unpause",
];

/// The id of the container with this name.
pub(crate) fn id_of(node: &Node, name: &str) -> Option<String> {
    let containers = Store::new(node.clone()).containers().ok()?;
    let found = containers.iter().find(|container| container.name() == name);
    found.map(|container| container.id.as_str().to_owned())
}

/// Runs `docker` with `args`.
pub(crate) fn main(node: &Node, args: &[String], env: &Env) -> Outcome {
    let (name, rest) = words(args)?;
    let store = Store::new(node.clone());
    if name == "version" {
        return with(&commands::VERSION, rest, |parsed| {
            info::version(parsed, reachable(node))
        });
    }
    run(&store, &name, rest, env)
}

/// The command, with its group folded in (`container ls` is `ps`), and its arguments.
fn words(args: &[String]) -> Result<(String, &[String]), Refusal> {
    let Some((first, rest)) = args.split_first() else {
        return Err(Refusal::help("Usage:  docker [OPTIONS] COMMAND"));
    };
    match first.as_str() {
        "-v" | "--version" => {
            let text = format!("Docker version {}, build {}", info::VERSION, info::COMMIT);
            Err(Refusal::help(text))
        }
        "--help" | "help" => Err(Refusal::help("Usage:  docker [OPTIONS] COMMAND")),
        flag if flag.starts_with('-') => Err(Refusal::new(
            125,
            format!(
                "unknown flag: {flag}\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' \
                 for more information"
            ),
        )),
        "container" | "image" | "system" | "manifest" => grouped(first, rest),
        other => Ok((other.to_owned(), rest)),
    }
}

fn grouped<'a>(group: &str, args: &'a [String]) -> Result<(String, &'a [String]), Refusal> {
    let usage = format!("Usage:  docker {group} COMMAND");
    let Some((command, rest)) = args.split_first() else {
        return Err(Refusal::help(usage));
    };
    let name = match (group, command.as_str()) {
        ("container", "ls" | "list" | "ps") => "ps",
        ("container", "inspect") => "container inspect",
        ("container", "remove") => "rm",
        (
            "container",
            name @ ("create" | "exec" | "kill" | "logs" | "rename" | "restart" | "rm" | "run"
            | "start" | "stats" | "stop" | "top" | "wait"),
        ) => name,
        ("image", "ls" | "list") => "images",
        ("image", "inspect") => "image inspect",
        ("image", "pull") => "pull",
        ("image", "save") => "save",
        ("image", "load") => "load",
        ("image", "tag") => "tag",
        ("image", "prune") => "image prune",
        ("image", "rm" | "remove") => "rmi",
        ("system", "df") => "system df",
        ("system", "info") => "info",
        ("manifest", "inspect") => "manifest inspect",
        _ => {
            return Err(Refusal::new(
                1,
                format!(
                    "docker: unknown command: docker {group} {command}\n\nUsage:  docker {group}\n\nRun \
                     'docker {group} --help' for more information"
                ),
            ));
        }
    };
    Ok((name.to_owned(), rest))
}

/// Runs `command` once its options are right, and then only when the daemon answers.
fn run(store: &Store, name: &str, args: &[String], env: &Env) -> Outcome {
    let command = match name {
        "run" => &commands::RUN,
        "create" => &commands::CREATE,
        "exec" => &commands::EXEC,
        "ps" => &commands::PS,
        "inspect" => &commands::INSPECT,
        "container inspect" => &commands::CONTAINER_INSPECT,
        "image inspect" => &commands::IMAGE_INSPECT,
        "images" => &commands::IMAGES,
        "rmi" => &commands::RMI,
        "start" => &commands::START,
        "stop" => &commands::STOP,
        "restart" => &commands::RESTART,
        "kill" => &commands::KILL,
        "rm" => &commands::RM,
        "rename" => &commands::RENAME,
        "wait" => &commands::WAIT,
        "top" => &commands::TOP,
        "logs" => &commands::LOGS,
        "stats" => &commands::STATS,
        "pull" => &commands::PULL,
        "save" => &commands::SAVE,
        "load" => &commands::LOAD,
        "tag" => &commands::TAG,
        "login" => &commands::LOGIN,
        "logout" => &commands::LOGOUT,
        "image prune" => &commands::IMAGE_PRUNE,
        "cp" => &commands::COPY,
        "manifest inspect" => &commands::MANIFEST_INSPECT,
        "info" => &commands::INFO,
        "system df" => &commands::SYSTEM_DF,
        other => return Err(unknown(other)),
    };
    with(command, args, |parsed| {
        reachable(&store.node).map_err(|why| unreachable(command, &why))?;
        lifecycle::resume(store)?;
        act(store, name, parsed, env)
    })
}

fn act(store: &Store, name: &str, parsed: &flags::Parsed, env: &Env) -> Outcome {
    match name {
        "run" => create::run(store, parsed, env),
        "create" => create::create(store, parsed, env),
        "exec" => exec::exec(store, parsed, env),
        "ps" => ps::ps(store, parsed),
        "inspect" => inspect::inspect(store, parsed),
        "container inspect" => inspect::container(store, parsed),
        "image inspect" => inspect::image(store, parsed),
        "images" => images::images(store, parsed),
        "rmi" => Ok(images::remove(store, parsed)),
        "start" => lifecycle::start_all(store, parsed),
        "stop" => Ok(lifecycle::stop_all(store, parsed)),
        "restart" => Ok(lifecycle::restart_all(store, parsed)),
        "kill" => lifecycle::kill_all(store, parsed),
        "rm" => Ok(lifecycle::remove_all(store, parsed)),
        "rename" => lifecycle::rename(store, parsed),
        "wait" => lifecycle::wait(store, parsed),
        "top" => ps::top(store, parsed),
        "logs" => logs::logs(store, parsed),
        "stats" => ps::stats(store, parsed),
        "pull" => pull::pull(store, parsed, env),
        "save" => archive::save(store, parsed),
        "load" => archive::load(store, parsed),
        "tag" => images::tag(store, parsed),
        "login" => login::login(store, parsed, env),
        "logout" => login::logout(store, parsed, env),
        "image prune" => images::prune(store, parsed),
        "cp" => copy::copy(store, parsed),
        "manifest inspect" => registry::manifest_inspect(store, parsed, env),
        "info" => info::info(store, parsed),
        _ => images::disk(store, parsed),
    }
}

/// Whether the daemon would answer this user; the error is what the client says when not.
fn reachable(node: &Node) -> Result<(), String> {
    let faults = node.faults();
    match (faults.docker_denied(), faults.docker_down()) {
        (true, _) => Err(DENIED.to_owned()),
        (_, true) => Err(DOWN.to_owned()),
        _ => Ok(()),
    }
}

/// `run` and `create` complain with their own name and 125, everything else plainly and with 1.
fn unreachable(command: &flags::Command, why: &str) -> Refusal {
    match command.name {
        "docker run" | "docker create" => command.refuse(why),
        "docker info" => {
            console::out("Client: Docker Engine - Community\n\nServer:");
            Refusal::new(1, why)
        }
        _ => Refusal::new(1, why),
    }
}

fn unknown(name: &str) -> Refusal {
    if ABSENT.contains(&name) {
        return Refusal::new(1, format!("spark-sim: docker {name} is not simulated"));
    }
    Refusal::new(
        1,
        format!(
            "docker: unknown command: docker {name}\n\nRun 'docker --help' for more information"
        ),
    )
}
