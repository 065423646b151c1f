//! Downloads, copies and deletion of models, and images on the nodes.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::delete;
use spark_ipc::ErrorBody;
use spark_ipc::id::{ImageRef, NodeId};
use spark_ipc::model::operation::{Operation, OperationStarted};
use spark_ipc::model::transfer::{
    CopyRequest, DeletePreview, DownloadRequest, ImageCopyRequest, ImageList, ImagePullRequest,
    TransferPreview, VerifyRequest,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::web::Web;
use crate::web::actor::Actor;
use crate::web::extract::{JsonBody, Pairs, PathRepo};
use crate::web::fault::Fault;

/// As with the other routes of models, a repository without an organisation has `/api/models/{name}` alone.
pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(download))
        .routes(routes!(copy))
        .routes(routes!(remove))
        .route("/api/models/{org}", delete(remove))
        .routes(routes!(verify))
        .routes(routes!(images, remove_image))
        .routes(routes!(pull))
        .routes(routes!(copy_image))
}

/// Downloads a model to one or several nodes; with `dry_run` only says what would come.
#[utoipa::path(
    post, path = "/api/downloads", tag = "transfers", request_body = DownloadRequest,
    responses(
        (status = 202, body = OperationStarted),
        (status = 200, description = "A dry run.", body = TransferPreview),
        (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, description = "Another operation holds a disk.", body = ErrorBody),
        (status = 422, description = "Blocked; `fields` has the blockers.", body = ErrorBody),
    )
)]
async fn download(
    State(web): State<Web>,
    Actor(actor): Actor,
    JsonBody(request): JsonBody<DownloadRequest>,
) -> Result<Response, Fault> {
    let operations = &web.app().operations;
    if request.dry_run {
        return Ok(Json(operations.look_at_download(request).await?).into_response());
    }
    Ok(accepted(operations.download(request, actor).await?))
}

/// Copies a model from one node to another; with `dry_run` only says how.
#[utoipa::path(
    post, path = "/api/copies", tag = "transfers", request_body = CopyRequest,
    responses(
        (status = 202, body = OperationStarted),
        (status = 200, description = "A dry run.", body = TransferPreview),
        (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 422, body = ErrorBody),
    )
)]
async fn copy(
    State(web): State<Web>,
    Actor(actor): Actor,
    JsonBody(request): JsonBody<CopyRequest>,
) -> Result<Response, Fault> {
    let operations = &web.app().operations;
    if request.dry_run {
        return Ok(Json(operations.look_at_copy(request).await?).into_response());
    }
    Ok(accepted(operations.copy(request, actor).await?))
}

/// Deletes a model from the disks; refused while it is in use. With `dry_run` only says what would be deleted.
#[utoipa::path(
    delete, path = "/api/models/{org}/{name}", tag = "transfers",
    params(
        ("org" = String, Path), ("name" = String, Path),
        ("node" = Option<String>, Query, description = "May be given several times; all nodes without it."),
        ("dry_run" = Option<bool>, Query),
    ),
    responses(
        (status = 202, body = OperationStarted),
        (status = 200, description = "A dry run.", body = DeletePreview),
        (status = 404, body = ErrorBody),
        (status = 409, description = "It is in use, or an operation holds a node.", body = ErrorBody),
        (status = 422, body = ErrorBody),
    )
)]
async fn remove(
    State(web): State<Web>,
    Actor(actor): Actor,
    PathRepo(repo): PathRepo,
    Pairs(pairs): Pairs,
) -> Result<Response, Fault> {
    let (nodes, dry_run) = deletion(&pairs)?;
    let operations = &web.app().operations;
    if dry_run {
        return Ok(Json(operations.look_at_deletion(repo, nodes).await?).into_response());
    }
    Ok(accepted(operations.delete(repo, nodes, actor).await?))
}

fn deletion(pairs: &[(String, String)]) -> Result<(Vec<NodeId>, bool), Fault> {
    let (mut nodes, mut dry_run) = (Vec::new(), false);
    for (name, value) in pairs {
        match (name.as_str(), value.as_str()) {
            ("node", id) => {
                let id = id
                    .parse()
                    .map_err(|e: spark_ipc::id::InvalidId| Fault::invalid("node", e.to_string()))?;
                nodes.push(id);
            }
            ("dry_run", "true" | "1") => dry_run = true,
            ("dry_run", "false" | "0") => dry_run = false,
            ("dry_run", _) => return Err(Fault::invalid("dry_run", "true or false")),
            // A misspelt word must not delete more than was meant.
            (other, _) => {
                let other = spark_ipc::text::clean_line(other, 40);
                return Err(
                    Fault::invalid("query", format!("{other:?} is not known here"))
                        .with_hint("node and dry_run are"),
                );
            }
        }
    }
    Ok((nodes, dry_run))
}

