//! A node in memory for the engine's tests.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    host::{EngineFault, EngineHost, EngineImage, MemoryClaim, OutOfMemory},
    units::{GIB, scale},
};

/// An address of this machine's loopback net that nobody else has, with a port that was free just now.
pub(super) fn free_address() -> SocketAddr {
    let byte = || rand::random_range(1..=254_u8);
    let ip = Ipv4Addr::new(127, byte(), byte(), byte());
    TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap()
}

/// A node with one model, whose log can be waited for.
#[derive(Clone)]
pub(super) struct TestHost {
    pub(super) node: SocketAddr,
    pub(super) image: EngineImage,
    pub(super) env: Vec<(&'static str, String)>,
    pub(super) speed: f64,
    pub(super) other_bytes: u64,
    pub(super) stop: CancellationToken,
    fault: Arc<Mutex<Option<EngineFault>>>,
    log: Arc<(Mutex<Vec<String>>, Notify)>,
    used: Arc<AtomicU64>,
    pub(super) claims: Arc<Mutex<Vec<String>>>,
    folder: Arc<tempfile::TempDir>,
}

impl TestHost {
    /// A node with `org/tiny`: 2 sparse shards of 1 GiB each.
    pub(super) fn new() -> Self {
        let host = Self {
            node: free_address(),
            image: EngineImage::default(),
            env: vec![("HF_HUB_OFFLINE", "1".to_owned())],
            speed: 2000.0,
            other_bytes: 4 * GIB,
            stop: CancellationToken::new(),
            fault: Arc::default(),
            log: Arc::new((Mutex::default(), Notify::new())),
            used: Arc::default(),
            claims: Arc::default(),
            folder: Arc::new(tempfile::tempdir().unwrap()),
        };
        host.config(&json!({}));
        for shard in 1..=2 {
            host.shard(&format!("model-0000{shard}-of-00002.safetensors"), GIB);
        }
        let map = json!({"weight_map": {
            "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}});
        host.write("model.safetensors.index.json", &map.to_string());
        host
    }

    /// The snapshot's folder.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces `config.json`: a small dense model, changed by `changes`.
    pub(super) fn config(&self, changes: &Value) {
        let mut config = json!({
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3",
            "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
            "head_dim": 128, "hidden_size": 4096, "vocab_size": 151_936,
            "max_position_embeddings": 40960,
        });
        for (name, value) in changes.as_object().unwrap() {
            config[name] = value.clone();
        }
        self.write("config.json", &config.to_string());
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder().join(name), text).unwrap();
    }

    /// A sparse weight file.
    pub(super) fn shard(&self, name: &str, bytes: u64) {
        std::fs::File::create(self.folder().join(name))
            .unwrap()
            .set_len(bytes)
            .unwrap();
    }

    pub(super) fn set_fault(&self, fault: EngineFault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    /// Bytes held by engine processes.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::SeqCst)
    }

    /// The whole log.
    pub(super) fn text(&self) -> String {
        self.log.0.lock().unwrap().join("\n")
    }

    /// Waits until a line has `part` in it.
    pub(super) async fn wait_for(&self, part: &str) {
        let found = async {
            loop {
                let more = self.log.1.notified();
                if self.text().contains(part) {
                    return;
                }
                more.await;
            }
        };
        let bounded = tokio::time::timeout(Duration::from_secs(30), found).await;
        assert!(bounded.is_ok(), "no {part:?} in\n{}", self.text());
    }

    /// `line` with this node's port, as the engine gets it.
    pub(super) fn argv(&self, line: &str) -> Vec<String> {
        let port = self.node.port().to_string();
        line.split_whitespace()
            .map(str::to_owned)
            .chain(["--port".to_owned(), port])
            .collect()
    }

    /// Runs an engine to its end.
    pub(super) async fn run(&self, line: &str) -> i32 {
        Box::pin(super::run(self.argv(line), Arc::new(self.clone()))).await
    }
}

struct Claim {
    host: TestHost,
    bytes: u64,
}

impl MemoryClaim for Claim {
    fn resize(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        let wanted = bytes.saturating_sub(self.bytes);
        let available = self.host.memory_available();
        if wanted > available {
            return Err(OutOfMemory { wanted, available });
        }
        self.host.used.fetch_sub(self.bytes, Ordering::SeqCst);
        self.host.used.fetch_add(bytes, Ordering::SeqCst);
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.host.used.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

impl EngineHost for TestHost {
    fn address(&self) -> IpAddr {
        self.node.ip()
    }

    fn log(&self, line: &str) {
        self.log.0.lock().unwrap().push(line.to_owned());
        self.log.1.notify_waiters();
    }

    fn speed(&self) -> f64 {
        self.speed
    }

    fn memory_total(&self) -> u64 {
        scale(GIB, 121.7)
    }

    fn memory_available(&self) -> u64 {
        self.memory_total()
            .saturating_sub(self.other_bytes + self.used())
    }

    fn claim(&self, process: &str, bytes: u64) -> Result<Box<dyn MemoryClaim>, OutOfMemory> {
        self.claims.lock().unwrap().push(process.to_owned());
        let mut claim = Claim {
            host: self.clone(),
            bytes: 0,
        };
        claim.resize(bytes)?;
        Ok(Box::new(claim))
    }

    fn snapshot(&self, repo: &str, _revision: Option<&str>) -> Option<PathBuf> {
        (repo == "org/tiny").then(|| self.folder().to_path_buf())
    }

    fn image(&self) -> EngineImage {
        self.image.clone()
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.clone())
    }

    fn interfaces(&self) -> Vec<String> {
        vec!["lo".to_owned(), "enp1s0f1np1".to_owned()]
    }

    fn fault(&self) -> Option<EngineFault> {
        self.fault.lock().unwrap().clone()
    }

    fn shutdown(&self) -> CancellationToken {
        self.stop.clone()
    }
}
