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

#[test]
fn sizes_are_read_as_the_engine_reads_them() {
    let cases = [
        ("12884901888", 12_884_901_888),
        ("12G", 12 << 30),
        ("1k", 1000),
        ("1K", 1024),
        ("1.5M", 1_572_864),
    ];
    for (text, bytes) in cases {
        assert_eq!(bytes_of(text), Some(bytes), "{text}");
    }
    assert_eq!(bytes_of("auto"), None);
    assert_eq!(bytes_of(""), None);
}
