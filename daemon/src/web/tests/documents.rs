//! The `OpenAPI` document, the figures, the dashboard's files.

use crate::web::openapi;
use crate::web::testing::{Bench, header, send, status};

#[test]
fn the_committed_document_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == openapi(),
        "docs/openapi.json is out of date; run: spark-controld openapi > docs/openapi.json"
    );
}

#[test]
fn the_document_has_the_routes() {
    let document: serde_json::Value = serde_json::from_str(&openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/api/swap",
        "/api/events",
        "/api/models/{org}/{name}",
        "/v1/chat/completions",
        "/healthz",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    assert!(document["components"]["schemas"]["Node"].is_object());
}

#[tokio::test]
async fn figures_are_in_prometheus_format() {
    let bench = Bench::new();
    let address = bench.tcp().await;
    let answer = send(address, "GET /metrics", &[], "").await;
    for line in [
        "spark_http_requests_total 1",
        "spark_http_requests_in_flight 1",
        "spark_node_up{node=\"spark1\"} 1",
        "spark_node_memory_available_bytes{node=\"spark2\"} 64",
        "spark_proxy_inflight 0",
    ] {
        assert!(
            answer.lines().any(|found| found == line),
            "{line} is not in {answer}"
        );
    }
    bench.shut_down().await;
}

#[tokio::test]
async fn the_dashboard_is_served_and_remembered_by_its_tag() {
    let bench = Bench::new();
    let address = bench.tcp().await;
    let page = send(address, "GET /", &[], "").await;
    assert_eq!(status(&page), 200);
    assert_eq!(
        header(&page, "content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(header(&page, "cache-control"), Some("no-cache"));
    let tag = header(&page, "etag").unwrap();
    let again = send(address, "GET /index.html", &[("if-none-match", tag)], "").await;
    assert_eq!(status(&again), 304);
    let head = send(address, "HEAD /", &[], "").await;
    assert_eq!(status(&head), 200);
    assert_eq!(
        header(&head, "content-length"),
        header(&page, "content-length")
    );
    assert!(head.ends_with("\r\n\r\n"));
    assert_eq!(
        status(&send(address, "GET /nothing.js", &[], "").await),
        404
    );
    assert_eq!(status(&send(address, "POST /", &[], "").await), 405);
    bench.shut_down().await;
}
