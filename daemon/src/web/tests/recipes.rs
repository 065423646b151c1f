//! Recipes over the API: confirmed, refused field by field, taken back, and tried.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::web::testing::{Bench, body, send, status};

const JSON: (&str, &str) = ("content-type", "application/json");
const PATH: &str = "/api/models/Org/New-Model/recipe";

async fn call(bench: &Bench, line: &str, body: &Value) -> String {
    let address = bench.tcp().await;
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    send(address, line, &[JSON], &text).await
}

fn file(bench: &Bench) -> String {
    std::fs::read_to_string(bench.state.recipes.overrides.file()).unwrap_or_default()
}

/// A model of 16 GiB on the first node.
fn on_disk(bench: &Bench, repo: &str) {
    let folder = format!("models--{}", repo.replacen('/', "--", 1));
    let line = json!({
        "folder": folder, "state": "complete", "bytes": 16u64 << 30, "weight_bytes": 16u64 << 30,
        "config": {"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 32,
            "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096,
            "max_position_embeddings": 32768},
    });
    let end = json!({"hub": "/h"});
    let (models, _) = spark_core::inventory::read(&format!("{line}\n{end}\n"));
    assert_eq!(models.len(), 1);
    let node = spark_ipc::id::NodeId::numbered(1);
    let lists = BTreeMap::from([(node, Arc::new(models))]);
    bench.lists.send_replace(Arc::new(lists));
}

#[tokio::test]
async fn a_recipe_is_confirmed_and_taken_back() {
    let bench = Bench::new();
    let recipe = json!({"image": "eugr/spark-vllm:latest", "flags": ["--max-model-len=32k"]});
    let answer = call(&bench, &format!("PUT {PATH}"), &recipe).await;
    assert_eq!(status(&answer), 200, "{answer}");
    let changed = body(&answer);
    assert_eq!(changed["in_force"]["recipe"]["id"], "new-model");
    assert_eq!(changed["in_force"]["source"], "override");
    assert!(file(&bench).contains("- --max-model-len=32k"));

    let answer = call(&bench, &format!("DELETE {PATH}?recipe=other"), &Value::Null).await;
    assert_eq!(status(&answer), 404, "{answer}");
    let answer = call(&bench, &format!("DELETE {PATH}"), &Value::Null).await;
    assert_eq!(body(&answer)["in_force"], Value::Null, "{answer}");
    assert!(!file(&bench).contains("new-model"));
    let answer = call(&bench, &format!("DELETE {PATH}"), &Value::Null).await;
    assert_eq!(status(&answer), 404, "{answer}");
    bench.shut_down().await;
}

#[tokio::test]
async fn every_faulty_field_is_told_and_nothing_is_written() {
    let bench = Bench::new();
    let recipe = json!({
        "image": "eugr/spark-vllm:latest", "nodes": "two", "prot": 8000,
        "flags": ["--max-modell-len=1", "--tool-call-parser=qwen3_code", "--max-model-len=lots"],
        "env": {"HF_TOKEN": "hf_x"},
    });
    let answer = call(&bench, &format!("PUT {PATH}"), &recipe).await;
    assert_eq!(status(&answer), 400);
    insta::assert_json_snapshot!("recipe_faults", body(&answer));
    assert!(!answer.contains("hf_x"));
    assert_eq!(file(&bench), "");
    bench.shut_down().await;
}

#[tokio::test]
async fn a_dangerous_flag_needs_a_yes() {
    let bench = Bench::new();
    let mut recipe = json!({"image": "x", "flags": ["--trust-remote-code"]});
    let answer = call(&bench, &format!("PUT {PATH}"), &recipe).await;
    assert_eq!(status(&answer), 400);
    let field = &body(&answer)["error"]["fields"][0];
    assert_eq!(field["path"], "/allow");
    let message = "--trust-remote-code runs Python code that came with the model, and needs a yes. Add \
                   --trust-remote-code to allow if you trust where the model comes from";
    assert_eq!(field["message"], message);
    recipe["allow"] = json!(["--trust-remote-code"]);
    let answer = call(&bench, &format!("PUT {PATH}"), &recipe).await;
    assert_eq!(status(&answer), 200, "{answer}");
    bench.shut_down().await;
}

#[tokio::test]
async fn a_file_with_a_mistake_is_left_as_it_is() {
    let bench = Bench::new();
    let broken = "recipes:\n  - id: a\n    image: x\n\trepo: b/c\n";
    std::fs::write(bench.state.recipes.overrides.file(), broken).unwrap();
    let answer = call(&bench, &format!("PUT {PATH}"), &json!({"image": "x"})).await;
    assert_eq!(status(&answer), 409, "{answer}");
    assert_eq!(body(&answer)["error"]["code"], "conflict");
    assert_eq!(file(&bench), broken);
    bench.shut_down().await;
}

#[tokio::test]
async fn the_fit_follows_the_form() {
    let bench = Bench::new();
    let path = "POST /api/models/Org/New-Model/fit";
    let recipe = |len: &str| json!({"image": "x", "flags": [format!("--max-model-len={len}")]});
    let answer = call(&bench, path, &recipe("4096")).await;
    assert_eq!(status(&answer), 404, "{answer}");
    on_disk(&bench, "Org/New-Model");
    let (short, long) = (recipe("4096"), recipe("32768"));
    let (short, long) = (
        body(&call(&bench, path, &short).await),
        body(&call(&bench, path, &long).await),
    );
    let kv = |fit: &Value| fit["memory"]["kv_bytes"].as_u64().unwrap();
    assert_eq!(kv(&long), 8 * kv(&short));
    assert_eq!(short["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(short["faults"], json!([]));
    let wrong = json!({"image": "x", "flags": ["--max-modell-len=1", "--hf-overrides={}"]});
    let answer = body(&call(&bench, path, &wrong).await);
    assert_eq!(answer["faults"][0]["fix"], "Did you mean --max-model-len?");
    assert_eq!(answer["confirm"][0]["name"], "--hf-overrides");
    assert_eq!(file(&bench), "");
    bench.shut_down().await;
}

#[tokio::test]
async fn a_foreign_parameter_is_refused() {
    let bench = Bench::new();
    let answer = call(&bench, &format!("DELETE {PATH}?all=1"), &Value::Null).await;
    assert_eq!(status(&answer), 400);
    let answer = call(&bench, &format!("PUT {PATH}"), &json!([1])).await;
    assert_eq!(status(&answer), 400);
    bench.shut_down().await;
}
