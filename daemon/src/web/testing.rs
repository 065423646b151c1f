//! A daemon of which only the doors are real, for the tests of this crate.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use spark_ipc::client::{Client, Endpoint};
use spark_ipc::id::{Fingerprint, NodeId, RepoId, UnitId};
use spark_ipc::model::alert::Alert;
use spark_ipc::model::doctor::DoctorReport;
use spark_ipc::model::inventory::{ModelDetail, ModelList};
use spark_ipc::model::node::{CheckState, CheckStep, Node, NodeTest, SshKey};
use spark_ipc::model::operation::{LogLine, Operation};
use spark_ipc::model::recipe::RecipeInForce;
use spark_ipc::model::settings::Settings;
use spark_ipc::model::unit::Unit;
use spark_ipc::model::webhook::WebhookStatus;
use spark_ipc::version::{PROTOCOL, VersionInfo};
use spark_ipc::{ApiError, ErrorCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::guard::Hosts;
use super::{
    Answer, AppState, BugReport, FabricDoctor, LogStream, ModelDetails, NodeActions, UnitLogs,
    router,
};
use crate::connectivity::Connectivity;
use crate::deep::Deep;
use crate::door::{self, Limits};
use crate::gate::Gate;
use crate::models::{Images, Lists, Recipes};
use crate::operations::{Operations, Request};
use crate::overrides::{Overrides, RecipeFiles};
use crate::proxy::Traffic;
use crate::settings::{Store, Values};
use crate::tasks::Tasks;
use crate::view::View;
use crate::webhook;

mod services;

use services::NoServices;

pub(crate) const FINGERPRINT: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

/// The state of a router, and the writing ends of everything in it.
pub(crate) struct Bench {
    pub(crate) state: AppState,
    pub(crate) nodes: watch::Sender<Arc<Vec<Node>>>,
    /// What is on the disks.
    pub(crate) lists: watch::Sender<Lists>,
    pub(crate) operations: watch::Sender<Arc<Vec<Operation>>>,
    pub(crate) requests: mpsc::Receiver<Request>,
    /// What was trusted.
    pub(crate) acts: Arc<Acts>,
    held: Box<dyn std::any::Any + Send>,
}

/// Recipes that are stored in `folder`.
fn recipes_of(tasks: &Tasks, folder: &Path, lists: &watch::Sender<Lists>, view: &View) -> Recipes {
    let files = RecipeFiles {
        bundle: None,
        overrides: folder.join("models_overrides.yaml"),
    };
    Recipes {
        overrides: Overrides::start(files, tasks),
        images: Images {
            nodes: None,
            list: view.nodes.clone(),
        },
        lists: lists.subscribe(),
        nodes: view.nodes.clone(),
        units: view.units.clone(),
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let (operations, seat) = Operations::channel();
        let (requests, list) = seat.into_parts();
        let nodes = watch::Sender::new(Arc::new(vec![node("spark1"), node("spark2")]));
        let alerts = watch::Sender::new(Arc::<Vec<Alert>>::default());
        let models = watch::Sender::new(Arc::new(ModelList {
            models: Vec::new(),
            recipe_errors: Vec::new(),
            observed_at: None,
        }));
        let units = watch::Sender::new(Arc::<Vec<Unit>>::default());
        let settings = watch::Sender::new(Arc::new(Settings {
            revision: 1,
            fields: Vec::new(),
        }));
        let (gate, tasks, acts) = (Gate::default(), Tasks::new(), Arc::new(Acts::default()));
        let traffic = Traffic::start(&gate, &tasks);
        let services = watch::Sender::new(Arc::default());
        let webhook_status = watch::Sender::new(Arc::default());
        let view = View {
            nodes: nodes.subscribe(),
            alerts: alerts.subscribe(),
            models: models.subscribe(),
            units: units.subscribe(),
            services: services.subscribe(),
            operations: list.subscribe(),
            proxy: traffic.watch(),
            settings: settings.subscribe(),
            connectivity: watch::Sender::default().subscribe(),
            webhook: webhook_status.subscribe(),
        };
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Values::default(), folder.path().join("app_settings.json"));
        let sender = sender_of(&tasks, &view, &webhook_status, &store);
        let lists = watch::Sender::new(Lists::default());
        let recipes = recipes_of(&tasks, folder.path(), &lists, &view);
        let state = AppState {
            view,
            operations,
            deep: Deep::channel().0,
            connectivity: Connectivity::channel().0,
            gate,
            traffic,
            tasks,
            version: version(),
            nodes: Arc::clone(&acts) as Arc<dyn NodeActions>,
            logs: Arc::new(Logs),
            services: Arc::new(NoServices),
            adoptions: Arc::new(NoServices),
            models: Arc::new(NoModels),
            doctor: Arc::new(Healer),
            bug_reports: Arc::new(Healer),
            recipes,
            settings: Arc::new(store),
            webhook: sender,
            hosts: Hosts::new("", "", Arc::new(Vec::new)),
        };
        let held = Box::new((
            alerts,
            models,
            units,
            settings,
            services,
            webhook_status,
            folder,
        ));
        Self {
            state,
            nodes,
            lists,
            operations: list,
            requests,
            acts,
            held,
        }
    }

    /// Opens the TCP door on a free port.
    pub(crate) async fn tcp(&self) -> SocketAddr {
        self.tcp_within(Limits::tcp()).await
    }

    pub(crate) async fn tcp_within(&self, limits: Limits) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = router(self.state.clone()).unwrap();
        let tasks = self.state.tasks.clone();
        self.state.tasks.spawn(
            "tcp door",
            door::tcp::serve_within(listener, router, tasks, limits),
        );
        address
    }

    /// Opens the socket door in `folder`.
    pub(crate) fn socket(&self, folder: &Path) -> PathBuf {
        let path = folder.join("control.sock");
        let socket = door::socket::bind(&path, "bench").unwrap();
        let router = router(self.state.clone()).unwrap();
        let tasks = self.state.tasks.clone();
        self.state
            .tasks
            .spawn("socket door", door::socket::serve(socket, router, tasks));
        path
    }

    /// Shuts the daemon down; fails when it takes over ten seconds.
    pub(crate) async fn shut_down(self) {
        drop(self.held);
        assert!(self.state.tasks.shut_down(Duration::from_secs(10)).await);
    }
}

