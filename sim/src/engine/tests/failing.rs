//! Starts that fail, each with vLLM's words and exit code.

use serde_json::json;

use crate::engine::{
    host::{EngineFault, EngineImage},
    stage::Stage,
    testing::TestHost,
    units::GIB,
};

async fn check(host: &TestHost, line: &str, code: i32, part: &str) {
    let ended = host.run(line).await;
    let text = host.text();
    assert_eq!(ended, code, "{line}\n{text}");
    assert!(text.contains(part), "{line}: no {part:?} in\n{text}");
    assert!(!text.contains("startup complete"), "{line} served");
    assert_eq!(host.used(), 0, "{line} keeps memory");
}

#[tokio::test]
async fn command_lines_are_refused() {
    let host = TestHost::new();
    check(
        &host,
        "serve org/tiny --foo",
        2,
        "vllm: error: unrecognized arguments: --foo",
    )
    .await;
    check(
        &host,
        "serve serve org/tiny",
        2,
        "unrecognized arguments: org/tiny",
    )
    .await;
    check(
        &host,
        "serve org/tiny --enable-auto-tool-choice --tool-call-parser x",
        1,
        "KeyError: 'invalid tool call parser: x (chose from {",
    )
    .await;
    check(
        &host,
        "serve org/tiny -tp 2",
        1,
        "Tensor parallel size (2) exceeds available GPUs (1)",
    )
    .await;
    check(
        &host,
        "serve org/tiny -tp 3",
        1,
        "must be divisible by tensor parallel size (3)",
    )
    .await;
    check(&host, "serve org/tiny --max-model-len 50000", 1, "User-specified max_model_len (50000) is greater than the derived max_model_len (max_position_embeddings=40960").await;
    check(
        &host,
        "serve org/tiny --host 127.0.0.1 --max-model-len 50000",
        1,
        "greater than the derived",
    )
    .await;
}

#[tokio::test]
async fn images_differ() {
    let mut host = TestHost::new();
    host.image = EngineImage {
        unknown_architectures: vec!["Qwen3ForCausalLM".into()],
        has_ray: false,
        ..EngineImage::default()
    };
    check(
        &host,
        "serve org/tiny",
        1,
        "Model architectures ['Qwen3ForCausalLM'] are not supported",
    )
    .await;
    let mut host = TestHost::new();
    host.image.has_ray = false;
    let line = "serve org/tiny -tp 2 --distributed-executor-backend ray";
    check(&host, line, 1, "No module named 'ray'").await;
}

#[tokio::test]
async fn the_snapshot_must_be_there_and_whole() {
    let host = TestHost::new();
    check(
        &host,
        "serve org/none",
        1,
        "LocalEntryNotFoundError: Cannot find the requested files in the disk cache",
    )
    .await;
    host.config(&json!({"auto_map": {"AutoConfig": "configuration_tiny.TinyConfig"}}));
    check(
        &host,
        "serve org/tiny",
        1,
        "Please pass the argument `trust_remote_code=True`",
    )
    .await;
    host.config(&json!({}));
    let shard = host.folder().join("model-00002-of-00002.safetensors");
    std::fs::remove_file(&shard).unwrap();
    check(
        &host,
        "serve org/tiny",
        1,
        "weights were not initialized from checkpoint: {'b'}",
    )
    .await;
    std::os::unix::fs::symlink("../../blobs/gone", &shard).unwrap();
    check(
        &host,
        "serve org/tiny",
        1,
        "FileNotFoundError: No such file or directory: \"",
    )
    .await;
    std::fs::remove_file(host.folder().join("config.json")).unwrap();
    check(
        &host,
        "serve org/tiny",
        1,
        "does not appear to have a file named config.json",
    )
    .await;
}

#[tokio::test]
async fn memory_must_suffice() {
    let mut host = TestHost::new();
    host.other_bytes = 40 * GIB;
    check(&host, "serve org/tiny", 1, "Free memory on device cuda:0 (81.70/121.70 GiB) on startup is less than desired GPU memory utilization (0.92, 111.96 GiB)").await;
    check(
        &host,
        "serve org/tiny --gpu-memory-utilization 0.02",
        1,
        "No available memory for the cache blocks",
    )
    .await;
    check(
        &host,
        "serve org/tiny --gpu-memory-utilization 0.05 --kv-cache-memory-bytes 1G",
        1,
        "estimated maximum model length is 7280",
    )
    .await;
    check(
        &host,
        "serve org/tiny --gpu-memory-utilization 0.3 --kv-cache-memory-bytes 100G",
        1,
        "torch.OutOfMemoryError: CUDA out of memory.",
    )
    .await;
    assert!(
        host.text()
            .contains("RuntimeError: Engine core initialization failed.")
    );
}

#[tokio::test]
async fn a_port_in_use_is_found_before_loading() {
    let host = TestHost::new();
    let _other = std::net::TcpListener::bind(host.node).unwrap();
    check(
        &host,
        "serve org/tiny",
        1,
        "OSError: [Errno 98] Address already in use",
    )
    .await;
    assert!(!host.text().contains("Starting to load model"));
}

#[tokio::test]
async fn a_fault_strikes_at_its_stage() {
    let host = TestHost::new();
    host.set_fault(EngineFault::Die {
        stage: Stage::Graphs,
        log: vec!["Killed".into()],
        exit_code: 137,
    });
    check(&host, "serve org/tiny", 137, "GPU KV cache size").await;
    assert!(host.text().ends_with("Killed"));
    let host = TestHost::new();
    host.set_fault(EngineFault::CorruptShard { index: 1 });
    check(&host, "serve org/tiny", 1, "SafetensorError: Error while deserializing header: InvalidHeaderDeserialization (model-00002").await;
}
