//! Requests of the control plane and their answers, faults included.

use std::sync::Arc;

use serde_json::json;
use spark_ipc::FieldError;
use spark_ipc::model::node::{Node, NodeList};
use spark_ipc::model::operation::{Operation, OperationStarted};
use spark_ipc::{ApiError, ErrorCode};

use crate::operations::{Request, Started};
use crate::web::testing::{Bench, FINGERPRINT, body, client, header, operation, raw, send, status};

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn reads_answer_with_the_types_of_the_api() {
    let bench = Bench::new();
    let client = client(bench.tcp().await);
    let nodes: NodeList = client.get("/api/nodes").await.unwrap();
    assert_eq!(nodes.nodes.len(), 2);
    let node: Node = client.get("/api/nodes/spark2").await.unwrap();
    assert_eq!(node.id.as_str(), "spark2");
    let status: spark_ipc::model::status::Status = client.get("/api/status").await.unwrap();
    assert_eq!(status.nodes.len(), 2);
    let version: spark_ipc::version::VersionInfo = client.get("/api/version").await.unwrap();
    assert_eq!(version.instance, "bench");
    let services: serde_json::Value = client.get("/api/services").await.unwrap();
    assert_eq!(services, json!({"services": [], "errors": []}));
    let operations: serde_json::Value = client.get("/api/operations").await.unwrap();
    assert_eq!(operations, json!({"operations": []}));
    bench.shut_down().await;
}

