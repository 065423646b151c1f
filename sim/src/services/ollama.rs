//! Ollama, as somebody may have started it by hand: port 11434, its models in `/root/.ollama`.
//!
//! It is there to be seen and left alone. It holds no memory until somebody talks to a model, and keeps it then.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::door::{self, Framework};
use super::host::ServiceHost;
use super::port_of;
use super::start::{End, Start};
use crate::engine::MemoryClaim;

const VERSION: &str = "0.13.5";
const MODELS: &str = "/root/.ollama";
/// What a loaded model of a few billion parameters holds.
const MODEL_BYTES: u64 = 3_400_000_000;

struct Ollama {
    host: Arc<dyn ServiceHost>,
    loaded: Mutex<Option<(String, Box<dyn MemoryClaim>)>>,
}

/// Runs `ollama` with `args`.
pub(super) async fn run(start: Start, args: &[String]) -> Result<End, End> {
    match args.first().map(String::as_str) {
        Some("serve") => {}
        Some("--version" | "-v") => {
            start.say(&format!("ollama version is {VERSION}"));
            return Ok(End(0));
        }
        other => {
            let other = other.unwrap_or_default();
            start.say(&format!(
                "Error: unknown command \"{other}\" for \"ollama\""
            ));
            return Err(End(1));
        }
    }
    let port = port_of(&*start.host, "OLLAMA_PORT", 11_434);
    start.pause(1.0).await?;
    let listener = start.listen(port).map_err(|_taken| {
        start.say(&format!(
            "Error: listen tcp 0.0.0.0:{port}: bind: address already in use"
        ));
        End(1)
    })?;
    let time = jiff::Timestamp::now();
    start.say(&format!("time={time:.3} level=INFO source=routes.go:1587 msg=\"Listening on [::]:{port} (version {VERSION})\""));
    let state = Arc::new(Ollama {
        host: Arc::clone(&start.host),
        loaded: Mutex::default(),
    });
    let open = &["/", "/api/version", "/api/tags", "/api/ps", "/v1/models"];
    Ok(door::serve(start.host, listener, router(state), Framework::Quiet, open).await)
}

fn router(state: Arc<Ollama>) -> Router {
    Router::new()
        .route("/", get(|| async { "Ollama is running" }))
        .route(
            "/api/version",
            get(|| async { Json(json!({"version": VERSION})) }),
        )
        .route("/api/tags", get(tags))
        .route("/api/ps", get(loaded))
        .route("/v1/models", get(models))
        .route("/api/chat", post(chat))
        .with_state(state)
}

/// `NAME:TAG` of every model on disk.
fn on_disk(host: &dyn ServiceHost) -> Vec<String> {
    let Some(home) = host.folder(MODELS) else {
        return Vec::new();
    };
    let library = home.join("models/manifests/registry.ollama.ai/library");
    let mut found = Vec::new();
    for name in names(&library) {
        found.extend(names(&library.join(&name)).map(|tag| format!("{name}:{tag}")));
    }
    found.sort();
    found
}

fn names(folder: &Path) -> impl Iterator<Item = String> + use<> {
    let entries: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    entries
        .into_iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
}

async fn tags(State(state): State<Arc<Ollama>>) -> Json<Value> {
    let card = |name: &String| json!({"name": name, "model": name, "size": MODEL_BYTES, "details": {"format": "gguf"}});
    let cards: Vec<Value> = on_disk(&*state.host).iter().map(card).collect();
    Json(json!({ "models": cards }))
}

async fn models(State(state): State<Arc<Ollama>>) -> Json<Value> {
    let card = |name: &String| json!({"id": name, "object": "model", "owned_by": "library"});
    let cards: Vec<Value> = on_disk(&*state.host).iter().map(card).collect();
    Json(json!({"object": "list", "data": cards}))
}

async fn loaded(State(state): State<Arc<Ollama>>) -> Json<Value> {
    let loaded = state.loaded.lock().await;
    let card =
        |(name, _): &(String, _)| json!({"name": name, "model": name, "size_vram": MODEL_BYTES});
    let cards: Vec<Value> = loaded.iter().map(card).collect();
    drop(loaded);
    Json(json!({ "models": cards }))
}

#[derive(Deserialize)]
struct Chat {
    model: String,
}

async fn chat(State(state): State<Arc<Ollama>>, body: Bytes) -> Response {
    let refuse = |status, text: String| (status, Json(json!({ "error": text }))).into_response();
    let request: Chat = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let model = if request.model.contains(':') {
        request.model
    } else {
        format!("{}:latest", request.model)
    };
    if !on_disk(&*state.host).contains(&model) {
        return refuse(StatusCode::NOT_FOUND, format!("model '{model}' not found"));
    }
    let mut loaded = state.loaded.lock().await;
    if loaded.as_ref().is_none_or(|(name, _)| *name != model) {
        *loaded = None;
        match state.host.claim("/usr/bin/ollama", MODEL_BYTES) {
            Ok(memory) => *loaded = Some((model.clone(), memory)),
            Err(_lack) => {
                let text = "model requires more system memory than is available".to_owned();
                return refuse(StatusCode::INTERNAL_SERVER_ERROR, text);
            }
        }
    }
    drop(loaded);
    let message = json!({"role": "assistant", "content": format!("This is {model}.")});
    Json(json!({"model": model, "message": message, "done": true, "done_reason": "stop"}))
        .into_response()
}