pub(crate) fn client(address: SocketAddr) -> Client {
    Client::new(Endpoint::Tcp(address.to_string()))
}

/// Sends `request` as it is, and reads until the other end closes.
pub(crate) async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// `METHOD path`, with headers and body, on a connection of its own.
pub(crate) async fn send(
    address: SocketAddr,
    line: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> String {
    let mut text = format!("{line} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    if !body.is_empty() {
        write!(text, "content-length: {}\r\n", body.len()).unwrap();
    }
    raw(address, &format!("{text}\r\n{body}")).await
}

/// The status of an answer that was read with [`raw`] or [`send`].
pub(crate) fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}

/// The value of a header of an answer.
pub(crate) fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (head, _body) = answer.split_once("\r\n\r\n")?;
    let mut pairs = head.lines().filter_map(|line| line.split_once(": "));
    pairs
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// The JSON body of an answer, its request id blotted out.
pub(crate) fn body(answer: &str) -> serde_json::Value {
    let (_head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut value: serde_json::Value = serde_json::from_str(body).unwrap();
    if let Some(id) = value.pointer_mut("/error/request_id") {
        assert!(uuid::Uuid::parse_str(id.as_str().unwrap()).is_ok());
        *id = "ID".into();
    }
    value
}

fn version() -> VersionInfo {
    VersionInfo {
        protocol: PROTOCOL,
        version: "0.0.0".into(),
        instance: "bench".into(),
        started_at: "2026-11-23T12:00:00Z"
            .parse::<jiff::Timestamp>()
            .unwrap()
            .into(),
        demo: false,
        listens: None,
    }
}

pub(crate) fn node(id: &str) -> Node {
    let link = serde_json::json!({
        "state": "connected", "since": "2026-11-23T12:00:00Z", "cause": null, "message": null,
        "fix": null, "host_key": null, "retry_in_ms": null,
    });
    let text = serde_json::json!({
        "id": id, "name": id, "host": "127.0.0.1", "user": "spark", "ssh_port": 22, "link": link,
        "freshness": "fresh", "observed_at": null, "poll_ms": null, "identity": {}, "cpu_percent": null,
        "load1": null, "memory": {"total_bytes": 128, "available_bytes": 64}, "gpu": null,
        "gpu_processes": null, "temperatures": [], "disks": [], "interfaces": [], "fabric": [],
        "docker": null, "containers": [], "listening_ports": [], "warnings": [], "history": [],
    });
    serde_json::from_value(text).unwrap()
}

pub(crate) fn operation(id: &str, state: &str) -> Operation {
    serde_json::from_value(serde_json::json!({
        "id": id, "kind": "swap", "subject": "org/model", "state": state, "nodes": ["spark1"],
        "steps": [], "progress": {"done": null, "total": null, "unit": "percent", "rate": null, "eta_s": null, "stage": null}, "error": null, "advice": null, "actor": "daemon",
        "started_at": "2026-11-23T12:00:00Z", "ended_at": null, "cancelling": false, "seq": 0,
        "last_good": null, "own_ms": null,
    }))
    .unwrap()
}

/// Nodes that do as they are told and remember it.
#[derive(Default)]
pub(crate) struct Acts {
    pub(crate) trusted: Mutex<Vec<(NodeId, Fingerprint)>>,
}

impl NodeActions for Acts {
    fn test(&self, node: NodeId) -> Answer<'_, NodeTest> {
        let step = CheckStep {
            name: "tcp".into(),
            state: CheckState::Passed,
            detail: "connected".into(),
            fix: None,
            duration_ms: 1.0,
        };
        async {
            Ok(NodeTest {
                node,
                passed: true,
                steps: vec![step],
            })
        }
        .boxed()
    }

    fn trust(&self, node: NodeId, fingerprint: Fingerprint) -> Answer<'_, ()> {
        self.trusted.lock().unwrap().push((node, fingerprint));
        async { Ok(()) }.boxed()
    }

    fn ssh_key(&self) -> Answer<'_, SshKey> {
        panic!("this node has a fault in it");
    }
}

