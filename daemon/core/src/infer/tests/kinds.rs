//! What a model is for, and what can serve it.

use super::*;

/// Repository, architecture and files; then the kind and the runtime.
type Row = (
    &'static str,
    &'static str,
    &'static [&'static str],
    ModelKind,
    Runtime,
);

const TENSORS: &[&str] = &["safetensors", "chat_template"];

const ROWS: &[Row] = &[
    (
        "Qwen/Qwen3-0.6B",
        "Qwen3ForCausalLM",
        TENSORS,
        ModelKind::Chat,
        Runtime::Vllm,
    ),
    (
        "google/gemma-3-27b-it",
        "Gemma3ForConditionalGeneration",
        TENSORS,
        ModelKind::Chat,
        Runtime::Vllm,
    ),
    (
        "org/vectors",
        "LlamaModel",
        &["safetensors", "pooling"],
        ModelKind::Embedding,
        Runtime::Vllm,
    ),
    (
        "org/bert",
        "BertModel",
        TENSORS,
        ModelKind::Embedding,
        Runtime::Vllm,
    ),
    (
        "BAAI/bge-m3",
        "XLMRobertaModel",
        TENSORS,
        ModelKind::Embedding,
        Runtime::Vllm,
    ),
    (
        "nomic-ai/nomic-embed-text-v1.5",
        "NomicBertModel",
        TENSORS,
        ModelKind::Embedding,
        Runtime::Vllm,
    ),
    (
        "org/modern",
        "ModernBertModel",
        TENSORS,
        ModelKind::Embedding,
        Runtime::Vllm,
    ),
    (
        "org/gte",
        "GteModel",
        TENSORS,
        ModelKind::Embedding,
        Runtime::Vllm,
    ),
    (
        "org/roberta",
        "RobertaModel",
        TENSORS,
        ModelKind::Embedding,
        Runtime::Vllm,
    ),
    (
        "org/two-ways",
        "LlamaBidirectionalModel",
        TENSORS,
        ModelKind::Embedding,
        Runtime::Vllm,
    ),
    (
        "google/embeddinggemma-300m",
        "Gemma3TextModel",
        TENSORS,
        ModelKind::Embedding,
        Runtime::Vllm,
    ),
    (
        "Qwen/Qwen3-Embedding-8B",
        "Qwen3ForCausalLM",
        TENSORS,
        ModelKind::Embedding,
        Runtime::Vllm,
    ),
    (
        "Qwen/Qwen3-VL-Embedding-8B",
        "Qwen3VLForConditionalGeneration",
        TENSORS,
        ModelKind::Embedding,
        Runtime::Vllm,
    ),
    (
        "BAAI/bge-scorer",
        "XLMRobertaForSequenceClassification",
        TENSORS,
        ModelKind::Rerank,
        Runtime::Vllm,
    ),
    (
        "Qwen/Qwen3-Reranker-8B",
        "Qwen3ForCausalLM",
        TENSORS,
        ModelKind::Rerank,
        Runtime::Vllm,
    ),
    (
        "openai/whisper-large-v3",
        "WhisperForConditionalGeneration",
        TENSORS,
        ModelKind::SpeechToText,
        Runtime::Vllm,
    ),
    (
        "mistralai/Voxtral-Small-24B-2507",
        "VoxtralForConditionalGeneration",
        TENSORS,
        ModelKind::SpeechToText,
        Runtime::Vllm,
    ),
    (
        "Qwen/Qwen3-ASR-1.7B",
        "Qwen3ASRForConditionalGeneration",
        TENSORS,
        ModelKind::SpeechToText,
        Runtime::Vllm,
    ),
    (
        "ibm-granite/granite-speech-3.3-8b",
        "GraniteSpeechForConditionalGeneration",
        TENSORS,
        ModelKind::SpeechToText,
        Runtime::Vllm,
    ),
    (
        "nvidia/parakeet-tdt-0.6b-v3",
        "",
        &["nemo"],
        ModelKind::SpeechToText,
        Runtime::Nemo,
    ),
    (
        "nvidia/canary-1b-v2",
        "",
        &["safetensors"],
        ModelKind::SpeechToText,
        Runtime::Nemo,
    ),
    (
        "nvidia/diar_sortformer_4spk-v1",
        "",
        &["nemo"],
        ModelKind::SpeechToText,
        Runtime::Nemo,
    ),
    (
        "hexgrad/Kokoro-82M",
        "",
        &["pth"],
        ModelKind::TextToSpeech,
        Runtime::TextToSpeech,
    ),
    (
        "canopylabs/orpheus-3b-0.1-ft",
        "LlamaForCausalLM",
        TENSORS,
        ModelKind::TextToSpeech,
        Runtime::TextToSpeech,
    ),
    (
        "parler-tts/parler-tts-mini-v1",
        "ParlerTTSForConditionalGeneration",
        TENSORS,
        ModelKind::TextToSpeech,
        Runtime::TextToSpeech,
    ),
    (
        "black-forest-labs/FLUX.1-dev",
        "",
        &["safetensors", "diffusers"],
        ModelKind::Image,
        Runtime::Diffusers,
    ),
    (
        "unsloth/Qwen3-8B-GGUF",
        "",
        &["gguf"],
        ModelKind::Gguf,
        Runtime::LlamaCpp,
    ),
    (
        "org/some-lora",
        "",
        &["safetensors", "adapter"],
        ModelKind::Other,
        Runtime::Adapter,
    ),
    (
        "org/riddle",
        "",
        &["bin"],
        ModelKind::Other,
        Runtime::Unknown,
    ),
];

