//! Probes against an engine that is as well or as ill as a test wants.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use spark_core::deep::{Probed, Target};
use spark_ipc::model::deep::{DeepCheckState, DeepKind, DeepLevel, DeepState};
use tokio::net::TcpListener;

use super::probe::{Limits, climb};
use super::*;
use crate::settings::Store;

/// What is wrong with an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ill {
    No,
    Health,
    Loading,
    Name,
    Queue,
    Garbage,
    Empty,
    Refuses,
    Frozen,
    SilentVoice,
}

struct Engine {
    ill: Ill,
    questions: AtomicUsize,
}

/// Starts an engine; gives its address and its counter.
async fn engine(ill: Ill) -> (SocketAddr, Arc<Engine>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let engine = Arc::new(Engine {
        ill,
        questions: AtomicUsize::new(0),
    });
    let app = axum::Router::new()
        .fallback(serve)
        .with_state(Arc::clone(&engine));
    Tasks::new().spawn("engine", async move {
        axum::serve(listener, app).await.unwrap();
    });
    (address, engine)
}

async fn serve(State(engine): State<Arc<Engine>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    match (path.as_str(), engine.ill) {
        ("/health", Ill::Health) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        ("/health", Ill::Loading) => Json(json!({"status": "loading"})).into_response(),
        ("/health", _) => StatusCode::OK.into_response(),
        ("/v1/models", Ill::Name) => Json(json!({"data": [{"id": "other"}]})).into_response(),
        ("/v1/models", _) => Json(json!({"data": [{"id": "model"}]})).into_response(),
        ("/metrics", Ill::Queue) => "vllm:num_requests_waiting{a=\"b\"} 3.0\n".into_response(),
        ("/v1/chat/completions", ill) => {
            engine.questions.fetch_add(1, Ordering::SeqCst);
            let body = axum::body::to_bytes(request.into_body(), 1 << 20).await;
            chat(ill, &serde_json::from_slice(&body.unwrap()).unwrap()).await
        }
        ("/v1/audio/speech", ill) => speech(ill),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn chat(ill: Ill, question: &Value) -> Response {
    let prompt = question["messages"][0]["content"].as_str().unwrap();
    let text = match ill {
        Ill::Frozen => std::future::pending().await,
        Ill::Refuses => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Ill::Garbage => "the the the",
        Ill::Empty => "",
        _ if prompt.contains("12*17") => "204",
        _ => "OK",
    };
    if question["tools"].is_array() {
        let call =
            json!({"function": {"name": "get_weather", "arguments": "{\"city\": \"Paris\"}"}});
        let message = json!({"content": null, "tool_calls": [call]});
        let answer = json!({"choices": [{"message": message, "finish_reason": "tool_calls"}]});
        return Json(answer).into_response();
    }
    let piece = json!({"choices": [{"delta": {"content": text}, "finish_reason": "length"}]});
    let stream = format!("data: {piece}\n\ndata: [DONE]\n\n");
    ([(header::CONTENT_TYPE, "text/event-stream")], stream).into_response()
}

fn speech(ill: Ill) -> Response {
    let mut wav = spark_core::deep::WORDS_WAV.to_vec();
    if ill == Ill::SilentVoice {
        wav[44..].fill(0);
    }
    ([(header::CONTENT_TYPE, "audio/wav")], Body::from(wav)).into_response()
}

fn target(address: SocketAddr, kind: DeepKind) -> Target {
    Target {
        key: Key {
            subject: DeepSubject::Unit,
            id: "main".to_owned(),
        },
        kind,
        node: Some(spark_ipc::id::NodeId::numbered(1)),
        base_url: format!("http://{address}"),
        health: "/health".to_owned(),
        model: Some("model".to_owned()),
        path: None,
        tools: true,
        due: true,
        launch: "launch".to_owned(),
    }
}

const BRIEF: Limits = Limits {
    answer: Duration::from_millis(300),
    thought: Duration::from_millis(300),
};

async fn probe(address: SocketAddr, kind: DeepKind) -> Probed {
    let engines = Engines::new().unwrap();
    climb(engines.http(), &target(address, kind), None, BRIEF).await
}

#[tokio::test]
async fn a_well_engine_passes_every_level() {
    let (address, _) = engine(Ill::No).await;
    let probed = probe(address, DeepKind::Chat).await;
    assert_eq!(
        (probed.state, probed.level),
        (DeepState::Passed, DeepLevel::Inference)
    );
    let names: Vec<&str> = probed.checks.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "port",
            "health",
            "model_name",
            "answer",
            "arithmetic",
            "tools"
        ]
    );
    assert!(
        probed
            .checks
            .iter()
            .all(|c| c.state == DeepCheckState::Passed)
    );
    assert!(probed.checks[3].first_token_ms.is_some());
}

#[tokio::test]
async fn the_level_that_failed_is_shown() {
    for (ill, level, word) in [
        (Ill::Health, DeepLevel::Health, "503"),
        (Ill::Loading, DeepLevel::Health, "loading"),
        (
            Ill::Name,
            DeepLevel::ModelName,
            "it serves other, not model",
        ),
        (Ill::Garbage, DeepLevel::Inference, "garbage"),
        (Ill::Empty, DeepLevel::Inference, "empty"),
        (Ill::Refuses, DeepLevel::Inference, "500"),
        (
            Ill::Frozen,
            DeepLevel::Inference,
            "no answer to answer within 0 s",
        ),
    ] {
        let (address, _) = engine(ill).await;
        let probed = probe(address, DeepKind::Chat).await;
        assert_eq!(
            (probed.state, probed.level),
            (DeepState::Failed, level),
            "{ill:?}"
        );
        assert!(
            probed.error.as_deref().unwrap().contains(word),
            "{probed:?}"
        );
        let advice = probed.advice.map(|a| a.id);
        let expected = match ill {
            Ill::Garbage => Some("garbage_answers"),
            Ill::Empty => Some("only_thoughts"),
            _ => None,
        };
        assert_eq!(advice.as_deref(), expected);
    }
}

