//! The command line of `spark-sim` itself.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::cache::{self, Extent};
use crate::demo::{self, DemoOptions};
use crate::faults::Fault;
use crate::host::Host;
use crate::node::{Node, NodeConfig, process, sshd_environment};
use crate::ssh::{free_address, keys};

/// A DGX Spark in a box.
#[derive(Debug, Parser)]
#[command(name = "spark-sim", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Two simulated Sparks and Spark Control on top of them, until Ctrl-C.
    Demo(DemoOptions),
    /// One node, until SIGTERM or Ctrl-C; started again on the same folder it is the same node.
    Node(NodeOptions),
    /// What is to go wrong with a node.
    Fault {
        /// The node's folder.
        dir: PathBuf,
        #[command(subcommand)]
        action: FaultAction,
    },
    /// End every process of a node, containers included.
    Off {
        /// The node's folder.
        dir: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum FaultAction {
    /// Make a fault active.
    Set {
        #[command(subcommand)]
        fault: Fault,
    },
    /// End the faults with this name, or all of them.
    Clear {
        /// Its name.
        name: Option<String>,
    },
    /// Show the active faults as JSON lines.
    List,
}

/// How to run one node. What describes the node counts when its folder is new.
#[derive(Debug, Args)]
struct NodeOptions {
    /// Folder of the node; made when missing.
    #[arg(long)]
    dir: PathBuf,
    /// Short name.
    #[arg(long, default_value = "spark1")]
    name: String,
    /// Login name.
    #[arg(long, default_value = "nvidia")]
    user: String,
    /// Its own address, 127.x.y.z; a free one when not given.
    #[arg(long)]
    address: Option<Ipv4Addr>,
    /// Port of its SSH server.
    #[arg(long, default_value_t = 2222)]
    port: u16,
    /// Address of a fabric interface; give two for both twins.
    #[arg(long)]
    fabric: Vec<Ipv4Addr>,
    /// Times faster than the real thing.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Login shell.
    #[arg(long, default_value = "/bin/sh")]
    shell: PathBuf,
    /// Total memory in kB.
    #[arg(long, default_value_t = crate::node::MEM_TOTAL_KB)]
    mem_total_kb: u64,
    /// Put a model of the catalogue into its cache, complete; `demo` for the demo's first node.
    #[arg(long = "model")]
    models: Vec<String>,
    /// A public key that may log in: a line, or a file with one.
    #[arg(long = "authorized-key")]
    authorized_keys: Vec<String>,
    /// No SSH server: print what a real `sshd` needs to stand in front of the node.
    #[arg(long)]
    no_ssh: bool,
}

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let result = match cli.command {
        Command::Demo(options) => demo::run(&options),
        Command::Node(options) => run_node(&options),
        Command::Fault { dir, action } => change_faults(&dir, action),
        Command::Off { dir } => power_off(&dir),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("spark-sim: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes a line for the user; one who closed the pipe wants no more.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

fn complain(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Ends at Ctrl-C or SIGTERM.
pub(crate) async fn asked_to_stop() -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn change_faults(dir: &Path, action: FaultAction) -> anyhow::Result<()> {
    let node = Node::open(dir)?;
    match action {
        FaultAction::Set { fault } => node.set_fault(fault)?,
        FaultAction::Clear { name } => {
            let gone = node.clear_faults(name.as_deref())?;
            if let (true, Some(name)) = (gone.is_empty(), name) {
                anyhow::bail!("no fault {name:?} is active");
            }
        }
        FaultAction::List => {
            for fault in node.faults().iter() {
                say(&serde_json::to_string(fault)?);
            }
        }
    }
    Ok(())
}

fn power_off(dir: &Path) -> anyhow::Result<()> {
    let count = process::kill_all(Node::open(dir)?.dir());
    say(&format!("ended {count} processes"));
    Ok(())
}

#[tokio::main]
async fn run_node(options: &NodeOptions) -> anyhow::Result<()> {
    let node = options.open()?;
    for key in &options.authorized_keys {
        authorize(&node, key)?;
    }
    let host = Host::start(node, !options.no_ssh)?;
    let config = host.node().config();
    if let Some(ssh) = host.ssh() {
        say(&format!(
            "listening on {} as {}",
            ssh.address(),
            config.user
        ));
    } else {
        say(&sshd_fragment(host.node()));
    }
    asked_to_stop().await?;
    host.stop().await;
    Ok(())
}

/// Lets a key in that is given as a line or as a file.
fn authorize(node: &Node, key: &str) -> anyhow::Result<()> {
    let line = if key.trim_start().starts_with("ssh-") {
        key.to_owned()
    } else {
        std::fs::read_to_string(key).with_context(|| format!("cannot read the key {key}"))?
    };
    let key = russh::keys::PublicKey::from_openssh(line.trim()).context("not a public key")?;
    Ok(keys::authorize(node, &key)?)
}

/// Lines of `sshd_config` that put a real OpenSSH server in front of the node.
fn sshd_fragment(node: &Node) -> String {
    let set: Vec<String> = sshd_environment(node)
        .into_iter()
        .map(|(name, value)| format!("\"{name}={value}\""))
        .collect();
    format!(
        "ListenAddress {}:{}\nAuthorizedKeysFile {}\nSetEnv {}",
        node.config().address,
        node.config().ssh_port,
        node.home().join(".ssh/authorized_keys").display(),
        set.join(" "),
    )
}

impl NodeOptions {
    /// The node in the folder, made first when there is none.
    fn open(&self) -> anyhow::Result<Node> {
        if self.dir.join("node.json").exists() {
            return Ok(Node::open(&self.dir)?);
        }
        let address = self.address.unwrap_or_else(|| free_address(self.port));
        let config = NodeConfig {
            name: self.name.clone(),
            hostname: self.name.clone(),
            user: self.user.clone(),
            address,
            ssh_port: self.port,
            fabric: self.fabric.clone(),
            mem_total_kb: self.mem_total_kb,
            speed: self.speed,
            login_shell: self.shell.clone(),
            seed: u64::from(address.to_bits()),
            ..NodeConfig::default()
        };
        let node = Node::create(&self.dir, config)?;
        for model in &self.models {
            if model == "demo" {
                cache::put_demo(&node, 0)?;
            } else if !cache::put(&node, model, Extent::Complete)? {
                anyhow::bail!("the catalogue has no model {model}");
            }
        }
        Ok(node)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::faults::{EngineFailure, EngineStage};

    fn fault(words: &[&str]) -> Fault {
        let arguments = ["spark-sim", "fault", "d", "set"].iter().chain(words);
        match Cli::try_parse_from(arguments).unwrap().command {
            Command::Fault {
                action: FaultAction::Set { fault },
                ..
            } => fault,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_fault_can_be_set_by_the_name_it_has_in_the_file() {
        let command = Fault::augment_subcommands(clap::Command::new("set"));
        let names: Vec<&str> = command
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        assert_eq!(names.len(), 31);
        for name in names {
            let words: &[&str] = match name {
                "image_missing" | "wrong_arch" => &[name, "some/image:1"],
                "engine" => &[name, "--stage", "kv"],
                "service" => &[name, "--mode", "frozen"],
                "hub" => &[name, "--error", "rate_limited"],
                "registry" => &[name, "--error", "denied"],
                "root_owned" => &[name, "some/model"],
                _ => &[name],
            };
            assert_eq!(fault(words).name(), name);
        }
    }

    #[test]
    fn options_of_a_fault_are_read() {
        assert_eq!(
            fault(&["reboot", "--away-s", "5"]),
            Fault::Reboot { away_s: 5 }
        );
        let full = Fault::FullDisk { free_bytes: 9 };
        assert_eq!(fault(&["full_disk", "--free-bytes", "9"]), full);
        let orphan = Fault::OrphanEngine {
            mib: 104_277,
            on_stop: true,
        };
        assert_eq!(fault(&["orphan_engine", "--on-stop"]), orphan);
        assert_eq!(
            fault(&["clock_skew", "--seconds", "-40"]),
            Fault::ClockSkew { seconds: -40 }
        );
        let words = [
            "engine", "--stage", "weights", "--mode", "hang", "--line", "a b", "--rank", "1",
        ];
        let Fault::Engine(engine) = fault(&words) else {
            panic!("another fault");
        };
        assert_eq!(
            (engine.stage, engine.mode),
            (EngineStage::Weights, EngineFailure::Hang)
        );
        assert_eq!(
            (engine.lines, engine.rank, engine.code),
            (vec!["a b".to_owned()], Some(1), 1)
        );
    }

    #[test]
    fn a_node_is_made_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("n").display().to_string();
        let options = |speed: &str| {
            let words = [
                "spark-sim",
                "node",
                "--dir",
                &place,
                "--speed",
                speed,
                "--model",
                "Qwen/Qwen3-0.6B",
            ];
            match Cli::try_parse_from(words).unwrap().command {
                Command::Node(options) => options,
                other => panic!("{other:?}"),
            }
        };
        let made = options("5").open().unwrap();
        assert!(cache::repo_dir(&made.hub(), "Qwen/Qwen3-0.6B").exists());
        let found = options("7").open().unwrap();
        assert_eq!(found.config(), made.config());
    }

    #[test]
    fn a_key_is_taken_as_a_line_or_as_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let node = Node::create(&dir.path().join("n"), NodeConfig::default()).unwrap();
        let key = keys::key_at(&dir.path().join("id")).unwrap();
        authorize(&node, &key.public_key().to_openssh().unwrap()).unwrap();
        authorize(&node, dir.path().join("id.pub").to_str().unwrap()).unwrap();
        let list = std::fs::read_to_string(node.home().join(".ssh/authorized_keys")).unwrap();
        assert_eq!(list.lines().count(), 1);
        assert!(authorize(&node, "ssh-nonsense").is_err());
    }
}
