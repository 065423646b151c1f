//! A start that succeeds.

use crate::engine::{
    host::EngineFault,
    stage::Stage,
    testing::TestHost,
    units::{GIB, scale},
};

#[tokio::test]
async fn the_log_shows_every_stage_in_vllms_order() {
    let host = TestHost::new();
    let stop = async {
        host.wait_for("Uvicorn running on").await;
        host.stop.cancel();
    };
    let (code, ()) = tokio::join!(host.run("serve org/tiny"), stop);
    assert_eq!(code, 0, "{}", host.text());
    let text = host.text();
    let mut rest = text.as_str();
    for part in [
        "version 0.32.0",
        "non-default args: {'model_tag': 'org/tiny', 'port':",
        "Resolved architecture: Qwen3ForCausalLM",
        "Using max model len 40960",
        "(EngineCore_DP0 pid=230) INFO ",
        "Initializing a V1 LLM engine (v0.32.0)",
        "rank 0 in world size 1",
        "Starting to load model org/tiny...",
        "Loading safetensors checkpoint shards:   0% Completed | 0/2",
        "Loading safetensors checkpoint shards:  50% Completed | 1/2",
        "Loading safetensors checkpoint shards: 100% Completed | 2/2",
        "Loading weights took 0.54 seconds",
        "Model loading took 2.00 GiB memory and 1.536871 seconds",
        "torch.compile takes 9.00 s in total",
        "Available KV cache memory: ",
        "GPU KV cache size: ",
        "Maximum concurrency for 40,960 tokens per request: ",
        "Capturing CUDA graphs",
        "Graph capturing finished in 4 secs",
        "init engine (profile, create kv cache, warmup model) took 14.00 seconds",
        "Application startup complete.",
        "Uvicorn running on http://0.0.0.0:",
        "Shutting down",
        "Application shutdown complete.",
    ] {
        let at = rest
            .find(part)
            .unwrap_or_else(|| panic!("{part:?} not, or too early, in\n{text}"));
        rest = rest.get(at..).unwrap_or_default();
    }
}

#[tokio::test]
async fn memory_is_held_by_a_named_process_and_given_back() {
    let host = TestHost::new();
    let look = async {
        host.wait_for("Uvicorn running on").await;
        let held = host.used();
        host.stop.cancel();
        held
    };
    let (_, held) = tokio::join!(
        host.run("serve org/tiny --gpu-memory-utilization 0.5"),
        look
    );
    // The share, and the graphs beside it.
    let share = scale(GIB, 121.7 * 0.5) + GIB;
    assert!(held.abs_diff(share) < GIB / 100, "{held} and {share}");
    assert_eq!(*host.claims.lock().unwrap(), ["VLLM::EngineCore"]);
    assert_eq!(host.used(), 0);
}

#[tokio::test]
async fn sigterm_while_loading_ends_it_at_once() {
    let host = TestHost::new();
    host.set_fault(EngineFault::Hang {
        stage: Stage::LoadingWeights,
    });
    let stop = async {
        host.wait_for("Starting to load model").await;
        host.stop.cancel();
    };
    let (code, ()) = tokio::join!(host.run("serve org/tiny"), stop);
    assert_eq!((code, host.used()), (143, 0));
}

#[tokio::test]
async fn auto_shortens_the_context_to_what_fits() {
    let host = TestHost::new();
    let stop = async {
        host.wait_for("Uvicorn running on").await;
        host.stop.cancel();
    };
    let line = "serve org/tiny --kv-cache-memory-bytes 1G --max-model-len auto";
    let (code, ()) = tokio::join!(host.run(line), stop);
    assert_eq!(code, 0);
    // 1 GiB at 144 KiB a token, in whole blocks of 16.
    assert!(
        host.text().contains("reduced from 40960 to 7280"),
        "{}",
        host.text()
    );
}
