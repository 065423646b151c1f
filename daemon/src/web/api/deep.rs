//! Deep health: the last results, and a probe now.

use axum::Json;
use axum::extract::State;
use spark_ipc::ErrorBody;
use spark_ipc::model::deep::{DeepHealth, DeepRequest};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::web::Web;
use crate::web::extract::JsonBody;
use crate::web::fault::Fault;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(last, now))
}

/// The last deep probe of every unit and service, and their latency history.
#[utoipa::path(get, path = "/api/health/deep", tag = "health", responses((status = 200, body = DeepHealth)))]
async fn last(State(web): State<Web>) -> Json<DeepHealth> {
    Json(web.app().deep.health())
}

/// Probes now: those named, or all that ought to answer. Answers when the probes have ended, or after twenty
/// seconds with those that go on marked as running.
#[utoipa::path(
    post, path = "/api/health/deep", tag = "health", request_body = DeepRequest,
    responses(
        (status = 200, body = DeepHealth), (status = 400, body = ErrorBody),
        (status = 404, description = "No running unit or service has that name.", body = ErrorBody),
    )
)]
async fn now(
    State(web): State<Web>,
    JsonBody(request): JsonBody<DeepRequest>,
) -> Result<Json<DeepHealth>, Fault> {
    Ok(Json(web.app().deep.probe(request.units).await?))
}
