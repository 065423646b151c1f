//! What can go wrong with a service that runs, and what comes back after a reboot.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::json;
use spark_sim::cache::{self, Extent};
use spark_sim::faults::Fault;
use spark_sim::host::Host;

use crate::spark::Spark;

const KOKORO: &str = "ghcr.io/remsky/kokoro-fastapi-cpu:latest";
const TEI: &str = "ghcr.io/huggingface/text-embeddings-inference:121-1.9";

fn set(spark: &Spark, fault: &serde_json::Value) {
    let fault: Fault = serde_json::from_value(fault.clone()).unwrap();
    spark.node.set_fault(fault).unwrap();
}

fn clear(spark: &Spark) {
    spark.node.clear_faults(None).unwrap();
}

#[test]
fn speech_can_be_silent_empty_or_refused() {
    let spark = Spark::with(&[]);
    spark.ok(&format!(
        "docker run -d --name kokoro -p 8880:8880 {KOKORO}"
    ));
    spark.ready(8880, "/health");
    let say = || {
        let body = json!({"input": "Hello", "response_format": "wav"});
        spark.post(8880, "/v1/audio/speech", &body)
    };
    set(
        &spark,
        &json!({"fault": "service", "mode": "silent", "container": "kokoro"}),
    );
    let silent = say().body;
    assert!(silent.len() > 4000 && silent[44..].iter().all(|byte| *byte == 0));
    clear(&spark);
    set(&spark, &json!({"fault": "service", "mode": "empty"}));
    assert_eq!(say().body.len(), 44);
    clear(&spark);
    set(&spark, &json!({"fault": "service", "mode": "error"}));
    assert_eq!(
        (say().status, spark.get(8880, "/health").unwrap().status),
        (500, 200)
    );
    clear(&spark);
    set(&spark, &json!({"fault": "service", "mode": "wrong_name"}));
    assert_eq!(
        spark.get(8880, "/v1/models").unwrap().json()["data"][0]["id"],
        "some-other-model"
    );
    set(
        &spark,
        &json!({"fault": "service", "mode": "error", "container": "another"}),
    );
    clear(&spark);
    assert_eq!(say().status, 200);
}

