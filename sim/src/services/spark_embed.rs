//! `spark-embed`, the embedding service of Spark Control itself: one model, `FastAPI`, port 8000 (`PORT`).
//!
//! The model is `MODEL` (Qwen3-Embedding-0.6B when not given), a second one for `/v1/rerank` is `RERANK_MODEL`; they
//! lie in the Hugging Face cache at `/models` and are asked for by repository or by its last part in small letters.
//! It answers while it loads: `/health` with 503.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::door::{self, Framework};
use super::fetch::Weights;
use super::host::ServiceHost;
use super::models::{self, SmallModel, Task};
use super::start::{End, Start};
use super::{port_of, speech, vectors};
use crate::engine::units::at_speed;
use crate::engine::{MemoryClaim, tokens};

struct Service {
    host: Arc<dyn ServiceHost>,
    embed: SmallModel,
    rerank: Option<SmallModel>,
    ready: AtomicBool,
}

/// Runs the service.
pub(super) async fn run(start: Start) -> Result<End, End> {
    let port = port_of(&*start.host, "PORT", 8000);
    let name = start
        .host
        .env("MODEL")
        .or_else(|| start.host.env("EMBED_MODEL"));
    let embed = known(
        &start,
        name.as_deref().unwrap_or("Qwen/Qwen3-Embedding-0.6B"),
    )?;
    let rerank = match start
        .host
        .env("RERANK_MODEL")
        .filter(|name| !name.is_empty())
    {
        Some(name) => Some(known(&start, &name)?),
        None => None,
    };
    let service = Arc::new(Service {
        host: Arc::clone(&start.host),
        embed,
        rerank,
        ready: AtomicBool::new(false),
    });
    start.say("INFO:     Started server process [1]");
    start.say("INFO:     Waiting for application startup.");
    start.say("INFO:     Application startup complete.");
    let listener = start.listen_as_uvicorn(port)?;
    start.say(&format!(
        "INFO:     Uvicorn running on http://0.0.0.0:{port} (Press CTRL+C to quit)"
    ));
    let router = router(Arc::clone(&service));
    let host = Arc::clone(&start.host);
    let open = &["/health", "/v1/models", "/metrics"];
    let serving = door::serve(host, listener, router, Framework::Uvicorn, open);
    door::while_loading(serving, load(&start, &service)).await
}

fn known(start: &Start, name: &str) -> Result<SmallModel, End> {
    models::find(name).ok_or_else(|| {
        start.say(&format!(
            "OSError: {name} is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'"
        ));
        End(3)
    })
}

async fn load(start: &Start, service: &Service) -> Result<Box<dyn MemoryClaim>, End> {
    let all = [Some(service.embed), service.rerank];
    let mut bytes = 600 << 20;
    for model in all.into_iter().flatten() {
        if start.host.snapshot(model.repo, None).is_none() {
            start.say(&format!("spark-embed: fetching {}", model.repo));
            fetch(start, model).await?;
        }
        bytes += model.bytes;
    }
    let memory = start.claim("python3", bytes)?;
    start.pause(8.0).await?;
    start.say(&format!("spark-embed: {} is ready", service.embed.repo));
    service.ready.store(true, Ordering::Relaxed);
    Ok(memory)
}

/// Gets a model into the mounted cache; without a mount only the time passes.
async fn fetch(start: &Start, model: SmallModel) -> Result<(), End> {
    let fetched = match start.host.folder("/models") {
        Some(_) => start.host.fetch(model.repo, None).await,
        None => return Weights::unnamed(model.bytes).fetch(start, None).await,
    };
    fetched.map_err(|why| {
        start.say_all(
            &why.unwrap_or_else(|| "OSError: huggingface.co cannot be reached".to_owned()),
        );
        End(3)
    })
}

fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/v1/models", get(models_page))
        .route("/metrics", get(metrics))
        .route("/v1/embeddings", post(embeddings))
        .route("/v1/rerank", post(rerank))
        .route("/rerank", post(rerank))
        .with_state(service)
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    let Task::Embed(length) = service.embed.task else {
        return error(StatusCode::INTERNAL_SERVER_ERROR, "not an embedding model");
    };
    if !service.ready.load(Ordering::Relaxed) {
        let body = json!({"status": "loading", "model": service.embed.repo});
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    }
    Json(json!({
        "status": "ready", "model": service.embed.repo, "dim": length,
        "max_tokens": service.embed.max_tokens.min(8192), "device": "cuda", "capability": "12.1",
        "torch": "2.10.0a0+b4e4ee81d3",
    }))
    .into_response()
}

