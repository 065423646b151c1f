//! What a model is, told from its configuration first and its name last.

use serde_json::Value;
use spark_ipc::model::inventory::ModelKind;

use super::DiskModel;

/// What the menu says about a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traits {
    pub kind: ModelKind,
    pub quantization: Option<String>,
    pub parameters: Option<u64>,
    pub architecture: Option<String>,
    pub max_context_tokens: Option<u64>,
}

/// Reads the traits of a model on disk.
pub fn traits_of(model: &DiskModel) -> Traits {
    let config = model.config.as_ref();
    let quantization = quantization_of(config, model.quant_config.as_ref(), model.repo.name());
    let architecture = config
        .and_then(architecture)
        .map(|a| spark_ipc::text::clean_line(a, 80));
    Traits {
        kind: kind_of(model, architecture.as_deref()),
        parameters: parameters_in_name(model.repo.name())
            .or_else(|| parameters_by_weight(model.weight_bytes, quantization.as_deref())),
        quantization,
        architecture,
        max_context_tokens: config.and_then(|c| field(c, "max_position_embeddings")?.as_u64()),
    }
}

/// A field of `config.json`, or of the part of it that describes the language model.
pub(crate) fn field<'a>(config: &'a Value, name: &str) -> Option<&'a Value> {
    const PARTS: [&str; 3] = ["text_config", "llm_config", "language_config"];
    let own = config.get(name);
    own.or_else(|| PARTS.iter().find_map(|part| config.get(part)?.get(name)))
        .filter(|value| !value.is_null())
}

