//! NVIDIA's speech NIMs (Riva): Parakeet hears, Magpie speaks. HTTP on 9000, gRPC on 50051.
//!
//! HTTP listens from the beginning and answers 503 until the models are deployed. Over HTTP Parakeet gives text
//! and no times (NVIDIA's documentation of the HTTP API).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::door::{self, Framework, Refused};
use super::host::ServiceHost;
use super::nim::{self, Nim};
use super::start::{End, Start};
use super::transcript::{Transcript, plain};
use super::{port_of, speech, upload};
use crate::audio::{voice::Voice, wav};
use crate::engine::MemoryClaim;
use crate::engine::units::at_speed;
use crate::form::Form;

/// Bytes of audio that a request may have.
const LARGEST: usize = 25 << 20;
/// Samples a second of Magpie's speech.
const RATE: u32 = 22_050;
const LANGUAGES: &str = "en-US,es-US,fr-FR,de-DE,it-IT,vi-VN,zh-CN";
const VOICES: [&str; 6] = [
    "Magpie-Multilingual.EN-US.Aria",
    "Magpie-Multilingual.EN-US.Aria.Happy",
    "Magpie-Multilingual.EN-US.Leo",
    "Magpie-Multilingual.EN-US.Sofia",
    "Magpie-Multilingual.DE-DE.Aria",
    "Magpie-Multilingual.FR-FR.Louise",
];

/// What the NIM does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skill {
    Hear,
    Speak,
}

struct Speech {
    host: Arc<dyn ServiceHost>,
    nim: Nim,
    ready: AtomicBool,
}

/// The NIM of an image's last name.
pub(super) fn nim(skill: Skill, image: &str) -> Nim {
    match skill {
        Skill::Hear if image.contains("rnnt") => Nim {
            model: "nvidia/parakeet-1-1b-rnnt-multilingual",
            image: "Automatic Speech Recognition",
            weight_bytes: 5_100_000_000,
            profile: (
                "b1bfb2ec9aea6b1e2ad8ba0d9d6c3b7e8f5d0c8d2f0a4e1c6b9d7f3a5c8e2b14",
                "mode:all|model_type:rmir|name:parakeet-1-1b-rnnt-multilingual|vad:default",
            ),
        },
        Skill::Hear => Nim {
            model: "nvidia/parakeet-1-1b-ctc-en-us",
            image: "Automatic Speech Recognition",
            weight_bytes: 4_300_000_000,
            profile: (
                "9136dd64f1b4ac8a3ba8d6d0c5b9e7f2a1d4c3b6e8f0927d5c4b3a2918f7e6d5",
                "mode:all|model_type:rmir|name:parakeet-1-1b-ctc-en-us|vad:default",
            ),
        },
        Skill::Speak => Nim {
            model: "nvidia/magpie-tts-multilingual",
            image: "Text to Speech",
            weight_bytes: 3_200_000_000,
            profile: (
                "5a1c8e7b3d9f2c6e4b0a7d8f1e3c5b9a2d4f6e8c0b7a9d1f3e5c7b9a1d3f5e70",
                "batch_size:8|model_type:rmir|name:magpie-tts-multilingual|precision:fp16",
            ),
        },
    }
}

/// Runs the service.
pub(super) async fn run(start: Start, skill: Skill, nim: Nim) -> Result<End, End> {
    let http = port_of(&*start.host, "NIM_HTTP_API_PORT", 9000);
    let grpc = port_of(&*start.host, "NIM_GRPC_API_PORT", 50_051);
    let listener = listen(&start, http)?;
    let grpc = listen(&start, grpc)?;
    let speech = Arc::new(Speech {
        host: Arc::clone(&start.host),
        nim,
        ready: AtomicBool::new(false),
    });
    let router = router(Arc::clone(&speech), skill);
    let host = Arc::clone(&start.host);
    let open = &[
        "/v1/health/ready",
        "/v1/health/live",
        "/v1/metadata",
        "/v1/version",
        "/v1/audio/list_voices",
    ];
    let serving = door::serve(host, listener, router, Framework::Uvicorn, open);
    door::while_loading(serving, load(&start, skill, &speech, grpc)).await
}

fn listen(start: &Start, port: u16) -> Result<TcpListener, End> {
    start.listen(port).map_err(|_taken| {
        start.say(&format!(
            "RuntimeError: Failed to bind to address 0.0.0.0:{port}: [Errno 98] Address already in use"
        ));
        End(1)
    })
}

