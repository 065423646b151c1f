//! The composition root: builds everything in order, hands down handles, and takes it all down again.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use spark_core::catalog::Catalog;
use spark_ipc::version::{PROTOCOL, VersionInfo};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::config::{Config, Paths, Vars};
use crate::engine::Engines;
use crate::gate::Gate;
use crate::journal::{Journal, Launch};
use crate::models::{self, Models};
use crate::operations::{self, Operations};
use crate::proxy::Traffic;
use crate::settings::Store;
use crate::tasks::Tasks;
use crate::units::{self, Units};
use crate::view::View;
use crate::web::guard::Hosts;
use crate::web::{self, AppState};
use crate::{clock, door, handles, nodes};

/// The recipes inside the program.
const BUNDLED: &str = include_str!("../../models.yaml");
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
    let state = build(&config, &tasks, journal, instance).await?;
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

async fn build(
    config: &Config,
    tasks: &Tasks,
    journal: Journal,
    instance: String,
) -> Result<AppState, anyhow::Error> {
    let settings = Store::new(config.settings.clone());
    let catalog = Arc::new(load_catalog(&config.paths));
    tell_errors(&catalog);
    let launches = watch::Sender::new(known_launches(&journal).await);
    let gate = Gate::default();
    let engine = Engines::new().context("cannot make the HTTP client")?;
    let traffic = Traffic::start(&gate, tasks);
    let (operations, seat) = Operations::channel();
    let nodes = nodes::Nodes::start(nodes::Surroundings {
        nodes: config.nodes.clone(),
        key_path: config.paths.ssh_key.clone(),
        known_hosts: config.paths.known_hosts.clone(),
        poll_interval_s: settings.live(|v| v.poll_interval_s),
        host_key_policy: settings.live(|v| v.host_key_policy),
        tasks: tasks.clone(),
    })?;
    let units = Units::start(units::Surroundings {
        tasks: tasks.clone(),
        nodes: nodes.clone(),
        node_list: nodes.list(),
        operations: operations.list(),
        gate: gate.clone(),
        engine: engine.clone(),
    });
    let models = Models::start(models::Surroundings {
        tasks: tasks.clone(),
        nodes: nodes.clone(),
        node_list: nodes.list(),
        units: units.list(),
        operations: operations.list(),
        launches: launches.subscribe(),
        catalog: Arc::clone(&catalog),
        interval_s: settings.live(|v| v.inventory_interval_s),
    });
    let view = View {
        nodes: nodes.list(),
        alerts: nodes.alerts(),
        models: models.menu(),
        units: units.list(),
        operations: operations.list(),
        proxy: traffic.watch(),
        settings: settings.view(),
    };
    let details = models::Details {
        models: models.clone(),
        catalog: Arc::clone(&catalog),
        launches: launches.subscribe(),
        nodes: nodes.list(),
    };
    seat.start(operations::Context {
        tasks: tasks.clone(),
        view: view.clone(),
        gate: gate.clone(),
        journal,
        nodes: nodes.clone(),
        units: units.clone(),
        models,
        engine,
        catalog,
        launches,
        drain_timeout_s: settings.live(|v| v.drain_timeout_s),
        free_timeout_s: settings.live(|v| v.free_timeout_s),
        load_timeout_s: settings.live(|v| v.load_timeout_s),
        restore_last_good: settings.live(|v| v.restore_last_good),
    });
    let allowed = settings.live(|v| v.allowed_hosts.clone());
    Ok(AppState {
        view,
        operations,
        gate,
        traffic,
        tasks: tasks.clone(),
        version: version(config, instance),
        nodes: Arc::new(handles::NodeHandle(nodes.clone())),
        logs: Arc::new(handles::LogHandle(units::Logs { units, nodes })),
        models: Arc::new(handles::DetailHandle(details)),
        hosts: Hosts::of_this_machine(Arc::new(move || allowed.get())),
    })
}

fn tell_errors(catalog: &Catalog) {
    for error in catalog.errors() {
        tracing::warn!(?error, "a recipe cannot be used");
    }
}

async fn known_launches(journal: &Journal) -> Arc<Vec<Launch>> {
    let launches = journal.launches().await.unwrap_or_else(|error| {
        tracing::error!(%error, "the launches cannot be read from the journal");
        Vec::new()
    });
    Arc::new(launches)
}

fn version(config: &Config, instance: String) -> VersionInfo {
    VersionInfo {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instance,
        started_at: clock::now(),
        demo: config.demo,
    }
}

/// The recipes: those inside the program or `MODELS_YAML`, then the overrides. A file that cannot be read
/// is an error of the catalogue; the rest works.
pub fn load_catalog(paths: &Paths) -> Catalog {
    let mut unread = Vec::new();
    let mut read = |path: &Path, may_be_absent: bool| match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if may_be_absent && error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            unread.push(format!("{} cannot be read: {error}", path.display()));
            None
        }
    };
    let file = paths.models_yaml.as_deref();
    let file = file.and_then(|path| read(path, false));
    let overrides = read(&paths.models_overrides, true);
    let mut catalog = Catalog::load(BUNDLED, file.as_deref(), overrides.as_deref());
    for error in unread {
        catalog.note(error);
    }
    catalog
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
