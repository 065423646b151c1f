//! A daemon for tests: it answers the API's paths on a Unix socket from a table, and keeps what was asked.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Collected, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use spark_ipc::model::operation::{Operation, OperationState};
use spark_ipc::model::status::Snapshot;
use tokio::net::{UnixListener, UnixStream};

use crate::fixture;

type Body = BoxBody<Bytes, Infallible>;

/// What the daemon knows and how the swap that it is asked for ends.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) snapshot: Snapshot,
    pub(crate) ending: Operation,
    /// The swap never ends.
    pub(crate) endless: bool,
    /// `(status, error)` that every POST is answered with.
    pub(crate) refusal: Option<(u16, Value)>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            snapshot: fixture::snapshot(),
            ending: fixture::swap(OperationState::Succeeded),
            endless: false,
            refusal: None,
        }
    }
}

/// A running fake daemon; it ends with the test.
pub(crate) struct Daemon {
    folder: tempfile::TempDir,
    asked: Arc<Mutex<Vec<String>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Daemon {
    pub(crate) fn start(world: World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(folder.path().join("s")).unwrap()
        };
        runtime.spawn(serve(listener, Arc::new(world), Arc::clone(&asked)));
        Self {
            folder,
            asked,
            _runtime: runtime,
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// `METHOD path body` of every request so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Runs the command line against this daemon.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        run(&self.socket(), args)
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The binary, with an environment of its own and nobody to ask.
pub(crate) fn command(socket: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spark-control"));
    command
        .env_clear()
        .env("LANG", "C.UTF-8")
        .env("SPARK_CONTROL_SOCKET", socket)
        .args(args)
        .stdin(Stdio::null());
    command
}

pub(crate) fn run(socket: &Path, args: &[&str]) -> Ran {
    command(socket, args).output().unwrap().into()
}

#[expect(
    clippy::disallowed_methods,
    reason = "they end with the test's runtime"
)]
async fn serve(listener: UnixListener, world: Arc<World>, asked: Arc<Mutex<Vec<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (world, asked) = (Arc::clone(&world), Arc::clone(&asked));
        tokio::task::spawn(connection(stream, world, asked));
    }
}

async fn connection(stream: UnixStream, world: Arc<World>, asked: Arc<Mutex<Vec<String>>>) {
    let service = service_fn(|request| answer(request, Arc::clone(&world), Arc::clone(&asked)));
    // A client that leaves early is part of some tests.
    let _left = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    world: Arc<World>,
    asked: Arc<Mutex<Vec<String>>>,
) -> Result<Response<Body>, Infallible> {
    let method = request.method().as_str().to_owned();
    let path = request.uri().to_string();
    let body = request.into_body().collect().await.map(Collected::to_bytes);
    let body = String::from_utf8(body.unwrap_or_default().to_vec()).unwrap();
    asked
        .lock()
        .unwrap()
        .push(format!("{method} {path} {body}").trim_end().to_owned());
    if let (Some((status, error)), "POST") = (&world.refusal, method.as_str()) {
        return Ok(full(*status, json!({ "error": error }).to_string()));
    }
    Ok(known(&path, &world).unwrap_or_else(|| {
        let error = json!({ "code": "not_found", "message": "no such thing", "request_id": "r1" });
        full(404, json!({ "error": error }).to_string())
    }))
}

fn known(path: &str, world: &World) -> Option<Response<Body>> {
    let snapshot = &world.snapshot;
    let running = fixture::swap(OperationState::Running);
    let id = running.id.to_string();
    let json = |value: Value| Some(full(200, value.to_string()));
    match path {
        "/api/version" => json(json!({
            "protocol": spark_ipc::version::PROTOCOL, "version": "0.1.0", "instance": "i",
            "started_at": fixture::now(), "demo": true
        })),
        "/api/status" => json(serde_json::to_value(&snapshot.status).unwrap()),
        "/api/models" => json(serde_json::to_value(&snapshot.models).unwrap()),
        "/api/units" => json(json!({ "units": snapshot.status.units })),
        "/api/preflight" => json(serde_json::to_value(fixture::preflight()).unwrap()),
        "/api/swap" | "/api/stop" => json(json!({ "operation": running })),
        "/api/operations" => json(json!({ "operations": [running] })),
        "/api/events" => {
            let snapshot = serde_json::to_string(snapshot).unwrap();
            let text = format!("event: snapshot\ndata: {snapshot}\n\n: the daemon ends\n\n");
            Some(stream(text, false))
        }
        "/api/units/main/logs?tail=2" => {
            Some(full(200, "first \u{1b}[31mline\nsecond\n".to_owned()))
        }
        "/api/units/main/logs?tail=100&follow=true" => {
            let line =
                json!({ "seq": 1, "node": "spark1", "rank": 0, "at": null, "text": "hello" });
            Some(stream(
                format!("event: log\nid: 1\ndata: {line}\n\n"),
                false,
            ))
        }
        path if path == format!("/api/operations/{id}/events") => {
            let ending = if world.endless {
                &running
            } else {
                &world.ending
            };
            let events = [&running, ending].map(|operation| {
                let event = json!({ "type": "operation", "operation": operation });
                format!("event: operation\nid: {}\ndata: {event}\n\n", operation.seq)
            });
            Some(stream(events.concat(), world.endless))
        }
        _ => None,
    }
}

fn full(status: u16, text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text)).boxed();
    Response::builder().status(status).body(body).unwrap()
}

/// A stream of one chunk; with `endless` it stays open after it.
fn stream(text: String, endless: bool) -> Response<Body> {
    let first = std::iter::once(Ok(Frame::data(Bytes::from(text))));
    let first = futures_util::stream::iter(first);
    if endless {
        let body = StreamBody::new(futures_util::StreamExt::chain(
            first,
            futures_util::stream::pending(),
        ));
        return Response::new(BodyExt::boxed(body));
    }
    Response::new(BodyExt::boxed(StreamBody::new(first)))
}
