//! The HTTP side, asked over a socket.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::engine::{Stage, host::EngineFault, testing::TestHost};

/// Runs an engine while `client` talks to it, then stops it.
async fn with_engine(host: &TestHost, line: &str, client: impl Future<Output = ()>) {
    let talk = async {
        host.wait_for("Uvicorn running on").await;
        client.await;
        host.stop.cancel();
    };
    let (code, ()) = tokio::join!(host.run(line), talk);
    assert_eq!(code, 0, "{}", host.text());
}

async fn open(node: SocketAddr, head: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(node).await.unwrap();
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Status and body.
async fn ask(node: SocketAddr, head: &str, body: &str) -> (u16, String) {
    let mut answer = String::new();
    open(node, head, body)
        .await
        .read_to_string(&mut answer)
        .await
        .unwrap();
    let (headers, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = headers.split_whitespace().nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

async fn get(node: SocketAddr, path: &str) -> (u16, String) {
    ask(node, &format!("GET {path}"), "").await
}

async fn post(node: SocketAddr, path: &str, body: &Value) -> (u16, Value) {
    let (status, text) = ask(node, &format!("POST {path}"), &body.to_string()).await;
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

fn chat(text: &str) -> Value {
    json!({"model": "main", "temperature": 0, "messages": [{"role": "user", "content": text}]})
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn it_answers_under_its_served_name() {
    let host = TestHost::new();
    let node = host.node;
    with_engine(
        &host,
        "serve org/tiny --served-model-name main --max-model-len 4096",
        async move {
            assert_eq!(get(node, "/health").await.0, 200);
            assert_eq!(get(node, "/version").await.1, r#"{"version":"0.32.0"}"#);
            let models: Value = serde_json::from_str(&get(node, "/v1/models").await.1).unwrap();
            assert_eq!(models["data"][0]["id"], "main");
            assert_eq!(models["data"][0]["root"], "org/tiny");
            assert_eq!(models["data"][0]["max_model_len"], 4096);
            let (status, answer) = post(node, CHAT, &chat("What is 12*17?")).await;
            assert_eq!(
                (status, &answer["choices"][0]["message"]["content"]),
                (200, &json!("204"))
            );
            assert_eq!(answer["choices"][0]["finish_reason"], "stop");
            let (_, answer) = post(node, CHAT, &chat("Hello")).await;
            assert_eq!(
                answer["choices"][0]["message"]["content"],
                "This is main. You said: \"Hello\"."
            );
            let usage = &answer["usage"];
            assert_eq!(
                usage["total_tokens"].as_u64(),
                Some(
                    usage["prompt_tokens"].as_u64().unwrap()
                        + usage["completion_tokens"].as_u64().unwrap()
                )
            );
            let text = json!({"model": "main", "prompt": "2+2", "max_tokens": 9});
            assert_eq!(
                post(node, "/v1/completions", &text).await.1["choices"][0]["text"],
                "4"
            );
        },
    )
    .await;
    assert!(
        host.text()
            .contains("\"POST /v1/chat/completions HTTP/1.1\" 200 OK"),
        "{}",
        host.text()
    );
}

#[tokio::test]
async fn refusals_have_vllms_shape() {
    let host = TestHost::new();
    let node = host.node;
    with_engine(
        &host,
        "serve org/tiny --served-model-name main --max-model-len 64",
        async move {
            let mut other = chat("hi");
            other["model"] = json!("nope");
            let (status, error) = post(node, CHAT, &other).await;
            assert_eq!(status, 404);
            assert_eq!(
                error,
                json!({"error": {"message": "The model `nope` does not exist.",
            "type": "NotFoundError", "param": "model", "code": 404}})
            );
            let (status, error) = post(node, CHAT, &chat(&"word ".repeat(100))).await;
            assert_eq!(status, 400);
            assert!(
                error["error"]["message"]
                    .as_str()
                    .unwrap()
                    .starts_with("This model's maximum context length is 64 tokens.")
            );
            assert_eq!(post(node, CHAT, &json!({"model": "main"})).await.0, 400);
            assert_eq!(
                get(node, "/v1/nothing").await,
                (404, r#"{"detail":"Not Found"}"#.into())
            );
            assert_eq!(get(node, CHAT).await.0, 405);
        },
    )
    .await;
}

#[tokio::test]
async fn a_key_closes_the_api_but_not_health_and_metrics() {
    let host = TestHost::new();
    let node = host.node;
    with_engine(
        &host,
        "serve org/tiny --served-model-name main --api-key secret",
        async move {
            assert_eq!(
                get(node, "/v1/models").await,
                (401, r#"{"error":"Unauthorized"}"#.into())
            );
            let with_key = "GET /v1/models HTTP/1.1\r\nAuthorization: Bearer secret\r\nX-Rest:";
            assert_eq!(ask(node, with_key, "").await.0, 200);
            assert_eq!(
                (get(node, "/health").await.0, get(node, "/metrics").await.0),
                (200, 200)
            );
        },
    )
    .await;
    assert!(!host.text().contains("secret"));
}

#[tokio::test]
async fn a_stream_has_role_deltas_finish_usage_and_done() {
    let host = TestHost::new();
    let node = host.node;
    let line = "serve org/tiny --served-model-name main --reasoning-parser qwen3";
    with_engine(&host, line, async move {
        let mut request = chat("Reply with the single word OK");
        request["stream"] = json!(true);
        request["stream_options"] = json!({"include_usage": true});
        let (status, text) = ask(node, &format!("POST {CHAT}"), &request.to_string()).await;
        assert_eq!(status, 200);
        let events: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .collect();
        assert_eq!(events.last(), Some(&"[DONE]"));
        let chunks: Vec<Value> = events[..events.len() - 1]
            .iter()
            .map(|e| serde_json::from_str(e).unwrap())
            .collect();
        let delta = |chunk: &Value| chunk["choices"][0]["delta"].clone();
        assert_eq!(
            delta(&chunks[0]),
            json!({"role": "assistant", "content": ""})
        );
        let joined = |field: &str| -> String {
            chunks
                .iter()
                .filter_map(|c| delta(c)[field].as_str().map(str::to_owned))
                .collect()
        };
        assert_eq!(joined("content"), "OK");
        assert!(
            joined("reasoning").starts_with("The user asks:"),
            "{}",
            joined("reasoning")
        );
        let [.., finish, usage] = chunks.as_slice() else {
            panic!("{chunks:?}")
        };
        assert_eq!(finish["choices"][0]["finish_reason"], "stop");
        assert_eq!(usage["choices"], json!([]));
        assert!(usage["usage"]["completion_tokens"].as_u64().unwrap() > 1);
    })
    .await;
}

fn metric(page: &str, name: &str) -> f64 {
    let line = page
        .lines()
        .find(|line| line.starts_with(&format!("vllm:{name}{{")))
        .unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_request() {
    let mut host = TestHost::new();
    host.speed = 500.0;
    let node = host.node;
    with_engine(
        &host,
        "serve org/tiny --served-model-name main",
        async move {
            let mut request = chat("Tell me a long story");
            request["stream"] = json!(true);
            request["ignore_eos"] = json!(true);
            request["max_tokens"] = json!(30_000);
            let mut stream = open(node, &format!("POST {CHAT}"), &request.to_string()).await;
            let mut some = [0; 512];
            stream.read_exact(&mut some).await.unwrap();
            let page = get(node, "/metrics").await.1;
            assert!((metric(&page, "num_requests_running") - 1.0).abs() < 0.1);
            assert!(metric(&page, "kv_cache_usage_perc") > 0.0);
            drop(stream);
            // Each question is a round trip, not a pause.
            for round in 0.. {
                let page = get(node, "/metrics").await.1;
                if metric(&page, "num_requests_running") < 0.5 {
                    assert!(metric(&page, "generation_tokens_total") < 30_000.0);
                    assert!(metric(&page, "request_success_total") < 0.5);
                    break;
                }
                assert!(round < 10_000, "the request goes on without its client");
            }
        },
    )
    .await;
}

#[tokio::test]
async fn sigterm_breaks_off_answers_that_do_not_end() {
    let host = TestHost::new();
    let node = host.node;
    let client = async {
        host.wait_for("Uvicorn running on").await;
        host.set_fault(EngineFault::Hang {
            stage: Stage::Ready,
        });
        let mut request = chat("hi");
        request["stream"] = json!(true);
        let mut stream = open(node, &format!("POST {CHAT}"), &request.to_string()).await;
        // The role comes before the engine is asked for a token.
        let mut some = [0; 64];
        stream.read_exact(&mut some).await.unwrap();
        host.stop.cancel();
        let mut rest = String::new();
        let end = stream.read_to_string(&mut rest).await;
        assert!(!rest.contains("[DONE]"), "{end:?}: {rest}");
    };
    let (code, ()) = tokio::join!(host.run("serve org/tiny --served-model-name main"), client);
    assert_eq!(code, 0);
    assert!(host.text().contains("Application shutdown complete."));
}

#[tokio::test]
async fn a_body_that_is_not_called_json_is_refused() {
    let host = TestHost::new();
    let node = host.node;
    with_engine(&host, "serve org/tiny", async move {
        let head = "POST /v1/completions HTTP/1.1\r\nContent-Type: text/plain\r\nX-Rest:";
        let (status, text) = ask(node, head, "{}").await;
        assert_eq!(status, 400);
        assert!(
            text.contains("Only 'application/json' is allowed"),
            "{text}"
        );
    })
    .await;
}

#[tokio::test]
async fn tools_and_embeddings_work_where_they_are_switched_on() {
    let host = TestHost::new();
    let node = host.node;
    let line = "serve org/tiny --served-model-name main --enable-auto-tool-choice --tool-call-parser hermes";
    with_engine(&host, line, async move {
        let mut request = chat("What is the weather in Oslo?");
        request["tools"] = json!([{"type": "function", "function": {"name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]);
        let (_, answer) = post(node, CHAT, &request).await;
        let choice = &answer["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls");
        assert_eq!(choice["message"]["content"], Value::Null);
        let call = &choice["message"]["tool_calls"][0]["function"];
        assert_eq!(
            call,
            &json!({"name": "get_weather", "arguments": r#"{"city":"Oslo"}"#})
        );
        assert_eq!(
            post(node, "/v1/embeddings", &json!({"input": "x"})).await.0,
            404
        );
    })
    .await;
    let host = TestHost::new();
    let node = host.node;
    with_engine(&host, "serve org/tiny --runner pooling", async move {
        let (_, answer) = post(node, "/v1/embeddings", &json!({"input": ["a", "b"]})).await;
        assert_eq!(answer["data"].as_array().map(Vec::len), Some(2));
        assert_eq!(
            answer["data"][1]["embedding"].as_array().map(Vec::len),
            Some(4096)
        );
        assert_eq!(post(node, CHAT, &json!({"messages": []})).await.0, 404);
    })
    .await;
}
