//! A small fleet for tests: two Sparks, one model running on both, one alert of each kind.
//!
//! Also included by the tests of the binary, so it knows nothing of this crate.

use serde_json::{Value, json};
use spark_ipc::Time;
use spark_ipc::model::operation::{Advice, Operation, OperationState};
use spark_ipc::model::preflight::Preflight;
use spark_ipc::model::status::Snapshot;

const NOW: &str = "2026-11-23T12:00:00Z";
const GIB: u64 = 1 << 30;

/// The daemon's clock.
pub(crate) fn now() -> Time {
    Time(NOW.parse().unwrap())
}

/// The whole read-model.
pub(crate) fn snapshot() -> Snapshot {
    let value = json!({
        "now": NOW,
        "nodes": [
            node("spark1", "fresh", "2026-11-23T11:59:58Z", 45.0),
            node("spark2", "stale", "2026-11-23T11:59:20Z", 0.0),
        ],
        "units": [unit()],
        "services": [],
        "operations": [],
        "alerts": [
            alert("spark2", "critical", "Thermal slowdown", "GPU at 91 °C and throttled", &json!("check the airflow")),
            alert("spark1", "warning", "Disk nearly full", "/ is 92 % full, 80 GiB left", &Value::Null),
        ],
        "proxy": {
            "state": "serving", "model": "qwen3.6-35b-a3b-fp8", "upstream": "http://192.168.1.21:8000",
            "requests_in_flight": 3, "requests_total": 1200, "errors_total": 2
        },
        "webhook": null,
        "setup": { "complete": true, "needs": [] },
        "models": { "models": models(), "recipe_errors": [], "observed_at": NOW },
        "settings": { "revision": 1, "fields": [] }
    });
    serde_json::from_value(value).unwrap()
}

/// A swap of the first model in `state`: begun at twelve, ended 94 seconds later when it has.
pub(crate) fn swap(state: OperationState) -> Operation {
    let running = state == OperationState::Running;
    let value = json!({
        "id": "01935a7c-0000-7000-8000-000000000001",
        "kind": "swap",
        "subject": "Qwen/Qwen3.6-35B-A3B-FP8",
        "state": serde_json::to_value(state).unwrap(),
        "nodes": ["spark1", "spark2"],
        "steps": [
            step("preflight", &Value::Null, "done", 0, Some(1)),
            step("drain", &Value::Null, "done", 1, Some(2)),
            step("launch", &json!("spark2"), "done", 2, Some(4)),
            step("launch", &json!("spark1"), "done", 4, Some(5)),
            if running { step("load", &Value::Null, "running", 5, None) } else { step("load", &Value::Null, "done", 5, Some(90)) },
            { "name": "probe", "node": null, "state": "pending", "started_at": null, "ended_at": null, "detail": null },
        ],
        "progress": if running {
            json!({ "done": 45.0, "total": 100.0, "unit": "percent", "rate": null, "eta_s": 40.0, "stage": "loading weights" })
        } else {
            json!({ "done": null, "total": null, "unit": "percent", "rate": null, "eta_s": null, "stage": null })
        },
        "error": null, "advice": null, "actor": "socket uid 1000",
        "started_at": NOW,
        "ended_at": if running { Value::Null } else { json!("2026-11-23T12:01:34Z") },
        "cancelling": false, "seq": 7, "last_good": null, "own_ms": null
    });
    serde_json::from_value(value).unwrap()
}

/// Why a swap failed.
pub(crate) fn advice() -> Advice {
    let value = json!({
        "id": "no_cache_memory", "title": "Not enough memory", "cause": "the KV cache does not fit",
        "remedy": "lower --gpu-memory-utilization", "node": "spark2", "rank": 1,
        "evidence": ["ValueError: No available memory for the cache blocks."]
    });
    serde_json::from_value(value).unwrap()
}

/// What a swap to the small model would do.
pub(crate) fn preflight() -> Preflight {
    let value = json!({
        "plan": {
            "repo": "Qwen/Qwen3-0.6B", "recipe": "qwen3-0.6b", "served_name": "qwen3-0.6b", "unit": "main",
            "nodes": ["spark1"], "stops": ["main"],
            "steps": [{ "name": "drain", "node": null, "text": "let 3 requests end" }],
            "expected_s": 42.0
        },
        "commands": [{
            "node": "spark1", "rank": 0, "argv": ["docker", "run", "vllm-node"],
            "rendered": "docker run vllm-node"
        }],
        "blockers": [],
        "warnings": [{ "code": "in_flight", "node": null, "message": "3 requests are in flight", "fix": null }],
        "memory": [{
            "node": "spark1", "total_bytes": 122 * GIB, "available_bytes": 18 * GIB,
            "freed_bytes": 96 * GIB, "need_bytes": 12 * GIB, "need_source": "measured"
        }]
    });
    serde_json::from_value(value).unwrap()
}

fn step(name: &str, node: &Value, state: &str, from: u64, to: Option<u64>) -> Value {
    let at = |s: u64| format!("2026-11-23T12:{:02}:{:02}Z", s / 60, s % 60);
    json!({
        "name": name, "node": node, "state": state, "started_at": at(from),
        "ended_at": to.map(at), "detail": null
    })
}

