//! Nodes: health, connection test, host key.

use axum::Json;
use axum::extract::State;
use spark_ipc::id::NodeId;
use spark_ipc::model::node::{Node, NodeList, NodeTest, SshKey, TrustRequest};
use spark_ipc::{ApiError, ErrorBody, ErrorCode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::web::Web;
use crate::web::extract::{JsonBody, PathId};
use crate::web::fault::Fault;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(test))
        .routes(routes!(trust))
        .routes(routes!(ssh_key))
}

/// All nodes in full.
#[utoipa::path(get, path = "/api/nodes", tag = "nodes", responses((status = 200, body = NodeList)))]
async fn list(State(web): State<Web>) -> Json<NodeList> {
    let nodes = web.app().view.nodes.borrow().clone();
    Json(NodeList {
        nodes: Vec::clone(&nodes),
    })
}

/// One node in full.
#[utoipa::path(
    get, path = "/api/nodes/{node}", tag = "nodes", params(("node" = NodeId, Path)),
    responses((status = 200, body = Node), (status = 404, body = ErrorBody))
)]
async fn one(State(web): State<Web>, PathId(id): PathId<NodeId>) -> Result<Json<Node>, Fault> {
    find(&web, &id).map(Json)
}

/// Tests the connection, step by step, each with its fix.
#[utoipa::path(
    post, path = "/api/nodes/{node}/test", tag = "nodes", params(("node" = NodeId, Path)),
    responses((status = 200, body = NodeTest), (status = 404, body = ErrorBody))
)]
async fn test(State(web): State<Web>, PathId(id): PathId<NodeId>) -> Result<Json<NodeTest>, Fault> {
    find(&web, &id)?;
    Ok(Json(web.app().nodes.test(id).await?))
}

/// Accepts exactly this host key. Answers with the node as it is then.
#[utoipa::path(
    post, path = "/api/nodes/{node}/trust", tag = "nodes", params(("node" = NodeId, Path)),
    request_body = TrustRequest,
    responses(
        (status = 200, body = Node), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, description = "The node shows another key.", body = ErrorBody),
    )
)]
async fn trust(
    State(web): State<Web>,
    PathId(id): PathId<NodeId>,
    JsonBody(request): JsonBody<TrustRequest>,
) -> Result<Json<Node>, Fault> {
    find(&web, &id)?;
    web.app()
        .nodes
        .trust(id.clone(), request.fingerprint)
        .await?;
    find(&web, &id).map(Json)
}

/// Our public key, and the line that installs it on a Spark.
#[utoipa::path(get, path = "/api/ssh-key", tag = "nodes", responses((status = 200, body = SshKey)))]
async fn ssh_key(State(web): State<Web>) -> Result<Json<SshKey>, Fault> {
    Ok(Json(web.app().nodes.ssh_key().await?))
}

fn find(web: &Web, id: &NodeId) -> Result<Node, Fault> {
    let nodes = web.app().view.nodes.borrow().clone();
    nodes
        .iter()
        .find(|node| node.id == *id)
        .cloned()
        .ok_or_else(|| {
            let known: Vec<&str> = nodes.iter().map(|node| node.id.as_str()).collect();
            let error = ApiError::new(ErrorCode::NotFound, format!("there is no node {id}"));
            error
                .with_hint(format!("the nodes are: {}", known.join(", ")))
                .into()
        })
}
