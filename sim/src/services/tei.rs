//! Hugging Face's `text-embeddings-router` 1.9: `/embed`, `/rerank` and `OpenAI`'s embeddings.
//!
//! Port 80 in its images (`PORT`, `--port`), the model by `--model-id` or `MODEL_ID`. It listens only when the
//! model is warm, takes 32 inputs a call, and answers its own errors in its own two shapes.

use std::sync::Arc;

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
use super::vectors;
use crate::engine::tokens;
use crate::engine::units::at_speed;

const BATCH: usize = 32;
const PAYLOAD: usize = 2_000_000;
const VERSION: &str = "1.9.0";

struct Backend {
    host: Arc<dyn ServiceHost>,
    model: SmallModel,
}

/// Runs `text-embeddings-router` with `args`.
pub(super) async fn run(start: Start, args: &[String]) -> Result<End, End> {
    let option =
        |flag: &str, variable: &str| super::option(args, flag).or_else(|| start.host.env(variable));
    let repo =
        option("--model-id", "MODEL_ID").unwrap_or_else(|| "BAAI/bge-large-en-v1.5".to_owned());
    let port = option("--port", "PORT").unwrap_or_else(|| "3000".to_owned());
    let Ok(port) = port.parse::<u16>() else {
        start.say(&format!(
            "error: invalid value '{port}' for '--port <PORT>': invalid digit found in string"
        ));
        return Err(End(2));
    };
    info(
        &start,
        "text_embeddings_router",
        &format!(
            "router/src/main.rs:216: Args {{ model_id: \"{repo}\", port: {port}, max_client_batch_size: {BATCH}, auto_truncate: true }}"
        ),
    );
    let model = download(&start, &repo).await?;
    info(
        &start,
        "text_embeddings_router",
        "router/src/lib.rs:234: Starting model backend",
    );
    let memory = load(&start, &model).await?;
    let listener = start.listen(port).map_err(|_taken| {
        start.say("Error: Address already in use (os error 98)");
        End(1)
    })?;
    info(
        &start,
        "text_embeddings_router::http::server",
        &format!("router/src/http/server.rs:1852: Starting HTTP server: 0.0.0.0:{port}"),
    );
    info(
        &start,
        "text_embeddings_router::http::server",
        "router/src/http/server.rs:1853: Ready",
    );
    let state = Arc::new(Backend {
        host: Arc::clone(&start.host),
        model,
    });
    let open = &["/health", "/", "/ping", "/info", "/metrics"];
    let end = door::serve(start.host, listener, router(state), Framework::Quiet, open).await;
    drop(memory);
    Ok(end)
}

fn info(start: &Start, target: &str, text: &str) {
    let now = jiff::Timestamp::now();
    start.say(&format!("{now:.6}  INFO {target}: {text}"));
}

/// Fetches the model into `/data`, once.
async fn download(start: &Start, repo: &str) -> Result<SmallModel, End> {
    info(
        start,
        "download_artifacts",
        "text_embeddings_core::download: core/src/download.rs:42: Starting download",
    );
    let Some(model) = models::find(repo) else {
        start.say_all(&format!(
            "Error: Could not download model artifacts\n\nCaused by:\n    0: request error: HTTP status client error (404 Not Found) for url (https://huggingface.co/{repo}/resolve/main/config.json)"
        ));
        return Err(End(1));
    };
    let folder = start.host.folder("/data");
    let folder = folder.map(|data| data.join(format!("models--{}", repo.replace('/', "--"))));
    let weights = Weights {
        file: "model.safetensors",
        bytes: model.bytes,
    };
    if !weights.are_in(folder.as_deref()) {
        weights.fetch(start, folder.as_deref()).await?;
    }
    info(
        start,
        "download_artifacts",
        "text_embeddings_core::download: core/src/download.rs:72: Model artifacts downloaded in 1.204s",
    );
    Ok(model)
}

