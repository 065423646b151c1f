//! Simulated Sparks behind real OpenSSH servers, and a daemon on them.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use spark_sim::Node;
use tempfile::TempDir;

use crate::daemon::Daemon;
use crate::programs::{as_user, give_to, public_program};
use crate::sshd::{Sshd, SshdOptions};

/// A small model that one node serves.
pub const SMALL: &str = "Qwen/Qwen3-0.6B";
/// Another model for one node.
pub const SOLO: &str = "Qwen/Qwen3.6-35B-A3B-FP8";
/// A model that needs both nodes.
pub const PAIR: &str = "Qwen/Qwen3.5-122B-A10B-FP8";

/// How a fleet is to be.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    pub nodes: usize,
    /// Times faster than the real thing.
    pub speed: f64,
    /// Models that are complete on every node.
    pub models: Vec<&'static str>,
    /// Variables of the daemon.
    pub settings: Vec<(&'static str, String)>,
    pub login_shell: &'static str,
    /// Done on every node, by its number from 0, before the daemon first sees it.
    pub prepare: fn(usize, &Spark) -> Result<()>,
    /// Whether the nodes keep a record of what the daemon has them run: see [`Spark::recorded`].
    pub record: bool,
}

impl Default for FleetOptions {
    fn default() -> Self {
        Self {
            nodes: 2,
            speed: 60.0,
            models: vec![SMALL, SOLO, PAIR],
            settings: Vec::new(),
            login_shell: "/bin/bash",
            prepare: |_, _| Ok(()),
            record: false,
        }
    }
}

/// What a node keeps a record of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// The strings that came with SSH's `exec` requests.
    Execs,
    /// Every word that `docker` was called with, behind the number of words of its call.
    DockerWords,
}

impl Record {
    fn file(self) -> &'static str {
        match self {
            Self::Execs => "execs",
            Self::DockerWords => "docker",
        }
    }
}

/// What sshd runs in place of each command of a node that keeps a record. As long as there is a file
/// `babble`, the node says that and runs nothing.
const RECORDER: &str = r#"#!/bin/sh
record=$SPARK_SIM_NODE/record
printf '%s\0' "$SSH_ORIGINAL_COMMAND" >>"$record/execs"
[ ! -e "$record/babble" ] || exec cat "$record/babble"
PATH=$record/bin:$PATH
export PATH
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
"#;

/// The `docker` of such a node.
const DOCKER_RECORDER: &str = r#"#!/bin/sh
printf '%s\0' "$#" "$@" >>"$SPARK_SIM_NODE/record/docker"
exec "$SPARK_SIM_NODE/bin/docker" "$@"
"#;

/// One simulated Spark. Dropping it ends everything that ran on it.
#[derive(Debug)]
pub struct Spark {
    pub sshd: Sshd,
    pub dir: PathBuf,
    simulator: PathBuf,
    keeper: Child,
}

/// The Sparks and the daemon.
#[derive(Debug)]
pub struct Fleet {
    // Dropped in this order: the daemon first, the files last.
    pub daemon: Daemon,
    pub sparks: Vec<Spark>,
    folder: TempDir,
}

