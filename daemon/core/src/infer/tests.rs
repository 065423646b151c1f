//! The proposals, on configurations as their publishers wrote them.

use serde_json::{Value, json};
use spark_ipc::id::{ImageRef, NodeId};
use spark_ipc::model::infer::{SuggestedFlag, Suggestion};

use super::*;
use crate::inventory::DiskModel;
use crate::plan::tests::world::{TOTAL, disk_model};

mod families;
mod kinds;
mod memory;
mod quantizations;
mod warnings;

const GIB: u64 = 1 << 30;

/// A whole chat model with safetensors and a chat template.
fn model(repo: &str, gib: u64, config: Value) -> DiskModel {
    DiskModel {
        weight_bytes: gib * GIB,
        markers: ["safetensors", "chat_template", "tokenizer"]
            .map(str::to_owned)
            .to_vec(),
        config: Some(config),
        ..disk_model(repo)
    }
}

/// Idle Sparks of 128 GB that the fabric joins.
fn sparks(count: u32) -> Vec<NodeFactsForFit> {
    let node = |n| NodeFactsForFit {
        node: NodeId::numbered(n),
        total_bytes: Some(TOTAL),
        available_bytes: Some(117 * GIB),
        fabric_up: count > 1,
        shared: false,
    };
    (1..=count).map(node).collect()
}

fn present(name: &str, nodes: u32) -> KnownImage {
    KnownImage {
        image: ImageRef::new(name).unwrap(),
        nodes: (1..=nodes).map(NodeId::numbered).collect(),
        says: None,
    }
}

/// What is proposed for two Sparks without an image.
fn proposed(model: &DiskModel) -> Suggestion {
    infer(model, &sparks(2), &[])
}

fn flag<'a>(suggestion: &'a Suggestion, name: &str) -> Option<&'a SuggestedFlag> {
    suggestion.flags.iter().find(|f| f.name == name)
}

/// The value of a proposed flag; `None` when it is not proposed, or stands alone.
fn value<'a>(suggestion: &'a Suggestion, name: &str) -> Option<&'a str> {
    flag(suggestion, name)?.value.as_deref()
}

fn codes(suggestion: &Suggestion) -> Vec<&str> {
    suggestion
        .warnings
        .iter()
        .map(|w| w.code.as_str())
        .collect()
}

/// Llama 3.3 70B, as published.
fn llama_70b() -> Value {
    json!({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 8192,
        "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128,
        "intermediate_size": 28672, "vocab_size": 128_256, "max_position_embeddings": 131_072,
        "torch_dtype": "bfloat16", "rope_scaling": {"factor": 8.0, "rope_type": "llama3",
        "original_max_position_embeddings": 8192}})
}

/// Qwen3-30B-A3B of July 2025.
fn qwen3_30b() -> Value {
    json!({"model_type": "qwen3_moe", "architectures": ["Qwen3MoeForCausalLM"], "hidden_size": 2048,
        "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128,
        "intermediate_size": 6144, "moe_intermediate_size": 768, "num_experts": 128,
        "max_position_embeddings": 262_144, "torch_dtype": "bfloat16"})
}

/// DeepSeek-V3, whose shape R1 and V3.1 share.
fn deepseek_v3() -> Value {
    json!({"model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"], "hidden_size": 7168,
        "num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128,
        "intermediate_size": 18432, "moe_intermediate_size": 2048, "n_routed_experts": 256,
        "kv_lora_rank": 512, "qk_rope_head_dim": 64, "num_nextn_predict_layers": 1,
        "max_position_embeddings": 163_840, "rope_scaling": {"type": "yarn", "factor": 40,
        "original_max_position_embeddings": 4096},
        "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}})
}
