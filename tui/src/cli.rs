//! The command line: one module a command.
//!
//! Every command takes a [`Context`] and ends in an [`Exit`] or a [`Failure`]; none prints but through
//! [`context::Out`], and none exits the process.

mod adopt;
mod bugreport;
pub mod context;
mod copy;
mod doctor;
mod download;
mod endpoint;
mod events;
pub mod failure;
mod follow;
mod health;
mod history;
mod images;
mod logs;
mod models;
mod nodes;
mod ops;
mod pick;
mod recipe;
mod rm;
mod services;
mod status;
mod stop;
mod swap;
mod table;
mod transfer;

// What the terminal client says in the same words.
pub(crate) use doctor::lines as doctor_lines;
pub(crate) use health::lines as health_lines;
pub(crate) use history::lines as history_lines;
pub(crate) use models::{facts as model_facts, nodes as model_nodes};
pub(crate) use rm::lines as deletion_lines;
pub(crate) use transfer::lines as transfer_lines;

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
        Command::Recipe(args) => recipe::run(context, args).await,
        Command::Swap(args) => swap::run(context, args).await,
        Command::Stop(args) => stop::run(context, args).await,
        Command::Download(args) => download::run(context, args).await,
        Command::Copy(args) => copy::run(context, args).await,
        Command::Rm(args) => rm::run(context, args).await,
        Command::Images { command } => images::run(context, command).await,
        Command::Pull(args) => images::pull(context, args).await,
        Command::Services { command } => services::run(context, command).await,
        Command::Adopt(args) => adopt::run(context, args).await,
        Command::Health { names, now } => health::run(context, names, now).await,
        Command::Endpoint(args) => endpoint::run(context, args).await,
        Command::History { names, since } => history::run(context, names, since).await,
        Command::Ops { command } => ops::run(context, command).await,
        Command::Logs(args) => logs::run(context, args).await,
        Command::Events => events::run(context).await,
        Command::Nodes { command } => nodes::run(context, command).await,
        Command::Doctor { last } => doctor::run(context, last).await,
        Command::Bugreport { output } => bugreport::run(context, &output).await,
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
