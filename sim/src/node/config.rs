//! What is fixed about a node: `node.json`.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `MemTotal` of a 128 GB Spark in kB, as published samples of `/proc/meminfo` show it.
pub const MEM_TOTAL_KB: u64 = 127_535_084;

/// Images that a node of the community's usual set-up has at first start.
pub const DEFAULT_IMAGES: [&str; 17] = [
    "vllm-node:latest",
    "eugr/spark-vllm:latest",
    "ghcr.io/spark-arena/dgx-vllm-eugr-nightly:latest",
    "nvcr.io/nvidia/vllm:26.05.post1-py3",
    "ghcr.io/spark-arena/dgx-vllm-eugr-nightly-tf5:latest",
    "nvcr.io/nvidia/vllm:26.05-py3",
    "vllm/vllm-openai:latest",
    "vllm/vllm-openai:gemma4-cu130",
    "sparkarena/spark-vllm-docker:mxfp4",
    "scitrera/dgx-spark-vllm:0.17.0-t5",
    "onerahmet/openai-whisper-asr-webservice:latest",
    "ghcr.io/remsky/kokoro-fastapi-cpu:latest",
    "nvcr.io/nim/nvidia/parakeet-1-1b-ctc-en-us:latest",
    "sortformer-diarizer:latest",
    "spark-embed:latest",
    "ghcr.io/huggingface/text-embeddings-inference:121-1.9",
    "ollama/ollama:latest",
];

/// The static facts of a node, as kept in `node.json`.
///
/// Read once when the node is opened: nothing in it changes while a node exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeConfig {
    /// Short name, for people.
    pub name: String,
    /// What `hostname` prints.
    pub hostname: String,
    /// The login name; shells run as whoever runs the simulator all the same.
    pub user: String,
    /// The node's own loopback address, 127.x.y.z; its engines listen here.
    pub address: Ipv4Addr,
    /// Port of its SSH server.
    pub ssh_port: u16,
    /// Addresses of its two fabric interfaces (one cable, two twins), 127.x.y.z as well so that
    /// ranks on two nodes really connect.
    pub fabric: Vec<Ipv4Addr>,
    /// `MemTotal` in kB.
    pub mem_total_kb: u64,
    /// Size of the disk in bytes.
    pub disk_total_bytes: u64,
    /// Bytes on that disk that are not the Hugging Face cache.
    pub disk_other_bytes: u64,
    /// How many times faster than the real thing everything takes place; 1 is real time.
    pub speed: f64,
    /// Images present at first start.
    pub images: Vec<String>,
    /// Login shell that runs commands which arrive over SSH.
    pub login_shell: PathBuf,
    /// Driver version that `nvidia-smi` prints.
    pub driver: String,
    /// Seed of what differs between two boxes: serial numbers, MAC addresses, small offsets.
    pub seed: u64,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            name: "spark1".to_owned(),
            hostname: "spark-1".to_owned(),
            user: "nvidia".to_owned(),
            address: Ipv4Addr::LOCALHOST,
            ssh_port: 22,
            fabric: Vec::new(),
            mem_total_kb: MEM_TOTAL_KB,
            disk_total_bytes: 3_936_818_806_784,
            disk_other_bytes: 212_600_881_152,
            speed: 1.0,
            images: DEFAULT_IMAGES.map(str::to_owned).to_vec(),
            login_shell: PathBuf::from("/bin/sh"),
            driver: "580.126.09".to_owned(),
            seed: 1,
        }
    }
}