#[tokio::test]
async fn every_fault_names_the_field_the_value_and_the_fix() {
    let bench = Bench::new();
    let address = bench.tcp().await;
    let post =
        async |path: &str, text: &str| send(address, &format!("POST {path}"), &[JSON], text).await;
    insta::assert_json_snapshot!(
        "unknown_field",
        body(&post("/api/swap", r#"{"repo":"a/b","model":1}"#).await)
    );
    insta::assert_json_snapshot!(
        "wrong_type",
        body(&post("/api/swap", r#"{"repo":"a/b","nodes":["spark1",7]}"#).await)
    );
    insta::assert_json_snapshot!(
        "bad_id",
        body(&post("/api/swap", r#"{"repo":"a b"}"#).await)
    );
    insta::assert_json_snapshot!("not_json", body(&post("/api/swap", r#"{"repo":"#).await));
    insta::assert_json_snapshot!("no_body", body(&post("/api/swap", "").await));
    insta::assert_json_snapshot!("stop_what", body(&post("/api/stop", "{}").await));
    let get = async |path: &str| send(address, &format!("GET {path}"), &[], "").await;
    insta::assert_json_snapshot!("bad_path_id", body(&get("/api/nodes/Spark_1").await));
    insta::assert_json_snapshot!("no_node", body(&get("/api/nodes/spark9").await));
    insta::assert_json_snapshot!(
        "bad_query",
        body(&get("/api/units/main/logs?tail=lots").await)
    );
    insta::assert_json_snapshot!("no_route", body(&get("/api/nothing").await));
    insta::assert_json_snapshot!("wrong_method", body(&get("/api/swap").await));
    insta::assert_json_snapshot!("panic", body(&get("/api/ssh-key").await));
    assert_eq!(status(&get("/api/ssh-key").await), 500);
    assert_eq!(status(&get("/api/swap").await), 405);
    bench.shut_down().await;
}

#[tokio::test]
async fn a_foreign_host_and_a_foreign_origin_are_told_why() {
    let bench = Bench::new();
    let address = bench.tcp().await;
    let request =
        "GET /api/status HTTP/1.1\r\nhost: rebind.example.com\r\nconnection: close\r\n\r\n";
    let answer = raw(address, request).await;
    assert_eq!(status(&answer), 421);
    insta::assert_json_snapshot!("misdirected", body(&answer));
    let evil = [("origin", "http://evil.example"), JSON];
    let answer = send(address, "POST /api/stop", &evil, r#"{"all":true}"#).await;
    assert_eq!(status(&answer), 403);
    insta::assert_json_snapshot!("cross_origin", body(&answer));
    assert!(header(&answer, "access-control-allow-origin").is_none());
    bench.shut_down().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let bench = Bench::new();
    let address = bench.tcp().await;
    let big = format!(r#"{{"repo":"{}"}}"#, "a".repeat(300 * 1024));
    let answer = send(address, "POST /api/swap", &[JSON], &big).await;
    assert_eq!(status(&answer), 413);
    assert_eq!(
        body(&answer)["error"]["message"],
        "the body is over 262144 bytes"
    );
    bench.shut_down().await;
}

#[tokio::test]
async fn every_answer_has_its_headers() {
    let bench = Bench::new();
    let address = bench.tcp().await;
    for path in [
        "/api/status",
        "/api/nothing",
        "/",
        "/healthz",
        "/v1/models",
        "/api/ssh-key",
    ] {
        let answer = send(address, &format!("GET {path}"), &[], "").await;
        let id = header(&answer, "x-request-id").unwrap();
        assert_eq!(
            uuid::Uuid::parse_str(id).unwrap().get_version_num(),
            7,
            "{path}"
        );
        let policy = header(&answer, "content-security-policy").unwrap();
        assert!(policy.contains("trusted-types 'none'"), "{path}");
        assert_eq!(
            header(&answer, "x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(
            header(&answer, "referrer-policy"),
            Some("same-origin"),
            "{path}"
        );
        if path.starts_with("/api/") {
            assert_eq!(header(&answer, "cache-control"), Some("no-store"), "{path}");
        }
    }
    bench.shut_down().await;
}

/// Plays the manager for one request.
fn manager(
    mut bench: Bench,
    play: impl FnOnce(Request) + Send + 'static,
) -> tokio::task::JoinHandle<Bench> {
    tokio::task::spawn_local(async move {
        play(bench.requests.recv().await.unwrap());
        bench
    })
}

#[tokio::test(flavor = "local")]
async fn a_swap_is_accepted_or_refused_in_the_managers_words() {
    let bench = Bench::new();
    let address = bench.tcp().await;
    let swap = async || {
        send(
            address,
            "POST /api/swap",
            &[JSON],
            r#"{"repo":"org/model"}"#,
        )
        .await
    };
    let manager_1 = manager(bench, |request| {
        let Request::Swap(request, actor, reply) = request else {
            panic!("{request:?}")
        };
        assert_eq!(
            (request.repo.as_str(), actor.as_str()),
            ("org/model", "api 127.0.0.1")
        );
        let started = Started::Operation(Box::new(operation("operation-1", "running")));
        assert!(reply.send(Ok(started)).is_ok());
    });
    let answer = swap().await;
    assert_eq!(status(&answer), 202);
    let started: OperationStarted = serde_json::from_value(body(&answer)).unwrap();
    assert_eq!(started.operation.id.as_str(), "operation-1");

    let manager_2 = manager(manager_1.await.unwrap(), |request| {
        let Request::Swap(_, _, reply) = request else {
            panic!("{request:?}")
        };
        let mut busy = ApiError::new(ErrorCode::Busy, "spark1 is busy");
        busy.operation = Some(Box::new(operation("operation-1", "running")));
        assert!(reply.send(Err(busy)).is_ok());
    });
    let answer = swap().await;
    assert_eq!(status(&answer), 409);
    assert_eq!(body(&answer)["error"]["operation"]["id"], "operation-1");

    let manager_3 = manager(manager_2.await.unwrap(), |request| {
        let Request::Swap(_, _, reply) = request else {
            panic!("{request:?}")
        };
        let field = FieldError {
            path: "model_incomplete".into(),
            message: "2 files are missing".into(),
        };
        let blocked =
            ApiError::new(ErrorCode::Blocked, "1 thing stands in the way").with_fields(vec![field]);
        assert!(reply.send(Err(blocked)).is_ok());
    });
    let answer = swap().await;
    assert_eq!(status(&answer), 422);
    assert_eq!(
        body(&answer)["error"]["fields"][0]["path"],
        "model_incomplete"
    );
    manager_3.await.unwrap().shut_down().await;
}

#[tokio::test]
async fn one_operation_is_found_by_its_id() {
    let bench = Bench::new();
    let client = client(bench.tcp().await);
    bench
        .operations
        .send_replace(Arc::new(vec![operation("operation-1", "succeeded")]));
    let found: Operation = client.get("/api/operations/operation-1").await.unwrap();
    assert_eq!(found.subject, "org/model");
    let missing = client
        .get::<Operation>("/api/operations/operation-2")
        .await
        .unwrap_err();
    assert_eq!(missing.to_string(), "there is no operation operation-2");
    bench.shut_down().await;
}

#[tokio::test]
async fn trusting_a_key_reaches_the_node_it_was_meant_for() {
    let bench = Bench::new();
    let client = client(bench.tcp().await);
    let node: Node = client
        .post(
            "/api/nodes/spark2/trust",
            &json!({"fingerprint": FINGERPRINT}),
        )
        .await
        .unwrap();
    assert_eq!(node.id.as_str(), "spark2");
    let trusted = bench.acts.trusted.lock().unwrap().clone();
    assert_eq!(trusted[0].0.as_str(), "spark2");
    assert_eq!(trusted[0].1.as_str(), FINGERPRINT);
    bench.shut_down().await;
}

#[tokio::test]
async fn a_model_has_one_or_two_names() {
    let bench = Bench::new();
    let client = client(bench.tcp().await);
    for (path, repo) in [
        ("/api/models/Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
        ("/api/models/gpt2", "gpt2"),
        ("/api/models/gpt2/recipe", "gpt2"),
        ("/api/models/Qwen/Qwen3-0.6B/recipe", "Qwen/Qwen3-0.6B"),
    ] {
        let error = client.get::<serde_json::Value>(path).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("there is no model {repo}"),
            "{path}"
        );
    }
    bench.shut_down().await;
}

#[tokio::test]
async fn logs_come_as_text_or_as_events() {
    let bench = Bench::new();
    let address = bench.tcp().await;
    let answer = send(address, "GET /api/units/main/logs?tail=5", &[], "").await;
    assert!(answer.ends_with("the last 5 lines of main\n"), "{answer}");
    let mut lines = client(address)
        .events("/api/units/main/logs?follow=true", None)
        .await
        .unwrap();
    let first = lines.next().await.unwrap().unwrap();
    assert_eq!(
        (first.name.as_str(), first.id.as_deref()),
        ("log", Some("1"))
    );
    assert!(lines.next().await.unwrap().is_some());
    assert_eq!(lines.next().await.unwrap(), None);
    bench.shut_down().await;
}