/// Deploys the models; the gRPC port answers nobody here, and listens as long as the service runs.
async fn load(
    start: &Start,
    skill: Skill,
    speech: &Speech,
    grpc: TcpListener,
) -> Result<(Box<dyn MemoryClaim>, TcpListener), End> {
    speech.nim.prepare(start).await?;
    let bytes = match (skill, start.host.env("NIM_TAGS_SELECTOR")) {
        (Skill::Hear, Some(tags)) if tags.contains("mode=str") => 14_800_000_000,
        (Skill::Hear, _) => 25_600_000_000,
        (Skill::Speak, _) => 9_400_000_000,
    };
    let memory = start.claim("tritonserver", bytes)?;
    for line in ["riva-trt-am", "riva-ensemble"] {
        start.pause(25.0).await?;
        start.say(&format!(
            "I1123 model_lifecycle.cc:849] \"successfully loaded '{line}'\""
        ));
    }
    start.say("I1123 grpc_server.cc:2560] \"Started GRPCInferenceService at 0.0.0.0:8001\"");
    start.say("I1123 riva_server.cc:171] Riva Conversational AI Server listening on 0.0.0.0:50051");
    nim::info(start, "server.py:88", "Riva server is ready");
    speech.ready.store(true, Ordering::Relaxed);
    Ok((memory, grpc))
}

fn router(speech: Arc<Speech>, skill: Skill) -> Router {
    let common = Router::new()
        .route("/v1/health/ready", get(ready))
        .route(
            "/v1/health/live",
            get(|| async { Json(json!({"status": "live"})) }),
        )
        .route("/v1/metadata", get(metadata));
    let skilled = match skill {
        Skill::Hear => common.route("/v1/audio/transcriptions", post(transcriptions)),
        Skill::Speak => common
            .route("/v1/audio/list_voices", get(list_voices))
            .route("/v1/audio/synthesize", post(synthesize)),
    };
    skilled.with_state(speech)
}

fn refuse(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}

async fn ready(State(speech): State<Arc<Speech>>) -> Response {
    if speech.ready.load(Ordering::Relaxed) {
        Json(json!({"status": "ready"})).into_response()
    } else {
        let body = Json(json!({"status": "not ready"}));
        (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
    }
}

async fn metadata(State(speech): State<Arc<Speech>>) -> Json<Value> {
    Json(json!({
        "version": "1.8.0", "modelInfo": [{"shortName": speech.nim.model, "modelUrl": ""}],
        "selectedModelProfileId": speech.nim.profile.0,
    }))
}

/// The form of a request to a service that is ready.
fn accepted(speech: &Speech) -> Result<(), Refused> {
    if speech.ready.load(Ordering::Relaxed) {
        return Ok(());
    }
    let text = "Service is initializing. Try again later.";
    Err(refuse(StatusCode::SERVICE_UNAVAILABLE, text).into())
}

async fn transcriptions(
    State(speech): State<Arc<Speech>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match heard(&speech, &headers, &body).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn heard(speech: &Speech, headers: &HeaderMap, body: &[u8]) -> Result<Response, Response> {
    accepted(speech)?;
    let (form, file) = upload(headers, body)?;
    if file.len() > LARGEST {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "400 Bad Request: audio too long",
        ));
    }
    let language = form.text("language").unwrap_or("en-US");
    let spoken = if speech.nim.model.contains("multilingual") {
        ""
    } else {
        "en"
    };
    if !language.to_lowercase().starts_with(spoken) {
        let text = format!("Unavailable model requested. Lang: {language}, Type: offline");
        return Err(refuse(StatusCode::BAD_REQUEST, &text));
    }
    let fault = speech.host.fault();
    let transcript = Transcript::of(&file, fault.as_ref()).map_err(|_error| {
        refuse(
            StatusCode::BAD_REQUEST,
            "Failed to process audio: unsupported audio format",
        )
    })?;
    tokio::time::sleep(at_speed(transcript.seconds / 50.0, speech.host.speed())).await;
    let text = transcript.text();
    match form.text("response_format").unwrap_or("json") {
        "text" => Ok(plain("text/plain; charset=utf-8", text)),
        "json" => Ok(Json(json!({"text": text})).into_response()),
        other => {
            let text = format!("Unsupported response_format: {other}");
            Err(refuse(StatusCode::BAD_REQUEST, &text))
        }
    }
}

async fn list_voices() -> Json<Value> {
    Json(json!({LANGUAGES: {"voices": VOICES}}))
}

async fn synthesize(
    State(speech): State<Arc<Speech>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match said(&speech, &headers, &body).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn said(speech: &Speech, headers: &HeaderMap, body: &[u8]) -> Result<Response, Response> {
    accepted(speech)?;
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let form = kind.and_then(|kind| Form::read(kind, body));
    let form = form.ok_or_else(|| door::missing("body", "text"))?;
    let text = form
        .text("text")
        .ok_or_else(|| door::missing("body", "text"))?;
    form.text("language")
        .ok_or_else(|| door::missing("body", "language"))?;
    let voice = form.text("voice").unwrap_or(VOICES[0]);
    if !VOICES.contains(&voice) {
        let text = format!("Voice {voice} is not available");
        return Err(refuse(StatusCode::BAD_REQUEST, &text));
    }
    let rate = form
        .text("sample_rate_hz")
        .and_then(|rate| rate.parse().ok());
    let rate = rate.unwrap_or(RATE).clamp(8000, 48_000);
    let sound = speech::spoken(&*speech.host, Voice::named(voice, 1.0), text, rate);
    tokio::time::sleep(at_speed(sound.seconds() / 20.0, speech.host.speed())).await;
    Ok(([(header::CONTENT_TYPE, "audio/wav")], wav::write(&sound)).into_response())
}
