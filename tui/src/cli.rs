//! The command line: one module a command.
//!
//! Every command takes a [`Context`] and ends in an [`Exit`] or a [`Failure`]; none prints but through
//! [`context::Out`], and none exits the process.

pub mod context;
mod events;
pub mod failure;
mod follow;
mod logs;
mod models;
mod nodes;
mod ops;
mod pick;
mod status;
mod stop;
mod swap;
mod table;

pub(crate) use models::nodes as model_nodes;

use clap::CommandFactory;
use spark_ipc::model::node::SshKey;

use crate::args::{Args, Command};
use crate::exit::Exit;
use crate::paint::{Line, Tone};
use context::Context;
use failure::Failure;

/// Runs one command.
pub async fn run(command: Command, context: &mut Context) -> Result<Exit, Failure> {
    match command {
        Command::Status { watch } => status::run(context, watch).await,
        Command::Models { command } => models::run(context, command).await,
        Command::Swap(args) => swap::run(context, args).await,
        Command::Stop(args) => stop::run(context, args).await,
        Command::Ops { command } => ops::run(context, command).await,
        Command::Logs(args) => logs::run(context, args).await,
        Command::Events => events::run(context).await,
        Command::Nodes { command } => nodes::run(context, command).await,
        Command::SshKey => ssh_key(context).await,
        Command::Completions { shell } => completions(context, shell),
    }
}

async fn ssh_key(context: &mut Context) -> Result<Exit, Failure> {
    let key: SshKey = context.client.get("/api/ssh-key").await?;
    if context.json {
        return context.print_json("spark.ssh_key/1", &key);
    }
    context.out.line(&Line::plain(key.public_key))?;
    if !context.quiet {
        let fingerprint = format!("fingerprint {}", key.fingerprint);
        context.out.line(&Line::of(Tone::Dim, fingerprint))?;
        let told =
            "To accept it, run this on each Spark, as the user that Spark Control logs in as:";
        context.out.line(&Line::plain(""))?;
        context.out.line(&Line::plain(told))?;
        context.out.line(&Line::plain(key.install_line))?;
    }
    Ok(Exit::Done)
}

fn completions(context: &mut Context, shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "spark-control", &mut script);
    context.out.raw(&script)?;
    Ok(Exit::Done)
}