fn alert(node: &str, severity: &str, title: &str, text: &str, fix: &Value) -> Value {
    json!({
        "id": format!("{node}/{title}"), "node": node, "kind": "disk", "severity": severity,
        "title": title, "text": text, "fix": fix, "since": "2026-11-23T11:50:00Z"
    })
}

fn node(id: &str, freshness: &str, observed_at: &str, gpu: f64) -> Value {
    let history: Vec<Value> = (0..120_u32)
        .map(|i| {
            // A gap of ten points, as when the node did not answer.
            let known = !(108..112).contains(&i);
            let percent = f64::from(i % 20) * 5.0;
            json!({
                "at": null, "cpu_percent": 5.0, "gpu_percent": known.then_some(percent),
                "memory_used_bytes": known.then_some(u64::from(i) * GIB), "temperature_c": null, "power_w": null
            })
        })
        .collect();
    json!({
        "id": id, "name": id, "host": format!("{id}.local"), "user": "nvidia", "ssh_port": 22,
        "link": {
            "state": "connected", "since": "2026-11-23T08:00:00Z", "cause": null, "message": null,
            "fix": null, "host_key": null, "retry_in_ms": null
        },
        "freshness": freshness, "observed_at": observed_at, "poll_ms": 42.0,
        "identity": { "hostname": id, "product": "NVIDIA_DGX_Spark", "cores": 20, "uptime_s": 90_000 },
        "cpu_percent": 12.0, "load1": 1.5,
        "memory": {
            "total_bytes": 122 * GIB, "available_bytes": 18 * GIB, "gpu_bytes": 96 * GIB,
            "other_bytes": 8 * GIB, "reclaimable_bytes": 4 * GIB, "swap_total_bytes": 0,
            "swap_used_bytes": 0, "pressure_some_percent": 0.0, "pressure_full_percent": 0.0
        },
        "gpu": {
            "name": "NVIDIA GB10", "utilization_percent": gpu, "temperature_c": 61.0, "power_w": 38.0,
            "sm_clock_mhz": 2400, "max_sm_clock_mhz": 3003, "pstate": "P0", "throttle": []
        },
        "gpu_processes": [], "temperatures": [], "disks": [], "interfaces": [], "fabric": [],
        "docker": "ok", "containers": [], "listening_ports": [8000], "warnings": [], "history": history
    })
}

fn unit() -> Value {
    let rank = |rank: u32, node: &str| {
        json!({
            "node": node, "rank": rank, "container": format!("sparkctl-main-r{rank}"),
            "container_id": "abc", "image": "vllm-node", "state": "running", "exit_code": null,
            "started_at": "2026-11-23T10:00:00Z"
        })
    };
    json!({
        "id": "main", "state": "ready", "owner": "spark-control", "repo": "Qwen/Qwen3.6-35B-A3B-FP8",
        "recipe": "qwen3.6-35b-fp8", "served_name": "qwen3.6-35b-a3b-fp8",
        "endpoint": "http://192.168.1.21:8000", "ranks": [rank(0, "spark1"), rank(1, "spark2")],
        "launch": null, "started_at": "2026-11-23T10:00:00Z", "ready_at": "2026-11-23T10:02:00Z",
        "memory_bytes": 190 * GIB, "message": null
    })
}

fn models() -> Value {
    json!([
        model(
            "Qwen/Qwen3.6-35B-A3B-FP8",
            "running",
            36,
            &json!("qwen3.6-35b-fp8"),
            "FP8",
            "fits"
        ),
        model(
            "Qwen/Qwen3-0.6B",
            "ready",
            2,
            &json!("qwen3-0.6b"),
            "BF16",
            "fits"
        ),
        model(
            "openai/gpt-oss-120b",
            "partial",
            61,
            &json!("gpt-oss-120b"),
            "MXFP4",
            "tight"
        ),
        model(
            "moonshotai/Kimi-Dev-72B",
            "needs_setup",
            136,
            &Value::Null,
            "BF16",
            "does_not_fit"
        ),
    ])
}

fn model(
    repo: &str,
    state: &str,
    gib: u64,
    recipe: &Value,
    quantization: &str,
    fit: &str,
) -> Value {
    let complete = state != "partial";
    let on = |node: &str, complete: bool| {
        json!({
            "node": node, "complete": complete,
            "missing": if complete { json!([]) } else { json!(["model-00007-of-00015.safetensors"]) },
            "missing_count": u32::from(!complete), "size_bytes": gib * GIB, "incomplete_bytes": 0,
            "downloading": false, "commit": "0123abcd", "warnings": []
        })
    };
    json!({
        "repo": repo, "state": state, "size_bytes": gib * GIB,
        "nodes": [on("spark1", true), on("spark2", complete)],
        "recipe": recipe, "recipe_source": null, "alternatives": [], "kind": "chat",
        "quantization": quantization, "parameters": 35_000_000_000_u64, "architecture": "Qwen3MoeForCausalLM",
        "max_context_tokens": 262_144,
        "fit": { "verdict": fit, "need_bytes_per_node": 40 * GIB, "nodes": 2, "reason": "weights and a least KV cache" },
        "running_on": if state == "running" { json!(["spark1", "spark2"]) } else { json!([]) },
        "last_loaded": null
    })
}
