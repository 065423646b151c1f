//! Operations: look first, start, watch, cancel.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use spark_ipc::id::OperationId;
use spark_ipc::model::operation::{
    Operation, OperationEvent, OperationList, OperationStarted, StopRequest, SwapRequest,
};
use spark_ipc::model::preflight::{Preflight, PreflightRequest};
use spark_ipc::{ApiError, ErrorBody, ErrorCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::operations::Started;
use crate::web::actor::Actor;
use crate::web::extract::{JsonBody, PathId};
use crate::web::fault::Fault;
use crate::web::{Web, sse};

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(preflight))
        .routes(routes!(swap))
        .routes(routes!(stop))
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(cancel))
        .routes(routes!(events))
}

/// What a swap would do, and what stands in its way. Changes nothing.
#[utoipa::path(
    post, path = "/api/preflight", tag = "operations", request_body = PreflightRequest,
    responses((status = 200, body = Preflight), (status = 400, body = ErrorBody))
)]
async fn preflight(
    State(web): State<Web>,
    JsonBody(request): JsonBody<PreflightRequest>,
) -> Result<Json<Preflight>, Fault> {
    Ok(Json(web.app().operations.preflight(request).await?))
}

/// Swaps the running model for another; with `dry_run` only says what would be done.
#[utoipa::path(
    post, path = "/api/swap", tag = "operations", request_body = SwapRequest,
    responses(
        (status = 202, body = OperationStarted),
        (status = 200, description = "A dry run.", body = Preflight),
        (status = 400, body = ErrorBody),
        (status = 409, description = "Another operation runs; it is in the error.", body = ErrorBody),
        (status = 422, description = "Blocked; `fields` has the blockers.", body = ErrorBody),
    )
)]
async fn swap(
    State(web): State<Web>,
    Actor(actor): Actor,
    JsonBody(request): JsonBody<SwapRequest>,
) -> Result<Response, Fault> {
    Ok(match web.app().operations.swap(request, actor).await? {
        Started::Operation(operation) => accepted(*operation).into_response(),
        Started::Preflight(preflight) => Json(*preflight).into_response(),
    })
}

/// Stops a unit, or all of ours.
#[utoipa::path(
    post, path = "/api/stop", tag = "operations", request_body = StopRequest,
    responses(
        (status = 202, body = OperationStarted), (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    )
)]
async fn stop(
    State(web): State<Web>,
    Actor(actor): Actor,
    JsonBody(request): JsonBody<StopRequest>,
) -> Result<impl axum::response::IntoResponse, Fault> {
    if request.unit.is_some() == request.all {
        let message = "say which unit to stop, or \"all\": true, and not both";
        return Err(Fault::invalid("/unit", message).with_hint("/api/units lists the units"));
    }
    Ok(accepted(web.app().operations.stop(request, actor).await?))
}

/// The running operations and the last hundred, newest first.
#[utoipa::path(
    get, path = "/api/operations", tag = "operations", responses((status = 200, body = OperationList))
)]
async fn list(State(web): State<Web>) -> Json<OperationList> {
    let operations = web.app().view.operations.borrow().clone();
    Json(OperationList {
        operations: Vec::clone(&operations),
    })
}

/// One operation.
#[utoipa::path(
    get, path = "/api/operations/{id}", tag = "operations", params(("id" = OperationId, Path)),
    responses((status = 200, body = Operation), (status = 404, body = ErrorBody))
)]
async fn one(
    State(web): State<Web>,
    PathId(id): PathId<OperationId>,
) -> Result<Json<Operation>, Fault> {
    let operations = web.app().view.operations.borrow().clone();
    let found = operations
        .iter()
        .find(|operation| operation.id == id)
        .cloned();
    let missing = || ApiError::new(ErrorCode::NotFound, format!("there is no operation {id}"));
    Ok(Json(found.ok_or_else(missing)?))
}

/// Asks a running operation to end; it undoes what it did.
#[utoipa::path(
    post, path = "/api/operations/{id}/cancel", tag = "operations", params(("id" = OperationId, Path)),
    responses(
        (status = 202, body = OperationStarted), (status = 404, body = ErrorBody),
        (status = 409, description = "It has ended.", body = ErrorBody),
    )
)]
async fn cancel(
    State(web): State<Web>,
    PathId(id): PathId<OperationId>,
) -> Result<impl axum::response::IntoResponse, Fault> {
    Ok(accepted(web.app().operations.cancel(id).await?))
}

/// Steps and log lines as server-sent events with sequence numbers; `Last-Event-ID` resumes. Ends when
/// the operation has ended.
#[utoipa::path(
    get, path = "/api/operations/{id}/events", tag = "operations",
    params(("id" = OperationId, Path), ("Last-Event-ID" = Option<u64>, Header)),
    responses(
        (status = 200, content_type = "text/event-stream", body = OperationEvent),
        (status = 404, body = ErrorBody),
    )
)]
async fn events(
    State(web): State<Web>,
    PathId(id): PathId<OperationId>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let after = last_event_id(&headers)?;
    let reader = web.app().operations.feed(id).await?.reader(after);
    let events = stream::unfold(reader, async |mut reader| {
        let events = reader.next().await?;
        let written: Vec<_> = events
            .iter()
            .map(|(seq, event)| written(*seq, event))
            .collect();
        Some((stream::iter(written), reader))
    });
    Ok(sse::response(
        events.flatten(),
        web.app().tasks.token().clone(),
    ))
}

fn written(seq: u64, event: &OperationEvent) -> bytes::Bytes {
    let name = match event {
        OperationEvent::Operation { .. } => "operation",
        OperationEvent::Log { .. } => "log",
        OperationEvent::Lagged { .. } => "lagged",
    };
    sse::event(name, Some(seq), event)
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let wrong = || {
        format!(
            "{:?} is not a sequence number",
            spark_ipc::text::clean_line(&text, 40)
        )
    };
    text.parse()
        .map(Some)
        .map_err(|_not_a_number| Fault::invalid("Last-Event-ID", wrong()))
}

fn accepted(operation: Operation) -> (StatusCode, Json<OperationStarted>) {
    (StatusCode::ACCEPTED, Json(OperationStarted { operation }))
}
