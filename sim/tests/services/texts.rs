//! Services that embed and rerank.

use serde_json::{Value, json};

use crate::spark::Spark;

const TEI: &str = "ghcr.io/huggingface/text-embeddings-inference:121-1.9";
const SPARK_EMBED: &str = "spark-embed:latest";

const TEXTS: [&str; 3] = [
    "A cat sleeps on the sofa.",
    "A kitten is napping on the couch.",
    "The central bank raised interest rates.",
];

fn vector(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

fn cosine(a: &Value, b: &Value) -> f64 {
    vector(a).iter().zip(vector(b)).map(|(x, y)| x * y).sum()
}

#[test]
fn tei_embeds_and_refuses_in_its_two_shapes() {
    let spark = Spark::with(&[TEI]);
    spark.ok(&format!(
        "docker run -d --gpus all --name tei -p 8080:80 -v \"$HOME/tei\":/data {TEI} --model-id BAAI/bge-m3"
    ));
    spark.ready(8080, "/health");
    assert_eq!(
        spark.get(8080, "/info").unwrap().json()["model_id"],
        "BAAI/bge-m3"
    );
    let vectors = spark.post(8080, "/embed", &json!({"inputs": TEXTS})).json();
    assert_eq!(vectors[0].as_array().unwrap().len(), 1024);
    assert!((cosine(&vectors[0], &vectors[0]) - 1.0).abs() < 1e-6);
    assert!(cosine(&vectors[0], &vectors[1]) > cosine(&vectors[0], &vectors[2]));

    let many = vec!["a"; 33];
    let native = spark.post(8080, "/embed", &json!({"inputs": many}));
    assert_eq!(
        (native.status, native.json()["error_type"].as_str()),
        (422, Some("Validation"))
    );
    let flat = spark.post(
        8080,
        "/v1/embeddings",
        &json!({"input": many, "model": "m"}),
    );
    assert_eq!(
        (flat.status, flat.json()["code"].as_u64()),
        (422, Some(422))
    );
    assert_eq!(
        spark
            .post(8080, "/rerank", &json!({"query": "a", "texts": ["b"]}))
            .status,
        424
    );
    // The weights are on the node: the second start fetches nothing.
    let folder = spark
        .node
        .home()
        .join("tei/models--BAAI--bge-m3/model.safetensors");
    assert_eq!(folder.metadata().unwrap().len(), 2_271_064_456);
}

#[test]
fn tei_reranks_with_a_reranker() {
    let spark = Spark::with(&[TEI]);
    spark.ok(&format!(
        "docker run -d --gpus all --name tei -p 8080:80 -e MODEL_ID=BAAI/bge-reranker-base {TEI}"
    ));
    spark.ready(8080, "/health");
    let texts = ["Bananas are yellow.", "The capital of France is Paris."];
    let query = json!({"query": "What is the capital of France?", "texts": texts});
    let rows = spark.post(8080, "/rerank", &query).json();
    assert_eq!(
        (rows[0]["index"].as_u64(), rows[1]["index"].as_u64()),
        (Some(1), Some(0))
    );
}

#[test]
fn images_for_another_processor_and_unknown_models_end_at_once() {
    let amd = "ghcr.io/huggingface/text-embeddings-inference:1.9";
    let spark = Spark::with(&[TEI, amd]);
    spark.ok(&format!("docker run -d --name amd {amd}"));
    let (code, log) = spark.ended("amd");
    assert_eq!(code, "255");
    assert!(log.contains("exec format error"), "{log}");
    spark.ok(&format!(
        "docker run -d --name odd {TEI} --model-id nobody/nothing"
    ));
    let (code, log) = spark.ended("odd");
    assert_eq!(code, "1");
    assert!(log.contains("404 Not Found"), "{log}");
}

#[test]
fn spark_embed_says_when_it_is_ready_and_cuts_vectors_only_for_models_made_for_it() {
    let spark = Spark::with(&[SPARK_EMBED]);
    spark.ok(&format!(
        "docker run -d --gpus all --name embed -p 8002:8000 -e RERANK_MODEL=BAAI/bge-reranker-v2-m3 {SPARK_EMBED}"
    ));
    spark.ready(8002, "/health");
    assert_eq!(spark.get(8002, "/health").unwrap().json()["dim"], 1024);
    let cut = json!({"input": "a cat", "model": "Qwen/Qwen3-Embedding-0.6B", "dimensions": 256});
    let answer = spark.post(8002, "/v1/embeddings", &cut).json();
    assert_eq!(
        answer["data"][0]["embedding"].as_array().unwrap().len(),
        256
    );
    let base64 = json!({"input": ["a"], "encoding_format": "base64"});
    assert!(spark.post(8002, "/v1/embeddings", &base64).json()["data"][0]["embedding"].is_string());
    for wrong in [
        json!({"input": []}),
        json!({"input": "a", "model": "x"}),
        json!({"input": "a", "dimensions": 4096}),
    ] {
        assert_eq!(
            spark.post(8002, "/v1/embeddings", &wrong).status,
            400,
            "{wrong}"
        );
    }
    let rerank = json!({"query": "cats", "documents": ["stock market", "a cat"], "top_n": 1});
    assert_eq!(
        spark.post(8002, "/v1/rerank", &rerank).json()["results"][0]["index"],
        1
    );
}
