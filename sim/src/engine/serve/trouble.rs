//! What is wrong with a serving engine, at its door; and the routes that only a NIM has.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Server, health, metrics_page, wire::ApiError};
use crate::engine::host::EngineFault;

/// Lets requests that work pass, or not, as a fault wants it.
pub(super) async fn apply(
    State(server): State<Arc<Server>>,
    request: Request,
    next: Next,
) -> Response {
    let works = request.method() == Method::POST;
    match server.host.fault() {
        Some(EngineFault::Frozen) if works => std::future::pending().await,
        Some(EngineFault::Error) if works => ApiError::dead().into_response(),
        _ => next.run(request).await,
    }
}

/// What `GET /v1/models` calls the model instead of `names`.
pub(super) fn names(server: &Server) -> Vec<String> {
    match server.host.fault() {
        Some(EngineFault::WrongName) => vec!["some-other-model".to_owned()],
        _ => server.door.names.clone(),
    }
}

/// Requests of others that the metrics page tells of.
pub(super) fn others(server: &Server) -> u64 {
    match server.host.fault() {
        Some(EngineFault::Busy { requests }) => requests,
        _ => 0,
    }
}

/// Health and metadata under the paths of NVIDIA's containers.
pub(super) fn nim_routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/v1/health/ready", get(ready))
        .route("/v1/health/live", get(live))
        .route("/v1/metrics", get(metrics_page))
        .route("/v1/metadata", get(metadata))
}

async fn ready(state: State<Arc<Server>>) -> Response {
    if health(state).await.status() == StatusCode::OK {
        told("ready", "Service is ready.")
    } else {
        let body = json!({"object": "health.response", "message": "Service is not ready."});
        (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
    }
}

async fn live() -> Response {
    told("live", "Service is live.")
}

fn told(status: &str, message: &str) -> Response {
    let body = json!({"object": "health.response", "message": message, "status": status});
    Json(body).into_response()
}

async fn metadata(State(server): State<Arc<Server>>) -> Json<Value> {
    Json(json!({
        "version": "2.0.3", "assetInfo": [],
        "modelInfo": [{"shortName": server.model, "modelUrl": format!("ngc://nim/{}", server.model)}],
    }))
}
