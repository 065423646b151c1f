//! Placement, context and the live estimate, against figures worked out by hand.

use super::*;

fn edited(suggestion: &Suggestion, nodes: u32, flags: &[&str]) -> spark_ipc::model::recipe::Recipe {
    let mut recipe = suggestion.recipe.clone().unwrap();
    recipe.nodes = nodes;
    recipe.flags = flags.iter().map(|f| (*f).to_owned()).collect();
    recipe
}

#[test]
fn one_node_is_enough_for_a_model_that_fits_it() {
    let suggestion = proposed(&model("Qwen/Qwen3-30B-A3B-Instruct-2507", 57, qwen3_30b()));
    assert_eq!(suggestion.placement.value.nodes, 1);
    assert_eq!(value(&suggestion, "--max-model-len"), Some("262144"));
    assert_eq!(value(&suggestion, "--max-num-seqs"), Some("4"));
    assert_eq!(value(&suggestion, "--gpu-memory-utilization"), Some("0.80"));
    let fit = &suggestion.fit;
    // 48 layers, 4 KV heads of 128, keys and values, one byte.
    assert_eq!(fit.kv_bytes_per_token, Some(48 * 4 * 128 * 2));
    assert_eq!(fit.kv_bytes, 262_144 * 49_152);
    assert_eq!(fit.need_bytes, (57 + 7 + 12) * GIB);
    assert_eq!(fit.fits, Some(true));
}

#[test]
fn a_large_dense_model_is_split_over_two_nodes() {
    let suggestion = proposed(&model(
        "meta-llama/Llama-3.3-70B-Instruct",
        132,
        llama_70b(),
    ));
    let placement = suggestion.placement.value;
    assert_eq!((placement.nodes, placement.tensor_parallel), (2, 2));
    assert_eq!(value(&suggestion, "--max-model-len"), Some("131072"));
    assert_eq!(value(&suggestion, "--max-num-seqs"), Some("10"));
    assert_eq!(suggestion.recipe.unwrap().nodes, 2);
    let fit = suggestion.fit;
    assert_eq!(fit.weights_bytes, 66 * GIB);
    assert_eq!(fit.kv_bytes_per_token, Some(80 * 8 * 128 * 2 / 2));
}

#[test]
fn without_a_fabric_or_with_heads_that_do_not_divide_nothing_is_split() {
    let disk = model("meta-llama/Llama-3.3-70B-Instruct", 132, llama_70b());
    let mut apart = sparks(2);
    for node in &mut apart {
        node.fabric_up = false;
    }
    let suggestion = infer(&disk, &apart, &[]);
    assert_eq!(suggestion.placement.value.nodes, 1);
    let told = suggestion
        .warnings
        .iter()
        .find(|w| w.code == "will_not_fit")
        .unwrap();
    assert!(told.message.contains("fabric"), "{}", told.message);
    let mut odd = llama_70b();
    odd["num_attention_heads"] = json!(63);
    let suggestion = infer(&model("org/Odd", 132, odd), &sparks(2), &[]);
    let told = suggestion
        .warnings
        .iter()
        .find(|w| w.code == "will_not_fit")
        .unwrap();
    assert!(
        told.message.contains("num_attention_heads 63"),
        "{}",
        told.message
    );
}

#[test]
fn groups_of_quantized_weights_are_not_cut_in_two() {
    let mut config = qwen3_30b();
    config["moe_intermediate_size"] = json!(1408);
    config["quantization_config"] = json!({"quant_method": "gptq", "bits": 4, "group_size": 128});
    let suggestion = infer(&model("org/Grouped", 150, config.clone()), &sparks(2), &[]);
    // 1408 / 2 = 704, which is five groups and a half.
    assert_eq!(suggestion.fit.fits, Some(false));
    config["quantization_config"]["group_size"] = json!(64);
    let suggestion = infer(&model("org/Grouped", 150, config), &sparks(2), &[]);
    assert_eq!(suggestion.placement.value.nodes, 2);
}

#[test]
fn a_context_that_does_not_fit_is_cut_before_anything_else_is_given_up() {
    let suggestion = infer(&model("org/Dense-FP8", 88, llama_70b()), &sparks(1), &[]);
    let tokens: u64 = value(&suggestion, "--max-model-len")
        .unwrap()
        .parse()
        .unwrap();
    // 0.88 of 121.6 GiB, less weights and contexts, at 163840 bytes a token.
    assert!((80_000..100_000).contains(&tokens), "{tokens}");
    assert_eq!(tokens % 1024, 0);
    assert!(codes(&suggestion).contains(&"short_context"));
    assert_eq!(suggestion.fit.fits, Some(true), "{:?}", suggestion.fit);
    assert_eq!(value(&suggestion, "--gpu-memory-utilization"), Some("0.88"));
}

