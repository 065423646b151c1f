//! The composition root: builds everything in order, hands down handles, and takes it all down again.

mod build;

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{Config, Vars};
use crate::journal::Journal;
use crate::tasks::Tasks;
use crate::{door, web};

/// How long everything may take to end.
const GRACE: Duration = Duration::from_secs(6);

/// Runs the daemon until it is told to end.
pub async fn serve(config: Config, vars: &Vars) -> Result<(), anyhow::Error> {
    // From here on a signal is kept until it is waited for, and ends the daemon in order.
    let end = End::listen()?;
    make_dir(&config.paths.data_dir)?;
    make_dir(&config.paths.ssh_dir)?;
    let tasks = Tasks::new();
    let instance = uuid::Uuid::new_v4().simple().to_string();
    // First the lock: a second daemon must not touch the journal of the first.
    let socket = door::socket::bind(&config.socket, &instance)?;
    let listener = TcpListener::bind(config.bind)
        .await
        .with_context(|| format!("cannot listen on {} (BIND_ADDR, BIND_PORT)", config.bind))?;
    let abort_at = vars
        .get("SPARK_CONTROL_ABORT_AT_JOURNAL_WRITE")
        .and_then(|v| v.parse().ok());
    let (journal, opened) = Journal::open(&config.paths.journal, abort_at)?;
    if let Some(aside) = opened.set_aside {
        tracing::warn!(path = %aside.display(), "the journal was broken and is set aside; a new one was made");
    }
    // What was left open must be known before anything new may begin.
    journal
        .open_operations()
        .await
        .context("the open operations of the journal cannot be read")?;
    let state = build::build(&config, &tasks, journal, instance).await?;
    let router = web::router(state).context("cannot make the HTTP client")?;
    tasks.spawn(
        "tcp door",
        door::tcp::serve(listener, router.clone(), tasks.clone()),
    );
    tasks.spawn(
        "socket door",
        door::socket::serve(socket, router, tasks.clone()),
    );
    tracing::info!(address = %config.bind, socket = %config.socket.display(), "listening");
    end.come().await;
    tracing::info!("ending");
    if !tasks.shut_down(GRACE).await {
        tracing::warn!("some tasks did not end in time");
    }
    Ok(())
}

/// A folder that only we can read.
fn make_dir(path: &Path) -> Result<(), anyhow::Error> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| {
            format!(
                "cannot make the folder {} (DATA_DIR, SSH_DIR)",
                path.display()
            )
        })
}

/// SIGTERM or SIGINT.
struct End {
    term: Signal,
    int: Signal,
}

impl End {
    fn listen() -> Result<Self, anyhow::Error> {
        Ok(Self {
            term: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            int: signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?,
        })
    }

    async fn come(mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}
