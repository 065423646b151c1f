//! Mistral's own configuration, `params.json`, in the words of `config.json`.
//!
//! Mistral publishes models with this file alone; vLLM reads it with `--config-format mistral`.

use serde_json::{Map, Value, json};

/// A number of `params.json` and its name in `config.json`.
const NAMES: [(&str, &str); 12] = [
    ("n_layers", "num_hidden_layers"),
    ("dim", "hidden_size"),
    ("hidden_dim", "intermediate_size"),
    ("n_heads", "num_attention_heads"),
    ("n_kv_heads", "num_key_value_heads"),
    ("head_dim", "head_dim"),
    ("vocab_size", "vocab_size"),
    ("sliding_window", "sliding_window"),
    ("kv_lora_rank", "kv_lora_rank"),
    ("qk_rope_head_dim", "qk_rope_head_dim"),
    ("max_seq_len", "max_position_embeddings"),
    ("max_position_embeddings", "max_position_embeddings"),
];
/// The same for its part `moe`.
const EXPERTS: [(&str, &str); 3] = [
    ("num_experts", "num_experts"),
    ("num_experts_per_tok", "num_experts_per_tok"),
    ("expert_hidden_dim", "moe_intermediate_size"),
];

/// `params` as a `config.json` would say it.
pub(super) fn as_config(params: &Value) -> Value {
    let mut config = Map::new();
    copy(params, &NAMES, &mut config);
    if let Some(experts) = params.get("moe") {
        copy(experts, &EXPERTS, &mut config);
    }
    let (model_type, architecture) = family(params);
    config.insert("model_type".to_owned(), model_type.into());
    config.insert("architectures".to_owned(), json!([architecture]));
    if is_fp8(params) {
        let method = json!({"quant_method": "fp8"});
        config.insert("quantization_config".to_owned(), method);
    }
    Value::Object(config)
}

fn copy(from: &Value, names: &[(&str, &str)], to: &mut Map<String, Value>) {
    for (own, other) in names {
        if let Some(value) = from.get(own).filter(|v| v.is_u64()) {
            to.insert((*other).to_owned(), value.clone());
        }
    }
}

fn family(params: &Value) -> (&'static str, &'static str) {
    let hears = params.pointer("/multimodal/whisper_model_args").is_some();
    let sees = params.get("vision_encoder").is_some_and(Value::is_object);
    if hears {
        ("voxtral", "VoxtralForConditionalGeneration")
    } else if sees {
        ("mistral3", "Mistral3ForConditionalGeneration")
    } else if params.get("kv_lora_rank").is_some_and(Value::is_u64) {
        ("mistral3", "MistralLarge3ForCausalLM")
    } else {
        ("mistral", "MistralForCausalLM")
    }
}

fn is_fp8(params: &Value) -> bool {
    let format = params.pointer("/quantization/qformat_weight");
    format
        .and_then(Value::as_str)
        .is_some_and(|format| format.starts_with("fp8"))
}