async fn load(
    start: &Start,
    model: &SmallModel,
) -> Result<Box<dyn crate::engine::MemoryClaim>, End> {
    let bytes = model.bytes + (1 << 30);
    let memory = if start.host.gpus() == 0 {
        start.claim_ram("text-embeddings-router", bytes)?
    } else {
        start.claim("text-embeddings-router", bytes)?
    };
    start.pause(4.0).await?;
    info(
        start,
        "text_embeddings_router",
        "router/src/lib.rs:266: Warming up model",
    );
    start.pause(2.0).await?;
    Ok(memory)
}

fn router(state: Arc<Backend>) -> Router {
    Router::new()
        .route("/", get(|| async {}))
        .route("/health", get(|| async {}))
        .route("/ping", get(|| async {}))
        .route("/info", get(info_page))
        .route("/metrics", get(metrics))
        .route("/embed", post(embed))
        .route("/embeddings", post(openai))
        .route("/v1/embeddings", post(openai))
        .route("/rerank", post(rerank))
        .with_state(state)
}

async fn info_page(State(state): State<Arc<Backend>>) -> Json<Value> {
    let kind = match state.model.task {
        Task::Embed(_) => json!({"embedding": {"pooling": "cls"}}),
        Task::Rerank => {
            json!({"reranker": {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}})
        }
    };
    Json(json!({
        "model_id": state.model.repo, "model_sha": null, "model_dtype": "float16", "model_type": kind,
        "max_concurrent_requests": 512, "max_input_length": state.model.max_tokens,
        "max_batch_tokens": 16_384, "max_batch_requests": null, "max_client_batch_size": BATCH,
        "auto_truncate": true, "tokenization_workers": 10, "version": VERSION, "sha": null,
        "docker_label": "sha-0d124dc",
    }))
}

