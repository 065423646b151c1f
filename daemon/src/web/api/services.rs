//! Services: what there is, how it is, how it is changed, and the acts on it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use spark_ipc::ErrorBody;
use spark_ipc::id::{NodeId, ServiceName};
use spark_ipc::model::operation::{Operation, OperationStarted};
use spark_ipc::model::service::{
    ServiceChange, ServiceDetail, ServiceList, ServiceProfiles, ServiceStart,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::units::Wanted;
use crate::web::actor::Actor;
use crate::web::extract::{JsonBody, MaybeBody, Pairs, PathId};
use crate::web::fault::Fault;
use crate::web::{Web, sse};

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(one, change))
        .routes(routes!(start))
        .routes(routes!(stop))
        .routes(routes!(restart))
        .routes(routes!(logs))
        .routes(routes!(profiles))
}

/// Every service, and what is wrong with the files of the services.
#[utoipa::path(get, path = "/api/services", tag = "services", responses((status = 200, body = ServiceList)))]
async fn list(State(web): State<Web>) -> Result<Json<ServiceList>, Fault> {
    Ok(Json(web.app().services.list().await?))
}

/// One service with its entry.
#[utoipa::path(
    get, path = "/api/services/{name}", tag = "services", params(("name" = ServiceName, Path)),
    responses((status = 200, body = ServiceDetail), (status = 404, body = ErrorBody))
)]
async fn one(
    State(web): State<Web>,
    PathId(name): PathId<ServiceName>,
) -> Result<Json<ServiceDetail>, Fault> {
    Ok(Json(web.app().services.detail(name).await?))
}

/// Changes the entry of a service, kept in `SERVICES_OVERRIDES`. What runs of it stays as it is until its next start.
#[utoipa::path(
    put, path = "/api/services/{name}", tag = "services", params(("name" = ServiceName, Path)),
    request_body = ServiceChange,
    responses(
        (status = 200, body = ServiceDetail), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
    )
)]
async fn change(
    State(web): State<Web>,
    PathId(name): PathId<ServiceName>,
    JsonBody(change): JsonBody<ServiceChange>,
) -> Result<Json<ServiceDetail>, Fault> {
    Ok(Json(web.app().services.change(name, change).await?))
}

/// Starts a service; the body may be left out.
#[utoipa::path(
    post, path = "/api/services/{name}/start", tag = "services", params(("name" = ServiceName, Path)),
    request_body = Option<ServiceStart>,
    responses(
        (status = 202, body = OperationStarted), (status = 404, body = ErrorBody),
        (status = 409, description = "It runs already, or another operation holds the node.", body = ErrorBody),
        (status = 422, description = "Blocked; `fields` has the blockers.", body = ErrorBody),
    )
)]
async fn start(
    State(web): State<Web>,
    PathId(name): PathId<ServiceName>,
    Actor(actor): Actor,
    MaybeBody(wish): MaybeBody<ServiceStart>,
) -> Result<impl axum::response::IntoResponse, Fault> {
    let operations = &web.app().operations;
    Ok(accepted(
        operations.start_service(name, wish.node, actor).await?,
    ))
}

/// Stops a service and removes its container.
#[utoipa::path(
    post, path = "/api/services/{name}/stop", tag = "services", params(("name" = ServiceName, Path)),
    responses(
        (status = 202, body = OperationStarted), (status = 404, body = ErrorBody),
        (status = 409, description = "It does not run, or another operation holds the node.", body = ErrorBody),
    )
)]
async fn stop(
    State(web): State<Web>,
    PathId(name): PathId<ServiceName>,
    Actor(actor): Actor,
) -> Result<impl axum::response::IntoResponse, Fault> {
    Ok(accepted(
        web.app().operations.stop_service(name, actor).await?,
    ))
}

/// Stops a service and starts it with its entry as it is now; the body may be left out.
#[utoipa::path(
    post, path = "/api/services/{name}/restart", tag = "services", params(("name" = ServiceName, Path)),
    request_body = Option<ServiceStart>,
    responses(
        (status = 202, body = OperationStarted), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 422, body = ErrorBody),
    )
)]
async fn restart(
    State(web): State<Web>,
    PathId(name): PathId<ServiceName>,
    Actor(actor): Actor,
    MaybeBody(wish): MaybeBody<ServiceStart>,
) -> Result<impl axum::response::IntoResponse, Fault> {
    let operations = &web.app().operations;
    Ok(accepted(
        operations.restart_service(name, wish.node, actor).await?,
    ))
}

/// The end of a service's log as text; with `follow=true` as server-sent events `log` that go on.
#[utoipa::path(
    get, path = "/api/services/{name}/logs", tag = "services",
    params(
        ("name" = ServiceName, Path),
        ("tail" = Option<usize>, Query, minimum = 1, maximum = 10000),
        ("follow" = Option<bool>, Query),
    ),
    responses(
        (status = 200, content(
            (String = "text/plain"),
            (spark_ipc::model::operation::LogLine = "text/event-stream"),
        )),
        (status = 404, body = ErrorBody),
    )
)]
async fn logs(
    State(web): State<Web>,
    PathId(name): PathId<ServiceName>,
    Pairs(pairs): Pairs,
) -> Result<Response, Fault> {
    let wanted = Wanted::of(&pairs)?;
    if wanted.follow {
        let lines = web.app().services.follow(name, wanted.tail).await?;
        let events = lines.map(|line| sse::event("log", Some(line.seq), &line));
        return Ok(sse::response(events, web.app().tasks.token().clone()));
    }
    let text = web.app().services.tail(name, wanted.tail).await?;
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// Which profiles of a NIM suit the GPU of a node; runs its image for some seconds.
#[utoipa::path(
    get, path = "/api/services/{name}/profiles", tag = "services",
    params(("name" = ServiceName, Path), ("node" = Option<NodeId>, Query)),
    responses(
        (status = 200, body = ServiceProfiles), (status = 404, body = ErrorBody),
        (status = 422, description = "The image is not on the node.", body = ErrorBody),
    )
)]
async fn profiles(
    State(web): State<Web>,
    PathId(name): PathId<ServiceName>,
    Pairs(pairs): Pairs,
) -> Result<Json<ServiceProfiles>, Fault> {
    let node = pairs.iter().find(|(key, _)| key == "node");
    let node = node
        .map(|(_, value)| NodeId::new(value.as_str()))
        .transpose();
    let node = node.map_err(|error| Fault::invalid("node", error.to_string()))?;
    Ok(Json(
        web.app().operations.service_profiles(name, node).await?,
    ))
}

fn accepted(operation: Operation) -> (StatusCode, Json<OperationStarted>) {
    (StatusCode::ACCEPTED, Json(OperationStarted { operation }))
}
