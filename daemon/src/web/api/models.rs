//! Models: what is on the disks.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use spark_ipc::ErrorBody;
use spark_ipc::model::inventory::{ModelDetail, ModelList};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::web::Web;
use crate::web::extract::PathRepo;
use crate::web::fault::Fault;

/// The routes with `{org}/{name}` are in the document; a repository without an organisation has the same
/// ones with `{name}` alone.
pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(one))
        .route("/api/models/{org}", get(one))
}

/// The menu: every model on any disk.
#[utoipa::path(get, path = "/api/models", tag = "models", responses((status = 200, body = ModelList)))]
async fn list(State(web): State<Web>) -> Json<ModelList> {
    let models = web.app().view.models.borrow().clone();
    Json(ModelList::clone(&models))
}

/// One model: configuration facts, recipe, launches. Without an organisation: `/api/models/{name}`.
#[utoipa::path(
    get, path = "/api/models/{org}/{name}", tag = "models",
    params(("org" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = ModelDetail), (status = 404, body = ErrorBody))
)]
async fn one(State(web): State<Web>, PathRepo(repo): PathRepo) -> Result<Json<ModelDetail>, Fault> {
    Ok(Json(web.app().models.detail(repo).await?))
}