async fn metrics() -> Response {
    let text = "# TYPE te_queue_size gauge\nte_queue_size 0\n# TYPE te_batch_next_size histogram\n";
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// An error of the router: the status, its type, its sentence.
struct Refused(StatusCode, &'static str, String);

impl Refused {
    fn validation(text: String) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, "Validation", text)
    }

    fn backend(text: &str) -> Self {
        Self(StatusCode::FAILED_DEPENDENCY, "Backend", text.to_owned())
    }

    /// The shape of the router's own endpoints.
    fn native(self) -> Response {
        let Self(status, kind, error) = self;
        (status, Json(json!({"error": error, "error_type": kind}))).into_response()
    }

    /// The shape of the endpoints that are `OpenAI`'s.
    fn openai(self) -> Response {
        let Self(status, kind, message) = self;
        let body = json!({"message": message, "code": status.as_u16(), "type": kind});
        (status, Json(body)).into_response()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Inputs {
    One(String),
    Many(Vec<String>),
}

impl Inputs {
    fn checked(self) -> Result<Vec<String>, Refused> {
        let texts = match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        };
        match texts.len() {
            0 => Err(empty()),
            n if n > BATCH => Err(Refused::validation(format!(
                "batch size {n} > maximum allowed batch size {BATCH}"
            ))),
            _ if texts.iter().any(String::is_empty) => Err(empty()),
            _ => Ok(texts),
        }
    }
}

fn empty() -> Refused {
    let text = "`inputs` cannot be empty".to_owned();
    Refused(StatusCode::BAD_REQUEST, "Empty", text)
}

/// A body, when it is small enough and of the right shape.
fn parsed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refused> {
    if body.len() > PAYLOAD {
        let text = "length limit exceeded".to_owned();
        return Err(Refused(StatusCode::PAYLOAD_TOO_LARGE, "Validation", text));
    }
    serde_json::from_slice(body).map_err(|error| {
        Refused::validation(format!(
            "Failed to deserialize the JSON body into the target type: {error}"
        ))
    })
}

#[derive(Deserialize)]
struct EmbedRequest {
    inputs: Inputs,
    dimensions: Option<usize>,
}

async fn embed(State(state): State<Arc<Backend>>, body: Bytes) -> Response {
    let vectors = async {
        let request: EmbedRequest = parsed(&body)?;
        let texts = request.inputs.checked()?;
        vectors_of(&state, &texts, request.dimensions).await
    };
    match vectors.await {
        Ok(vectors) => Json(vectors).into_response(),
        Err(refused) => refused.native(),
    }
}

#[derive(Deserialize)]
struct OpenAiRequest {
    input: Inputs,
    dimensions: Option<usize>,
    encoding_format: Option<String>,
}

async fn openai(State(state): State<Arc<Backend>>, body: Bytes) -> Response {
    let answer = async {
        let request: OpenAiRequest = parsed(&body)?;
        let texts = request.input.checked()?;
        let vectors = vectors_of(&state, &texts, request.dimensions).await?;
        let base64 = request.encoding_format.as_deref() == Some("base64");
        let used: u64 = texts.iter().map(|text| tokens::count(text) + 2).sum();
        Ok(json!({
            "object": "list", "model": state.model.repo, "data": vectors::list(&vectors, base64),
            "usage": {"prompt_tokens": used, "total_tokens": used},
        }))
    };
    match answer.await {
        Ok(body) => Json(body).into_response(),
        Err(refused) => Refused::openai(refused),
    }
}

async fn vectors_of(
    state: &Backend,
    texts: &[String],
    dimensions: Option<usize>,
) -> Result<Vec<Vec<f64>>, Refused> {
    let Task::Embed(length) = state.model.task else {
        return Err(Refused::backend("Model is not an embedding model"));
    };
    let wanted = dimensions.unwrap_or(length);
    if wanted == 0 || wanted > length {
        return Err(Refused::validation(format!(
            "`dimensions` must be between 1 and {length}"
        )));
    }
    tokio::time::sleep(at_speed(0.02, state.host.speed())).await;
    Ok(vectors::of(
        state.host.fault().as_ref(),
        texts,
        length,
        wanted,
    ))
}

#[derive(Deserialize)]
struct RerankRequest {
    query: String,
    texts: Vec<String>,
    #[serde(default)]
    return_text: bool,
}

async fn rerank(State(state): State<Arc<Backend>>, body: Bytes) -> Response {
    let answer = || {
        let request: RerankRequest = parsed(&body)?;
        let texts = Inputs::Many(request.texts).checked()?;
        if state.model.task != Task::Rerank {
            return Err(Refused::backend("model is not a re-ranker model"));
        }
        let fault = state.host.fault();
        let ranked = vectors::ranked(fault.as_ref(), &request.query, &texts);
        let row = |(index, score): (usize, f64)| {
            let mut row = json!({"index": index, "score": score});
            if request.return_text {
                row["text"] = json!(texts.get(index));
            }
            row
        };
        Ok(ranked.into_iter().map(row).collect::<Vec<Value>>())
    };
    match answer() {
        Ok(rows) => Json(rows).into_response(),
        Err(refused) => refused.native(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_limited_and_empty_texts_refused() {
        let status = |inputs: Inputs| inputs.checked().err().map(|Refused(s, ..)| s.as_u16());
        assert_eq!(status(Inputs::One("a".to_owned())), None);
        assert_eq!(status(Inputs::Many(vec!["a".to_owned(); BATCH])), None);
        assert_eq!(
            status(Inputs::Many(vec!["a".to_owned(); BATCH + 1])),
            Some(422)
        );
        assert_eq!(status(Inputs::Many(Vec::new())), Some(400));
        assert_eq!(status(Inputs::One(String::new())), Some(400));
    }

    #[test]
    fn a_body_that_is_too_large_or_not_json_is_refused() {
        let status = |body: &[u8]| {
            parsed::<EmbedRequest>(body)
                .err()
                .map(|Refused(s, ..)| s.as_u16())
        };
        assert_eq!(status(br#"{"inputs":["a"]}"#), None);
        assert_eq!(status(b"{}"), Some(422));
        assert_eq!(status(&vec![b' '; PAYLOAD + 1]), Some(413));
    }
}
