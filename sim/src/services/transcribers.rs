//! Community transcribers behind `FastAPI`: Parakeet TDT for Spark, and speaches.
//!
//! The two differ as they do in the field: Parakeet (port 8010, `PORT`) answers `/health` with 200 while it loads,
//! puts words into `segments`, and gives text formats as JSON strings; speaches (port 8000) has
//! `OpenAI`'s shapes, and only the models that were installed (`PRELOAD_MODELS`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::door::{self, Framework};
use super::host::ServiceHost;
use super::start::{End, Start};
use super::transcript::{Transcript, plain, round};
use super::{port_of, speech, upload};
use crate::engine::MemoryClaim;
use crate::engine::units::at_speed;

const PARAKEET: &str = "parakeet-tdt-0.6b-v3";
const WHISPER: &str = "Systran/faster-whisper-small";
/// Bytes that Parakeet takes at most.
const LARGEST: usize = 200 << 20;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Parakeet,
    Speaches,
}

struct Transcriber {
    host: Arc<dyn ServiceHost>,
    dialect: Dialect,
    ready: AtomicBool,
    /// Models that may be asked for.
    models: Mutex<Vec<String>>,
}

/// Runs one of the two.
pub(super) async fn run(start: Start, dialect: Dialect) -> Result<End, End> {
    let (variable, port) = match dialect {
        Dialect::Parakeet => ("PORT", 8010),
        Dialect::Speaches => ("UVICORN_PORT", 8000),
    };
    let port = port_of(&*start.host, variable, port);
    let transcriber = Arc::new(Transcriber {
        host: Arc::clone(&start.host),
        dialect,
        ready: AtomicBool::new(false),
        models: Mutex::new(installed(&*start.host, dialect)),
    });
    start.say("INFO:     Started server process [1]");
    start.say("INFO:     Waiting for application startup.");
    start.say("INFO:     Application startup complete.");
    let listener = start.listen_as_uvicorn(port)?;
    start.say(&format!(
        "INFO:     Uvicorn running on http://0.0.0.0:{port} (Press CTRL+C to quit)"
    ));
    let router = router(Arc::clone(&transcriber));
    let host = Arc::clone(&start.host);
    let open = &["/health", "/v1/models"];
    let serving = door::serve(host, listener, router, Framework::Uvicorn, open);
    door::while_loading(serving, load(&start, &transcriber)).await
}

fn installed(host: &dyn ServiceHost, dialect: Dialect) -> Vec<String> {
    if dialect == Dialect::Parakeet {
        return vec![PARAKEET.to_owned()];
    }
    let given = host.env("PRELOAD_MODELS").unwrap_or_default();
    serde_json::from_str(&given).unwrap_or_else(|_none| vec![WHISPER.to_owned()])
}

async fn load(start: &Start, transcriber: &Transcriber) -> Result<Box<dyn MemoryClaim>, End> {
    let memory = match transcriber.dialect {
        Dialect::Parakeet => {
            start.say(&format!("[NeMo I] Restoring {PARAKEET}"));
            start.pause(20.0).await?;
            let memory = start.claim("python3", 4_700_000_000)?;
            start.pause(40.0).await?;
            start.say("[NeMo I] Model EncDecRNNTBPEModel was successfully restored");
            memory
        }
        Dialect::Speaches => {
            // The build for this processor has no CUDA.
            let memory = start.claim_ram("python3", 1_300_000_000)?;
            start.pause(3.0).await?;
            memory
        }
    };
    transcriber.ready.store(true, Ordering::Relaxed);
    Ok(memory)
}

fn router(transcriber: Arc<Transcriber>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/v1/models", get(models))
        .route("/v1/models/{*model}", post(install))
        .route("/v1/audio/transcriptions", post(transcriptions))
        .with_state(transcriber)
}

async fn health(State(transcriber): State<Arc<Transcriber>>) -> Json<Value> {
    if transcriber.dialect == Dialect::Speaches {
        return Json(json!({"message": "OK"}));
    }
    let ready = transcriber.ready.load(Ordering::Relaxed);
    let status = if ready { "ok" } else { "loading" };
    Json(json!({"status": status, "model": PARAKEET, "device": "cuda"}))
}

async fn models(State(transcriber): State<Arc<Transcriber>>) -> Json<Value> {
    let known = transcriber.models.lock().await.clone();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let names = speech::names(&*transcriber.host, &known);
    let card = |id: &str| json!({"id": id, "object": "model", "owned_by": id.split('/').next(), "task": "automatic-speech-recognition"});
    Json(json!({"object": "list", "data": names.map(card).collect::<Vec<_>>()}))
}

