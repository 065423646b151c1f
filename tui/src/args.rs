//! The command line's grammar.

mod recipe;
mod services;
mod transfer;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use spark_ipc::id::{Fingerprint, NodeId, RecipeId, UnitId};

use crate::exit::Exit;
use crate::format::parse_duration;

pub use recipe::{Card, Recipe};
pub use services::{Adopt, ServiceAct, ServiceLogs, ServiceSet, ServiceStop, ServicesCommand};
pub use transfer::{Copy, Download, ImagesCommand, Pull, Rm, Verify, Wait};

/// Spark Control: see and swap the models on your DGX Sparks.
///
/// Without a command it opens the terminal client; when its output is not a terminal, it prints `status`.
#[derive(Debug, Parser)]
#[command(name = "spark-control", version, max_term_width = 100, after_help = after_help())]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, ClapArgs)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Global {
    /// The daemon's Unix socket (or set `SPARK_CONTROL_SOCKET`)
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "url")]
    pub socket: Option<PathBuf>,
    /// The daemon's TCP door (or set `SPARK_CONTROL_URL`)
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub url: Option<String>,
    /// One JSON object on standard output (streams: one a line); errors as one on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// Only names and outcomes
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
    /// The same as --color=never
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Plain ASCII instead of box drawing and glyphs
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Never ask; refuse instead
    #[arg(long, global = true)]
    pub no_input: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// One screen: nodes, what runs, what is wrong
    Status {
        /// Print it again on every change, until Ctrl-C
        #[arg(short, long)]
        watch: bool,
    },
    /// The models on the disks
    Models {
        #[command(subcommand)]
        command: Option<ModelsCommand>,
    },
    /// How a model is launched: look, try other values, keep them
    Recipe(Recipe),
    /// Replace the running model with another one
    Swap(Swap),
    /// Stop a unit, or all of ours
    Stop(Stop),
    /// Download a model from Hugging Face to the disks
    Download(Download),
    /// Copy a model from one node to another
    Copy(Copy),
    /// Delete a model from the disks
    Rm(Rm),
    /// The images on the nodes
    Images {
        #[command(subcommand)]
        command: Option<ImagesCommand>,
    },
    /// Pull an image from its registry
    Pull(Pull),
    /// Speech, embeddings, rerank and NIM containers beside the model
    Services {
        #[command(subcommand)]
        command: Option<ServicesCommand>,
    },
    /// Take over what somebody else started, so that it can be stopped and served from
    Adopt(Adopt),
    /// Whether everything that runs gives right answers
    Health {
        /// Units or services; default all
        names: Vec<String>,
        /// Ask them now, instead of showing the last answers
        #[arg(long)]
        now: bool,
    },
    /// What an application needs to use the model: address, name, key, examples
    Endpoint(Card),
    /// Who was up when, why not, and for how long
    History {
        /// Nodes, units or services; default all
        names: Vec<String>,
        /// How far back: 90m, 24h, 7d
        #[arg(long, value_parser = parse_duration, default_value = "24h", value_name = "TIME")]
        since: Duration,
    },
    /// Operations: what the daemon does and did
    Ops {
        #[command(subcommand)]
        command: Option<OpsCommand>,
    },
    /// The log of a unit
    Logs(Logs),
    /// Every change, as it happens
    Events,
    /// The Sparks
    Nodes {
        #[command(subcommand)]
        command: Option<NodesCommand>,
    },
    /// Examine the cable between the Sparks; every fault comes with a fix
    Doctor {
        /// Show the last report instead of making a new one
        #[arg(long)]
        last: bool,
    },
    /// Save an archive with state, logs and settings for whoever helps you; secrets are removed
    Bugreport {
        /// Where to; `-` for standard output
        #[arg(
            short,
            long,
            value_name = "FILE",
            default_value = "spark-control-report.tar.gz"
        )]
        output: PathBuf,
    },
    /// The public key to put on the Sparks
    SshKey,
    /// A completion script for your shell
    Completions { shell: Shell },
}

