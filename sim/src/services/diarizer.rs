//! A Sortformer behind `FastAPI`: who speaks when, on port 8000 (`PORT` changes it).
//!
//! `POST /v1/audio/diarization` (also in the plural) takes a WAV and answers in `LocalAI`'s shape, or as RTTM.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::door::{self, Framework};
use super::host::ServiceHost;
use super::start::{End, Start};
use super::transcript::{plain, round};
use super::{port_of, upload};
use crate::audio::{
    turns::{Turn, turns},
    wav,
};
use crate::engine::units::at_speed;
use crate::engine::{EngineFault, MemoryClaim};

const MODEL: &str = "nvidia/diar_streaming_sortformer_4spk-v2.1";
const MEMORY_BYTES: u64 = 2_600_000_000;
/// Times faster than speech.
const PACE: f64 = 30.0;

struct Diarizer {
    host: Arc<dyn ServiceHost>,
    ready: AtomicBool,
    /// `NeMo`'s model serves one request at a time.
    model: Mutex<()>,
}

/// Runs the service. It answers while it loads, and says so.
pub(super) async fn run(start: Start) -> Result<End, End> {
    let port = port_of(&*start.host, "PORT", 8000);
    start.say("INFO:     Started server process [1]");
    start.say("INFO:     Waiting for application startup.");
    start.say("INFO:     Application startup complete.");
    let listener = start.listen_as_uvicorn(port)?;
    start.say(&format!(
        "INFO:     Uvicorn running on http://0.0.0.0:{port} (Press CTRL+C to quit)"
    ));
    let diarizer = Arc::new(Diarizer {
        host: Arc::clone(&start.host),
        ready: AtomicBool::new(false),
        model: Mutex::default(),
    });
    let open = &["/health", "/v1/models"];
    let router = router(Arc::clone(&diarizer));
    let host = Arc::clone(&start.host);
    let serving = door::serve(host, listener, router, Framework::Uvicorn, open);
    door::while_loading(serving, load(&start, &diarizer)).await
}

async fn load(start: &Start, diarizer: &Diarizer) -> Result<Box<dyn MemoryClaim>, End> {
    start.say(&format!("[NeMo I] Loading {MODEL}"));
    start.pause(6.0).await?;
    let memory = start.claim("python3", MEMORY_BYTES)?;
    start.pause(12.0).await?;
    start.say("[NeMo I] Model SortformerEncLabelModel was successfully restored");
    diarizer.ready.store(true, Ordering::Relaxed);
    Ok(memory)
}

fn router(diarizer: Arc<Diarizer>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/v1/models", get(models))
        .route("/v1/audio/diarization", post(diarization))
        .route("/v1/audio/diarizations", post(diarization))
        .with_state(diarizer)
}

async fn health(State(diarizer): State<Arc<Diarizer>>) -> Response {
    if diarizer.ready.load(Ordering::Relaxed) {
        Json(json!({"status": "ok", "model": MODEL, "device": "cuda"})).into_response()
    } else {
        let body = json!({"status": "loading", "model": MODEL});
        (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
    }
}

async fn models(State(diarizer): State<Arc<Diarizer>>) -> Json<Value> {
    let known = [MODEL];
    let names = super::speech::names(&*diarizer.host, &known);
    let cards: Vec<Value> = names
        .map(|id| json!({"id": id, "object": "model"}))
        .collect();
    Json(json!({"object": "list", "data": cards}))
}

async fn diarization(
    State(diarizer): State<Arc<Diarizer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !diarizer.ready.load(Ordering::Relaxed) {
        return door::detail(
            StatusCode::SERVICE_UNAVAILABLE,
            "Model is still loading. Try again shortly.",
        );
    }
    let (form, file) = match upload(&headers, &body) {
        Ok(upload) => upload,
        Err(refused) => return refused.into(),
    };
    let Ok(sound) = wav::read(&file) else {
        return door::detail(StatusCode::BAD_REQUEST, "Could not decode the audio file");
    };
    let _one_at_a_time = diarizer.model.lock().await;
    tokio::time::sleep(at_speed(sound.seconds() / PACE, diarizer.host.speed())).await;
    let mut found = turns(&sound);
    match diarizer.host.fault() {
        Some(EngineFault::Empty) => found.clear(),
        Some(EngineFault::Garbage) => found.iter_mut().for_each(|turn| turn.end = turn.start),
        _ => {}
    }
    match form.text("response_format").unwrap_or("json") {
        "rttm" => plain("text/plain; charset=utf-8", rttm(&found)),
        format => Json(shape(&found, sound.seconds(), format == "verbose_json")).into_response(),
    }
}

fn name(speaker: usize) -> String {
    format!("SPEAKER_{speaker:02}")
}

fn shape(turns: &[Turn], seconds: f64, verbose: bool) -> Value {
    let segment = |(id, turn): (usize, &Turn)| {
        json!({
            "id": id, "speaker": name(turn.speaker), "label": turn.speaker.to_string(),
            "start": round(turn.start), "end": round(turn.end),
        })
    };
    let mut speakers: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
    for turn in turns {
        let (seconds, count) = speakers.entry(turn.speaker).or_default();
        *seconds += turn.end - turn.start;
        *count += 1;
    }
    let mut body = json!({
        "task": "diarize", "duration": round(seconds), "num_speakers": speakers.len(),
        "segments": turns.iter().enumerate().map(segment).collect::<Vec<_>>(),
    });
    if verbose {
        let speaker = |(number, (seconds, count)): (usize, (f64, usize))| {
            json!({
                "id": name(number), "label": number.to_string(),
                "total_speech_duration": round(seconds), "segment_count": count,
            })
        };
        body["speakers"] = speakers.into_iter().map(speaker).collect();
    }
    body
}

fn rttm(turns: &[Turn]) -> String {
    turns.iter().fold(String::new(), |mut out, turn| {
        let (start, length) = (turn.start, turn.end - turn.start);
        let name = name(turn.speaker);
        writeln!(
            out,
            "SPEAKER audio 1 {start:.3} {length:.3} <NA> <NA> {name} <NA> <NA>"
        )
        .ok();
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_given_in_both_shapes() {
        let turns =
            [(0, 0.0, 1.5), (1, 1.75, 3.0), (0, 3.5, 4.0)].map(|(speaker, start, end)| Turn {
                speaker,
                start,
                end,
            });
        let body = shape(&turns, 4.25, true);
        assert_eq!(
            (&body["num_speakers"], &body["duration"]),
            (&json!(2), &json!(4.25))
        );
        assert_eq!(body["segments"][1]["speaker"], "SPEAKER_01");
        assert_eq!(body["speakers"][0]["segment_count"], 2);
        assert!(
            rttm(&turns)
                .starts_with("SPEAKER audio 1 0.000 1.500 <NA> <NA> SPEAKER_00 <NA> <NA>\n")
        );
    }
}
