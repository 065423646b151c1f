//! What the daemon is made of, built in order: first what nothing else is needed for, then those who watch
//! the nodes, then the view, then those who act.

use std::sync::Arc;

use anyhow::Context as _;
use spark_ipc::model::webhook::WebhookStatus;
use spark_ipc::version::{PROTOCOL, VersionInfo};
use tokio::sync::watch;

use crate::bugreport::BugReports;
use crate::config::Config;
use crate::connectivity::Connectivity;
use crate::deep::Deep;
use crate::doctor::Doctor;
use crate::engine::Engines;
use crate::gate::Gate;
use crate::journal::{Journal, Launch};
use crate::models::{self, Models};
use crate::nodes::{self, Nodes};
use crate::operations::{self, Operations};
use crate::overrides::Overrides;
use crate::proxy::Traffic;
use crate::services::{self, Services};
use crate::settings::{Store, Values};
use crate::tasks::Tasks;
use crate::units::{self, Units};
use crate::view::View;
use crate::web::AppState;
use crate::web::guard::Hosts;
use crate::webhook::{self, Webhook};
use crate::{alerts, clock, connectivity, deep, handles};

/// Builds and starts everything but the doors.
pub(super) async fn build(
    config: &Config,
    tasks: &Tasks,
    journal: Journal,
    instance: String,
) -> Result<AppState, anyhow::Error> {
    let ground = Ground::new(config, tasks, &journal).await?;
    let (operations, seat) = Operations::channel();
    let (deep, deep_seat) = Deep::channel();
    let (connectivity, connectivity_seat) = Connectivity::channel();
    let watchers = Watchers::start(&ground, config, &operations, &deep)?;
    let webhook_status = watch::Sender::new(Arc::default());
    let view = watchers.view(&ground, &operations, &deep, &connectivity, &webhook_status);
    seat.start(context(&ground, &watchers, &view, journal));
    deep_seat.start(deep::Surroundings {
        tasks: tasks.clone(),
        engine: ground.engine.clone(),
        units: view.units.clone(),
        services: view.services.clone(),
        operations: view.operations.clone(),
        catalog: ground.overrides.catalog(),
        interval_s: ground.settings.live(|v| v.deep_health_interval_s),
    });
    connectivity_seat.start(connectivity::Surroundings {
        tasks: tasks.clone(),
        path: config.paths.connectivity_log.clone(),
        nodes: view.nodes.clone(),
        units: view.units.clone(),
        services: view.services.clone(),
        deep: deep.clone(),
    });
    let webhook = start_webhook(&ground, config, &view, webhook_status);
    let version = version(config, instance);
    let acts = Acts::new(&ground, &watchers, &view, &operations, &version);
    let allowed = ground.settings.live(|v| v.allowed_hosts.clone());
    Ok(AppState {
        view,
        operations,
        deep,
        connectivity,
        gate: ground.gate,
        traffic: ground.traffic,
        tasks: tasks.clone(),
        version,
        nodes: Arc::new(handles::NodeHandle(watchers.nodes)),
        services: Arc::new(handles::ServiceHandle(acts.service_logs)),
        adoptions: Arc::new(handles::AdoptionHandle(watchers.units)),
        logs: Arc::new(handles::LogHandle(acts.logs)),
        models: Arc::new(handles::DetailHandle(acts.details)),
        doctor: Arc::new(acts.doctor),
        bug_reports: Arc::new(acts.bug_reports),
        recipes: acts.recipes,
        settings: ground.settings,
        webhook,
        hosts: Hosts::of_this_machine(Arc::new(move || allowed.get())),
    })
}

/// What nothing else is needed for.
struct Ground {
    tasks: Tasks,
    settings: Arc<Store>,
    overrides: Overrides,
    launches: watch::Sender<Arc<Vec<Launch>>>,
    gate: Gate,
    engine: Engines,
    traffic: Traffic,
}

impl Ground {
    async fn new(config: &Config, tasks: &Tasks, journal: &Journal) -> Result<Self, anyhow::Error> {
        let gate = Gate::default();
        Ok(Self {
            tasks: tasks.clone(),
            settings: Arc::new(Store::open(
                config.settings.clone(),
                config.paths.settings.clone(),
            )),
            overrides: Overrides::start((&config.paths).into(), tasks),
            launches: watch::Sender::new(known_launches(journal).await),
            engine: Engines::new().context("cannot make the HTTP client")?,
            traffic: Traffic::start(&gate, tasks),
            gate,
        })
    }
}

/// Those who look at the nodes, each at another side of them.
struct Watchers {
    nodes: Nodes,
    units: Units,
    models: Models,
    services: Services,
}

