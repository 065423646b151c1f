//! Every way in which weights say what numbers they are.

use super::*;
use crate::infer::quantization::{bytes_per_parameter, detect};

fn label(config: &Value, hf: Option<&Value>, name: &str) -> String {
    detect(Some(config), hf, name)
        .map(|q| q.label)
        .unwrap_or_default()
}

#[test]
fn configurations_tell_the_quantization() {
    let tensors = |format: &str, bits: u8, kind: &str| {
        json!({"quant_method": "compressed-tensors", "format": format,
            "config_groups": {"group_0": {"weights": {"num_bits": bits, "type": kind, "group_size": 16}}}})
    };
    let rows = [
        (
            json!({"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}),
            "FP8",
        ),
        (json!({"quant_method": "fbgemm_fp8"}), "FP8"),
        (tensors("nvfp4-pack-quantized", 4, "float"), "NVFP4"),
        (tensors("float-quantized", 8, "float"), "FP8"),
        (tensors("pack-quantized", 4, "int"), "W4A16"),
        (tensors("mxfp4-pack-quantized", 4, "float"), "MXFP4"),
        (
            json!({"quant_method": "modelopt", "quant_algo": "NVFP4"}),
            "NVFP4",
        ),
        (
            json!({"quant_method": "modelopt", "quant_algo": "FP8"}),
            "FP8",
        ),
        (
            json!({"quant_method": "modelopt_mixed", "quant_algo": "MIXED_PRECISION"}),
            "mixed",
        ),
        (json!({"quant_method": "mxfp4"}), "MXFP4"),
        (
            json!({"quant_method": "awq", "bits": 4, "group_size": 128}),
            "AWQ int4",
        ),
        (
            json!({"quant_method": "gptq", "bits": 8, "group_size": 128}),
            "GPTQ int8",
        ),
        (
            json!({"quant_method": "auto-round", "bits": 4}),
            "AutoRound int4",
        ),
        (json!({"quant_method": "bitsandbytes"}), "bitsandbytes"),
        (json!({"quant_method": "quark"}), "quark"),
        (json!({"quant_method": "torchao"}), "torchao"),
        (json!({"quant_method": "gguf"}), "GGUF"),
    ];
    for (quant, expected) in rows {
        assert_eq!(
            label(&json!({"quantization_config": quant}), None, "x"),
            expected,
            "{quant}"
        );
        for part in ["text_config", "llm_config", "language_config"] {
            let inner = json!({part: {"quantization_config": quant}});
            assert_eq!(label(&inner, None, "x"), expected, "{part} {quant}");
        }
    }
    assert_eq!(
        label(&json!({"torch_dtype": "bfloat16"}), None, "x"),
        "BF16"
    );
    assert_eq!(label(&json!({"dtype": "float16"}), None, "x"), "FP16");
}

#[test]
fn the_file_of_model_optimizer_tells_what_the_configuration_leaves_out() {
    let silent = json!({"quantization_config": {"quant_method": "modelopt"}});
    for (algorithm, expected) in [
        ("NVFP4", "NVFP4"),
        ("FP8", "FP8"),
        ("MIXED_PRECISION", "mixed"),
        ("W4A16_NVFP4", "W4A16_NVFP4"),
    ] {
        let hf = json!({"quant_algo": algorithm, "group_size": 16, "kv_cache_quant_algo": "FP8"});
        assert_eq!(label(&silent, Some(&hf), "x"), expected);
        let found = detect(Some(&json!({})), Some(&hf), "x").unwrap();
        assert_eq!(
            (found.label.as_str(), found.group_size),
            (expected, Some(16))
        );
        assert!(found.fp8_cache);
    }
}

#[test]
fn the_name_is_only_a_hint() {
    let found = detect(Some(&json!({})), None, "Model-NVFP4").unwrap();
    assert_eq!(
        (found.label.as_str(), found.confidence),
        ("NVFP4", Confidence::Guess)
    );
    let fp8 = json!({"quantization_config": {"quant_method": "fp8"}});
    assert_eq!(label(&fp8, None, "Model-NVFP4"), "FP8");
    assert_eq!(detect(None, None, "Model"), None);
}

#[test]
fn bytes_of_a_parameter_follow_the_label() {
    let rows = [
        ("BF16", Some(2.0)),
        ("FP8", Some(1.0)),
        ("NVFP4", Some(0.56)),
        ("MXFP4", Some(0.53)),
        ("AWQ int4", Some(0.53)),
        ("GPTQ int4", Some(0.53)),
        ("AutoRound int4", Some(0.53)),
        ("W4A16", Some(0.53)),
        ("torchao", None),
    ];
    for (label, bytes) in rows {
        assert_eq!(bytes_per_parameter(label), bytes, "{label}");
    }
}

#[test]
fn the_quantization_decides_how_weights_are_loaded_and_run() {
    let with = |quant: Value| {
        let mut config = qwen3_30b();
        config["quantization_config"] = quant;
        proposed(&model("org/Qwen3-30B-A3B", 18, config))
    };
    let bnb = with(json!({"quant_method": "bitsandbytes"}));
    assert_eq!(value(&bnb, "--load-format"), Some("bitsandbytes"));
    let nvfp4 = with(
        json!({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}),
    );
    assert_eq!(value(&nvfp4, "--moe-backend"), Some("marlin"));
    assert_eq!(nvfp4.env[0].name, "VLLM_MARLIN_USE_ATOMIC_ADD");
    let cache = flag(&nvfp4, "--kv-cache-dtype").unwrap();
    assert_eq!(cache.confidence, Confidence::Certain);
    let fp8 = with(json!({"quant_method": "fp8"}));
    assert_eq!((flag(&fp8, "--moe-backend"), fp8.env.len()), (None, 0));
    assert_eq!(
        flag(&fp8, "--kv-cache-dtype").unwrap().confidence,
        Confidence::Likely
    );
}