/// `POST /v1/models/ORG/NAME` of speaches: fetches a model.
async fn install(
    State(transcriber): State<Arc<Transcriber>>,
    Path(model): Path<String>,
) -> Response {
    if transcriber.dialect == Dialect::Parakeet {
        return door::detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    }
    tokio::time::sleep(at_speed(6.0, transcriber.host.speed())).await;
    let mut models = transcriber.models.lock().await;
    if !models.contains(&model) {
        models.push(model.clone());
    }
    drop(models);
    plain(
        "text/plain; charset=utf-8",
        format!("Model '{model}' downloaded"),
    )
}

async fn transcriptions(
    State(transcriber): State<Arc<Transcriber>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match heard(&transcriber, &headers, &body).await {
        Ok((transcript, format, words)) => match transcriber.dialect {
            Dialect::Parakeet => parakeet(&transcript, &format),
            Dialect::Speaches => speaches(&transcript, &format, words),
        },
        Err(refused) => refused,
    }
}

/// The transcript, the format and whether words are wanted.
async fn heard(
    transcriber: &Transcriber,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Transcript, String, bool), Response> {
    let parakeet = transcriber.dialect == Dialect::Parakeet;
    if !transcriber.ready.load(Ordering::Relaxed) {
        let text = "Model is still loading. Try again shortly.";
        return Err(door::detail(StatusCode::SERVICE_UNAVAILABLE, text));
    }
    if parakeet && body.len() > LARGEST {
        return Err(door::detail(
            StatusCode::PAYLOAD_TOO_LARGE,
            "File too large",
        ));
    }
    let (form, file) = upload(headers, body)?;
    if !parakeet {
        let model = form
            .text("model")
            .ok_or_else(|| door::missing("body", "model"))?;
        if !transcriber
            .models
            .lock()
            .await
            .iter()
            .any(|known| known == model)
        {
            let text = format!(
                "Model '{model}' is not installed locally. You can download the model using `POST /v1/models`"
            );
            return Err(door::detail(StatusCode::NOT_FOUND, &text));
        }
    }
    let fault = transcriber.host.fault();
    let transcript = Transcript::of(&file, fault.as_ref()).map_err(|_error| {
        let text = "Failed to decode audio. The provided file may be corrupted or in an unsupported format.";
        door::detail(StatusCode::BAD_REQUEST, text)
    })?;
    let pace = if parakeet { 15.0 } else { 6.0 };
    tokio::time::sleep(at_speed(
        transcript.seconds / pace,
        transcriber.host.speed(),
    ))
    .await;
    let format = form.text("response_format").unwrap_or("json").to_owned();
    let words = form
        .texts("timestamp_granularities")
        .any(|kind| kind == "word");
    Ok((transcript, format, words))
}

/// Words in `segments`, texts as JSON strings.
fn parakeet(transcript: &Transcript, format: &str) -> Response {
    let quoted = |text: String| plain("text/plain; charset=utf-8", json!(text).to_string());
    match format {
        "text" => quoted(transcript.text()),
        "srt" => quoted(transcript.srt()),
        "vtt" => quoted(transcript.vtt()),
        "verbose_json" => {
            let segment = |(id, word): (usize, &crate::audio::hearing::Word)| json!({"id": id, "start": round(word.start), "end": round(word.end), "text": word.text});
            let segments: Vec<Value> = transcript.words.iter().enumerate().map(segment).collect();
            Json(json!({
                "task": "transcribe", "language": "en", "duration": round(transcript.seconds),
                "text": transcript.text(), "segments": segments,
            }))
            .into_response()
        }
        _ => Json(json!({"text": transcript.text()})).into_response(),
    }
}

/// `OpenAI`'s shapes.
fn speaches(transcript: &Transcript, format: &str, words: bool) -> Response {
    match format {
        "text" => plain("text/plain; charset=utf-8", transcript.text()),
        "srt" => plain("text/plain; charset=utf-8", transcript.srt()),
        "vtt" => plain("text/vtt; charset=utf-8", transcript.vtt()),
        "verbose_json" => {
            let mut body = json!({
                "task": "transcribe", "language": "en", "duration": round(transcript.seconds),
                "text": transcript.text(),
            });
            if words {
                body["words"] = json!(transcript.word_list());
            } else {
                body["segments"] = json!(transcript.segment_list());
            }
            Json(body).into_response()
        }
        "json" => Json(json!({"text": transcript.text()})).into_response(),
        other => {
            let entry = json!([{
                "type": "enum", "loc": ["body", "response_format"], "input": other,
                "msg": "Input should be 'text', 'json', 'verbose_json', 'srt' or 'vtt'",
            }]);
            (
                StatusCode::UNPROCESSABLE_ENTITY,
                Json(json!({"detail": entry})),
            )
                .into_response()
        }
    }
}
