//! The models that the simulator knows, with the facts of their real configurations.

use serde::Deserialize;
use serde_json::{Map, Value};

/// Repositories by name, sizes and shard counts as published; see `sim/data/models.json`.
const MODELS: &str = include_str!("../../data/models.json");

/// One repository on the hub.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// `ORG/NAME`.
    pub repo: String,
    /// Bytes of all weight files together.
    pub weight_bytes: u64,
    /// How many weight files there are.
    pub shards: usize,
    /// Number of the first one in its name (gpt-oss counts from 0).
    pub first_shard: usize,
    /// What the names of a layer's tensors begin with.
    pub layer_prefix: String,
    /// Element type of its tensors in safetensors' names.
    pub dtype: String,
    /// Whether the cache has an exact manifest (`trees/<commit>.json`).
    pub manifest: bool,
    /// Which kind of chat template it has; `none` for a repository without a tokenizer.
    pub chat_template: String,
    /// `config.json`; empty when the repository has none.
    pub config: Map<String, Value>,
    /// `generation_config.json`.
    #[serde(default)]
    pub generation_config: Option<Value>,
    /// Further JSON files.
    #[serde(default)]
    pub extra: Map<String, Value>,
    /// For a split GGUF repository: the path of its parts without `-00001-of-…`.
    #[serde(default)]
    pub gguf: Option<String>,
    /// Files beside those that the other fields tell of: other formats, single GGUF files.
    #[serde(default)]
    pub others: Vec<OtherFile>,
    /// Whether its terms must be accepted first.
    #[serde(default)]
    pub gated: bool,
    /// Whether only its owners see it.
    #[serde(default)]
    pub private: bool,
}

/// A file of a repository of which only path and size are known.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherFile {
    /// Path in the repository.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
}

impl Model {
    /// Layers of the language model.
    pub fn layers(&self) -> u64 {
        let text = self.config.get("text_config").and_then(Value::as_object);
        text.unwrap_or(&self.config)
            .get("num_hidden_layers")
            .and_then(Value::as_u64)
            .unwrap_or(0)
    }
}

/// Every model of the catalogue.
#[expect(
    clippy::expect_used,
    reason = "the file is part of the program; a test reads it"
)]
pub fn all() -> Vec<Model> {
    serde_json::from_str(MODELS).expect("the built-in catalogue is valid")
}

/// The model with this repository name.
pub fn find(repo: &str) -> Option<Model> {
    all().into_iter().find(|model| model.repo == repo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_says_what_an_estimate_needs() {
        // Encoders keep nothing for a token, so nothing is estimated from them.
        let encodes = |model: &Model| {
            let kind = model.config.get("model_type").and_then(Value::as_str);
            matches!(kind, Some("xlm-roberta" | "whisper"))
        };
        for model in all().iter().filter(|m| m.gguf.is_none() && !encodes(m)) {
            let text = model.config.get("text_config").and_then(Value::as_object);
            let facts = text.unwrap_or(&model.config);
            for key in [
                "num_attention_heads",
                "num_key_value_heads",
                "max_position_embeddings",
            ] {
                assert!(facts[key].is_u64(), "{} has no {key}", model.repo);
            }
            assert!(
                model.config["architectures"][0].is_string(),
                "{}",
                model.repo
            );
            let per_layer = ["layer_types", "hybrid_override_pattern"];
            for value in per_layer.iter().filter_map(|key| facts.get(*key)) {
                let count = value
                    .as_array()
                    .map_or_else(|| value.as_str().unwrap().len(), Vec::len);
                assert_eq!(count as u64, model.layers(), "{}", model.repo);
            }
        }
    }
}