fn architecture(config: &Value) -> Option<&str> {
    config.get("architectures")?.get(0)?.as_str()
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

fn kind_of(model: &DiskModel, architecture: Option<&str>) -> ModelKind {
    let name = model.repo.name().to_ascii_lowercase();
    let named = |parts: &[&str]| parts.iter().any(|p| name.contains(p));
    let arch = architecture.unwrap_or_default();
    if model.has("gguf") && !model.has("safetensors") {
        ModelKind::Gguf
    } else if model.has("diffusers") {
        ModelKind::Image
    } else if arch.ends_with("ForSequenceClassification") || named(&["rerank"]) {
        ModelKind::Rerank
    } else if model.has("pooling") || EMBEDDERS.contains(&arch) || named(&["embedding", "-embed-"])
    {
        ModelKind::Embedding
    } else if model.has("nemo")
        || ["Whisper", "Voxtral", "GraniteSpeech"]
            .iter()
            .any(|p| arch.starts_with(p))
        || named(&["whisper", "parakeet", "canary", "sortformer", "-asr"])
    {
        ModelKind::SpeechToText
    } else if named(&["kokoro", "orpheus", "parler", "-tts"]) {
        ModelKind::TextToSpeech
    } else if arch.ends_with("ForCausalLM") || arch.ends_with("ForConditionalGeneration") {
        ModelKind::Chat
    } else {
        ModelKind::Other
    }
}

/// The label of spark-domain 4.6; the name is asked only when no configuration answers.
fn quantization_of(config: Option<&Value>, quant: Option<&Value>, name: &str) -> Option<String> {
    config
        .and_then(|c| field(c, "quantization_config"))
        .and_then(|q| from_quantization_config(q, quant))
        .or_else(|| quant.and_then(algorithm).map(model_optimizer))
        .or_else(|| from_name(name))
        .or_else(|| from_dtype(config?))
}

fn from_quantization_config(q: &Value, hf_quant: Option<&Value>) -> Option<String> {
    let method = q
        .get("quant_method")
        .and_then(Value::as_str)?
        .to_ascii_lowercase();
    let bits = q.get("bits").and_then(Value::as_u64).unwrap_or(4);
    Some(match method.as_str() {
        "fp8" | "fbgemm_fp8" => "FP8".to_owned(),
        "compressed-tensors" => compressed_tensors(q),
        "modelopt" | "modelopt_fp4" | "modelopt_mixed" => {
            let named = algorithm(q).or_else(|| hf_quant.and_then(algorithm));
            named.map_or_else(|| "ModelOpt".to_owned(), model_optimizer)
        }
        "mxfp4" => "MXFP4".to_owned(),
        "awq" => format!("AWQ int{bits}"),
        "gptq" => format!("GPTQ int{bits}"),
        "auto-round" | "auto_round" | "intel/auto-round" => format!("AutoRound int{bits}"),
        other => spark_ipc::text::clean_line(other, 40),
    })
}

fn compressed_tensors(q: &Value) -> String {
    let format = q.get("format").and_then(Value::as_str).unwrap_or_default();
    let groups = q.get("config_groups").and_then(Value::as_object);
    let weights = groups
        .and_then(|g| g.values().next())
        .and_then(|g| g.get("weights"));
    let bits = weights
        .and_then(|w| w.get("num_bits"))
        .and_then(Value::as_u64);
    let is_float = weights.and_then(|w| w.get("type")).and_then(Value::as_str) == Some("float");
    match (format, bits, is_float) {
        ("mxfp4-pack-quantized", ..) => "MXFP4".to_owned(),
        ("nvfp4-pack-quantized", ..) | (_, Some(4), true) => "NVFP4".to_owned(),
        ("float-quantized", ..) | (_, Some(8), true) => "FP8".to_owned(),
        (_, Some(bits), false) => format!("W{bits}A16"),
        _ => "compressed-tensors".to_owned(),
    }
}

fn algorithm(quant: &Value) -> Option<&str> {
    let own = quant.get("quant_algo");
    own.or_else(|| quant.get("quantization")?.get("quant_algo"))?
        .as_str()
}

fn model_optimizer(algorithm: &str) -> String {
    match algorithm {
        "MIXED_PRECISION" => "mixed".to_owned(),
        other => spark_ipc::text::clean_line(other, 40),
    }
}

fn from_name(name: &str) -> Option<String> {
    const HINTS: [(&str, &str); 8] = [
        ("nvfp4", "NVFP4"),
        ("mxfp4", "MXFP4"),
        ("fp8", "FP8"),
        ("awq", "AWQ int4"),
        ("gptq", "GPTQ int4"),
        ("autoround", "AutoRound int4"),
        ("gguf", "GGUF"),
        ("int4", "int4"),
    ];
    let name = name.to_ascii_lowercase();
    let hint = HINTS.iter().find(|(part, _)| name.contains(part))?;
    Some(hint.1.to_owned())
}

fn from_dtype(config: &Value) -> Option<String> {
    let dtype = field(config, "torch_dtype")
        .or_else(|| field(config, "dtype"))?
        .as_str()?;
    Some(match dtype {
        "bfloat16" => "BF16".to_owned(),
        "float16" => "FP16".to_owned(),
        "float32" => "FP32".to_owned(),
        other => spark_ipc::text::clean_line(other, 40),
    })
}

/// The first part of the name that is a number followed by B, e.g. `35B` of `Qwen3.6-35B-A3B-FP8`.
fn parameters_in_name(name: &str) -> Option<u64> {
    name.split(['-', '_']).find_map(|part| {
        let digits = part.strip_suffix(['B', 'b'])?;
        let billions: f64 = digits
            .parse()
            .ok()
            .filter(|n| (0.01..10_000.0).contains(n))?;
        Some(crate::fit::share(1_000_000_000, billions))
    })
}

/// The number that the size of the weights stands for at this quantization.
fn parameters_by_weight(bytes: u64, quantization: Option<&str>) -> Option<u64> {
    let per_byte = match quantization? {
        "BF16" | "FP16" => 0.5,
        "FP32" => 0.25,
        "FP8" => 1.0,
        "NVFP4" => 1.0 / 0.56,
        "MXFP4" | "AWQ int4" | "GPTQ int4" | "AutoRound int4" | "W4A16" => 1.0 / 0.53,
        _ => return None,
    };
    (bytes > 0).then(|| crate::fit::share(bytes, per_byte))
}

#[cfg(test)]
mod tests;
