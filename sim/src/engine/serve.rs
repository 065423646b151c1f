//! The HTTP door of a loaded engine: `OpenAI`'s endpoints as vLLM serves them.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::{ConnectInfo, DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt as _,
};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use super::{
    host::{EngineFault, EngineHost},
    log::Log,
    memory::Cache,
    settings::Door,
    stage::Stage,
    startup::Prepared,
    task::Task,
};

mod completions;
mod compose;
mod feed;
mod hearing;
mod metrics;
mod pooling;
mod trouble;
mod wire;

use self::{compose::Persona, metrics::Metrics};

/// A serving engine.
pub(crate) struct Server {
    host: Arc<dyn EngineHost>,
    log: Log,
    door: Door,
    model: String,
    task: Task,
    vector_length: usize,
    matryoshka: bool,
    cache: Cache,
    metrics: Metrics,
    places: Arc<Semaphore>,
    dead: CancellationToken,
    version: String,
    reasoning_field: &'static str,
    created: i64,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A server for what was loaded from `prepared`. Cancelling `dead` breaks every answer off.
    pub(crate) fn new(
        host: Arc<dyn EngineHost>,
        prepared: &Prepared,
        cache: Cache,
        dead: CancellationToken,
    ) -> Self {
        let Prepared {
            settings,
            model,
            task,
            ..
        } = prepared;
        let version = host.image().vllm_version;
        Self {
            log: Log::new(Arc::clone(&host)),
            door: settings.door.clone(),
            model: settings.model.clone(),
            task: *task,
            vector_length: usize::try_from(model.facts.hidden).unwrap_or(usize::MAX),
            matryoshka: model.facts.matryoshka || settings.overrides.contains("matryoshka"),
            cache,
            metrics: Metrics::default(),
            places: Arc::new(Semaphore::new(settings.max_seqs as usize)),
            dead,
            reasoning_field: reasoning_field(&version),
            version,
            created: jiff::Timestamp::now().as_second(),
            host,
        }
    }

    /// Serves `listener` until `stop`; answers that run are broken off by `dead`.
    pub(crate) async fn run(
        self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> std::io::Result<()> {
        let router = router(Arc::new(self));
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "no TCP_NODELAY");
            }
        });
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
    }

    /// The name it answers with.
    fn name(&self) -> &str {
        self.door.names.first().map_or(&self.model, |name| name)
    }

    fn persona(&self) -> Persona {
        Persona {
            name: self.name().to_owned(),
            reasoning: self.door.reasoning,
            auto_tools: self.door.auto_tools,
            max_len: self.cache.max_len,
            fault: self.host.fault(),
        }
    }
}

/// vLLM 0.12 renamed the field.
fn reasoning_field(version: &str) -> &'static str {
    let mut numbers = version
        .split('.')
        .map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(0), Some(minor)) if minor < 12 => "reasoning_content",
        _ => "reasoning",
    }
}

fn router(server: Arc<Server>) -> Router {
    let common = Router::new()
        .route("/health", get(health))
        .route("/ping", get(health).post(health))
        .route("/load", get(load))
        .route("/version", get(version))
        .route("/metrics", get(metrics_page))
        .route("/v1/models", get(models))
        .route("/tokenize", post(pooling::tokenize));
    let nim = if server.host.is_nim() {
        trouble::nim_routes()
    } else {
        Router::new()
    };
    common
        .merge(tasks(server.task))
        .merge(nim)
        .fallback(|| async { (StatusCode::NOT_FOUND, Json(json!({"detail": "Not Found"}))) })
        .method_not_allowed_fallback(|| async {
            (
                StatusCode::METHOD_NOT_ALLOWED,
                Json(json!({"detail": "Method Not Allowed"})),
            )
        })
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(
            Arc::clone(&server),
            trouble::apply,
        ))
        .layer(middleware::from_fn_with_state(Arc::clone(&server), guard))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&server),
            access_log,
        ))
        .with_state(server)
}

