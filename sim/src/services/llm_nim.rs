//! NVIDIA's LLM NIMs for Spark (2.x): vLLM inside, on port 8000 (`NIM_SERVER_PORT`), after a long first start.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::host::ServiceHost;
use super::nim::{self, Nim};
use super::port_of;
use super::start::{End, Start};
use crate::engine::{self, EngineFault, EngineHost, EngineImage, MemoryClaim, OutOfMemory};

/// The share of the memory that a NIM for Spark takes unless told otherwise.
const SHARE: &str = "0.3";

/// The NIM of an image's last name; of one that is not known, Llama.
pub(super) fn nim(image: &str) -> Nim {
    if image.starts_with("qwen3-32b") {
        return Nim {
            model: "qwen/qwen3-32b",
            image: "qwen3-32b-dgx-spark",
            weight_bytes: 19_400_000_000,
            profile: (
                "6c3f01dd2b2a56e3e83f70522e4195d3f2add70b28680082204bbb9d6150eb04",
                "vllm-nvfp4-tp1-pp1-gb10",
            ),
        };
    }
    Nim {
        model: "meta/llama-3.1-8b-instruct",
        image: "llama-3.1-8b-instruct-dgx-spark",
        weight_bytes: 8_500_000_000,
        profile: (
            "e2f00b2cbfb168f907c8d6d4d40406f7261111fbab8b3417a485dcd19d10cc98",
            "vllm-fp8-tp1-pp1-gb10",
        ),
    }
}

/// Fetches the weights and runs the engine on them.
pub(super) async fn run(start: Start, nim: Nim) -> Result<End, End> {
    let folder = nim.prepare(&start).await?;
    let scratch = ScratchFolder::unless(folder.as_ref(), &start)?;
    let folder = folder.unwrap_or_else(|| scratch.path.clone());
    complete(&nim, &folder).map_err(|error| {
        start.say(&format!("OSError: {error}"));
        End(1)
    })?;
    nim::info(&start, "launch.py:123", "Starting vLLM engine");
    let argv = argv(&start, &nim);
    let host = InNim {
        inner: Arc::clone(&start.host),
        folder,
    };
    Ok(End(Box::pin(engine::run(argv, Arc::new(host))).await))
}

fn argv(start: &Start, nim: &Nim) -> Vec<String> {
    let env =
        |name: &str, default: &str| start.host.env(name).unwrap_or_else(|| default.to_owned());
    let port = port_of(&*start.host, "NIM_SERVER_PORT", 8000).to_string();
    let name = env("NIM_SERVED_MODEL_NAME", nim.model);
    let share = env("NIM_KVCACHE_PERCENT", SHARE);
    let length = env("NIM_MAX_MODEL_LEN", "32768");
    let words = [
        "serve",
        nim.model,
        "--served-model-name",
        &name,
        "--host",
        "0.0.0.0",
        "--port",
        &port,
        "--gpu-memory-utilization",
        &share,
        "--max-model-len",
        &length,
    ];
    words.map(str::to_owned).to_vec()
}

/// A folder for weights that nothing is mounted for; it goes with the service.
struct ScratchFolder {
    path: PathBuf,
}

impl ScratchFolder {
    fn unless(mounted: Option<&PathBuf>, start: &Start) -> Result<Self, End> {
        let name = format!("spark-sim-nim-{}", uuid::Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        if mounted.is_none() {
            fs::create_dir_all(&path).map_err(|error| {
                start.say(&format!("OSError: {error}"));
                End(1)
            })?;
        }
        Ok(Self { path })
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // Not there when the cache is mounted.
        fs::remove_dir_all(&self.path).ok();
    }
}

/// Puts what an engine reads beside the weights.
fn complete(nim: &Nim, folder: &Path) -> std::io::Result<()> {
    let weights = folder.join("model-00001-of-00001.safetensors");
    if !weights.exists() {
        fs::File::create(&weights)?.set_len(nim.weight_bytes)?;
    }
    let config = match nim.model {
        "qwen/qwen3-32b" => json!({
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "num_hidden_layers": 64,
            "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128, "hidden_size": 5120,
            "vocab_size": 151_936, "max_position_embeddings": 40_960,
        }),
        _ => json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": 32,
            "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096,
            "vocab_size": 128_256, "max_position_embeddings": 131_072,
        }),
    };
    fs::write(folder.join("config.json"), format!("{config:#}\n"))
}

/// The engine's view of the node, with the NIM's model in the only place where it looks.
struct InNim {
    inner: Arc<dyn ServiceHost>,
    folder: PathBuf,
}

impl EngineHost for InNim {
    fn address(&self) -> IpAddr {
        self.inner.address()
    }

    fn log(&self, line: &str) {
        self.inner.log(line);
    }

    fn speed(&self) -> f64 {
        self.inner.speed()
    }

    fn memory_total(&self) -> u64 {
        self.inner.memory_total()
    }

    fn memory_available(&self) -> u64 {
        self.inner.memory_available()
    }

    fn claim(&self, process: &str, bytes: u64) -> Result<Box<dyn MemoryClaim>, OutOfMemory> {
        self.inner.claim(process, bytes)
    }

    fn snapshot(&self, _repo: &str, _revision: Option<&str>) -> Option<PathBuf> {
        Some(self.folder.clone())
    }

    fn image(&self) -> EngineImage {
        self.inner.image()
    }

    fn env(&self, name: &str) -> Option<String> {
        self.inner.env(name)
    }

    fn gpus(&self) -> u32 {
        self.inner.gpus()
    }

    fn interfaces(&self) -> Vec<String> {
        self.inner.interfaces()
    }

    fn is_nim(&self) -> bool {
        true
    }

    fn fault(&self) -> Option<EngineFault> {
        self.inner.fault()
    }

    fn shutdown(&self) -> CancellationToken {
        self.inner.shutdown()
    }
}
