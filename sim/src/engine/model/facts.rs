//! The facts of a `config.json` that decide memory and context.

use serde_json::Value;

/// What one layer keeps for each token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layers {
    /// Layers that keep every token.
    pub(crate) full: u64,
    /// Layers that keep the last [`Facts::window`] tokens.
    pub(crate) sliding: u64,
}

/// Facts of one model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Facts {
    /// Class names, first the one that is used.
    pub(crate) architectures: Vec<String>,
    /// Whether loading needs the repository's own code.
    pub(crate) remote_code: bool,
    /// Layers by what they keep.
    pub(crate) layers: Layers,
    /// Tokens that a sliding layer keeps.
    pub(crate) window: u64,
    /// Attention heads.
    pub(crate) heads: u64,
    /// Key and value heads.
    pub(crate) kv_heads: u64,
    /// Width of one head.
    pub(crate) head_dim: u64,
    /// Latent width of multi-head latent attention, with its rotary part; 0 if it has none.
    pub(crate) latent: u64,
    /// Width of the residual stream.
    pub(crate) hidden: u64,
    /// Words it knows.
    pub(crate) vocabulary: u64,
    /// The longest context that vLLM derives.
    pub(crate) derived_len: u64,
    /// `max_position_embeddings`, if the configuration has it.
    pub(crate) positions: Option<u64>,
    /// Bytes of one value in the KV cache when `--kv-cache-dtype auto`.
    pub(crate) kv_value_bytes: u64,
    /// Whether its vectors may be cut short.
    pub(crate) matryoshka: bool,
    /// Label of the quantization, if any.
    pub(crate) quantization: Option<String>,
}

impl Facts {
    /// Reads `config`; what is missing gets the value transformers gives it.
    pub(crate) fn read(config: &Value) -> Self {
        let text = text_part(config);
        let number = |name: &str| text.get(name).and_then(Value::as_u64);
        let heads = number("num_attention_heads")
            .or_else(|| number("n_head"))
            .unwrap_or(1)
            .max(1);
        let hidden = number("hidden_size")
            .or_else(|| number("n_embd"))
            .unwrap_or(768);
        let rotary = number("qk_rope_head_dim").unwrap_or(0);
        let quantization = config
            .get("quantization_config")
            .or(text.get("quantization_config"));
        Self {
            architectures: strings(config.get("architectures")),
            remote_code: needs_remote_code(config),
            layers: layers(text),
            window: number("sliding_window").unwrap_or(0),
            heads,
            kv_heads: number("num_key_value_heads").unwrap_or(heads),
            head_dim: number("head_dim").unwrap_or(hidden / heads),
            latent: number("kv_lora_rank").map_or(0, |rank| rank + rotary),
            hidden,
            vocabulary: number("vocab_size").unwrap_or(32_000),
            derived_len: derived_len(text),
            positions: number("max_position_embeddings"),
            kv_value_bytes: if has_fp8_cache(quantization) { 1 } else { 2 },
            matryoshka: config.get("is_matryoshka").and_then(Value::as_bool) == Some(true)
                || config.get("matryoshka_dimensions").is_some(),
            quantization: quantization
                .and_then(|q| q.get("quant_method"))
                .and_then(Value::as_str)
                .map(str::to_owned),
        }
    }
}

/// A repository may bring code for a type of model that transformers has had of its own since; then its own is
/// used (transformers: `model_doc/minimax_m2`).
fn needs_remote_code(config: &Value) -> bool {
    let kind = config.get("model_type").and_then(Value::as_str);
    config.pointer("/auto_map/AutoConfig").is_some() && kind != Some("minimax_m2")
}

