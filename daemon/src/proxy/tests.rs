//! The data plane between a client and an engine that does what the test says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use spark_ipc::client::Client;
use spark_ipc::model::status::Proxy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};

use crate::door;
use crate::gate::{Route, Upstream};
use crate::web::testing::{Bench, body, client, header, raw, send, status};

const JSON: (&str, &str) = ("content-type", "application/json");
const CHAT: &str = "POST /v1/chat/completions";

/// What the engine answers to the next request.
enum Play {
    /// A body of this type.
    Whole(&'static str, &'static str),
    /// The pieces that the test sends; an error breaks the connection.
    Pieces(mpsc::Receiver<Result<Bytes, std::io::Error>>),
}

/// An engine, what it was asked, and what it will answer.
struct Engine {
    address: SocketAddr,
    asked: mpsc::Receiver<(http::request::Parts, Bytes)>,
    plays: mpsc::Sender<Play>,
}

type Stage = (
    mpsc::Sender<(http::request::Parts, Bytes)>,
    Arc<Mutex<mpsc::Receiver<Play>>>,
);

impl Engine {
    /// Starts the engine of `bench` and opens the gate to it.
    async fn start(bench: &Bench) -> Self {
        let (told, asked) = mpsc::channel(8);
        let (plays, next) = mpsc::channel(8);
        let stage: Stage = (told, Arc::new(Mutex::new(next)));
        let router = Router::new().fallback(play).with_state(stage);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = bench.state.tasks.clone();
        bench
            .state
            .tasks
            .spawn("engine", door::tcp::serve(listener, router, tasks));
        serve(bench, &format!("http://{address}"));
        Self {
            address,
            asked,
            plays,
        }
    }

    async fn whole(&self, kind: &'static str, text: &'static str) {
        self.plays.send(Play::Whole(kind, text)).await.unwrap();
    }

    async fn pieces(&self) -> mpsc::Sender<Result<Bytes, std::io::Error>> {
        let (sender, receiver) = mpsc::channel(1);
        self.plays.send(Play::Pieces(receiver)).await.unwrap();
        sender
    }
}

async fn play(State((told, plays)): State<Stage>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    told.send((head, body)).await.unwrap();
    let play = plays.lock().await.recv().await;
    match play {
        Some(Play::Whole(kind, text)) => (
            [(CONTENT_TYPE, kind), (http::header::SET_COOKIE, "a=b")],
            text,
        )
            .into_response(),
        Some(Play::Pieces(pieces)) => {
            let pieces = stream::unfold(pieces, async |mut pieces| {
                pieces.recv().await.map(|piece| (piece, pieces))
            });
            (
                [(CONTENT_TYPE, "text/event-stream")],
                Body::from_stream(pieces),
            )
                .into_response()
        }
        None => panic!("the test ended before the engine was told what to answer"),
    }
}

fn serve(bench: &Bench, base_url: &str) {
    let upstream = Upstream {
        served_name: "qwen".into(),
        base_url: base_url.to_owned(),
    };
    bench.state.gate.set(Route::Serving(upstream));
}

#[tokio::test]
async fn a_request_is_passed_on_and_nothing_but_its_bytes() {
    let bench = Bench::new();
    let mut engine = Engine::start(&bench).await;
    let address = bench.tcp().await;
    engine.whole("application/json", r#"{"choices":[]}"#).await;
    let text = r#"{"model": "qwen",  "temperature":0.10, "x_unknown": [1e400]}"#;
    let headers = [
        JSON,
        ("authorization", "Bearer secret"),
        ("x-forwarded-for", "1.2.3.4"),
        ("cookie", "c=d"),
        ("origin", "https://app.example"),
    ];
    let answer = send(address, CHAT, &headers, text).await;
    let (head, body) = engine.asked.recv().await.unwrap();
    assert_eq!(body, text);
    assert_eq!(head.uri.path(), "/v1/chat/completions");
    let mut names: Vec<&str> = head.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "content-length", "content-type", "host"]);
    assert_eq!(head.headers["host"], engine.address.to_string());
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with(r#"{"choices":[]}"#), "{answer}");
    assert_eq!(header(&answer, "content-length"), Some("14"));
    assert_eq!(header(&answer, "set-cookie"), None);
    assert_eq!(header(&answer, "access-control-allow-origin"), Some("*"));
    bench.shut_down().await;
}

#[tokio::test]
async fn a_stream_comes_piece_by_piece() {
    let bench = Bench::new();
    let engine = Engine::start(&bench).await;
    let client: Client = client(bench.tcp().await);
    let pieces = engine.pieces().await;
    let request = serde_json::json!({"stream": true});
    pieces.send(Ok("data: one\n\n".into())).await.unwrap();
    let mut events = client
        .post_events("/v1/chat/completions", &request)
        .await
        .unwrap();
    // Each is read before the next is sent, so nothing on the way may wait for more.
    for (read, sent) in [("one", "data: two\n\n"), ("two", "data: [DONE]\n\n")] {
        assert_eq!(events.next().await.unwrap().unwrap().data, read);
        pieces.send(Ok(sent.into())).await.unwrap();
    }
    assert_eq!(events.next().await.unwrap().unwrap().data, "[DONE]");
    drop(pieces);
    assert_eq!(events.next().await.unwrap(), None);
    bench.shut_down().await;
}

