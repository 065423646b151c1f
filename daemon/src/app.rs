//! The composition root: builds everything in order, hands down handles, and takes it all down again.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use spark_ipc::version::{PROTOCOL, VersionInfo};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::bugreport::BugReports;
use crate::config::{Config, Vars};
use crate::connectivity::{self, Connectivity};
use crate::deep::{self, Deep};
use crate::doctor::Doctor;
use crate::engine::Engines;
use crate::gate::Gate;
use crate::journal::{Journal, Launch};
use crate::models::{self, Models};
use crate::operations::{self, Operations};
use crate::overrides::Overrides;
use crate::proxy::Traffic;
use crate::settings::{Store, Values};
use crate::services::{self, Services};
use crate::tasks::Tasks;
use crate::units::{self, Units};
use crate::view::View;
use crate::web::guard::Hosts;
use crate::web::{self, AppState};
use crate::webhook::{self, Webhook};
use crate::{alerts, clock, door, handles, nodes};

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
    let settings = Arc::new(Store::open(
        config.settings.clone(),
        config.paths.settings.clone(),
    ));
    let overrides = Overrides::start((&config.paths).into(), tasks);
    let launches = watch::Sender::new(known_launches(&journal).await);
    let gate = Gate::default();
    let engine = Engines::new().context("cannot make the HTTP client")?;
    let traffic = Traffic::start(&gate, tasks);
    let (operations, seat) = Operations::channel();
    let (deep, deep_seat) = Deep::channel();
    let (connectivity, connectivity_seat) = Connectivity::channel();
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
        deep: deep.clone(),
        adoptions: config.paths.adoptions.clone(),
    });
    let models = Models::start(models::Surroundings {
        tasks: tasks.clone(),
        nodes: nodes.clone(),
        node_list: nodes.list(),
        units: units.list(),
        operations: operations.list(),
        launches: launches.subscribe(),
        catalog: overrides.catalog(),
        interval_s: settings.live(|v| v.inventory_interval_s),
    });
    let services = Services::start(services::Surroundings {
        tasks: tasks.clone(),
        node_list: nodes.list(),
        units: units.clone(),
        operations: operations.clone(),
        engine: engine.clone(),
        interval_s: settings.live(|v| v.poll_interval_s),
        autostart: settings.live(|v| v.services_autostart),
        overrides: config.paths.services_overrides.clone(),
        boots: config.paths.service_boots.clone(),
    });
    let webhook_status = watch::Sender::new(Arc::default());
    let view = View {
        nodes: nodes.list(),
        alerts: alerts::start(alerts::Surroundings {
            tasks: tasks.clone(),
            judged: vec![nodes.alerts(), deep.alerts()],
            units: units.list(),
            operations: operations.list(),
            engine: engine.clone(),
        }),
        models: models.menu(),
        units: units.list(),
        operations: operations.list(),
        proxy: traffic.watch(),
        settings: settings.view(),
        connectivity: connectivity.newest(),
        services: services.list(),
        webhook: webhook_status.subscribe(),
    };
    let details = models::Details {
        models: models.clone(),
        catalog: overrides.catalog(),
        launches: launches.subscribe(),
        nodes: nodes.list(),
    };
    let recipes = models::Recipes {
        overrides: overrides.clone(),
        images: models::Images {
            nodes: Some(nodes.clone()),
            list: nodes.list(),
        },
        lists: models.changes(),
        nodes: nodes.list(),
        units: units.list(),
    };
    seat.start(operations::Context {
        tasks: tasks.clone(),
        view: view.clone(),
        gate: gate.clone(),
        journal,
        nodes: nodes.clone(),
        units: units.clone(),
        services: services.clone(),
        models,
        engine: engine.clone(),
        catalog: overrides.catalog(),
        launches,
        drain_timeout_s: settings.live(|v| v.drain_timeout_s),
        free_timeout_s: settings.live(|v| v.free_timeout_s),
        load_timeout_s: settings.live(|v| v.load_timeout_s),
        restore_last_good: settings.live(|v| v.restore_last_good),
        hf_token: settings.live(|v| v.hf_token.clone()),
        ngc_api_key: settings.live(|v| v.ngc_api_key.clone()),
        disk_reserve_bytes: settings.live(|v| v.disk_reserve_gb.saturating_mul(1_000_000_000)),
    });
    deep_seat.start(deep::Surroundings {
        tasks: tasks.clone(),
        engine: engine.clone(),
        units: view.units.clone(),
        services: view.services.clone(),
        operations: view.operations.clone(),
        catalog: overrides.catalog(),
        interval_s: settings.live(|v| v.deep_health_interval_s),
    });
    connectivity_seat.start(connectivity::Surroundings {
        tasks: tasks.clone(),
        path: config.paths.connectivity_log.clone(),
        nodes: view.nodes.clone(),
        units: view.units.clone(),
        services: view.services.clone(),
        deep: deep.clone(),
    });
    let webhook = Webhook::start(webhook::Surroundings {
        tasks: tasks.clone(),
        view: view.clone(),
        status: webhook_status,
        wanted: settings.live(|v| webhook::Wanted {
            url: v.webhook_url.clone(),
            secret: v.webhook_secret.clone(),
            events: v.webhook_events.clone(),
            allow_loopback: v.webhook_allow_loopback,
        }),
        own_port: config.bind.port(),
    });
    let allowed = settings.live(|v| v.allowed_hosts.clone());
    let service_logs = services::ServiceLogs {
        services,
        nodes: nodes.clone(),
    };
    let adoptions = handles::AdoptionHandle(units.clone());
    let (version, logs) = (
        version(config, instance),
        units::Logs {
            units,
            nodes: nodes.clone(),
        },
    );
    let doctor = Doctor::new(nodes.clone());
    let bug_reports = BugReports {
        version: version.clone(),
        view: view.clone(),
        nodes: nodes.clone(),
        operations: operations.clone(),
        logs: logs.clone(),
        doctor: doctor.clone(),
        secrets: settings.live(Values::secrets),
    };
    Ok(AppState {
        view,
        operations,
        deep,
        connectivity,
        gate,
        traffic,
        tasks: tasks.clone(),
        version,
        nodes: Arc::new(handles::NodeHandle(nodes)),
        services: Arc::new(handles::ServiceHandle(service_logs)),
        adoptions: Arc::new(adoptions),
        logs: Arc::new(handles::LogHandle(logs)),
        models: Arc::new(handles::DetailHandle(details)),
        doctor: Arc::new(doctor),
        bug_reports: Arc::new(bug_reports),
        recipes,
        settings,
        webhook,
        hosts: Hosts::of_this_machine(Arc::new(move || allowed.get())),
    })
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
