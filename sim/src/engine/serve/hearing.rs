//! `POST /v1/audio/transcriptions` and `/translations` of an engine with a whisper model.
//!
//! vLLM's shapes: the duration is a text, a stream is of `transcription.chunk`s and ends with `[DONE]`.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    Json,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::{Server, pooling, wire::ApiError};
use crate::engine::units::at_speed;
use crate::form::Form;
use crate::services::transcript::{Transcript, plain};

/// Bytes of audio that vLLM takes unless told otherwise.
const LARGEST: usize = 25 << 20;
/// Times faster than speech.
const PACE: f64 = 40.0;

/// `POST /v1/audio/transcriptions`.
pub(crate) async fn transcriptions(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let form = kind.and_then(|kind| Form::read(kind, &body));
    let form = form.ok_or_else(|| missing("file"))?;
    let model = pooling::name(&server, form.text("model").map(str::to_owned))?;
    let format = form.text("response_format").unwrap_or("json");
    if !matches!(format, "json" | "text" | "verbose_json") {
        let text = "Currently only support response_format: `text`, `json` or `verbose_json`";
        return Err(ApiError::bad(None, text.to_owned()));
    }
    let file = form.file("file").ok_or_else(|| missing("file"))?;
    if file.len() > LARGEST {
        let text = "Maximum file size exceeded.";
        return Err(ApiError::bad(None, text.to_owned()));
    }
    let fault = server.host.fault();
    let transcript = Transcript::of(file, fault.as_ref())
        .map_err(|_error| ApiError::bad(None, "Invalid or unsupported audio file.".to_owned()))?;
    let _running = server.metrics.running.hold(1);
    tokio::time::sleep(at_speed(transcript.seconds / PACE, server.host.speed())).await;
    let counter = &server.metrics.generation_tokens;
    counter.fetch_add(transcript.words.len() as u64, Ordering::Relaxed);
    if form.text("stream") == Some("true") {
        return Ok(streamed(&transcript, &model));
    }
    Ok(whole(&transcript, format))
}

fn missing(field: &str) -> ApiError {
    ApiError::invalid(format!(
        "1 validation error:\n  {{'type': 'missing', 'loc': ('body', '{field}'), 'msg': 'Field required'}}"
    ))
}

fn whole(transcript: &Transcript, format: &str) -> Response {
    let text = transcript.text();
    let usage = json!({"type": "duration", "seconds": transcript.seconds.ceil()});
    match format {
        "text" => plain("text/plain; charset=utf-8", text),
        "verbose_json" => Json(json!({
            "language": "en", "duration": format!("{:.2}", transcript.seconds), "text": text,
            "segments": transcript.segment_list(), "words": null,
        }))
        .into_response(),
        _ => Json(json!({"text": text, "usage": usage})).into_response(),
    }
}

fn streamed(transcript: &Transcript, model: &str) -> Response {
    let id = format!("trsc-{}", uuid::Uuid::new_v4().simple());
    let created = jiff::Timestamp::now().as_second();
    let chunk = |content: &str, finish: Option<&str>| -> String {
        let choice: Value = json!({
            "delta": {"content": content}, "finish_reason": finish, "stop_reason": null,
        });
        let data = json!({
            "id": id, "object": "transcription.chunk", "created": created, "model": model,
            "choices": [choice], "usage": null,
        });
        format!("data: {data}\n\n")
    };
    let words = transcript.words.iter();
    let mut events: Vec<String> = words
        .map(|word| chunk(&format!(" {}", word.text), None))
        .collect();
    events.push(chunk("", Some("stop")));
    events.push("data: [DONE]\n\n".to_owned());
    plain("text/event-stream; charset=utf-8", events.concat())
}