/// Compares every file of a model with the Hub's sizes and checksums.
#[utoipa::path(
    post, path = "/api/verifications", tag = "transfers", request_body = VerifyRequest,
    responses(
        (status = 202, body = OperationStarted),
        (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, description = "Another operation holds a disk; or repair, and it is in use.", body = ErrorBody),
        (status = 422, body = ErrorBody),
    )
)]
async fn verify(
    State(web): State<Web>,
    Actor(actor): Actor,
    JsonBody(request): JsonBody<VerifyRequest>,
) -> Result<Response, Fault> {
    Ok(accepted(web.app().operations.verify(request, actor).await?))
}

/// The images on the nodes, and those that a recipe needs and no node has.
#[utoipa::path(get, path = "/api/images", tag = "transfers", responses((status = 200, body = ImageList)))]
async fn images(State(web): State<Web>) -> Result<Json<ImageList>, Fault> {
    Ok(Json(web.app().operations.images().await?))
}

/// Removes an image from the nodes; refused while a container was made from it.
#[utoipa::path(
    delete, path = "/api/images", tag = "transfers",
    params(
        ("image" = String, Query, description = "As recipes name it: repository:tag."),
        ("node" = Option<String>, Query, description = "May be given several times; all nodes without it."),
    ),
    responses(
        (status = 202, body = OperationStarted),
        (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, description = "A container uses it, or an operation holds a node.", body = ErrorBody),
    )
)]
async fn remove_image(
    State(web): State<Web>,
    Actor(actor): Actor,
    Pairs(pairs): Pairs,
) -> Result<Response, Fault> {
    let (image, nodes) = removal(&pairs)?;
    let operations = &web.app().operations;
    Ok(accepted(
        operations.remove_image(image, nodes, actor).await?,
    ))
}

fn removal(pairs: &[(String, String)]) -> Result<(ImageRef, Vec<NodeId>), Fault> {
    type Bad = spark_ipc::id::InvalidId;
    let (mut image, mut nodes) = (None, Vec::new());
    for (name, value) in pairs {
        let invalid = |e: Bad| Fault::invalid(name, e.to_string());
        match name.as_str() {
            "image" => image = Some(ImageRef::new(value.as_str()).map_err(invalid)?),
            "node" => nodes.push(NodeId::new(value.as_str()).map_err(invalid)?),
            other => {
                let other = spark_ipc::text::clean_line(other, 40);
                let fault = Fault::invalid("query", format!("{other:?} is not known here"));
                return Err(fault.with_hint("image and node are"));
            }
        }
    }
    let image = image.ok_or_else(|| Fault::invalid("image", "name an image"))?;
    Ok((image, nodes))
}

/// Pulls an image to one or several nodes; with `dry_run` only asks the registry.
#[utoipa::path(
    post, path = "/api/images/pull", tag = "transfers", request_body = ImagePullRequest,
    responses(
        (status = 202, body = OperationStarted),
        (status = 200, description = "A dry run.", body = TransferPreview),
        (status = 409, body = ErrorBody), (status = 422, body = ErrorBody),
    )
)]
async fn pull(
    State(web): State<Web>,
    Actor(actor): Actor,
    JsonBody(request): JsonBody<ImagePullRequest>,
) -> Result<Response, Fault> {
    let operations = &web.app().operations;
    if request.dry_run {
        return Ok(Json(operations.look_at_pull(request).await?).into_response());
    }
    Ok(accepted(operations.pull(request, actor).await?))
}

/// Copies an image from one node to another; with `dry_run` only says how.
#[utoipa::path(
    post, path = "/api/images/copy", tag = "transfers", request_body = ImageCopyRequest,
    responses(
        (status = 202, body = OperationStarted),
        (status = 200, description = "A dry run.", body = TransferPreview),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody),
    )
)]
async fn copy_image(
    State(web): State<Web>,
    Actor(actor): Actor,
    JsonBody(request): JsonBody<ImageCopyRequest>,
) -> Result<Response, Fault> {
    let operations = &web.app().operations;
    if request.dry_run {
        return Ok(Json(operations.look_at_image_copy(request).await?).into_response());
    }
    Ok(accepted(operations.copy_image(request, actor).await?))
}

fn accepted(operation: Operation) -> Response {
    (StatusCode::ACCEPTED, Json(OperationStarted { operation })).into_response()
}