struct Logs;

impl UnitLogs for Logs {
    fn tail(&self, unit: UnitId, lines: usize) -> Answer<'_, String> {
        async move { Ok(format!("the last {lines} lines of {unit}\n")) }.boxed()
    }

    fn follow(&self, unit: UnitId, _lines: usize) -> Answer<'_, LogStream> {
        let line = move |seq| LogLine {
            seq,
            node: None,
            rank: None,
            at: None,
            text: unit.to_string(),
        };
        async move { Ok(stream::iter((1..=2).map(line)).boxed()) }.boxed()
    }
}

struct NoModels;

fn no_model<T>(repo: &RepoId) -> Result<T, ApiError> {
    Err(ApiError::new(
        ErrorCode::NotFound,
        format!("there is no model {repo}"),
    ))
}

impl ModelDetails for NoModels {
    fn detail(&self, repo: RepoId) -> Answer<'_, ModelDetail> {
        async move { no_model(&repo) }.boxed()
    }

    fn recipe(&self, repo: RepoId) -> Answer<'_, RecipeInForce> {
        async move { no_model(&repo) }.boxed()
    }
}

/// A doctor who finds nothing, and an archive with nothing in it.
struct Healer;

impl FabricDoctor for Healer {
    fn examine(&self) -> Answer<'_, DoctorReport> {
        let now = crate::clock::now();
        let report = DoctorReport {
            started_at: now,
            ended_at: now,
            passed: true,
            checks: Vec::new(),
        };
        async { Ok(report) }.boxed()
    }

    fn last(&self) -> Option<DoctorReport> {
        None
    }
}

impl BugReport for Healer {
    fn make(&self) -> Answer<'_, Vec<u8>> {
        async { Ok(vec![0x1f, 0x8b]) }.boxed()
    }
}

fn sender_of(
    tasks: &Tasks,
    view: &View,
    status: &watch::Sender<Arc<Option<WebhookStatus>>>,
    store: &Store,
) -> webhook::Webhook {
    webhook::Webhook::start(webhook::Surroundings {
        tasks: tasks.clone(),
        view: view.clone(),
        status: status.clone(),
        wanted: store.live(|v| webhook::Wanted {
            url: v.webhook_url.clone(),
            secret: v.webhook_secret.clone(),
            events: v.webhook_events.clone(),
            allow_loopback: v.webhook_allow_loopback,
        }),
        own_port: 0,
    })
}
