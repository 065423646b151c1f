//! The daemon itself: version, the whole state, settings, health.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use spark_ipc::model::status::Status;
use spark_ipc::version::VersionInfo;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clock;
use crate::web::Web;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(version))
        .routes(routes!(status))
        .routes(routes!(openapi))
}

/// Who is speaking.
#[utoipa::path(get, path = "/api/version", tag = "meta", responses((status = 200, body = VersionInfo)))]
async fn version(State(web): State<Web>) -> Json<VersionInfo> {
    Json(web.app().version.clone())
}

/// The whole state, without models and settings.
#[utoipa::path(get, path = "/api/status", tag = "state", responses((status = 200, body = Status)))]
async fn status(State(web): State<Web>) -> Response {
    let body = web.sections().status(clock::now());
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// This document.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "meta",
    responses((status = 200, body = serde_json::Value))
)]
async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], crate::web::openapi()).into_response()
}

/// Answers while the daemon lives.
#[utoipa::path(
    get, path = "/healthz", tag = "meta",
    responses((status = 200, content_type = "text/plain", body = String))
)]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Answers 200 while new requests are welcome, 503 once the daemon shuts down.
#[utoipa::path(
    get, path = "/readyz", tag = "meta",
    responses(
        (status = 200, content_type = "text/plain", body = String),
        (status = 503, content_type = "text/plain", body = String),
    )
)]
pub(super) async fn readyz(State(web): State<Web>) -> (StatusCode, &'static str) {
    if web.app().tasks.token().is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}
