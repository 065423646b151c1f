//! Services that hear and speak.

use serde_json::json;

use crate::spark::Spark;

const KOKORO: &str = "ghcr.io/remsky/kokoro-fastapi-cpu:latest";
const SORTFORMER: &str = "sortformer-diarizer:latest";
const SPEACHES: &str = "ghcr.io/speaches-ai/speaches:latest-cpu";
const PARAKEET: &str = "martinb78/parakeet-tdt-v3-spark:latest";

/// A WAV in which Kokoro says `text`.
fn said(spark: &Spark, voice: &str, text: &str) -> Vec<u8> {
    let body = json!({"model": "kokoro", "input": text, "voice": voice, "response_format": "wav", "stream": false});
    let answer = spark.post(8880, "/v1/audio/speech", &body);
    assert_eq!((answer.status, answer.kind.as_str()), (200, "audio/wav"));
    answer.body
}

#[test]
fn kokoro_speaks_and_refuses_like_kokoro() {
    let spark = Spark::with(&[KOKORO]);
    spark.ok(&format!(
        "docker run -d --name kokoro -p 8880:8880 {KOKORO}"
    ));
    spark.ready(8880, "/health");
    let log = spark.ok("docker logs kokoro 2>&1");
    assert!(log.contains("Model warmed up on cpu: kokoro_v1"), "{log}");
    let voices = spark.get(8880, "/v1/audio/voices").unwrap().json();
    assert!(
        voices["voices"]
            .as_array()
            .unwrap()
            .iter()
            .any(|v| v["id"] == "af_heart")
    );

    let wav = said(&spark, "af_heart", "Good morning");
    assert!(wav.starts_with(b"RIFF") && wav.len() > 20_000);
    assert!(
        wav[44..]
            .chunks_exact(2)
            .any(|s| i16::from_le_bytes([s[0], s[1]]) > 5000)
    );
    for (body, status) in [
        (json!({"voice": "af_heart"}), 422),
        (json!({"input": "a", "voice": "nobody"}), 400),
        (json!({"input": "a", "model": "gpt-4o-mini-tts"}), 400),
    ] {
        assert_eq!(
            spark.post(8880, "/v1/audio/speech", &body).status,
            status,
            "{body}"
        );
    }
    // It works on the cores: the memory is gone, and the GPU does not show it.
    assert_eq!(
        spark.ok("nvidia-smi --query-compute-apps=pid --format=csv,noheader"),
        ""
    );
    let before = spark.node.memory().unwrap().available;
    spark.ok("docker stop -t 5 kokoro");
    spark.until("memory back", || {
        (spark.node.memory().unwrap().available > before + 1_000_000_000).then_some(())
    });
}

#[test]
fn what_is_said_is_heard_again_in_each_dialect() {
    let spark = Spark::with(&[KOKORO, SPEACHES, PARAKEET]);
    spark.ok(&format!(
        "docker run -d --name kokoro -p 8880:8880 {KOKORO}"
    ));
    spark.ok(&format!(
        "docker run -d --name speaches -p 8001:8000 {SPEACHES}"
    ));
    spark.ok(&format!(
        "docker run -d --gpus all --name parakeet -p 8010:8010 {PARAKEET}"
    ));
    spark.ready(8880, "/health");
    let wav = said(&spark, "am_adam", "The quick fox. It jumps.");

    let transcribe = "/v1/audio/transcriptions";
    let model = ("model", "Systran/faster-whisper-small");
    let heard = spark.until("speaches is loaded", || {
        let answer = spark.upload(
            8001,
            transcribe,
            Some(&wav),
            &[model, ("response_format", "verbose_json")],
        );
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(heard["text"], "The quick fox. It jumps.");
    assert_eq!(heard["segments"].as_array().unwrap().len(), 2);
    assert_eq!(
        spark
            .upload(8001, transcribe, Some(&wav), &[("model", "other")])
            .status,
        404
    );
    assert_eq!(spark.upload(8001, transcribe, None, &[model]).status, 422);
    assert_eq!(
        spark
            .upload(8001, transcribe, Some(b"ID3\x04"), &[model])
            .status,
        400
    );

    spark.until("parakeet is loaded", || {
        let health = spark.get(8010, "/health")?.json();
        (health["status"] == "ok").then_some(())
    });
    let words = spark.upload(
        8010,
        transcribe,
        Some(&wav),
        &[("response_format", "verbose_json")],
    );
    assert_eq!(words.json()["segments"][1]["text"], "quick");
    let quoted = spark.upload(8010, transcribe, Some(&wav), &[("response_format", "text")]);
    assert_eq!(
        (quoted.text().as_str(), quoted.kind.as_str()),
        ("\"The quick fox. It jumps.\"", "text/plain; charset=utf-8")
    );
}

#[test]
fn the_diarizer_tells_two_voices_apart_once_it_is_loaded() {
    let spark = Spark::at_speed(40.0, &[KOKORO, SORTFORMER]);
    spark.ok(&format!(
        "docker run -d --gpus all --name diarizer -p 8020:8000 {SORTFORMER}"
    ));
    let early = spark.until("it listens", || spark.get(8020, "/health"));
    assert_eq!(
        (early.status, early.json()["status"].as_str()),
        (503, Some("loading"))
    );
    spark.ok(&format!(
        "docker run -d --name kokoro -p 8880:8880 {KOKORO}"
    ));
    spark.ready(8880, "/health");
    let (first, second) = (
        said(&spark, "af_heart", "How are you today"),
        said(&spark, "am_adam", "Very well thank you"),
    );
    let mut both = first;
    both.extend(vec![0; 24_000]);
    both.extend(&second[44..]);
    let length = u32::try_from(both.len() - 44).unwrap();
    both[40..44].copy_from_slice(&length.to_le_bytes());
    spark.ready(8020, "/health");
    let answer = spark
        .upload(
            8020,
            "/v1/audio/diarization",
            Some(&both),
            &[("response_format", "verbose_json")],
        )
        .json();
    assert_eq!(answer["num_speakers"], 2);
    assert_eq!(answer["segments"].as_array().unwrap().len(), 2);
    assert_eq!(
        spark
            .upload(8020, "/v1/audio/diarizations", Some(b"no"), &[])
            .status,
        400
    );
}