#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// All of them (the default)
    List,
    /// One model in full
    Show {
        /// Repository, or a part of its name that only it has
        model: String,
    },
    /// Compare every file of one with the Hub's checksums; slow
    Verify(Verify),
}

#[derive(Debug, ClapArgs)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Swap {
    /// Repository, or a part of its name that only it has
    pub model: String,
    /// Launch with this recipe
    #[arg(long)]
    pub recipe: Option<RecipeId>,
    /// Launch on this node, head first (repeat for more)
    #[arg(long = "node", value_name = "NODE", value_parser = node)]
    pub nodes: Vec<NodeId>,
    /// Leave what runs on other nodes as it is
    #[arg(long)]
    pub keep: bool,
    /// Say yes to a dangerous flag of the recipe, by name, for this launch (repeat for more)
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub allow: Vec<String>,
    /// Show what would be done, with the exact commands; change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Do not wait for the end
    #[arg(long)]
    pub no_wait: bool,
    /// How long to wait for the end
    #[arg(long, value_parser = parse_duration, default_value = "20m", value_name = "TIME")]
    pub timeout: Duration,
    /// Do nothing when it already runs
    #[arg(long)]
    pub ensure: bool,
}

#[derive(Debug, ClapArgs)]
pub struct Stop {
    /// Unit, as `status` names it; default the only one of ours
    #[arg(conflicts_with = "all")]
    pub unit: Option<UnitId>,
    /// Every unit of ours
    #[arg(long)]
    pub all: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Do not wait for the end
    #[arg(long)]
    pub no_wait: bool,
    /// How long to wait for the end
    #[arg(long, value_parser = parse_duration, default_value = "5m", value_name = "TIME")]
    pub timeout: Duration,
}

#[derive(Debug, Subcommand)]
pub enum OpsCommand {
    /// The running ones and the last hundred (the default)
    List,
    /// One in full
    Show { id: String },
    /// Ask a running one to stop and undo
    Cancel { id: String },
    /// Follow one to its end
    Wait {
        id: String,
        /// How long to wait for the end
        #[arg(long, value_parser = parse_duration, default_value = "20m", value_name = "TIME")]
        timeout: Duration,
    },
}

#[derive(Debug, ClapArgs)]
pub struct Logs {
    /// Unit, as `status` names it; default the only one of ours
    pub unit: Option<UnitId>,
    /// Go on with new lines until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// Lines from the end
    #[arg(short = 'n', long, default_value_t = 100, value_name = "LINES")]
    pub tail: u32,
}

#[derive(Debug, Subcommand)]
pub enum NodesCommand {
    /// All of them (the default)
    List,
    /// Test the connection step by step
    Test {
        #[arg(value_parser = node)]
        node: NodeId,
    },
    /// Accept exactly this host key
    Trust {
        #[arg(value_parser = node)]
        node: NodeId,
        /// As `nodes` shows it: SHA256:…
        fingerprint: Fingerprint,
    },
}

/// A node by its id, or by its number alone.
fn node(text: &str) -> Result<NodeId, String> {
    match text.parse::<u32>() {
        Ok(n) => Ok(NodeId::numbered(n)),
        Err(_not_a_number) => NodeId::new(text).map_err(|e| e.to_string()),
    }
}

fn after_help() -> String {
    format!(
        "Examples:\n  spark-control swap qwen3.6 --dry-run\n  spark-control swap qwen3.6 --yes\n  \
         spark-control status --json | jq .units\n\n{}",
        Exit::table()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn help_is_as_agreed() {
        insta::assert_snapshot!(
            Args::command()
                .term_width(90)
                .render_long_help()
                .to_string()
        );
    }

    #[test]
    fn a_node_may_be_a_number() {
        let args = Args::try_parse_from(["x", "swap", "m", "--node", "1", "--node", "spark2"]);
        let Some(Command::Swap(swap)) = args.unwrap().command else {
            panic!("not a swap")
        };
        let nodes: Vec<&str> = swap.nodes.iter().map(NodeId::as_str).collect();
        assert_eq!(nodes, ["spark1", "spark2"]);
        assert!(Args::try_parse_from(["x", "swap", "m", "--node", "-x"]).is_err());
    }
}