impl Watchers {
    fn start(
        ground: &Ground,
        config: &Config,
        operations: &Operations,
        deep: &Deep,
    ) -> Result<Self, anyhow::Error> {
        let (tasks, settings) = (&ground.tasks, &ground.settings);
        let nodes = Nodes::start(nodes::Surroundings {
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
            gate: ground.gate.clone(),
            engine: ground.engine.clone(),
            deep: deep.clone(),
            adoptions: config.paths.adoptions.clone(),
        });
        let models = Models::start(models::Surroundings {
            tasks: tasks.clone(),
            nodes: nodes.clone(),
            node_list: nodes.list(),
            units: units.list(),
            operations: operations.list(),
            launches: ground.launches.subscribe(),
            catalog: ground.overrides.catalog(),
            interval_s: settings.live(|v| v.inventory_interval_s),
        });
        let services = Services::start(services::Surroundings {
            tasks: tasks.clone(),
            node_list: nodes.list(),
            units: units.clone(),
            operations: operations.clone(),
            engine: ground.engine.clone(),
            deep: deep.clone(),
            interval_s: settings.live(|v| v.poll_interval_s),
            autostart: settings.live(|v| v.services_autostart),
            overrides: config.paths.services_overrides.clone(),
            boots: config.paths.service_boots.clone(),
        });
        Ok(Self {
            nodes,
            units,
            models,
            services,
        })
    }

    fn view(
        &self,
        ground: &Ground,
        operations: &Operations,
        deep: &Deep,
        connectivity: &Connectivity,
        webhook: &watch::Sender<Arc<Option<WebhookStatus>>>,
    ) -> View {
        let alerts = alerts::start(alerts::Surroundings {
            tasks: ground.tasks.clone(),
            judged: vec![self.nodes.alerts(), deep.alerts()],
            units: self.units.list(),
            operations: operations.list(),
            engine: ground.engine.clone(),
        });
        View {
            nodes: self.nodes.list(),
            alerts,
            models: self.models.menu(),
            units: self.units.list(),
            operations: operations.list(),
            proxy: ground.traffic.watch(),
            settings: ground.settings.view(),
            connectivity: connectivity.newest(),
            services: self.services.list(),
            webhook: webhook.subscribe(),
        }
    }
}

/// What operations work with.
fn context(
    ground: &Ground,
    watchers: &Watchers,
    view: &View,
    journal: Journal,
) -> operations::Context {
    let settings = &ground.settings;
    operations::Context {
        tasks: ground.tasks.clone(),
        view: view.clone(),
        gate: ground.gate.clone(),
        journal,
        nodes: watchers.nodes.clone(),
        units: watchers.units.clone(),
        services: watchers.services.clone(),
        models: watchers.models.clone(),
        engine: ground.engine.clone(),
        catalog: ground.overrides.catalog(),
        launches: ground.launches.clone(),
        drain_timeout_s: settings.live(|v| v.drain_timeout_s),
        free_timeout_s: settings.live(|v| v.free_timeout_s),
        load_timeout_s: settings.live(|v| v.load_timeout_s),
        restore_last_good: settings.live(|v| v.restore_last_good),
        hf_token: settings.live(|v| v.hf_token.clone()),
        ngc_api_key: settings.live(|v| v.ngc_api_key.clone()),
        disk_reserve_bytes: settings.live(|v| v.disk_reserve_gb.saturating_mul(1_000_000_000)),
    }
}

fn start_webhook(
    ground: &Ground,
    config: &Config,
    view: &View,
    status: watch::Sender<Arc<Option<WebhookStatus>>>,
) -> Webhook {
    Webhook::start(webhook::Surroundings {
        tasks: ground.tasks.clone(),
        view: view.clone(),
        status,
        wanted: ground.settings.live(|v| webhook::Wanted {
            url: v.webhook_url.clone(),
            secret: v.webhook_secret.clone(),
            events: v.webhook_events.clone(),
            allow_loopback: v.webhook_allow_loopback,
        }),
        own_port: config.bind.port(),
    })
}

/// What the router asks for beside the view.
struct Acts {
    details: models::Details,
    recipes: models::Recipes,
    service_logs: services::ServiceLogs,
    logs: units::Logs,
    doctor: Doctor,
    bug_reports: BugReports,
}

impl Acts {
    fn new(
        ground: &Ground,
        watchers: &Watchers,
        view: &View,
        operations: &Operations,
        version: &VersionInfo,
    ) -> Self {
        let nodes = &watchers.nodes;
        let logs = units::Logs {
            units: watchers.units.clone(),
            nodes: nodes.clone(),
        };
        let doctor = Doctor::new(nodes.clone());
        Self {
            details: models::Details {
                models: watchers.models.clone(),
                catalog: ground.overrides.catalog(),
                launches: ground.launches.subscribe(),
                nodes: nodes.list(),
            },
            recipes: models::Recipes {
                overrides: ground.overrides.clone(),
                images: models::Images {
                    nodes: Some(nodes.clone()),
                    list: nodes.list(),
                },
                lists: watchers.models.changes(),
                nodes: nodes.list(),
                units: watchers.units.list(),
            },
            service_logs: services::ServiceLogs {
                services: watchers.services.clone(),
                nodes: nodes.clone(),
            },
            bug_reports: BugReports {
                version: version.clone(),
                view: view.clone(),
                nodes: nodes.clone(),
                operations: operations.clone(),
                logs: logs.clone(),
                doctor: doctor.clone(),
                secrets: ground.settings.live(Values::secrets),
            },
            logs,
            doctor,
        }
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
        listens: Some(config.bind.to_string()),
    }
}