async fn models_page(State(service): State<Arc<Service>>) -> Json<Value> {
    let all = [Some(service.embed), service.rerank];
    let names: Vec<String> = all.into_iter().flatten().map(served).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let names = speech::names(&*service.host, &names);
    let cards: Vec<Value> = names
        .map(|id| json!({"id": id, "object": "model"}))
        .collect();
    Json(json!({"object": "list", "data": cards}))
}

async fn metrics() -> Response {
    let text = "# TYPE spark_embed_queue gauge\nspark_embed_queue 0\n";
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// The name that clients ask for: `qwen3-embedding-0.6b` of `Qwen/Qwen3-Embedding-0.6B`.
fn served(model: SmallModel) -> String {
    let name = model.repo.rsplit('/').next().unwrap_or(model.repo);
    name.to_lowercase()
}

/// An error in `OpenAI`'s shape.
fn error(status: StatusCode, message: &str) -> Response {
    let body = json!({
        "message": message, "type": "invalid_request_error", "param": null, "code": null,
    });
    (status, Json(json!({ "error": body }))).into_response()
}

fn loading() -> Response {
    error(
        StatusCode::SERVICE_UNAVAILABLE,
        "the model is still loading",
    )
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Embeddings {
    model: Option<String>,
    input: Input,
    dimensions: Option<usize>,
    encoding_format: Option<String>,
}

async fn embeddings(State(service): State<Arc<Service>>, body: Bytes) -> Response {
    if !service.ready.load(Ordering::Relaxed) {
        return loading();
    }
    let request: Embeddings = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(why) => return error(StatusCode::BAD_REQUEST, &why.to_string()),
    };
    match embedded(&service, request).await {
        Ok(body) => Json(body).into_response(),
        Err(why) => error(StatusCode::BAD_REQUEST, &why),
    }
}

async fn embedded(service: &Service, request: Embeddings) -> Result<Value, String> {
    let model = service.embed;
    let name = request.model.as_deref().unwrap_or(model.repo);
    if ![model.repo, &served(model)].contains(&name) {
        return Err(format!("the model {name} is not served here"));
    }
    let Task::Embed(length) = model.task else {
        return Err("not an embedding model".to_owned());
    };
    let texts = match request.input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
    };
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        return Err("input must not be empty".to_owned());
    }
    let wanted = request.dimensions.unwrap_or(length);
    if wanted != length && (!model.cut || wanted == 0 || wanted > length) {
        return Err(format!("{name} cannot give {wanted} dimensions"));
    }
    let used: u64 = texts.iter().map(|text| tokens::count(text) + 1).sum();
    tokio::time::sleep(at_speed(0.02, service.host.speed())).await;
    let vectors = vectors::of(service.host.fault().as_ref(), &texts, length, wanted);
    let base64 = request.encoding_format.as_deref() == Some("base64");
    Ok(json!({
        "object": "list", "model": name, "data": vectors::list(&vectors, base64),
        "usage": {"prompt_tokens": used, "total_tokens": used},
    }))
}

#[derive(Deserialize)]
struct Rerank {
    query: String,
    documents: Vec<String>,
    top_n: Option<usize>,
}

async fn rerank(State(service): State<Arc<Service>>, body: Bytes) -> Response {
    let Some(model) = service.rerank.filter(|model| model.task == Task::Rerank) else {
        return error(StatusCode::NOT_FOUND, "no rerank model is configured");
    };
    if !service.ready.load(Ordering::Relaxed) {
        return loading();
    }
    let request: Rerank = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(why) => return error(StatusCode::BAD_REQUEST, &why.to_string()),
    };
    let fault = service.host.fault();
    let mut ranked = vectors::ranked(fault.as_ref(), &request.query, &request.documents);
    ranked.truncate(request.top_n.unwrap_or(usize::MAX));
    let results: Vec<Value> = ranked
        .into_iter()
        .map(|(index, score)| json!({"index": index, "relevance_score": score}))
        .collect();
    let id = format!("rerank-{}", uuid::Uuid::new_v4().simple());
    Json(json!({"id": id, "model": model.repo, "results": results})).into_response()
}