#[tokio::test]
async fn a_closed_port_is_the_first_level() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let probed = probe(address, DeepKind::Chat).await;
    assert_eq!(
        (probed.state, probed.level),
        (DeepState::Failed, DeepLevel::Port)
    );
    assert_eq!(probed.checks.len(), 1);
}

#[tokio::test]
async fn a_busy_engine_is_not_asked_and_not_bad() {
    let (address, engine) = engine(Ill::Queue).await;
    let probed = probe(address, DeepKind::Chat).await;
    assert_eq!(probed.state, DeepState::Busy);
    assert_eq!(engine.questions.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn silence_is_no_speech() {
    let (address, _) = engine(Ill::No).await;
    assert_eq!(
        probe(address, DeepKind::TextToSpeech).await.state,
        DeepState::Passed
    );
    let (address, _) = engine(Ill::SilentVoice).await;
    let probed = probe(address, DeepKind::TextToSpeech).await;
    assert_eq!(probed.state, DeepState::Failed);
    assert!(probed.error.unwrap().contains("silence"));
}

#[tokio::test]
async fn who_has_no_question_is_unsupported() {
    let (address, _) = engine(Ill::No).await;
    assert_eq!(
        probe(address, DeepKind::None).await.state,
        DeepState::Unsupported
    );
}

/// An owner of one unit at `address`.
struct Rig {
    deep: Deep,
    units: watch::Sender<Arc<Vec<Unit>>>,
    operations: watch::Sender<Arc<Vec<Operation>>>,
    tasks: Tasks,
    _held: Box<dyn std::any::Any + Send>,
}

fn unit(address: SocketAddr, launch: &str) -> Unit {
    serde_json::from_value(json!({
        "id": "main", "state": "ready", "owner": "spark-control", "repo": null, "recipe": null,
        "served_name": "model", "endpoint": format!("http://{address}"), "launch": launch,
        "ranks": [{"node": "spark1", "rank": 0, "container": "c", "container_id": "i", "image": "x",
                   "state": "running", "exit_code": null, "started_at": null}],
        "started_at": null, "ready_at": null, "memory_bytes": null, "message": null,
    }))
    .unwrap()
}

fn rig(units: Vec<Unit>, interval_s: u64) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let mut values = crate::settings::Values::default();
    values.deep_health_interval_s = interval_s;
    let settings = Store::open(values, folder.path().join("settings.json"));
    let (deep, seat) = Deep::channel();
    let units = watch::Sender::new(Arc::new(units));
    let operations = watch::Sender::new(Arc::default());
    let services = watch::Sender::new(Arc::default());
    let catalog = watch::Sender::new(Arc::new(Catalog::load("", None, None)));
    let tasks = Tasks::new();
    seat.start(Surroundings {
        tasks: tasks.clone(),
        engine: Engines::new().unwrap(),
        units: units.subscribe(),
        services: services.subscribe(),
        operations: operations.subscribe(),
        catalog: catalog.subscribe(),
        interval_s: settings.live(|v| v.deep_health_interval_s),
    });
    Rig {
        deep,
        units,
        operations,
        tasks,
        _held: Box::new((settings, services, catalog)),
    }
}

#[tokio::test]
async fn a_unit_is_asked_when_told_to_and_never_twice_at_a_time() {
    let (address, engine) = engine(Ill::No).await;
    let rig = rig(vec![unit(address, "0192-launch")], 0);
    let (one, two) = tokio::join!(
        rig.deep.probe(None),
        rig.deep.probe(Some(vec!["main".into()]))
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(
        one.results[0].last.as_ref().unwrap().state,
        DeepState::Passed
    );
    assert_eq!(one.results[0].last, two.results[0].last);
    assert_eq!(
        engine.questions.load(Ordering::SeqCst),
        2,
        "answer and arithmetic, once"
    );
    let error = rig
        .deep
        .probe(Some(vec!["nobody".into()]))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
    assert!(rig.tasks.shut_down(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_new_unit_is_asked_by_itself_where_there_is_a_schedule() {
    let (address, _) = engine(Ill::Garbage).await;
    let rig = rig(Vec::new(), 300);
    rig.units
        .send_replace(Arc::new(vec![unit(address, "0192-launch")]));
    let mut alerts = rig.deep.alerts();
    let standing = alerts.wait_for(|alerts| !alerts.is_empty());
    let alerts = tokio::time::timeout(Duration::from_secs(20), standing).await;
    let alert = alerts.unwrap().unwrap()[0].clone();
    assert_eq!(alert.id, "spark1/deep_health/main");
    assert!(alert.title.contains("nonsense"), "{alert:?}");
    assert_eq!(rig.deep.health().interval_s, 300);
}

#[tokio::test]
async fn nothing_is_asked_while_an_operation_is_at_work_there() {
    let (address, engine) = engine(Ill::No).await;
    let rig = rig(vec![unit(address, "0192-launch")], 0);
    let swap = crate::web::testing::operation("0192-swap", "running");
    rig.operations.send_replace(Arc::new(vec![swap]));
    let health = rig.deep.probe(None).await.unwrap();
    assert_eq!(health.results[0].last, None);
    assert_eq!(engine.questions.load(Ordering::SeqCst), 0);
}
