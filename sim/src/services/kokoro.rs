//! Kokoro-FastAPI, the CPU and the GPU image (`remsky/Kokoro-FastAPI` 0.8): text to speech on port 8880.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::door::{self, Framework, Refused};
use super::host::ServiceHost;
use super::speech;
use super::start::{End, Start};
use crate::audio::voice::Voice;
use crate::engine::units::at_speed;

const PORT: u16 = 8880;
/// Samples a second of its speech.
const RATE: u32 = 24_000;
/// Memory of the model and its voices, on either processor.
const MEMORY_BYTES: u64 = 1_700_000_000;
/// Times faster than speech that the CPU image speaks on a Spark's cores.
const CPU_PACE: f64 = 2.5;
/// The same for the GPU image.
const GPU_PACE: f64 = 35.0;
/// Names by which `OpenAI`'s clients ask for it.
const MODELS: [&str; 3] = ["tts-1", "tts-1-hd", "kokoro"];

pub(super) const VOICES: [&str; 12] = [
    "af_alloy",
    "af_bella",
    "af_heart",
    "af_nicole",
    "af_sarah",
    "af_sky",
    "am_adam",
    "am_michael",
    "bf_alice",
    "bf_emma",
    "bm_george",
    "bm_lewis",
];

struct Speaker {
    host: Arc<dyn ServiceHost>,
    pace: f64,
}

/// Runs the service on `gpu` or not.
pub(super) async fn run(start: Start, gpu: bool) -> Result<End, End> {
    let device = if gpu { "cuda" } else { "cpu" };
    start.say("Model files already exist and are valid");
    start.pause(4.0).await?;
    start.say("INFO:     Started server process [8]");
    start.say("INFO:     Waiting for application startup.");
    info(&start, "main:57", "Loading TTS model and voice packs...");
    info(
        &start,
        "model_manager:38",
        &format!("Initializing Kokoro V1 on {device}"),
    );
    let process = "/app/.venv/bin/python";
    let _memory = if gpu {
        start.claim(process, MEMORY_BYTES)?
    } else {
        start.claim_ram(process, MEMORY_BYTES)?
    };
    start.pause(3.0).await?;
    info(
        &start,
        "kokoro_v1:46",
        &format!("Loading Kokoro model on {device}"),
    );
    start.pause(3.0).await?;
    info(
        &start,
        "model_manager:84",
        "Using default voice 'af_heart' for warmup",
    );
    start.pause(2.0).await?;
    info(&start, "model_manager:102", "Warmup completed in 2012ms");
    start.say(&format!("Model warmed up on {device}: kokoro_v1"));
    start.say(&format!("CUDA: {}", if gpu { "True" } else { "False" }));
    start.say(&format!("{} voice packs loaded", VOICES.len()));
    start.say("INFO:     Application startup complete.");
    let listener = start.listen_as_uvicorn(PORT)?;
    start.say(&format!(
        "INFO:     Uvicorn running on http://0.0.0.0:{PORT} (Press CTRL+C to quit)"
    ));
    let speaker = Speaker {
        host: Arc::clone(&start.host),
        pace: if gpu { GPU_PACE } else { CPU_PACE },
    };
    let open = &["/health", "/v1/models", "/v1/audio/voices"];
    Ok(door::serve(
        start.host,
        listener,
        router(speaker),
        Framework::Uvicorn,
        open,
    )
    .await)
}

/// A line of loguru's.
fn info(start: &Start, at: &str, text: &str) {
    let time = jiff::Timestamp::now().strftime("%I:%M:%S %p");
    start.say(&format!("{time} | INFO     | {at} | {text}"));
}

fn router(speaker: Speaker) -> Router {
    Router::new()
        .route(
            "/health",
            get(|| async { Json(json!({"status": "healthy"})) }),
        )
        .route("/v1/models", get(models))
        .route("/v1/audio/voices", get(voices))
        .route("/v1/audio/speech", post(speech))
        .with_state(Arc::new(speaker))
}

