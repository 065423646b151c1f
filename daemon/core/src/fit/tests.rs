//! The reckoning, against figures worked out by hand.

use serde_json::json;
use spark_ipc::model::recipe::Recipe;

use super::*;
use crate::plan::tests::world::{TOTAL, disk_model};

fn recipe(nodes: u32, flags: &[&str]) -> Recipe {
    let value = json!({"id": "r", "repo": "a/b", "image": "x", "nodes": nodes, "flags": flags});
    serde_json::from_value(value).unwrap()
}

#[test]
fn full_attention_costs_two_vectors_a_layer() {
    // Llama 3.3 70B: 80 layers, 8 KV heads of 128, 2 bytes: 2 * 80 * 8 * 128 * 2 = 327680.
    let config = json!({"num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8, "hidden_size": 8192});
    let cost = kv_cost(&config, 2).unwrap();
    assert_eq!(cost.token_bytes, 327_680);
    assert_eq!(cost.bytes(2048, 1), 2048 * 327_680);
    assert_eq!(cost.bytes(2048, 2), 2048 * 327_680 / 2);
}

#[test]
fn a_hybrid_model_pays_only_for_its_full_layers() {
    let mut config = json!({"text_config": {"num_hidden_layers": 64, "num_attention_heads": 24, "num_key_value_heads": 4, "head_dim": 256}});
    let all = kv_cost(&config, 2).unwrap().token_bytes;
    let types: Vec<&str> = (1..=64)
        .map(|l| {
            if l % 4 == 0 {
                "full_attention"
            } else {
                "linear_attention"
            }
        })
        .collect();
    config["text_config"]["layer_types"] = json!(types);
    assert_eq!(kv_cost(&config, 2).unwrap().token_bytes * 4, all);
    config["text_config"]["layer_types"] = json!(null);
    config["text_config"]["full_attention_interval"] = json!(4);
    assert_eq!(kv_cost(&config, 2).unwrap().token_bytes * 4, all);
    config["text_config"]["full_attention_interval"] = json!(null);
    config["text_config"]["hybrid_override_pattern"] = json!("M-M*-M*");
    assert_eq!(kv_cost(&config, 2).unwrap().token_bytes, all / 64 * 2);
}

#[test]
fn sliding_layers_keep_a_window() {
    let config = json!({"num_hidden_layers": 2, "num_attention_heads": 8, "head_dim": 64, "sliding_window": 1024,
        "layer_types": ["sliding_attention", "full_attention"]});
    let cost = kv_cost(&config, 1).unwrap();
    assert_eq!(cost.bytes(4096, 1), 2 * 8 * 64 * (4096 + 1024));
}

#[test]
fn latent_attention_is_small_and_not_split() {
    // DeepSeek-V3: 61 layers, 512 + 64, 2 bytes.
    let config = json!({"num_hidden_layers": 61, "num_attention_heads": 128, "kv_lora_rank": 512, "qk_rope_head_dim": 64});
    let cost = kv_cost(&config, 2).unwrap();
    assert_eq!(cost.token_bytes, 61 * 576 * 2);
    assert_eq!(cost.bytes(1000, 2), cost.bytes(1000, 1));
}

#[test]
fn the_engine_reserves_its_share_unless_the_cache_is_given_in_bytes() {
    let model = disk_model("a/b");
    let by_share = need(
        &recipe(1, &["--gpu-memory-utilization=0.5"]),
        Some(&model),
        Some(100 << 30),
    );
    assert_eq!(by_share.launch_bytes(), 50 << 30);
    let by_bytes = need(
        &recipe(1, &["--kv-cache-memory-bytes=12G"]),
        Some(&model),
        Some(100 << 30),
    );
    assert_eq!(by_bytes.launch_bytes(), (16 + 12 + 5) << 30);
    let default = need(&recipe(1, &[]), Some(&model), Some(100 << 30));
    assert_eq!(default.launch_bytes(), 90 << 30);
}

#[test]
fn verdicts_follow_the_size() {
    let mut model = disk_model("a/b");
    let verdict_of = |weights: u64, nodes: u32, model: &mut DiskModel| {
        model.weight_bytes = weights << 30;
        verdict(
            model,
            Some(&recipe(nodes, &["--gpu-memory-utilization=0.85"])),
            1,
            Some(TOTAL),
        )
        .verdict
    };
    assert_eq!(verdict_of(35, 1, &mut model), FitVerdict::Fits);
    assert_eq!(verdict_of(90, 1, &mut model), FitVerdict::Tight);
    assert_eq!(verdict_of(120, 1, &mut model), FitVerdict::DoesNotFit);
    assert_eq!(verdict_of(120, 2, &mut model), FitVerdict::Fits);
    assert_eq!(verdict_of(0, 1, &mut model), FitVerdict::Unknown);
    assert_eq!(verdict(&model, None, 1, None).verdict, FitVerdict::Unknown);
}

#[test]
fn a_smaller_spark_is_judged_by_its_own_memory() {
    let mut model = disk_model("a/b");
    model.weight_bytes = 60 << 30;
    assert_eq!(
        verdict(&model, None, 1, Some(TOTAL)).verdict,
        FitVerdict::Fits
    );
    let fit = verdict(&model, None, 1, Some(60 << 30));
    assert_eq!(fit.verdict, FitVerdict::DoesNotFit);
    assert_eq!(fit.need_bytes_per_node, Some(66 << 30));
    assert_eq!(
        fit.reason,
        "weights 60.0 GiB + contexts 5.0 GiB + KV cache 1.0 GiB = 66.0 GiB of 52.8 GiB usable on each of 1 node"
    );
}

fn hybrid(pattern: &[&str], repeat: usize) -> Vec<String> {
    let all = std::iter::repeat_n(pattern, repeat).flatten();
    all.map(|kind| (*kind).to_owned()).collect()
}

#[test]
fn recurrent_layers_cost_a_request_and_no_token() {
    // Qwen3.5-35B-A3B: 10 of 40 layers with attention, 2 KV heads of 256.
    let linear = ["linear_attention", "linear_attention", "linear_attention"];
    let types = hybrid(&[&linear[..], &["full_attention"]].concat(), 10);
    let config = json!({"text_config": {"num_hidden_layers": 40, "num_attention_heads": 16,
        "num_key_value_heads": 2, "head_dim": 256, "layer_types": types, "linear_num_value_heads": 32,
        "linear_key_head_dim": 128, "linear_value_head_dim": 128}});
    let cost = kv_cost(&config, 2).unwrap();
    assert_eq!(cost.token_bytes, 10 * 2 * 2 * 256 * 2);
    assert_eq!(cost.request_bytes, 30 * 32 * 128 * 128 * 4);
    assert_eq!(
        cost.bytes(1, 4),
        10 * 2 * 2 * 256 * 2 / 2 + 30 * 32 * 128 * 128
    );
    // Nemotron-3-Nano: 6 of 52 blocks with attention, 23 with Mamba, 23 of experts.
    let blocks: Vec<&str> = [("mamba", 23), ("attention", 6), ("moe", 23)]
        .into_iter()
        .flat_map(|(kind, n)| std::iter::repeat_n(kind, n))
        .collect();
    let config = json!({"num_attention_heads": 32, "num_key_value_heads": 2, "head_dim": 128,
        "layers_block_type": blocks, "mamba_num_heads": 64, "mamba_head_dim": 64, "ssm_state_size": 128});
    let cost = kv_cost(&config, 1).unwrap();
    assert_eq!(cost.token_bytes, 6 * 2 * 2 * 128);
    assert_eq!(cost.request_bytes, 23 * 64 * 64 * 128 * 4);
}

#[test]
fn every_spelling_of_a_hybrid_is_counted() {
    let base = json!({"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128});
    let layer = 2 * 8 * 128 * 2;
    let rows = [
        // Jamba: one in eight, from the fifth on.
        (json!({"attn_layer_period": 8, "attn_layer_offset": 4}), 4),
        (json!({"attn_layer_indices": [9, 18, 27]}), 3),
        (json!({"full_attn_idxs": [2, 5, 8, 10, 12, 14]}), 6),
        (json!({"attn_type_list": [0, 1, 0, 1]}), 2),
        (
            json!({"layer_types": ["conv", "full_attention", "mlp", "attention"]}),
            2,
        ),
        (
            json!({"layer_types": ["full_attention", "full_attention", "full_attention"], "num_kv_shared_layers": 2}),
            1,
        ),
        // Qwen2.5 names a window that it does not use.
        (
            json!({"model_type": "qwen2", "sliding_window": 131_072, "use_sliding_window": false}),
            32,
        ),
        (json!({}), 32),
    ];
    for (extra, full) in rows {
        let mut config = base.clone();
        config
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        assert_eq!(
            kv_cost(&config, 2).unwrap().token_bytes,
            full * layer,
            "{extra}"
        );
    }
}

#[test]
fn windows_are_told_by_the_type_of_older_models() {
    let full = |model_type: &str, extra: &str, layers: u64| {
        let config = json!({"model_type": model_type, "num_hidden_layers": layers, "num_attention_heads": 8,
            "num_key_value_heads": 8, "head_dim": 64, extra: 4096});
        let cost = kv_cost(&config, 1).unwrap();
        (cost.token_bytes / 1024, cost.window_bytes / 1024)
    };
    assert_eq!(full("mistral", "sliding_window", 32), (0, 32));
    assert_eq!(full("gemma2", "sliding_window", 42), (21, 21));
    assert_eq!(full("gemma3_text", "sliding_window", 62), (10, 52));
    assert_eq!(full("llama4_text", "attention_chunk_size", 48), (12, 36));
    assert_eq!(full("phi3", "sliding_window", 32), (32, 0));
}

#[test]
fn heads_that_differ_by_layer_are_counted_each() {
    // Gemma 4: the full layers have wider and fewer heads.
    let types = ["sliding_attention", "full_attention"];
    let config = json!({"num_hidden_layers": 2, "num_attention_heads": 16, "num_key_value_heads": 8,
        "head_dim": 256, "num_global_key_value_heads": 2, "global_head_dim": 512, "sliding_window": 1024,
        "layer_types": types});
    let cost = kv_cost(&config, 1).unwrap();
    assert_eq!((cost.token_bytes, cost.splits), (2 * 2 * 512, 2));
    assert_eq!((cost.window_bytes, cost.window_splits), (2 * 8 * 256, 8));
    // Llama-Nemotron: 8 KV heads in one block, 4 in another, none in the third.
    let blocks = json!([{"attention": {"n_heads_in_group": 8}}, {"attention": {"n_heads_in_group": 16}},
        {"attention": {"no_op": true, "n_heads_in_group": null}}]);
    let config = json!({"num_hidden_layers": 3, "num_attention_heads": 64, "hidden_size": 8192,
        "block_configs": blocks});
    assert_eq!(
        kv_cost(&config, 2).unwrap().token_bytes,
        (8 + 4) * 2 * 128 * 2
    );
}

#[test]
fn sparse_and_compressed_latents_are_counted() {
    // DeepSeek-V3.2: 656 bytes and an index of 132 for each of 61 layers.
    let config = json!({"num_hidden_layers": 61, "num_attention_heads": 128, "kv_lora_rank": 512,
        "qk_rope_head_dim": 64, "index_head_dim": 128});
    assert_eq!(kv_cost(&config, 1).unwrap().token_bytes, 61 * (656 + 132));
    // Kimi-Linear: 7 latent layers of 27.
    let config = json!({"num_hidden_layers": 27, "num_attention_heads": 32, "kv_lora_rank": 512,
        "qk_rope_head_dim": 64, "linear_attn_config": {"full_attn_layers": [4, 8, 12, 16, 20, 24, 27],
        "num_heads": 32, "head_dim": 128}});
    let cost = kv_cost(&config, 2).unwrap();
    assert_eq!(cost.token_bytes, 7 * 576 * 2);
    assert_eq!(cost.request_bytes, 20 * 32 * 128 * 128 * 4);
    // DeepSeek-V4: a vector of 512 for every 4 or 128 tokens, and a window in every layer.
    let config = json!({"num_hidden_layers": 4, "num_attention_heads": 64, "num_key_value_heads": 1,
        "head_dim": 512, "sliding_window": 128, "compress_ratios": [0, 0, 4, 128]});
    let cost = kv_cost(&config, 1).unwrap();
    assert_eq!((cost.token_bytes, cost.splits), (128 + 4, 1));
    assert_eq!(cost.bytes(1000, 2), 132 * 1000 + 4 * 512 * 128);
}

#[test]
fn the_context_holds_the_scaling_that_applies() {
    let rows = [
        (json!({"max_position_embeddings": 40960}), Some(40_960)),
        // gpt-oss and DeepSeek-V3 name the length with its scaling.
        (
            json!({"max_position_embeddings": 131_072, "rope_scaling": {"rope_type": "yarn", "factor": 32.0,
            "original_max_position_embeddings": 4096}}),
            Some(131_072),
        ),
        (
            json!({"max_position_embeddings": 163_840, "rope_scaling": {"type": "yarn", "factor": 40,
            "original_max_position_embeddings": 4096}}),
            Some(163_840),
        ),
        // Qwen2.5 with YaRN switched on by hand.
        (
            json!({"max_position_embeddings": 32768, "rope_scaling": {"type": "yarn", "factor": 4.0,
            "original_max_position_embeddings": 32768}}),
            Some(131_072),
        ),
        (
            json!({"max_position_embeddings": 131_072, "rope_scaling": {"rope_type": "llama3", "factor": 8.0,
            "original_max_position_embeddings": 8192}}),
            Some(131_072),
        ),
        (
            json!({"max_position_embeddings": 4096, "rope_scaling": {"type": "linear", "factor": 4.0}}),
            Some(16_384),
        ),
        (
            json!({"max_position_embeddings": 262_144, "rope_parameters": {"rope_type": "default"}}),
            Some(262_144),
        ),
        (
            json!({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text",
            "rope_scaling": {"rope_type": "linear", "factor": 8.0}}}),
            Some(131_072),
        ),
        (json!({"n_positions": 1024}), Some(1024)),
        (json!({}), None),
    ];
    for (config, tokens) in rows {
        assert_eq!(context_tokens(&config), tokens, "{config}");
    }
}

#[test]
fn a_model_that_is_not_whole_is_reckoned_with_what_it_will_be() {
    let mut model = disk_model("a/b");
    model.state = crate::inventory::DiskState::Partial;
    model.index_bytes = Some(40 << 30);
    assert_eq!(
        need(&recipe(2, &[]), Some(&model), None).weights_bytes,
        20 << 30
    );
}
