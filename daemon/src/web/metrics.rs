//! `GET /metrics`, in Prometheus' text format.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use spark_ipc::model::node::{Freshness, Node};

use super::Web;
use crate::clock;

/// Requests of all planes since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    begun: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
}

/// A request that waits for its answer. Dropping it counts it as done, also when the client left.
pub(super) struct Waiting<'a>(&'a Counters);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counters {
    pub(super) fn begin(&self) -> Waiting<'_> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    /// Answered with a 5xx.
    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Turned away by the guard.
    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

/// Figures for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "meta",
    responses((status = 200, content_type = "text/plain", body = String))
)]
pub(super) async fn metrics(State(web): State<Web>) -> Response {
    let text = render(&web);
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}

fn render(web: &Web) -> String {
    let (app, counters) = (web.app(), web.counters());
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (answered, begun) = (read(&counters.answered), read(&counters.begun));
    let uptime = clock::now().seconds_since(app.version.started_at);
    let proxy = app.view.proxy.borrow().clone();
    let mut out = Text::default();
    out.one(
        "spark_control_uptime_seconds",
        "gauge",
        "Time since the daemon started.",
        uptime,
    );
    out.one(
        "spark_http_requests_total",
        "counter",
        "Requests of all planes.",
        begun,
    );
    let waiting = begun.saturating_sub(answered);
    out.one(
        "spark_http_requests_in_flight",
        "gauge",
        "Requests without an answer yet.",
        waiting,
    );
    out.one(
        "spark_http_failures_total",
        "counter",
        "Answers with a 5xx.",
        read(&counters.failed),
    );
    out.one(
        "spark_http_refused_total",
        "counter",
        "Turned away by the guard.",
        read(&counters.refused),
    );
    out.one(
        "spark_proxy_requests_total",
        "counter",
        "Requests of /v1.",
        proxy.requests_total,
    );
    out.one(
        "spark_proxy_inflight",
        "gauge",
        "Requests of /v1 that go on.",
        proxy.requests_in_flight,
    );
    out.one(
        "spark_proxy_errors_total",
        "counter",
        "Requests of /v1 that failed.",
        proxy.errors_total,
    );
    nodes(&mut out, &app.view.nodes.borrow());
    out.0
}

fn nodes(out: &mut Text, nodes: &[Node]) {
    let up = |node: &Node| Some(u64::from(node.freshness == Freshness::Fresh));
    let total = |node: &Node| node.memory.as_ref().map(|memory| memory.total_bytes);
    let available = |node: &Node| node.memory.as_ref().map(|memory| memory.available_bytes);
    out.per_node(
        "spark_node_up",
        "Whether the node has been seen lately.",
        nodes,
        up,
    );
    out.per_node("spark_node_memory_total_bytes", "MemTotal.", nodes, total);
    out.per_node(
        "spark_node_memory_available_bytes",
        "MemAvailable.",
        nodes,
        available,
    );
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.line(format_args!("{name} {value}"));
    }

    fn per_node(
        &mut self,
        name: &str,
        help: &str,
        nodes: &[Node],
        value: impl Fn(&Node) -> Option<u64>,
    ) {
        self.head(name, "gauge", help);
        for node in nodes {
            if let Some(value) = value(node) {
                self.line(format_args!("{name}{{node=\"{}\"}} {value}", node.id));
            }
        }
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        if writeln!(self.0, "{text}").is_err() {
            self.0.push('\n');
        }
    }
}
