//! vLLM with models that embed, rerank and transcribe.

use serde_json::json;
use spark_sim::cache::{self, Extent};

use crate::spark::Spark;

const IMAGE: &str = "vllm/vllm-openai:latest";

fn serve(spark: &Spark, name: &str, port: u16, words: &str) {
    spark.ok(&format!(
        "docker run -d --name {name} --entrypoint vllm --gpus all --network host --ipc host \
         -v \"$HOME/.cache/huggingface\":/root/.cache/huggingface -e HF_HUB_OFFLINE=1 \
         {IMAGE} serve {words} --host 0.0.0.0 --port {port}"
    ));
}

#[test]
fn a_pooling_engine_embeds_and_scores() {
    let spark = Spark::with(&[]);
    cache::put(&spark.node, "Qwen/Qwen3-Embedding-0.6B", Extent::Complete).unwrap();
    serve(
        &spark,
        "embed",
        8002,
        "Qwen/Qwen3-Embedding-0.6B --runner pooling --gpu-memory-utilization 0.05 --served-model-name q",
    );
    spark.ready(8002, "/health");
    let texts = json!({"model": "q", "input": ["a cat sleeps", "the cat slept", "stock market"]});
    let answer = spark.post(8002, "/v1/embeddings", &texts).json();
    assert_eq!(
        answer["data"][0]["embedding"].as_array().unwrap().len(),
        1024
    );
    let scores = json!({"text_1": "a cat sleeps", "text_2": ["the cat slept", "stock market"]});
    let scores = spark.post(8002, "/score", &scores).json();
    let score = |n: usize| scores["data"][n]["score"].as_f64().unwrap();
    assert!(score(0) > score(1));
    let cut = json!({"model": "q", "input": "a", "dimensions": 64});
    let refused = spark.post(8002, "/v1/embeddings", &cut);
    assert_eq!(refused.status, 400);
    assert!(
        refused
            .text()
            .contains("does not support matryoshka representation")
    );
    assert_eq!(
        spark
            .post(8002, "/v1/embeddings", &json!({"model": "x", "input": "a"}))
            .status,
        404
    );
    assert_eq!(
        spark
            .post(8002, "/v1/chat/completions", &json!({"messages": []}))
            .status,
        404
    );
}

#[test]
fn a_reranker_puts_the_right_document_first() {
    let spark = Spark::with(&[]);
    cache::put(&spark.node, "BAAI/bge-reranker-v2-m3", Extent::Complete).unwrap();
    serve(
        &spark,
        "rerank",
        8004,
        "BAAI/bge-reranker-v2-m3 --gpu-memory-utilization 0.05",
    );
    spark.ready(8004, "/health");
    let body = json!({
        "model": "BAAI/bge-reranker-v2-m3", "query": "What is the capital of France?",
        "documents": ["Bananas are yellow.", {"text": "The capital of France is Paris."}], "top_n": 1,
    });
    for path in ["/rerank", "/v1/rerank", "/v2/rerank"] {
        let answer = spark.post(8004, path, &body).json();
        assert_eq!(answer["results"].as_array().unwrap().len(), 1, "{path}");
        assert_eq!(answer["results"][0]["index"], 1, "{path}");
    }
    assert_eq!(
        spark
            .post(8004, "/v1/embeddings", &json!({"input": "a"}))
            .status,
        404
    );
}

#[test]
fn whisper_hears_what_kokoro_says() {
    let kokoro = "ghcr.io/remsky/kokoro-fastapi-cpu:latest";
    let spark = Spark::with(&[kokoro]);
    cache::put(&spark.node, "openai/whisper-large-v3", Extent::Complete).unwrap();
    serve(
        &spark,
        "whisper",
        8003,
        "openai/whisper-large-v3 --gpu-memory-utilization 0.1",
    );
    spark.ok(&format!(
        "docker run -d --name kokoro -p 8880:8880 {kokoro}"
    ));
    spark.ready(8880, "/health");
    spark.ready(8003, "/health");
    let say = json!({"input": "Two words.", "voice": "bm_lewis", "response_format": "wav"});
    let wav = spark.post(8880, "/v1/audio/speech", &say);
    // A streamed file does not know its length; the end of the body is its end.
    assert_eq!(wav.body[4..8], [0xFF; 4]);
    let path = "/v1/audio/transcriptions";
    let model = ("model", "openai/whisper-large-v3");
    let verbose = spark
        .upload(
            8003,
            path,
            Some(&wav.body),
            &[model, ("response_format", "verbose_json")],
        )
        .json();
    assert_eq!(
        (&verbose["text"], verbose["duration"].is_string()),
        (&json!("Two words."), true)
    );
    let stream = spark
        .upload(8003, path, Some(&wav.body), &[model, ("stream", "true")])
        .text();
    assert!(
        stream.contains("transcription.chunk") && stream.ends_with("data: [DONE]\n\n"),
        "{stream}"
    );
    assert_eq!(
        spark
            .upload(
                8003,
                path,
                Some(&wav.body),
                &[model, ("response_format", "srt")]
            )
            .status,
        400
    );
    assert_eq!(
        spark.upload(8003, path, Some(b"junk"), &[model]).status,
        400
    );
}

#[test]
fn a_model_that_is_not_there_is_fetched_unless_the_container_is_offline() {
    let spark = Spark::at_speed(5000.0, &[]);
    spark.ok(&format!(
        "docker run -d --name embed --entrypoint vllm --gpus all --network host \
         -v \"$HOME/.cache/huggingface\":/root/.cache/huggingface \
         {IMAGE} serve BAAI/bge-m3 --gpu-memory-utilization 0.05 --port 8002"
    ));
    spark.ready(8002, "/health");
    let folder = cache::repo_dir(&spark.node.hub(), "BAAI/bge-m3");
    assert!(folder.join("refs/main").exists());
    serve(&spark, "offline", 8003, "openai/whisper-large-v3");
    let (code, log) = spark.ended("offline");
    assert_eq!(code, "1");
    assert!(log.contains("LocalEntryNotFoundError"), "{log}");
}

#[test]
fn an_engine_may_be_started_inside_a_container_that_only_sleeps() {
    let spark = Spark::with(&[]);
    cache::put(&spark.node, "Qwen/Qwen3-0.6B", Extent::Complete).unwrap();
    // As sparkrun and the community's launcher do it.
    spark.ok(
        "docker run -d --name sparkrun_ab12_node_0 --gpus all --ipc=host --network=host \
         -v \"$HOME/.cache/huggingface\":/root/.cache/huggingface -e HF_HUB_OFFLINE=1 \
         vllm-node bash -c 'sleep infinity'",
    );
    let words = "Qwen/Qwen3-0.6B --port 8000 --gpu-memory-utilization 0.3 --max-model-len 2048";
    spark.ok(&format!(
        "docker exec -d sparkrun_ab12_node_0 bash -c 'vllm serve {words} >> /proc/1/fd/1 2>&1'"
    ));
    spark.ready(8000, "/health");
    let log = spark.ok("docker logs sparkrun_ab12_node_0 2>&1");
    assert!(log.contains("Application startup complete"), "{log}");
    spark.ok("docker rm -f sparkrun_ab12_node_0");
    let apps = "nvidia-smi --query-compute-apps=process_name --format=csv,noheader";
    assert_eq!(spark.ok(apps), "");
}
