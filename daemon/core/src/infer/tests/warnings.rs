//! What is said before an operator confirms.

use super::*;

fn warned(suggestion: &Suggestion, code: &str) -> bool {
    codes(suggestion).contains(&code)
}

#[test]
fn a_base_model_gets_no_parsers() {
    let mut bare = model("Qwen/Qwen3-30B-A3B", 57, qwen3_30b());
    bare.markers.retain(|m| m != "chat_template");
    let named = model("Qwen/Qwen3-30B-A3B-Base", 57, qwen3_30b());
    for disk in [bare, named] {
        let suggestion = proposed(&disk);
        assert!(warned(&suggestion, "base_model"), "{}", disk.repo);
        assert_eq!(flag(&suggestion, "--tool-call-parser"), None);
        assert_eq!(flag(&suggestion, "--reasoning-parser"), None);
    }
    assert!(!warned(
        &proposed(&model("Qwen/Qwen3-30B-A3B", 57, qwen3_30b())),
        "base_model"
    ));
}

#[test]
fn a_template_that_is_elsewhere_is_not_missed() {
    let config = |kind: &str, built: &str| json!({"model_type": kind, "architectures": [built]});
    let mut tekken = model(
        "mistralai/Devstral",
        44,
        config("mistral", "MistralForCausalLM"),
    );
    tekken.markers = vec!["safetensors".to_owned(), "tekken".to_owned()];
    let mut inside = model(
        "deepseek-ai/DeepSeek-V4-Flash",
        150,
        config("deepseek_v4", "DeepseekV4ForCausalLM"),
    );
    inside.markers = vec!["safetensors".to_owned()];
    let mut unseen = model("Qwen/Qwen3-30B-A3B", 57, qwen3_30b());
    unseen.markers.clear();
    for disk in [tekken, inside, unseen] {
        assert!(!warned(&proposed(&disk), "base_model"), "{}", disk.repo);
    }
}

#[test]
fn code_of_the_repository_is_offered_and_never_set() {
    let mut config = qwen3_30b();
    config["auto_map"] = json!({"AutoConfig": "configuration_x.XConfig"});
    let suggestion = proposed(&model("org/Remote", 57, config));
    assert!(warned(&suggestion, "remote_code"));
    assert_eq!(flag(&suggestion, "--trust-remote-code"), None);
    let offered = |f: &SuggestedFlag| f.name == "--trust-remote-code";
    assert!(suggestion.offered_flags.iter().any(offered));
    let recipe = suggestion.recipe.unwrap();
    assert!(recipe.allow.is_empty() && !recipe.flags.iter().any(|f| f.contains("remote")));
    let plain = proposed(&model("org/Plain", 57, qwen3_30b()));
    assert!(!warned(&plain, "remote_code") && !plain.offered_flags.iter().any(offered));
}

#[test]
fn an_architecture_that_the_image_does_not_know_is_told() {
    let disk = model("Qwen/Qwen3-30B-A3B", 57, qwen3_30b());
    let mut image = present("nvcr.io/nvidia/vllm:25.11-py3", 2);
    let with = |image: &KnownImage| infer(&disk, &sparks(2), std::slice::from_ref(image));
    assert!(!warned(&with(&image), "new_architecture"));
    image.says = Some(ImageSays {
        architectures: vec!["LlamaForCausalLM".to_owned()],
        ..ImageSays::default()
    });
    // It is not chosen any more, since it said that it does not know the model.
    assert_ne!(with(&image).image.value, image.image);
    let mut fetched = image.clone();
    fetched.image = with(&image).image.value;
    assert!(warned(&with(&fetched), "new_architecture"));
}

#[test]
fn a_model_of_transformers_5_gets_an_image_that_has_it() {
    let mut config = qwen3_30b();
    config["transformers_version"] = json!("5.2.0");
    let disk = model("org/New", 57, config);
    let four = present("ghcr.io/spark-arena/dgx-vllm-eugr-nightly:latest", 2);
    let five = present("ghcr.io/spark-arena/dgx-vllm-eugr-nightly-tf5:latest", 2);
    for images in [vec![four.clone()], vec![four.clone(), five.clone()]] {
        let suggestion = infer(&disk, &sparks(2), &images);
        assert_eq!(suggestion.image.value, five.image);
        assert!(!warned(&suggestion, "new_architecture"));
    }
    let old = model("org/Old", 57, qwen3_30b());
    assert_eq!(
        infer(&old, &sparks(2), std::slice::from_ref(&four))
            .image
            .value,
        four.image
    );
}

#[test]
fn new_families_say_that_they_are_new() {
    let config =
        json!({"model_type": "qwen4_exp", "architectures": ["Qwen4ExpForConditionalGeneration"]});
    assert!(warned(
        &proposed(&model("Qwen/Qwen3.8-Flash-Next", 20, config)),
        "new_architecture"
    ));
    let config = json!({"model_type": "minimax_m3_vl", "architectures": ["MiniMaxM3SparseForConditionalGeneration"]});
    assert!(warned(
        &proposed(&model("MiniMaxAI/MiniMax-M3", 20, config)),
        "other_engine"
    ));
}

#[test]
fn what_will_not_fit_is_told_with_its_figures() {
    // DeepSeek-V3 in FP8: 642 GiB of weights.
    let suggestion = proposed(&model("deepseek-ai/DeepSeek-V3-0324", 642, deepseek_v3()));
    assert_eq!(suggestion.fit.fits, Some(false));
    assert_eq!(suggestion.fit.largest_context_tokens, Some(0));
    let told = suggestion
        .warnings
        .iter()
        .find(|w| w.code == "will_not_fit")
        .unwrap();
    assert!(told.message.contains("GiB"), "{}", told.message);
    assert!(!warned(
        &proposed(&model("Qwen/Qwen3-30B-A3B", 57, qwen3_30b())),
        "will_not_fit"
    ));
}

#[test]
fn four_bits_by_strangers_and_missing_files_are_told() {
    let config = json!({"model_type": "qwen3_next", "architectures": ["Qwen3NextForCausalLM"],
        "quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}});
    let theirs = model(
        "someone/Qwen3-Next-80B-A3B-Instruct-NVFP4",
        45,
        config.clone(),
    );
    assert!(warned(&proposed(&theirs), "hybrid_four_bit"));
    let own = model("nvidia/Qwen3-Next-80B-A3B-Instruct-NVFP4", 45, config);
    assert!(!warned(&proposed(&own), "hybrid_four_bit"));
    let mut partial = theirs;
    partial.state = crate::inventory::DiskState::Partial;
    partial.missing_count = 3;
    assert!(warned(&proposed(&partial), "incomplete"));
}
