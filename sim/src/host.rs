//! A node that runs: its SSH server, and the time that passes on it.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::node::{Node, NodeError, process, sshd_environment};
use crate::ssh::{SshError, SshServer};
use crate::{cache, tools};

/// How often downloads grow and files are brought up to date without anyone asking.
const TICK: Duration = Duration::from_millis(500);

/// A running node.
#[derive(Debug)]
pub struct Host {
    node: Node,
    ssh: Option<SshServer>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Host {
    /// Links the tools and starts the node, with its own SSH server or to stand behind a real one.
    /// To be called within a Tokio runtime.
    pub fn start(node: Node, with_ssh: bool) -> Result<Self, SshError> {
        let program = executable().map_err(|source| NodeError::Spawn {
            program: "spark-sim".to_owned(),
            source,
        })?;
        node.link_tools(&program, tools::NAMES)?;
        node.refresh_root()?;
        let ssh = with_ssh
            .then(|| SshServer::start(node.clone()))
            .transpose()?;
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(keep(node.clone(), cancel.clone()));
        Ok(Self {
            node,
            ssh,
            tasks,
            cancel,
        })
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Its SSH server.
    pub fn ssh(&self) -> Option<&SshServer> {
        self.ssh.as_ref()
    }

    /// Stops the server and lets everything on the node run on, so that the next start finds it.
    pub async fn stop(self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Some(ssh) = self.ssh {
            ssh.stop().await;
        }
    }

    /// Stops the server and every process of the node, containers included.
    pub async fn power_off(self) {
        let dir = self.node.dir().to_owned();
        self.stop().await;
        process::kill_all(&dir);
    }
}

/// Lets time pass on the node until cancelled.
async fn keep(node: Node, cancel: CancellationToken) {
    let mut boot = node.state().ok().map(|state| state.boot_id);
    while cancel
        .run_until_cancelled(tokio::time::sleep(TICK))
        .await
        .is_some()
    {
        let node = node.clone();
        let tick = move || -> Result<Option<Uuid>, NodeError> {
            cache::advance(&node, TICK)?;
            node.refresh_root()?;
            wake_docker(&node, boot)
        };
        match tokio::task::spawn_blocking(tick).await {
            Ok(Ok(seen)) => boot = seen,
            Ok(Err(error)) => tracing::warn!(%error, "cannot keep the node up to date"),
            Err(_ended) => return,
        }
    }
}

/// Starts Docker once after a boot, with what its restart policies bring back: no command of a user is needed for
/// that. Gives the boot that was seen.
fn wake_docker(node: &Node, seen: Option<Uuid>) -> Result<Option<Uuid>, NodeError> {
    let state = node.state()?;
    let booted = state.booted_at <= Timestamp::now();
    if seen == Some(state.boot_id) || !booted {
        return Ok(seen);
    }
    let program = node.bin().join("docker");
    let listed = Command::new(&program)
        .args(["ps", "--quiet"])
        .env_clear()
        .envs(sshd_environment(node))
        .output();
    listed.map_err(NodeError::io("run", &program))?;
    Ok(Some(state.boot_id))
}

/// The `spark-sim` program: this one, or the one that Cargo built beside a test of this workspace.
pub fn executable() -> io::Result<PathBuf> {
    const NAME: &str = "spark-sim";
    let own = std::env::current_exe()?;
    if own.file_name().is_some_and(|name| name == NAME) {
        return Ok(own);
    }
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(NAME))
        .find(|path| path.is_file())
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "build the spark-sim program first"))
}
