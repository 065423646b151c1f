//! What a model is, told from its configuration first and its name last.

use serde_json::Value;
use spark_ipc::model::inventory::ModelKind;

use super::DiskModel;
use crate::fit::context_tokens;
use crate::infer::kind::nature;
use crate::infer::quantization::{bytes_per_parameter, detect};

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
    let quantization = detect(config, model.quant_config.as_ref(), model.repo.name());
    let quantization = quantization.map(|q| q.label);
    let architecture = config
        .and_then(architecture)
        .map(|a| spark_ipc::text::clean_line(a, 80));
    Traits {
        kind: nature(model, architecture.as_deref()).kind,
        parameters: parameters_in_name(model.repo.name())
            .or_else(|| parameters_by_weight(model.weight_bytes, quantization.as_deref())),
        quantization,
        architecture,
        max_context_tokens: config.and_then(context_tokens),
    }
}

/// A field of `config.json`, or of the part of it that describes the language model.
pub(crate) fn field<'a>(config: &'a Value, name: &str) -> Option<&'a Value> {
    const PARTS: [&str; 3] = ["text_config", "llm_config", "language_config"];
    let own = config.get(name);
    own.or_else(|| PARTS.iter().find_map(|part| config.get(part)?.get(name)))
        .filter(|value| !value.is_null())
}

pub(crate) fn architecture(config: &Value) -> Option<&str> {
    config.get("architectures")?.get(0)?.as_str()
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
    let each = bytes_per_parameter(quantization?)?;
    (bytes > 0).then(|| crate::fit::share(bytes, 1.0 / each))
}

#[cfg(test)]
mod tests;