impl Fleet {
    /// Starts everything; returns when the daemon listens.
    pub fn start(options: &FleetOptions) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("spark-fleet").tempdir()?;
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))?;
        let simulator = public_program("spark-sim", folder.path())?;
        let base = address_block();
        let sparks = (0..options.nodes)
            .map(|n| Spark::start(n, base, options, &simulator, folder.path()))
            .collect::<Result<Vec<_>>>()?;
        introduce(&sparks)?;
        for (n, spark) in sparks.iter().enumerate() {
            (options.prepare)(n, spark)?;
        }
        let daemon = Daemon::prepare(folder.path(), base, &options.settings)?;
        let mut fleet = Self {
            daemon,
            sparks,
            folder,
        };
        let public_key = fleet.daemon.make_key()?;
        for (n, spark) in fleet.sparks.iter().enumerate() {
            spark.sshd.authorize(&public_key)?;
            fleet.daemon.add_node(n + 1, &spark.sshd);
        }
        fleet.daemon.start()?;
        Ok(fleet)
    }

    /// A folder for the test's own files, removed at the end.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Spark {
    fn start(
        n: usize,
        base: Ipv4Addr,
        options: &FleetOptions,
        simulator: &Path,
        folder: &Path,
    ) -> Result<Self> {
        let [_, b, c, _] = base.octets();
        let last = u8::try_from(n + 1)?;
        let address = Ipv4Addr::new(127, b, c, last);
        let fabric = [
            Ipv4Addr::new(127, b, c, 100 + last),
            Ipv4Addr::new(127, b, c ^ 1, 100 + last),
        ];
        // The user is made by the harness of sshd.
        let probe = Sshd::start(SshdOptions {
            address: Some(address),
            login_shell: options.login_shell,
            ..SshdOptions::default()
        })?;
        let user = probe.user().to_owned();
        drop(probe);
        let dir = folder.join(format!("spark{}", n + 1));
        std::fs::create_dir(&dir)?;
        give_to(&dir, &user)?;
        let mut command = Command::new(simulator);
        command.args([
            "node",
            "--no-ssh",
            "--name",
            &format!("spark{}", n + 1),
            "--user",
            &user,
        ]);
        command
            .arg("--dir")
            .arg(&dir)
            .args(["--address", &address.to_string()]);
        command.args([
            "--speed",
            &options.speed.to_string(),
            "--shell",
            options.login_shell,
        ]);
        for address in fabric {
            command.args(["--fabric", &address.to_string()]);
        }
        for model in &options.models {
            command.args(["--model", model]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut keeper = as_user(command, &user)?
            .spawn()
            .context("cannot start spark-sim")?;
        let mut first = String::new();
        let stdout = keeper.stdout.take().context("no standard output")?;
        BufReader::new(stdout).read_line(&mut first)?;
        ensure!(
            first.starts_with("ListenAddress"),
            "spark-sim said {first:?}"
        );
        let node = Node::open(&dir)?;
        let sshd = Sshd::start(SshdOptions {
            address: Some(address),
            login_shell: options.login_shell,
            env: spark_sim::node::sshd_environment(&node),
            force_command: options.record.then(|| dir.join("record/session")),
            ..SshdOptions::default()
        })?;
        if options.record {
            install_recorder(&dir.join("record"), &user)?;
        }
        Ok(Self {
            sshd,
            dir,
            simulator: simulator.to_owned(),
            keeper,
        })
    }

    /// Sets a fault: the words after `spark-sim fault DIR set`.
    pub fn set_fault(&self, words: &[&str]) -> Result<()> {
        self.sim(&["fault"], &[&["set"], words].concat())
    }

    /// Ends the faults with this name.
    pub fn clear_fault(&self, name: &str) -> Result<()> {
        self.sim(&["fault"], &["clear", name])
    }

    /// Ends all faults.
    pub fn clear_faults(&self) -> Result<()> {
        self.sim(&["fault"], &["clear"])
    }

    /// Runs a tool of the node, such as `docker`, as the node's user; gives what it printed.
    pub fn run(&self, script: &str) -> Result<String> {
        let node = Node::open(&self.dir)?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).env_clear();
        command
            .envs(spark_sim::node::sshd_environment(&node))
            .current_dir(node.home());
        let output = as_user(command, self.sshd.user())?.output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{script}: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The node as the simulator's library sees it.
    pub fn node(&self) -> Result<Node> {
        Ok(Node::open(&self.dir)?)
    }

    /// What the node has recorded since it started.
    pub fn recorded(&self, what: Record) -> Result<Vec<String>> {
        let bytes = match std::fs::read(self.dir.join("record").join(what.file())) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let text = String::from_utf8(bytes)?;
        Ok(text.split_terminator('\0').map(str::to_owned).collect())
    }

    /// Has a node that keeps a record answer every command with these bytes; with what was asked again
    /// on `None`.
    pub fn babble(&self, bytes: Option<&[u8]>) -> Result<()> {
        let path = self.dir.join("record/babble");
        match bytes {
            Some(bytes) => std::fs::write(path, bytes)?,
            None => std::fs::remove_file(path)?,
        }
        Ok(())
    }

    /// Replaces a tool of the node by a script.
    pub fn replace_tool(&self, name: &str, script: &str) -> Result<()> {
        let path = self.dir.join("bin").join(name);
        drop(std::fs::remove_file(&path));
        write_program(&path, script)
    }

    /// Names of the containers that run.
    pub fn running(&self) -> Result<Vec<String>> {
        let names = self.run("docker ps --format '{{.Names}}'")?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    fn sim(&self, verb: &[&str], words: &[&str]) -> Result<()> {
        let mut command = Command::new(&self.simulator);
        command.args(verb).arg(&self.dir).args(words);
        let output = as_user(command, self.sshd.user())?.output()?;
        ensure!(
            output.status.success(),
            "{words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}

impl Drop for Spark {
    fn drop(&mut self) {
        if self.sim(&["off"], &[]).is_err() {
            eprintln!("the processes of {} may be left", self.dir.display());
        }
        drop(self.keeper.kill());
        drop(self.keeper.wait());
    }
}

/// Lets the nodes log in to one another, as after `ssh-copy-id` in all directions.
fn introduce(sparks: &[Spark]) -> Result<()> {
    let nodes = sparks.iter().map(Spark::node).collect::<Result<Vec<_>>>()?;
    spark_sim::ssh::keys::introduce(&nodes)?;
    let folders = nodes.iter().map(|node| node.home().join(".ssh"));
    folders
        .zip(sparks)
        .try_for_each(|(folder, spark)| give_to(&folder, spark.sshd.user()))
}

fn install_recorder(folder: &Path, user: &str) -> Result<()> {
    std::fs::create_dir_all(folder.join("bin"))?;
    write_program(&folder.join("session"), RECORDER)?;
    write_program(&folder.join("bin/docker"), DOCKER_RECORDER)?;
    give_to(folder, user)
}

fn write_program(path: &Path, script: &str) -> Result<()> {
    std::fs::write(path, script)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755))?;
    Ok(())
}

/// A random `127.b.c.0` whose neighbours nobody else is likely to use.
pub fn address_block() -> Ipv4Addr {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    let [b, c, ..] = random.to_be_bytes();
    Ipv4Addr::new(127, b.clamp(2, 250), c & 0xfe, 0)
}