async fn models(State(speaker): State<Arc<Speaker>>) -> Json<Value> {
    let card = |id: &str| json!({"id": id, "object": "model", "created": 1_686_935_002, "owned_by": "kokoro"});
    let names: Vec<Value> = speech::names(&*speaker.host, &MODELS).map(card).collect();
    Json(json!({"object": "list", "data": names}))
}

#[derive(Deserialize)]
struct VoicesQuery {
    #[serde(default)]
    legacy: bool,
}

async fn voices(Query(query): Query<VoicesQuery>) -> Json<Value> {
    let card = |id: &&str| {
        if query.legacy {
            json!(id)
        } else {
            json!({"id": id, "name": id})
        }
    };
    Json(json!({"voices": VOICES.iter().map(card).collect::<Vec<_>>()}))
}

#[derive(Deserialize)]
struct SpeechRequest {
    model: Option<String>,
    input: Option<String>,
    voice: Option<String>,
    response_format: Option<String>,
    speed: Option<f64>,
    stream: Option<bool>,
}

async fn speech(State(speaker): State<Arc<Speaker>>, body: Bytes) -> Response {
    match asked(&body) {
        Ok(request) => answer(&speaker, &request).await,
        Err(refused) => refused.into(),
    }
}

/// The request, when it is one that Kokoro takes.
fn asked(body: &[u8]) -> Result<SpeechRequest, Refused> {
    let request: SpeechRequest = serde_json::from_slice(body).map_err(|error| {
        let entry = json!([{"type": "json_invalid", "loc": ["body"], "msg": error.to_string()}]);
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            Json(json!({"detail": entry})),
        )
            .into_response()
    })?;
    if request.input.is_none() {
        return Err(door::missing("body", "input").into());
    }
    let model = request.model.as_deref().unwrap_or("kokoro");
    if !MODELS.contains(&model) {
        let text = format!("Unsupported model: {model}");
        return Err(refuse("invalid_model", &text).into());
    }
    let voice = request.voice.as_deref().unwrap_or("af_heart");
    if let Some(unknown) = parts(voice).find(|part| !VOICES.contains(part)) {
        let known = VOICES.join(", ");
        let text = format!("Voice '{unknown}' not found. Available voices: {known}");
        return Err(refuse("validation_error", &text).into());
    }
    Ok(request)
}

/// The voices of a mix: `af_bella(2)+af_sky`.
fn parts(mix: &str) -> impl Iterator<Item = &str> {
    let parts = mix.split(['+', '-']);
    parts.map(|part| part.split('(').next().unwrap_or(part).trim())
}

fn refuse(error: &str, message: &str) -> Response {
    let body = json!({"error": error, "message": message, "type": "invalid_request_error"});
    (StatusCode::BAD_REQUEST, Json(json!({ "detail": body }))).into_response()
}

async fn answer(speaker: &Speaker, request: &SpeechRequest) -> Response {
    let voice = Voice::named(
        request.voice.as_deref().unwrap_or("af_heart"),
        request.speed.unwrap_or(1.0),
    );
    let text = request.input.as_deref().unwrap_or_default();
    let sound = speech::spoken(&*speaker.host, voice, text, RATE);
    tokio::time::sleep(at_speed(
        sound.seconds() / speaker.pace,
        speaker.host.speed(),
    ))
    .await;
    let format = request.response_format.as_deref().unwrap_or("mp3");
    match speech::encoded(&sound, format, request.stream.unwrap_or(true)).await {
        Some((kind, bytes)) => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        None => refuse(
            "validation_error",
            &format!("Failed to convert audio to {format}: no encoder"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_refused_in_kokoros_shapes() {
        let status = |body: &str| {
            asked(body.as_bytes())
                .err()
                .map(|r| Response::from(r).status().as_u16())
        };
        assert_eq!(
            status(r#"{"input":"hi","voice":"af_bella(2)+af_sky"}"#),
            None
        );
        assert_eq!(status(r#"{"input":"hi","model":"tts-1"}"#), None);
        assert_eq!(status("{}"), Some(422));
        assert_eq!(status("{"), Some(422));
        assert_eq!(status(r#"{"input":"hi","voice":"nobody"}"#), Some(400));
        assert_eq!(status(r#"{"input":"hi","model":"whisper"}"#), Some(400));
    }
}
