//! Hugging Face caches in every state that a disk can be in.
//!
//! The trees are those of `huggingface_hub`: blobs, snapshots of links, `refs/main`, and for some
//! a manifest. Names, configurations and sizes are those of real models; weight files are sparse,
//! with a valid safetensors header and nothing but holes after it, so that a terabyte of models
//! takes a few megabytes. A blob's name is therefore not the hash of its bytes.

use std::path::{Path, PathBuf};

use crate::node::{Node, NodeError};

pub mod catalog;
mod download;
pub(crate) mod hub;
mod layout;
mod safetensors;

pub use catalog::Model;
pub use download::advance;
pub use layout::{RepoFile, RepoLayout};

/// How much of a model is on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Everything.
    Complete,
    /// Everything but the weight file with this number, counted from 0.
    WithoutShard(usize),
    /// Configuration and tokenizer, no weights: what a memory estimator leaves behind.
    ConfigOnly,
    /// This many weight files, and a download that goes on while the node runs.
    Downloading(usize),
}

/// What the first and the second node of the demo have: a model for every state of the menu.
const DEMO: [(&str, Option<Extent>, Option<Extent>); 13] = {
    use Extent::{Complete, ConfigOnly, Downloading, WithoutShard};
    [
        ("Qwen/Qwen3-0.6B", Some(Complete), Some(Complete)),
        ("Qwen/Qwen3.6-35B-A3B-FP8", Some(Complete), Some(Complete)),
        ("openai/gpt-oss-120b", Some(Complete), Some(Complete)),
        ("Qwen/Qwen3.5-122B-A10B-FP8", Some(Complete), Some(Complete)),
        ("QuantTrio/MiniMax-M2-AWQ", Some(Complete), Some(Complete)),
        (
            "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4",
            Some(Complete),
            None,
        ),
        (
            "google/gemma-4-26B-A4B-it",
            Some(Complete),
            Some(WithoutShard(1)),
        ),
        ("cyankiwi/GLM-4.7-Flash-AWQ-4bit", None, Some(Complete)),
        ("meta-llama/Llama-3.3-70B-Instruct", Some(ConfigOnly), None),
        ("Qwen/Qwen3-Coder-Next-FP8", Some(Downloading(11)), None),
        ("turboderp/Qwen3-32B-exl3", Some(Complete), None),
        ("Qwen/Qwen2.5-14B-Instruct-AWQ", None, Some(Complete)),
        (
            "unsloth/Qwen3-235B-A22B-Instruct-2507-GGUF",
            Some(Complete),
            Some(WithoutShard(1)),
        ),
    ]
};

/// Puts a model into the cache of `node`; false when the catalogue does not have it.
pub fn put(node: &Node, repo: &str, extent: Extent) -> Result<bool, NodeError> {
    let Some(model) = catalog::find(repo) else {
        return Ok(false);
    };
    let layout = RepoLayout::of(&model);
    layout.write(&node.hub(), extent)?;
    if matches!(extent, Extent::Downloading(_)) {
        download::start(node, repo)?;
    }
    Ok(true)
}

/// Fills the cache of the demo's node number `index`, counted from 0. Nodes after the second have
/// what the second has.
pub fn put_demo(node: &Node, index: usize) -> Result<(), NodeError> {
    for (repo, first, later) in DEMO {
        let extent = if index == 0 { first } else { later };
        if let Some(extent) = extent {
            put(node, repo, extent)?;
        }
    }
    Ok(())
}

/// Folder of a repository in a cache: `models--ORG--NAME`.
pub fn repo_dir(hub: &Path, repo: &str) -> PathBuf {
    hub.join(format!("models--{}", repo.replace('/', "--")))
}

#[cfg(test)]
mod tests;
