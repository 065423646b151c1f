//! The data plane: `/v1` for client applications, passed on to the running model.
//!
//! Three paths go through, and no other: an engine serves more than we want the network to reach. The
//! request to the engine is built from scratch, so no header of a client gets there by accident; the
//! bytes of its body, and of the answer, are passed as they are. A client that goes away ends the request
//! at the engine, since everything that belongs to it is dropped with its connection.

mod forward;
mod peek;
mod refusal;
mod relay;
mod traffic;

#[cfg(test)]
mod tests;

use axum::extract::{Request, State};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse as _, Response};
use spark_ipc::model::chat::ServedModels;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use forward::Forwarder;
pub(crate) use refusal::Refusal;
pub use traffic::Traffic;

use crate::web::Web;

/// The routes of the data plane.
pub(crate) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(models))
        .routes(routes!(chat_completions))
        .routes(routes!(completions))
        .route("/v1/{*path}", axum::routing::any(unknown))
}

/// The running model; an empty list when none runs.
#[utoipa::path(get, path = "/v1/models", tag = "v1", responses((status = 200, body = ServedModels)))]
async fn models(State(web): State<Web>) -> Response {
    web.forwarder().models().await
}

/// `OpenAI`'s chat completions, streamed or not, as the running engine has them.
#[utoipa::path(
    post, path = "/v1/chat/completions", tag = "v1", request_body = serde_json::Value,
    responses(
        (status = 200, content(
            (serde_json::Value = "application/json"), (serde_json::Value = "text/event-stream"),
        )),
        (status = 404, description = "Another model runs."),
        (status = 502, description = "The engine does not answer."),
        (status = 503, description = "No model runs, or a swap is on (`Retry-After`)."),
    )
)]
async fn chat_completions(State(web): State<Web>, request: Request) -> Response {
    web.forwarder()
        .completion("/v1/chat/completions", request)
        .await
}

/// `OpenAI`'s completions, streamed or not, as the running engine has them.
#[utoipa::path(
    post, path = "/v1/completions", tag = "v1", request_body = serde_json::Value,
    responses(
        (status = 200, content(
            (serde_json::Value = "application/json"), (serde_json::Value = "text/event-stream"),
        )),
        (status = 404, description = "Another model runs."),
        (status = 502, description = "The engine does not answer."),
        (status = 503, description = "No model runs, or a swap is on (`Retry-After`)."),
    )
)]
async fn completions(State(web): State<Web>, request: Request) -> Response {
    web.forwarder().completion("/v1/completions", request).await
}

async fn unknown(method: Method, uri: Uri) -> Response {
    Refusal::unknown_path(&method, uri.path()).into_response()
}