#[test]
fn others_on_the_node_make_the_share_small_and_the_cache_explicit() {
    let mut nodes = sparks(1);
    nodes[0].shared = true;
    let suggestion = infer(&model("Qwen/Qwen3-30B-A3B", 57, qwen3_30b()), &nodes, &[]);
    let cache: u64 = value(&suggestion, "--kv-cache-memory-bytes")
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(cache, 12 * GIB);
    // 57 + 7 + 12 GiB of 121.6 GiB.
    assert_eq!(value(&suggestion, "--gpu-memory-utilization"), Some("0.63"));
    assert_eq!(suggestion.fit.kv_bytes, cache);
    assert_eq!(suggestion.fit.fits, Some(true));
}

#[test]
fn a_small_spark_is_judged_by_its_own_memory() {
    let mut nodes = sparks(1);
    nodes[0].total_bytes = Some(60 * GIB);
    nodes[0].available_bytes = Some(56 * GIB);
    let suggestion = infer(&model("Qwen/Qwen3-30B-A3B", 57, qwen3_30b()), &nodes, &[]);
    assert_eq!(suggestion.fit.fits, Some(false));
    assert_eq!(suggestion.fit.usable_bytes, Some(48 * GIB));
}

#[test]
fn unknown_memory_is_unknown_and_not_zero() {
    let suggestion = infer(&model("Qwen/Qwen3-30B-A3B", 57, qwen3_30b()), &[], &[]);
    assert_eq!(
        (suggestion.fit.fits, suggestion.fit.usable_bytes),
        (None, None)
    );
    assert!(codes(&suggestion).contains(&"memory_unknown"));
    assert!(suggestion.recipe.is_some());
}

#[test]
fn the_estimate_follows_every_edit() {
    let disk = model("Qwen/Qwen3-30B-A3B", 57, qwen3_30b());
    let suggestion = proposed(&disk);
    let fit = |nodes: u32, flags: &[&str]| {
        estimate(&disk, &sparks(2), &edited(&suggestion, nodes, flags))
    };
    let wide = fit(1, &["--max-model-len=131072"]);
    let narrow = fit(1, &["--max-model-len=131072", "--kv-cache-dtype=fp8"]);
    assert_eq!(wide.kv_bytes, 2 * narrow.kv_bytes);
    assert_eq!(wide.context_tokens, 131_072);
    let two = fit(2, &["--max-model-len=131072"]);
    assert_eq!((two.nodes, two.kv_bytes), (2, wide.kv_bytes / 2));
    let little = fit(
        1,
        &["--gpu-memory-utilization=0.50", "--max-model-len=32768"],
    );
    assert_eq!(little.fits, Some(false));
    assert!(little.usable_reason.contains("0.50"));
    let own = fit(1, &["--kv-cache-memory-bytes=1G", "--max-model-len=131072"]);
    assert_eq!((own.kv_bytes, own.fits), (GIB, Some(false)));
    // A GiB at 98304 bytes a token, in blocks of 16.
    assert_eq!(own.largest_context_tokens, Some(10_912));
    let roomy = fit(1, &["--kv-cache-memory-bytes=12G", "--max-model-len=32768"]);
    assert_eq!((roomy.fits, roomy.full_requests), (Some(true), Some(4)));
}

#[test]
fn latent_attention_does_not_shrink_on_two_nodes() {
    let disk = model("org/Small-MLA", 60, deepseek_v3());
    let suggestion = proposed(&disk);
    let fit = |nodes| {
        estimate(
            &disk,
            &sparks(2),
            &edited(&suggestion, nodes, &["--kv-cache-dtype=fp8"]),
        )
    };
    assert_eq!(fit(1).kv_bytes_per_token, Some(61 * 576));
    assert_eq!(fit(2).kv_bytes_per_token, Some(61 * 576));
    assert!(
        suggestion
            .offered_flags
            .iter()
            .any(|f| f.name == "--speculative-config")
    );
}

#[test]
fn a_confirmed_proposal_is_a_recipe_that_can_be_written_down() {
    let mut suggestion = proposed(&model("Qwen/Qwen3-30B-A3B", 57, qwen3_30b()));
    let recipe = recipe_of(&suggestion).unwrap();
    assert_eq!(recipe.id.as_str(), "qwen3-30b-a3b");
    assert_eq!(recipe.served_name, None);
    assert_eq!(crate::catalog::check::problems(&recipe), []);
    suggestion.served_name.value = "mine".to_owned();
    assert_eq!(
        recipe_of(&suggestion).unwrap().served_name.as_deref(),
        Some("mine")
    );
    let text = serde_json::to_string(&recipe).unwrap();
    let back: spark_ipc::model::recipe::Recipe = serde_json::from_str(&text).unwrap();
    assert_eq!(back, recipe);
}