#[tokio::test]
async fn an_engine_that_breaks_off_is_told_as_an_event_and_never_as_the_end() {
    for broken in [true, false] {
        let bench = Bench::new();
        let engine = Engine::start(&bench).await;
        let client = client(bench.tcp().await);
        let pieces = engine.pieces().await;
        pieces
            .send(Ok("data: one\n\ndata: tw".into()))
            .await
            .unwrap();
        let request = serde_json::json!({"stream": true});
        let mut events = client
            .post_events("/v1/completions", &request)
            .await
            .unwrap();
        assert_eq!(events.next().await.unwrap().unwrap().data, "one");
        if broken {
            pieces
                .send(Err(std::io::Error::other("out of memory")))
                .await
                .unwrap();
        }
        drop(pieces);
        assert_eq!(events.next().await.unwrap().unwrap().data, "tw");
        let error = events.next().await.unwrap().unwrap().data;
        let error: serde_json::Value = serde_json::from_str(&error).unwrap();
        assert_eq!(error["error"]["code"], "upstream_error");
        assert_eq!(events.next().await.unwrap(), None);
        bench.shut_down().await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_request_at_the_engine() {
    let bench = Bench::new();
    let engine = Engine::start(&bench).await;
    let address = bench.tcp().await;
    let pieces = engine.pieces().await;
    pieces.send(Ok("data: one\n\n".into())).await.unwrap();
    let mut events = client(address)
        .post_events("/v1/completions", &serde_json::json!({}))
        .await
        .unwrap();
    assert!(events.next().await.unwrap().is_some());
    drop(events);
    // The engine's body is dropped when its connection is closed.
    tokio::time::timeout(Duration::from_secs(1), pieces.closed())
        .await
        .unwrap();
    assert_eq!(bench.state.gate.drained(Duration::from_secs(1)).await, 0);
    bench.shut_down().await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_byte_ends_it_too() {
    let bench = Bench::new();
    let mut engine = Engine::start(&bench).await;
    let mut stream = TcpStream::connect(bench.tcp().await).await.unwrap();
    let text = "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}";
    stream.write_all(text.as_bytes()).await.unwrap();
    assert!(engine.asked.recv().await.is_some());
    drop(stream);
    assert_eq!(bench.state.gate.drained(Duration::from_secs(1)).await, 0);
    bench.shut_down().await;
}

#[tokio::test]
async fn a_closed_gate_says_when_to_come_again() {
    let bench = Bench::new();
    let address = bench.tcp().await;
    let answer = send(address, CHAT, &[JSON], "{}").await;
    assert_eq!(status(&answer), 503);
    insta::assert_json_snapshot!("no_model", body(&answer));
    bench.state.gate.set(Route::Swapping {
        to: Some("qwen".into()),
        retry_after_s: 20,
    });
    let answer = send(address, CHAT, &[JSON], "{}").await;
    assert_eq!(status(&answer), 503);
    assert_eq!(header(&answer, "retry-after"), Some("20"));
    insta::assert_json_snapshot!("model_swapping", body(&answer));
    let models = send(address, "GET /v1/models", &[], "").await;
    assert_eq!(
        body(&models),
        serde_json::json!({"object": "list", "data": []})
    );
    bench.shut_down().await;
}

#[tokio::test]
async fn a_request_for_another_model_never_reaches_the_engine() {
    let bench = Bench::new();
    let mut engine = Engine::start(&bench).await;
    let address = bench.tcp().await;
    let answer = send(address, CHAT, &[JSON], r#"{"model":"gpt-4"}"#).await;
    assert_eq!(status(&answer), 404);
    assert_eq!(header(&answer, "x-should-retry"), Some("false"));
    insta::assert_json_snapshot!("model_not_found", body(&answer));
    let answer = send(
        address,
        CHAT,
        &[JSON],
        r#"{"model":"qwen","model":"gpt-4"}"#,
    )
    .await;
    assert_eq!(status(&answer), 400);
    assert!(engine.asked.try_recv().is_err());
    bench.shut_down().await;
}

#[tokio::test]
async fn an_engine_that_is_gone_is_a_bad_gateway() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve(
        &bench,
        &format!("http://{}", listener.local_addr().unwrap()),
    );
    drop(listener);
    let answer = send(bench.tcp().await, CHAT, &[JSON], "{}").await;
    assert_eq!(status(&answer), 502);
    assert_eq!(body(&answer)["error"]["code"], "upstream_error");
    bench.shut_down().await;
}

#[tokio::test]
async fn what_a_browser_could_run_is_handed_over_as_a_file() {
    let bench = Bench::new();
    let engine = Engine::start(&bench).await;
    let address = bench.tcp().await;
    for kind in [
        "text/html",
        "image/svg+xml",
        "text/javascript",
        "application/pdf",
        "x",
    ] {
        engine.whole(kind, "<script>alert(1)</script>").await;
        let answer = send(address, "GET /v1/models", &[], "").await;
        assert_eq!(
            header(&answer, "content-type"),
            Some("application/octet-stream"),
            "{kind}"
        );
        assert_eq!(
            header(&answer, "content-disposition"),
            Some("attachment"),
            "{kind}"
        );
        let policy = header(&answer, "content-security-policy").unwrap();
        assert!(policy.starts_with("sandbox"), "{kind}");
    }
    engine
        .whole("application/json", r#"{"object":"list"}"#)
        .await;
    let answer = send(address, "GET /v1/models", &[], "").await;
    assert_eq!(header(&answer, "content-type"), Some("application/json"));
    bench.shut_down().await;
}

#[tokio::test]
async fn only_the_listed_paths_go_through() {
    let bench = Bench::new();
    let mut engine = Engine::start(&bench).await;
    let address = bench.tcp().await;
    for (line, refused) in [
        ("POST /v1/pause", 404),
        ("POST /v1/chat/completions/", 404),
        ("POST /v1/chat/../pause", 400),
        ("POST /v1/load_lora_adapter", 404),
        ("POST /pause", 404),
        ("GET /v1/chat/completions", 405),
    ] {
        assert_eq!(
            status(&send(address, line, &[JSON], "{}").await),
            refused,
            "{line}"
        );
    }
    let answer = send(address, "POST /v1/pause", &[JSON], "{}").await;
    insta::assert_json_snapshot!("unknown_url", body(&answer));
    assert!(engine.asked.try_recv().is_err());
    bench.shut_down().await;
}

#[tokio::test]
async fn a_preflight_of_a_browser_is_answered_for_any_origin() {
    let bench = Bench::new();
    let address = bench.tcp().await;
    let asks = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let answer = send(address, "OPTIONS /v1/chat/completions", &asks, "").await;
    assert_eq!(status(&answer), 204);
    assert_eq!(header(&answer, "access-control-allow-origin"), Some("*"));
    assert!(
        header(&answer, "access-control-allow-headers")
            .unwrap()
            .contains("authorization")
    );
    assert_eq!(header(&answer, "access-control-allow-credentials"), None);
    let answer = send(address, "OPTIONS /api/swap", &asks, "").await;
    assert_eq!(status(&answer), 403);
    assert_eq!(header(&answer, "access-control-allow-origin"), None);
    bench.shut_down().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_its_length() {
    let bench = Bench::new();
    let mut engine = Engine::start(&bench).await;
    let address = bench.tcp().await;
    let head = "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let declared = format!("{head}content-length: 99999999999\r\n\r\n");
    assert_eq!(status(&raw(address, &declared).await), 413);
    assert!(engine.asked.try_recv().is_err());
    bench.shut_down().await;
}

#[tokio::test]
async fn requests_are_counted_until_their_last_byte() {
    let bench = Bench::new();
    let engine = Engine::start(&bench).await;
    let mut proxy = bench.state.traffic.watch();
    let client = client(bench.tcp().await);
    let pieces = engine.pieces().await;
    pieces.send(Ok("data: one\n\n".into())).await.unwrap();
    let events = client
        .post_events("/v1/completions", &serde_json::json!({}))
        .await
        .unwrap();
    let inside = |proxy: &Arc<Proxy>| proxy.requests_in_flight == 1;
    assert_eq!(proxy.wait_for(inside).await.unwrap().requests_total, 1);
    drop(events);
    let gone = |proxy: &Arc<Proxy>| proxy.requests_in_flight == 0;
    assert_eq!(proxy.wait_for(gone).await.unwrap().requests_total, 1);
    bench.shut_down().await;
}

#[tokio::test]
async fn a_client_that_promises_a_body_and_sends_none_is_not_waited_for_when_nothing_runs() {
    let bench = Bench::new();
    let mut stream = TcpStream::connect(bench.tcp().await).await.unwrap();
    let text = "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 503");
    bench.shut_down().await;
}

#[tokio::test]
async fn a_stream_that_never_ends_does_not_hold_up_the_shutdown() {
    let bench = Bench::new();
    let engine = Engine::start(&bench).await;
    let limits = door::Limits {
        drain: Duration::from_millis(100),
        ..door::Limits::tcp()
    };
    let client = client(bench.tcp_within(limits).await);
    let pieces = engine.pieces().await;
    pieces.send(Ok("data: one\n\n".into())).await.unwrap();
    let mut events = client
        .post_events("/v1/completions", &serde_json::json!({}))
        .await
        .unwrap();
    assert!(events.next().await.unwrap().is_some());
    let begun = std::time::Instant::now();
    bench.shut_down().await;
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        events.next().await.is_err(),
        "cut off, and not ended as if it were whole"
    );
    drop(pieces);
}