#[test]
fn a_frozen_service_is_well_and_answers_nobody() {
    let spark = Spark::with(&[]);
    spark.ok(&format!(
        "docker run -d --name kokoro -p 8880:8880 {KOKORO}"
    ));
    spark.ready(8880, "/health");
    set(&spark, &json!({"fault": "service", "mode": "frozen"}));
    assert_eq!(spark.get(8880, "/health").unwrap().status, 200);
    let mut asked = spark.begin(8880, "/v1/audio/speech", &json!({"input": "Hello"}));
    asked
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let read = std::io::Read::read(&mut asked, &mut [0; 1]);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn vectors_can_have_another_length() {
    let spark = Spark::with(&[]);
    spark.ok(&format!(
        "docker run -d --gpus all --name tei -p 8080:80 {TEI} --model-id BAAI/bge-m3"
    ));
    spark.ready(8080, "/health");
    set(
        &spark,
        &json!({"fault": "service", "mode": "wrong_dimension"}),
    );
    let vectors = spark.post(8080, "/embed", &json!({"inputs": "a"})).json();
    assert_eq!(vectors[0].as_array().unwrap().len(), 512);
}

#[test]
fn an_engine_can_be_busy_wrong_or_empty() {
    let spark = Spark::with(&[]);
    cache::put(&spark.node, "Qwen/Qwen3-0.6B", Extent::Complete).unwrap();
    spark.ok(
        "docker run -d --name main --entrypoint vllm --gpus all --network host -e HF_HUB_OFFLINE=1 \
         -v \"$HOME/.cache/huggingface\":/root/.cache/huggingface eugr/spark-vllm:latest \
         serve Qwen/Qwen3-0.6B --served-model-name m --gpu-memory-utilization 0.3 --max-model-len 2048",
    );
    spark.ready(8000, "/health");
    let ask = || {
        let message = json!([{"role": "user", "content": "What is 12*17?"}]);
        let body = json!({"model": "m", "temperature": 0, "messages": message});
        spark.post(8000, "/v1/chat/completions", &body)
    };
    let content = || ask().json()["choices"][0]["message"]["content"].clone();
    assert_eq!(content(), "204");
    set(
        &spark,
        &json!({"fault": "service", "mode": "busy", "waiting": 5}),
    );
    let page = spark.get(8000, "/metrics").unwrap().text();
    assert!(
        page.contains("vllm:num_requests_waiting{engine=\"0\",model_name=\"m\"} 5.0"),
        "{page}"
    );
    clear(&spark);
    set(&spark, &json!({"fault": "service", "mode": "garbage"}));
    assert!(!content().to_string().contains("204"));
    clear(&spark);
    set(&spark, &json!({"fault": "service", "mode": "empty"}));
    assert_eq!(content(), json!(null));
    clear(&spark);
    set(&spark, &json!({"fault": "service", "mode": "wrong_name"}));
    assert_eq!(
        spark.get(8000, "/v1/models").unwrap().json()["data"][0]["id"],
        "some-other-model"
    );
    clear(&spark);
    set(&spark, &json!({"fault": "service", "mode": "error"}));
    assert_eq!(
        (ask().status, spark.get(8000, "/health").unwrap().status),
        (500, 200)
    );
}

#[test]
fn a_crash_loop_is_counted_and_a_service_can_die_later() {
    let spark = Spark::with(&[]);
    set(
        &spark,
        &json!({"fault": "service", "mode": "exit", "code": 3, "lines": ["boom"], "container": "loop"}),
    );
    spark.ok(&format!(
        "docker run -d --restart unless-stopped --name loop {KOKORO}"
    ));
    spark.until("three restarts", || {
        let count = spark.ok("docker inspect -f '{{.RestartCount}}' loop");
        (count.parse::<u32>().ok()? >= 3).then_some(())
    });
    assert!(spark.ok("docker logs loop 2>&1").contains("boom"));
    spark.ok("docker rm -f loop");

    set(
        &spark,
        &json!({"fault": "service", "mode": "exit", "container": "later", "after_s": 20}),
    );
    spark.ok(&format!("docker run -d --name later -p 8880:8880 {KOKORO}"));
    let (code, log) = spark.ended("later");
    assert_eq!(code, "1");
    assert!(log.contains("Application startup complete"), "{log}");
}

#[test]
fn a_reboot_brings_back_what_its_policy_says() {
    let spark = Spark::with(&[]);
    for (name, policy) in [
        ("no", "no"),
        ("always", "always"),
        ("unless", "unless-stopped"),
        ("failing", "on-failure"),
    ] {
        spark.ok(&format!(
            "docker run -d --restart {policy} --name {name} ollama/ollama"
        ));
    }
    for policy in ["always", "unless-stopped"] {
        spark.ok(&format!(
            "docker run -d --restart {policy} --name stopped-{policy} ollama/ollama"
        ));
        spark.ok(&format!("docker stop -t 5 stopped-{policy}"));
    }
    spark.node.reboot(0).unwrap();
    let state = |name: &str| spark.ok(&format!("docker inspect -f '{{{{.State.Status}}}}' {name}"));
    let all: Vec<String> = [
        "no",
        "always",
        "unless",
        "failing",
        "stopped-always",
        "stopped-unless-stopped",
    ]
    .map(state)
    .to_vec();
    assert_eq!(
        all,
        [
            "exited", "running", "running", "exited", "running", "exited"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_starts_with_the_node_without_anybody_asking_it() {
    let spark = Spark::with(&[]);
    let host = Host::start(spark.node.clone(), false).unwrap();
    spark.ok("docker run -d --restart unless-stopped --network host --name ollama ollama/ollama");
    spark.ready(11_434, "/");
    spark.node.reboot(0).unwrap();
    for _ in 0..2000 {
        // Only the port is asked: a command of Docker's would start it itself.
        if spark
            .get(11_434, "/")
            .is_some_and(|answer| answer.status == 200)
        {
            host.power_off().await;
            return;
        }
        spark.sh("true");
    }
    panic!("Ollama did not come back");
}

#[test]
fn ollama_is_there_and_idle() {
    let spark = Spark::with(&[]);
    spark.ok("mkdir -p $HOME/ollama/models/manifests/registry.ollama.ai/library/llama3.2 && touch $HOME/ollama/models/manifests/registry.ollama.ai/library/llama3.2/3b");
    spark.ok("docker run -d --gpus all --name ollama -p 11434:11434 -v \"$HOME/ollama\":/root/.ollama ollama/ollama");
    spark.ready(11_434, "/");
    assert_eq!(
        spark.get(11_434, "/api/tags").unwrap().json()["models"][0]["name"],
        "llama3.2:3b"
    );
    let apps = "nvidia-smi --query-compute-apps=process_name --format=csv,noheader";
    assert_eq!(spark.ok(apps), "");
    assert_eq!(
        spark
            .post(11_434, "/api/chat", &json!({"model": "nobody"}))
            .status,
        404
    );
    assert_eq!(
        spark
            .post(11_434, "/api/chat", &json!({"model": "llama3.2:3b"}))
            .status,
        200
    );
    assert_eq!(spark.ok(apps), "/usr/bin/ollama");
}