/// The routes of what the engine does; the others are not there.
fn tasks(task: Task) -> Router<Arc<Server>> {
    let scores = Router::new()
        .route("/score", post(pooling::score))
        .route("/v1/score", post(pooling::score))
        .route("/rerank", post(pooling::rerank))
        .route("/v1/rerank", post(pooling::rerank))
        .route("/v2/rerank", post(pooling::rerank));
    match task {
        Task::Generate => Router::new()
            .route("/v1/chat/completions", post(completions::chat))
            .route("/v1/completions", post(completions::text))
            .route_layer(middleware::from_fn(json_only)),
        Task::Embed => scores.route("/v1/embeddings", post(pooling::embeddings)),
        Task::Score => scores,
        Task::Transcribe => Router::new()
            .route("/v1/audio/transcriptions", post(hearing::transcriptions))
            .route("/v1/audio/translations", post(hearing::transcriptions)),
    }
}

async fn health(State(server): State<Arc<Server>>) -> Response {
    if server.dead.is_cancelled() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if server.host.fault()
        == Some(EngineFault::Hang {
            stage: Stage::Ready,
        })
    {
        // vLLM's health check asks the engine process, which is silent.
        std::future::pending::<()>().await;
    }
    StatusCode::OK.into_response()
}

async fn load(State(server): State<Arc<Server>>) -> Json<Value> {
    Json(json!({ "server_load": server.metrics.running.get() + server.metrics.waiting.get() }))
}

async fn version(State(server): State<Arc<Server>>) -> Json<Value> {
    Json(json!({ "version": server.version }))
}

async fn metrics_page(State(server): State<Arc<Server>>) -> Response {
    let others = trouble::others(&server);
    let page = server
        .metrics
        .page(server.name(), server.cache.tokens, others);
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        page,
    )
        .into_response()
}

async fn models(State(server): State<Arc<Server>>) -> Json<Value> {
    let permission = json!([{
        "id": "modelperm-0", "object": "model_permission", "created": server.created,
        "allow_create_engine": false, "allow_sampling": true, "allow_logprobs": true,
        "allow_search_indices": false, "allow_view": true, "allow_fine_tuning": false,
        "organization": "*", "group": null, "is_blocking": false,
    }]);
    let card = |name: &String| {
        json!({
            "id": name, "object": "model", "created": server.created, "owned_by": "vllm",
            "root": server.model, "parent": null, "max_model_len": server.cache.max_len,
            "permission": permission,
        })
    };
    let cards: Vec<Value> = trouble::names(&server).iter().map(card).collect();
    Json(json!({ "object": "list", "data": cards }))
}

/// `--api-key` closes `/v1/*` and nothing else.
async fn guard(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let open = server.door.api_keys.is_empty()
        || request.method() == Method::OPTIONS
        || !request.uri().path().starts_with("/v1");
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let key = given.and_then(|value| value.strip_prefix("Bearer "));
    if open || key.is_some_and(|key| server.door.api_keys.iter().any(|known| known == key)) {
        return next.run(request).await;
    }
    (
        StatusCode::UNAUTHORIZED,
        Json(json!({ "error": "Unauthorized" })),
    )
        .into_response()
}

/// vLLM reads a body only if it is called JSON.
async fn json_only(request: Request, next: Next) -> Response {
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let name = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default()
        .trim();
    if request.method() != Method::POST || name.eq_ignore_ascii_case("application/json") {
        return next.run(request).await;
    }
    let text = "Unsupported Media Type: Only 'application/json' is allowed";
    wire::ApiError::invalid(text.to_owned()).into_response()
}

/// uvicorn's line for each request.
async fn access_log(
    State(server): State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let line = format!(
        "{peer} - \"{} {} HTTP/1.1\"",
        request.method(),
        request.uri()
    );
    let response = next.run(request).await;
    if server.door.access_log {
        server.log.uvicorn(&format!("{line} {}", response.status()));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::reasoning_field;

    #[test]
    fn old_images_name_the_reasoning_field_otherwise() {
        for (version, expected) in [
            ("0.11.2", "reasoning_content"),
            ("0.32.0", "reasoning"),
            ("1.0.0", "reasoning"),
        ] {
            assert_eq!(reasoning_field(version), expected, "{version}");
        }
    }
}