fn of_row(row: &Row) -> DiskModel {
    let config = match row.1 {
        "" => None,
        architecture => Some(json!({"architectures": [architecture]})),
    };
    DiskModel {
        markers: row.2.iter().map(|m| (*m).to_owned()).collect(),
        config,
        ..model(row.0, 4, json!({}))
    }
}

#[test]
fn kinds_are_told_from_files_architecture_and_name() {
    for row in ROWS {
        let suggestion = proposed(&of_row(row));
        let found = (suggestion.kind.value, suggestion.runtime);
        assert_eq!(
            found,
            (row.3, row.4),
            "{}: {}",
            row.0,
            suggestion.kind.reason
        );
    }
}

#[test]
fn only_what_vllm_serves_becomes_a_recipe() {
    for row in ROWS {
        let suggestion = proposed(&of_row(row));
        let served = row.4 == Runtime::Vllm;
        assert_eq!(suggestion.recipe.is_some(), served, "{}", row.0);
        assert_eq!(suggestion.flags.is_empty(), !served, "{}", row.0);
        let told = ["other_runtime", "adapter", "unknown_kind"];
        let warned = codes(&suggestion).iter().any(|code| told.contains(code));
        assert_eq!(warned, !served, "{}", row.0);
    }
}

#[test]
fn models_for_vectors_take_little_and_have_no_parsers() {
    let config = json!({"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "hidden_size": 4096,
        "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
        "max_position_embeddings": 40960});
    let suggestion = proposed(&model("Qwen/Qwen3-Embedding-8B", 15, config));
    assert_eq!(value(&suggestion, "--runner"), Some("pooling"));
    assert_eq!(value(&suggestion, "--max-model-len"), Some("32768"));
    // 15 GiB of weights, 5 of contexts, 4.5 of cache on 121.6 GiB.
    assert_eq!(value(&suggestion, "--gpu-memory-utilization"), Some("0.21"));
    for absent in ["--tool-call-parser", "--reasoning-parser", "--max-num-seqs"] {
        assert_eq!(flag(&suggestion, absent), None, "{absent}");
    }
    assert_eq!(suggestion.recipe.unwrap().kind, ModelKind::Embedding);
}

#[test]
fn a_reranker_that_was_published_as_a_chat_model_is_offered_its_class() {
    let row = ROWS
        .iter()
        .find(|r| r.0 == "Qwen/Qwen3-Reranker-8B")
        .unwrap();
    let suggestion = proposed(&of_row(row));
    assert_eq!(value(&suggestion, "--runner"), Some("pooling"));
    let offered: Vec<&str> = suggestion
        .offered_flags
        .iter()
        .map(|f| f.name.as_str())
        .collect();
    assert_eq!(offered, ["--hf-overrides"]);
}

#[test]
fn an_adapter_names_the_model_that_it_needs() {
    let mut disk = of_row(ROWS.iter().find(|r| r.0 == "org/some-lora").unwrap());
    disk.adapter_base = Some("Qwen/Qwen3-8B".to_owned());
    let suggestion = proposed(&disk);
    assert!(suggestion.warnings[0].message.contains("Qwen/Qwen3-8B"));
}
