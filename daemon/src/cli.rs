//! The command line of the daemon.

use std::io::Write;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};

use crate::app;
use crate::config::{BadEnvironment, Config, Vars};
use crate::overrides::RecipeFiles;
use crate::{ssh, telemetry, web};

/// The Spark Control daemon.
///
/// It is set up by environment variables; docs/configuration.md lists all of them.
#[derive(Debug, Parser)]
#[command(name = "spark-controld", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 failed, 2 usage, 4 no daemon answers, 78 bad configuration";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon (the default).
    Serve,
    /// Check the environment and the recipes, then exit.
    Check,
    /// Ask the running daemon whether it is well.
    Health,
    /// Print the public SSH key and the line that installs it on a Spark.
    SshKey,
    /// Print the OpenAPI document of the API.
    Openapi,
    /// Print the completions for a shell.
    Completions { shell: clap_complete::Shell },
}

/// Why the program ends with another code than 0.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    BadEnvironment(#[from] BadEnvironment),
    #[error("no daemon answers at {0}")]
    Unreachable(String),
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl Failure {
    /// 78 is `EX_CONFIG` of sysexits: systemd is told not to restart on it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::BadEnvironment(_) => 78,
            Self::Unreachable(_) => 4,
            Self::Other(_) => 1,
        }
    }

    /// Prints it with its causes, each on a line.
    pub fn tell(&self) {
        let mut text = format!("spark-controld: {self}");
        if let Self::Other(error) = self {
            for cause in error.chain().skip(1) {
                text.push_str("\n  because: ");
                text.push_str(&cause.to_string());
            }
        }
        write_line(&mut std::io::stderr(), &text);
    }
}

/// Runs the command.
pub fn run(cli: &Cli, vars: &Vars) -> Result<(), Failure> {
    match cli.command.as_ref().unwrap_or(&Command::Serve) {
        Command::Serve => serve(vars),
        Command::Check => check(vars),
        Command::Health => health(vars),
        Command::SshKey => ssh_key(vars),
        Command::Openapi => {
            print(web::openapi().trim_end());
            Ok(())
        }
        Command::Completions { shell } => {
            clap_complete::generate(
                *shell,
                &mut Cli::command(),
                "spark-controld",
                &mut std::io::stdout(),
            );
            Ok(())
        }
    }
}

fn serve(vars: &Vars) -> Result<(), Failure> {
    telemetry::init(vars);
    let config = Config::read(vars)?;
    runtime()?.block_on(app::serve(config, vars))?;
    Ok(())
}

fn check(vars: &Vars) -> Result<(), Failure> {
    let config = Config::read(vars)?;
    let catalog = RecipeFiles::from(&config.paths).load();
    for error in catalog.errors() {
        print(&format!("recipes: {error}"));
    }
    let nodes: Vec<_> = config
        .nodes
        .iter()
        .map(|n| format!("{} ({})", n.name, n.host))
        .collect();
    print(&format!(
        "the environment is well; nodes: {}",
        nodes.join(", ")
    ));
    Ok(())
}

fn health(vars: &Vars) -> Result<(), Failure> {
    let path = spark_ipc::socket::socket_path(None, |name| vars.get(name).map(str::to_owned));
    let endpoint = spark_ipc::client::Endpoint::Socket(path);
    let client = spark_ipc::client::Client::new(endpoint.clone());
    let ask = client.get::<spark_ipc::version::VersionInfo>("/api/version");
    match runtime()?.block_on(ask) {
        Ok(version) => {
            print(&format!("spark-controld {} is well", version.version));
            Ok(())
        }
        Err(error) if error.is_unreachable() => Err(Failure::Unreachable(endpoint.to_string())),
        Err(error) => Err(anyhow::Error::from(error).into()),
    }
}

fn ssh_key(vars: &Vars) -> Result<(), Failure> {
    let config = Config::read(vars)?;
    let key = ssh::key::load_or_create(&config.paths.ssh_key).map_err(anyhow::Error::from)?;
    let shown = key.describe();
    print(&format!(
        "{}\n\nRun this in a shell of each Spark:\n{}",
        shown.public_key, shown.install_line
    ));
    Ok(())
}

/// Two workers do: the daemon waits for others most of the time.
fn runtime() -> Result<tokio::runtime::Runtime, anyhow::Error> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_keep_alive(Duration::from_secs(5))
        .enable_all()
        .build()?)
}

fn print(text: &str) {
    write_line(&mut std::io::stdout(), text);
}

/// A closed pipe at the other end is not our failure.
fn write_line(to: &mut impl Write, text: &str) {
    if let Err(error) = writeln!(to, "{text}") {
        tracing::debug!(%error, "the output is closed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