/// The language model's part of a multimodal configuration.
fn text_part(config: &Value) -> &Value {
    ["text_config", "llm_config", "language_config"]
        .iter()
        .find_map(|name| config.get(*name).filter(|part| part.is_object()))
        .unwrap_or(config)
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let names = value.and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn layers(text: &Value) -> Layers {
    let number = |name: &str| text.get(name).and_then(Value::as_u64);
    let all = number("num_hidden_layers")
        .or_else(|| number("n_layer"))
        .unwrap_or(1);
    let types = strings(text.get("layer_types"));
    let count = |kind: &str| types.iter().filter(|t| *t == kind).count() as u64;
    if !types.is_empty() {
        let full = count("full_attention") + count("attention");
        return Layers {
            full,
            sliding: count("sliding_attention"),
        };
    }
    if let Some(pattern) = text.get("hybrid_override_pattern").and_then(Value::as_str) {
        return Layers {
            full: pattern.matches('*').count() as u64,
            sliding: 0,
        };
    }
    if let Some(every) = number("full_attention_interval").filter(|n| *n > 0) {
        return Layers {
            full: all / every,
            sliding: 0,
        };
    }
    Layers {
        full: all,
        sliding: 0,
    }
}

fn derived_len(text: &Value) -> u64 {
    const NAMES: [&str; 7] = [
        "max_position_embeddings",
        "n_positions",
        "max_seq_len",
        "seq_length",
        "model_max_length",
        "max_sequence_length",
        "max_target_positions",
    ];
    let lengths = NAMES
        .iter()
        .filter_map(|name| text.get(*name).and_then(Value::as_u64));
    let length = lengths.min().unwrap_or(2048);
    let Some(scaling) = text.get("rope_scaling").or(text.get("rope_parameters")) else {
        return length;
    };
    let kind = scaling
        .get("rope_type")
        .or(scaling.get("type"))
        .and_then(Value::as_str);
    let factor = scaling.get("factor").and_then(Value::as_f64).unwrap_or(1.0);
    match kind {
        Some("yarn") => {
            let original = scaling
                .get("original_max_position_embeddings")
                .and_then(Value::as_u64);
            crate::engine::units::scale(original.unwrap_or(length), factor)
        }
        Some("linear" | "dynamic") => crate::engine::units::scale(length, factor),
        _ => length,
    }
}

fn has_fp8_cache(quantization: Option<&Value>) -> bool {
    let Some(q) = quantization else { return false };
    let algorithm = q.get("kv_cache_quant_algo").and_then(Value::as_str);
    let scheme = q
        .pointer("/kv_cache_scheme/num_bits")
        .and_then(Value::as_u64);
    algorithm == Some("FP8") || scheme == Some(8)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hybrid_models_count_only_attention() {
        let mut types = vec!["linear_attention"; 48];
        types.extend(["full_attention"; 16]);
        for (config, expected) in [
            (
                json!({"num_hidden_layers": 64, "layer_types": types}),
                (16, 0),
            ),
            (
                json!({"num_hidden_layers": 64, "full_attention_interval": 4}),
                (16, 0),
            ),
            (
                json!({"num_hidden_layers": 6, "hybrid_override_pattern": "MM*M-*"}),
                (2, 0),
            ),
            (
                json!({"num_hidden_layers": 2, "layer_types": ["sliding_attention", "full_attention"]}),
                (1, 1),
            ),
            (json!({"text_config": {"num_hidden_layers": 36}}), (36, 0)),
        ] {
            let layers = Facts::read(&config).layers;
            assert_eq!((layers.full, layers.sliding), expected, "{config}");
        }
    }

    #[test]
    fn the_context_follows_rope_scaling() {
        for (config, expected) in [
            (json!({"max_position_embeddings": 40960}), 40_960),
            (json!({}), 2048),
            (
                json!({"max_position_embeddings": 131_072, "rope_scaling": {"rope_type": "yarn",
                    "factor": 4.0, "original_max_position_embeddings": 32768}}),
                131_072,
            ),
            (
                json!({"max_position_embeddings": 4096, "rope_scaling": {"type": "linear", "factor": 2.0}}),
                8192,
            ),
            (
                json!({"max_position_embeddings": 8192, "rope_scaling": {"rope_type": "llama3", "factor": 8.0}}),
                8192,
            ),
        ] {
            assert_eq!(Facts::read(&config).derived_len, expected, "{config}");
        }
    }

    #[test]
    fn latent_attention_and_fp8_checkpoints_are_seen() {
        let facts = Facts::read(&json!({
            "kv_lora_rank": 512, "qk_rope_head_dim": 64,
            "quantization_config": {"quant_method": "modelopt", "kv_cache_quant_algo": "FP8"},
            "auto_map": {"AutoConfig": "configuration_x.XConfig"},
        }));
        assert_eq!((facts.latent, facts.kv_value_bytes), (576, 1));
        assert_eq!(facts.quantization.as_deref(), Some("modelopt"));
        assert!(facts.remote_code);
        let built_in = json!({
            "model_type": "minimax_m2", "auto_map": {"AutoConfig": "configuration_x.XConfig"},
        });
        assert!(!Facts::read(&built_in).remote_code);
    }
}
