//! What operations do on nodes, each as one remote command, and what is known afterwards.
//!
//! A command whose link broke has an unknown outcome: it may have been done. Nothing here repeats it; the
//! caller looks first.

use std::time::Duration;

use spark_core::launch::DockerRun;
use spark_core::shell::{Arg, InvalidArg, RawArg, Remote};
use spark_core::units::{self, ContainerFacts};
use spark_ipc::id::{NodeId, OperationId};
use spark_ipc::model::node::LinkState;
use spark_ipc::text::clean_line;
use tokio::time::Instant;

use super::context::Context;
use super::run::Halt;
use crate::clock;
use crate::ssh::{Limits, Outcome};

/// A node that is waited for is asked again as often.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Done {
    /// Status 0, with its output.
    Ok(String),
    /// Another status, with what it said (cleaned).
    Refused { status: i32, stderr: String },
    /// The link broke or the time ran out: it may have been done.
    Unknown(String),
}

/// Docker's words for a container that does not exist.
pub(super) fn is_gone(stderr: &str) -> bool {
    stderr.contains("No such container") || stderr.contains("No such object")
}

/// `docker stop`: TERM, then KILL after `grace_s`.
pub(super) async fn stop(ctx: &Context, node: &NodeId, id: &str, grace_s: u32) -> Done {
    let limit = u64::from(grace_s) + 30;
    let command = container(id).map(|id| {
        Remote::command("docker")
            .lit("stop")
            .opt("--time", grace_s)
            .lit("--")
            .arg(id)
    });
    exec(ctx, node, command, limit).await
}

/// `docker rm -f`.
pub(super) async fn remove(ctx: &Context, node: &NodeId, id: &str) -> Done {
    let command = container(id).map(|id| {
        Remote::command("docker")
            .lit("rm")
            .lit("-f")
            .lit("--")
            .arg(id)
    });
    exec(ctx, node, command, 60).await
}

/// `docker run` as planned. The image is on the node already, so this takes seconds.
pub(super) async fn run(ctx: &Context, node: &NodeId, run: &DockerRun) -> Done {
    exec(ctx, node, Ok(run.remote()), 120).await
}

/// The containers of launch `operation` on `node`, whatever their state.
pub(super) async fn containers_of(
    ctx: &Context,
    node: &NodeId,
    operation: &OperationId,
) -> Result<Vec<ContainerFacts>, String> {
    match exec(ctx, node, Ok(units::command()), 30).await {
        Done::Ok(output) => Ok(all_containers(&output)?
            .into_iter()
            .filter(|c| c.label("launch") == Some(operation.as_str()))
            .collect()),
        Done::Refused { stderr, .. } => Err(stderr),
        Done::Unknown(why) => Err(why),
    }
}

/// The containers of a node in full. One that cannot be read may be ours: then nothing is known, and
/// nobody may take it for absent.
pub(super) fn all_containers(output: &str) -> Result<Vec<ContainerFacts>, String> {
    let (all, warnings) = units::read(output)?;
    match warnings.into_iter().next() {
        Some(warning) => Err(warning),
        None => Ok(all),
    }
}

/// The rank that a container's label tells.
pub(super) fn rank_of(container: &ContainerFacts) -> Option<u32> {
    container.label("rank")?.parse().ok()
}

/// The last lines of a container's log.
pub(super) async fn tail(
    ctx: &Context,
    node: &NodeId,
    id: &str,
    lines: u32,
) -> Result<String, String> {
    let command = container(id).map(|id| {
        Remote::script(
            "tail",
            "docker logs --timestamps --tail \"$1\" -- \"$2\" 2>&1",
        )
        .arg(lines)
        .arg(id)
    });
    match exec(ctx, node, command, 30).await {
        Done::Ok(output) => Ok(output),
        Done::Refused { stderr, .. } => Err(stderr),
        Done::Unknown(why) => Err(why),
    }
}

/// Waits until the link to `node` stands again: until the node has answered a look that began after now. That its
/// link is still said to stand proves nothing, for a break is noticed later than the command that it cut off.
pub(super) async fn link_back(ctx: &Context, node: &NodeId, limit: Duration) -> Result<(), Halt> {
    let begun = clock::now();
    let deadline = Instant::now() + limit;
    let mut nodes = ctx.view.nodes.clone();
    loop {
        ctx.nodes.kick(node);
        let answered = nodes.wait_for(|list| {
            list.iter().any(|n| {
                let seen = n.observed_at.is_some_and(|at| at > begun);
                n.id == *node && n.link.state == LinkState::Connected && seen
            })
        });
        tokio::select! {
            back = tokio::time::timeout(ASK_AGAIN, answered) => match back {
                Ok(Ok(_)) => return Ok(()),
                Err(_elapsed) if Instant::now() < deadline => {}
                Ok(Err(_)) | Err(_) => {
                    return Err(Halt::failed(format!("{node} has not come back within {} s", limit.as_secs())));
                }
            },
            () = ctx.tasks.token().cancelled() => return Err(Halt::ShutDown),
        }
    }
}

fn container(id: &str) -> Result<Arg, InvalidArg> {
    // Ids are hexadecimal, names have Docker's grammar; neither begins with a dash.
    RawArg::checked(id).map(Arg::from)
}

pub(super) async fn exec(
    ctx: &Context,
    node: &NodeId,
    command: Result<Remote, InvalidArg>,
    limit_s: u64,
) -> Done {
    let command = match command {
        Ok(command) => command,
        Err(error) => {
            return Done::Refused {
                status: 2,
                stderr: error.to_string(),
            };
        }
    };
    let Some(link) = ctx.nodes.link(node) else {
        return Done::Refused {
            status: 2,
            stderr: format!("there is no node {node}"),
        };
    };
    match link
        .run(&command, Limits::within(Duration::from_secs(limit_s)))
        .await
    {
        Outcome::Exited {
            status: 0, stdout, ..
        } => Done::Ok(ctx.without_secrets(stdout)),
        Outcome::Exited {
            status,
            stderr,
            stdout,
            ..
        } => {
            let said = if stderr.trim().is_empty() {
                stdout
            } else {
                stderr
            };
            Done::Refused {
                status,
                stderr: clean_line(ctx.without_secrets(said).trim(), 2000),
            }
        }
        Outcome::TimedOut => Done::Unknown(format!("no answer within {limit_s} s")),
        Outcome::Lost { cause } => Done::Unknown(cause),
        Outcome::Refused(cause) => Done::Unknown(format!("{node} cannot be reached ({cause:?})")),
    }
}
