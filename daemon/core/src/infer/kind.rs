//! What a model does and which program can serve it, told from its files, its architecture and its name, in
//! this order: a name is only a label.

use spark_ipc::model::infer::{Confidence, Runtime};
use spark_ipc::model::inventory::ModelKind;

use crate::inventory::DiskModel;

/// What a model does, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nature {
    pub(crate) kind: ModelKind,
    pub(crate) runtime: Runtime,
    pub(crate) reason: String,
    pub(crate) confidence: Confidence,
}

/// Architectures that make vectors although their name says nothing of it.
const EMBEDDERS: [&str; 8] = [
    "BertModel",
    "XLMRobertaModel",
    "RobertaModel",
    "NomicBertModel",
    "ModernBertModel",
    "GteModel",
    "LlamaBidirectionalModel",
    "Gemma3TextModel",
];
/// Beginnings of architectures that vLLM transcribes speech with.
const LISTENERS: [&str; 4] = ["Whisper", "Voxtral", "Qwen3ASR", "GraniteSpeech"];
/// Names of models that NVIDIA `NeMo` runs.
const NEMO: [&str; 3] = ["parakeet", "canary", "sortformer"];
const SPEAKERS: [&str; 4] = ["kokoro", "orpheus", "parler", "-tts"];
/// Ends of the names of architectures that write text.
const WRITERS: [&str; 3] = ["ForCausalLM", "ForConditionalGeneration", "LMHeadModel"];

/// Reads the nature of a model; `architecture` is the first of its configuration.
pub(crate) fn nature(model: &DiskModel, architecture: Option<&str>) -> Nature {
    let name = model.repo.name().to_ascii_lowercase();
    let architecture = architecture.unwrap_or_default();
    by_files(model, architecture)
        .or_else(|| pooling(model, architecture, &name))
        .or_else(|| speech(model, architecture, &name))
        .or_else(|| chat(architecture))
        .unwrap_or_else(|| {
            let reason = match architecture {
                "" => "no file tells what it does".to_owned(),
                other => format!("the architecture {other} tells nothing of its use"),
            };
            told(ModelKind::Other, Runtime::Unknown, reason)
        })
}

fn told(kind: ModelKind, runtime: Runtime, reason: impl Into<String>) -> Nature {
    Nature {
        kind,
        runtime,
        reason: reason.into(),
        confidence: Confidence::Certain,
    }
}

fn by_name(kind: ModelKind, runtime: Runtime, part: &str) -> Nature {
    Nature {
        confidence: Confidence::Likely,
        ..told(kind, runtime, format!("the name contains {part:?}"))
    }
}

fn part<'a>(name: &str, parts: &[&'a str]) -> Option<&'a str> {
    parts.iter().find(|part| name.contains(**part)).copied()
}

/// Files that no model for vLLM has, or has alone.
fn by_files(model: &DiskModel, architecture: &str) -> Option<Nature> {
    if model.has("adapter") && architecture.is_empty() {
        let reason = "adapter_config.json: it only changes another model";
        Some(told(ModelKind::Other, Runtime::Adapter, reason))
    } else if model.has("gguf") && !model.has("safetensors") {
        let reason = "its only weights are GGUF files";
        Some(told(ModelKind::Gguf, Runtime::LlamaCpp, reason))
    } else if model.has("diffusers") {
        let reason = "model_index.json: a pipeline of the diffusers library";
        Some(told(ModelKind::Image, Runtime::Diffusers, reason))
    } else {
        None
    }
}

fn pooling(model: &DiskModel, architecture: &str, name: &str) -> Option<Nature> {
    if architecture.ends_with("ForSequenceClassification") {
        let reason = format!("the architecture {architecture} gives scores");
        return Some(told(ModelKind::Rerank, Runtime::Vllm, reason));
    }
    if let Some(part) = part(name, &["rerank"]) {
        return Some(by_name(ModelKind::Rerank, Runtime::Vllm, part));
    }
    if let Some(part) = part(name, &SPEAKERS) {
        return Some(by_name(
            ModelKind::TextToSpeech,
            Runtime::TextToSpeech,
            part,
        ));
    }
    if model.has("pooling") {
        let reason = "modules.json or 1_Pooling: a sentence-transformers model";
        return Some(told(ModelKind::Embedding, Runtime::Vllm, reason));
    }
    if EMBEDDERS.contains(&architecture) {
        let reason = format!("the architecture {architecture} gives vectors");
        return Some(told(ModelKind::Embedding, Runtime::Vllm, reason));
    }
    let part = part(name, &["embedding", "-embed-"])?;
    Some(by_name(ModelKind::Embedding, Runtime::Vllm, part))
}

fn speech(model: &DiskModel, architecture: &str, name: &str) -> Option<Nature> {
    let kind = ModelKind::SpeechToText;
    if model.has("nemo") {
        return Some(told(kind, Runtime::Nemo, "its weights are a NeMo archive"));
    }
    if LISTENERS.iter().any(|l| architecture.starts_with(l)) {
        let reason = format!("vLLM transcribes with the architecture {architecture}");
        return Some(told(kind, Runtime::Vllm, reason));
    }
    if let Some(part) = part(name, &NEMO) {
        return Some(by_name(kind, Runtime::Nemo, part));
    }
    let part = part(name, &["whisper", "-asr"])?;
    Some(by_name(kind, Runtime::Unknown, part))
}

fn chat(architecture: &str) -> Option<Nature> {
    let writes = WRITERS.iter().any(|end| architecture.ends_with(end));
    let reason = || format!("the architecture {architecture} writes text");
    writes.then(|| told(ModelKind::Chat, Runtime::Vllm, reason()))
}
