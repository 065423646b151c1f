//! In which numbers the weights of a model are kept.
//!
//! The configuration is asked first, then `hf_quant_config.json`; the name is only a hint, and the label is not
//! the kernel that the engine will use.

use serde_json::Value;
use spark_ipc::model::infer::Confidence;
use spark_ipc::text::clean_line;

use crate::inventory::traits_field as field;

/// The numbers of the weights, and how they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quantization {
    /// e.g. `NVFP4`, `AWQ int4`, `BF16`.
    pub(crate) label: String,
    /// The method as the configuration names it, e.g. `modelopt`, `bitsandbytes`; empty when only the name or
    /// the type of the numbers tells.
    pub(crate) method: String,
    /// Weights that share a scale: their rows cannot be split inside a group.
    pub(crate) group_size: Option<u64>,
    /// Whether the weights were made for an fp8 cache.
    pub(crate) fp8_cache: bool,
    pub(crate) reason: String,
    pub(crate) confidence: Confidence,
}

/// Reads it from `config.json`, `hf_quant_config.json` and the name.
pub(crate) fn detect(
    config: Option<&Value>,
    hf_quant: Option<&Value>,
    name: &str,
) -> Option<Quantization> {
    let own = config.and_then(|c| field(c, "quantization_config"));
    let mut found = own
        .and_then(|own| from_configuration(own, hf_quant))
        .or_else(|| hf_quant.and_then(from_model_optimizer))
        .or_else(|| from_name(name))
        .or_else(|| from_type(config?))?;
    found.fp8_cache = own.is_some_and(made_for_fp8) || hf_quant.is_some_and(made_for_fp8);
    Some(found)
}

/// Bytes of one parameter; `None` for labels that do not tell.
pub(crate) fn bytes_per_parameter(label: &str) -> Option<f64> {
    Some(match label {
        "BF16" | "FP16" => 2.0,
        "FP32" => 4.0,
        "FP8" => 1.0,
        "NVFP4" => 0.56,
        "MXFP4" | "AWQ int4" | "GPTQ int4" | "AutoRound int4" | "W4A16" => 0.53,
        "mixed" => 0.7,
        _ => return None,
    })
}

/// The cache that the weights were made for, in the words of `ModelOpt` or of compressed-tensors.
fn made_for_fp8(quant: &Value) -> bool {
    let scheme = quant.get("kv_cache_scheme");
    let bits = scheme.and_then(|s| number(s, "num_bits"));
    text(quant, "kv_cache_quant_algo") == Some("FP8") || bits == Some(8)
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    let inner = || value.get("quantization")?.get(name);
    value.get(name).or_else(inner)?.as_str()
}

fn number(value: &Value, name: &str) -> Option<u64> {
    value.get(name)?.as_u64()
}

fn certain(label: String, method: &str, group_size: Option<u64>, from: &str) -> Quantization {
    Quantization {
        label,
        method: clean_line(method, 40),
        group_size,
        fp8_cache: false,
        reason: from.to_owned(),
        confidence: Confidence::Certain,
    }
}

fn from_configuration(own: &Value, hf_quant: Option<&Value>) -> Option<Quantization> {
    let method = text(own, "quant_method")?.to_ascii_lowercase();
    let bits = number(own, "bits").unwrap_or(4);
    let label = match method.as_str() {
        "fp8" | "fbgemm_fp8" => "FP8".to_owned(),
        "compressed-tensors" => compressed_tensors(own),
        "modelopt" | "modelopt_fp4" | "modelopt_mixed" => {
            let named = text(own, "quant_algo");
            let named = named.or_else(|| text(hf_quant?, "quant_algo"));
            named.map_or_else(|| "ModelOpt".to_owned(), model_optimizer)
        }
        "mxfp4" => "MXFP4".to_owned(),
        "awq" => format!("AWQ int{bits}"),
        "gptq" => format!("GPTQ int{bits}"),
        "auto-round" | "auto_round" | "intel/auto-round" => format!("AutoRound int{bits}"),
        "gguf" => "GGUF".to_owned(),
        other => clean_line(other, 40),
    };
    let groups = group_size(own).or_else(|| group_size(hf_quant?));
    Some(certain(
        label,
        &method,
        groups,
        "quantization_config of config.json",
    ))
}

/// Of a quantization as a whole, of the first of its groups, or of the blocks of FP8 weights.
fn group_size(quant: &Value) -> Option<u64> {
    let block = || quant.get("weight_block_size")?.get(0)?.as_u64();
    let in_group = || first_weights(quant)?.get("group_size")?.as_u64();
    number(quant, "group_size")
        .or_else(|| number(quant.get("quantization")?, "group_size"))
        .or_else(in_group)
        .or_else(block)
}

fn first_weights(quant: &Value) -> Option<&Value> {
    let groups = quant.get("config_groups")?.as_object()?;
    groups.values().next()?.get("weights")
}

fn compressed_tensors(own: &Value) -> String {
    let weights = first_weights(own);
    let bits = weights.and_then(|w| number(w, "num_bits"));
    let is_float = weights.and_then(|w| text(w, "type")) == Some("float");
    match (text(own, "format").unwrap_or_default(), bits, is_float) {
        ("mxfp4-pack-quantized", ..) => "MXFP4".to_owned(),
        ("nvfp4-pack-quantized", ..) | (_, Some(4), true) => "NVFP4".to_owned(),
        ("float-quantized", ..) | (_, Some(8), true) => "FP8".to_owned(),
        (_, Some(bits), false) => format!("W{bits}A16"),
        _ => "compressed-tensors".to_owned(),
    }
}

fn from_model_optimizer(hf_quant: &Value) -> Option<Quantization> {
    let label = model_optimizer(text(hf_quant, "quant_algo")?);
    let group = group_size(hf_quant);
    Some(certain(label, "modelopt", group, "hf_quant_config.json"))
}

fn model_optimizer(algorithm: &str) -> String {
    match algorithm {
        "MIXED_PRECISION" => "mixed".to_owned(),
        other => clean_line(other, 40),
    }
}

fn from_name(name: &str) -> Option<Quantization> {
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
    let (part, label) = HINTS.iter().find(|(part, _)| name.contains(part))?;
    Some(Quantization {
        reason: format!("the name contains {part:?}; no configuration tells"),
        confidence: Confidence::Guess,
        ..certain((*label).to_owned(), "", None, "")
    })
}

fn from_type(config: &Value) -> Option<Quantization> {
    let told = field(config, "torch_dtype").or_else(|| field(config, "dtype"))?;
    let label = match told.as_str()? {
        "bfloat16" => "BF16".to_owned(),
        "float16" => "FP16".to_owned(),
        "float32" => "FP32".to_owned(),
        other => clean_line(other, 40),
    };
    let reason = "the type of the weights in config.json, and no quantization";
    Some(certain(label, "", None, reason))
}
