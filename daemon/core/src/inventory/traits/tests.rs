//! What configurations say.

use serde_json::{Value, json};

use super::*;
use crate::plan::tests::world::disk_model;

fn model(repo: &str, config: Value) -> DiskModel {
    DiskModel {
        config: Some(config),
        ..disk_model(repo)
    }
}

fn quantization(config: &Value, quant: Option<&Value>, name: &str) -> String {
    quantization_of(Some(config), quant, name).unwrap_or_default()
}

#[test]
fn quantizations_are_told_from_the_configuration() {
    let q = |config: Value| quantization(&json!({"quantization_config": config}), None, "x");
    assert_eq!(
        q(json!({"quant_method": "fp8", "weight_block_size": [128, 128]})),
        "FP8"
    );
    assert_eq!(q(json!({"quant_method": "mxfp4"})), "MXFP4");
    assert_eq!(q(json!({"quant_method": "awq", "bits": 4})), "AWQ int4");
    assert_eq!(q(json!({"quant_method": "gptq", "bits": 8})), "GPTQ int8");
    assert_eq!(
        q(json!({"quant_method": "auto-round", "bits": 4})),
        "AutoRound int4"
    );
    assert_eq!(q(json!({"quant_method": "bitsandbytes"})), "bitsandbytes");
    let tensors = |format: &str, bits: u8, kind: &str| {
        q(
            json!({"quant_method": "compressed-tensors", "format": format,
            "config_groups": {"group_0": {"weights": {"num_bits": bits, "type": kind}}}}),
        )
    };
    assert_eq!(tensors("nvfp4-pack-quantized", 4, "float"), "NVFP4");
    assert_eq!(tensors("float-quantized", 8, "float"), "FP8");
    assert_eq!(tensors("pack-quantized", 4, "int"), "W4A16");
    assert_eq!(tensors("mxfp4-pack-quantized", 4, "float"), "MXFP4");
}

#[test]
fn the_language_part_and_the_other_file_count_too() {
    let inner = json!({"text_config": {"quantization_config": {"quant_method": "fp8"}}});
    assert_eq!(quantization(&inner, None, "x"), "FP8");
    let modelopt = json!({"quantization_config": {"quant_method": "modelopt"}});
    let hf = json!({"quant_algo": "NVFP4"});
    assert_eq!(quantization(&modelopt, Some(&hf), "x"), "NVFP4");
    assert_eq!(
        quantization(
            &json!({}),
            Some(&json!({"quant_algo": "MIXED_PRECISION"})),
            "x"
        ),
        "mixed"
    );
}

#[test]
fn the_name_is_only_a_hint_and_plain_weights_are_named_by_their_type() {
    assert_eq!(quantization(&json!({}), None, "Model-NVFP4"), "NVFP4");
    let fp8 = json!({"quantization_config": {"quant_method": "fp8"}});
    assert_eq!(quantization(&fp8, None, "Model-NVFP4"), "FP8");
    assert_eq!(
        quantization(&json!({"torch_dtype": "bfloat16"}), None, "Model"),
        "BF16"
    );
    assert_eq!(quantization_of(None, None, "Model"), None);
}

#[test]
fn kinds_are_told_from_architecture_files_and_name() {
    let kind = |repo: &str, arch: &str, markers: &[&str]| {
        let mut m = model(repo, json!({"architectures": [arch]}));
        m.markers = markers.iter().map(|s| (*s).to_owned()).collect();
        traits_of(&m).kind
    };
    let weights = ["safetensors"];
    assert_eq!(
        kind("Qwen/Qwen3-0.6B", "Qwen3ForCausalLM", &weights),
        ModelKind::Chat
    );
    assert_eq!(
        kind(
            "Qwen/Qwen3-VL-Embedding-8B",
            "Qwen3VLForConditionalGeneration",
            &weights
        ),
        ModelKind::Embedding
    );
    assert_eq!(kind("a/b", "BertModel", &weights), ModelKind::Embedding);
    assert_eq!(
        kind("a/b", "LlamaModel", &["safetensors", "pooling"]),
        ModelKind::Embedding
    );
    assert_eq!(
        kind(
            "Qwen/Qwen3-VL-Reranker-8B",
            "Qwen3VLForConditionalGeneration",
            &weights
        ),
        ModelKind::Rerank
    );
    assert_eq!(
        kind(
            "openai/whisper-large-v3",
            "WhisperForConditionalGeneration",
            &weights
        ),
        ModelKind::SpeechToText
    );
    assert_eq!(
        kind("nvidia/parakeet-tdt-0.6b-v3", "", &["nemo"]),
        ModelKind::SpeechToText
    );
    assert_eq!(
        kind("hexgrad/Kokoro-82M", "", &["pth"]),
        ModelKind::TextToSpeech
    );
    assert_eq!(
        kind("a/flux", "", &["safetensors", "diffusers"]),
        ModelKind::Image
    );
    assert_eq!(kind("a/b-GGUF", "", &["gguf"]), ModelKind::Gguf);
    assert_eq!(kind("a/b", "", &["bin"]), ModelKind::Other);
}

#[test]
fn parameters_come_from_the_name_or_from_the_size() {
    let of = |repo: &str, config: Value| traits_of(&model(repo, config)).parameters;
    assert_eq!(
        of("Qwen/Qwen3.6-35B-A3B-FP8", json!({})),
        Some(35_000_000_000)
    );
    assert_eq!(of("Qwen/Qwen3-0.6B", json!({})), Some(600_000_000));
    assert_eq!(
        of("a/plain", json!({"torch_dtype": "bfloat16"})),
        Some(8 << 30)
    );
    assert_eq!(of("a/plain", json!({})), None);
}
