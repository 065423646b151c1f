//! The context length that a configuration promises.

use serde_json::Value;

use crate::inventory::traits_field as field;

/// What `transformers` fills in for Gemma 3, whose files may leave the length out.
const GEMMA3: u64 = 131_072;
/// Kinds of rope scaling that leave the length as it stands in the configuration (as vLLM reads them).
const UNCHANGED: [&str; 7] = [
    "default",
    "llama3",
    "longrope",
    "mrope",
    "proportional",
    "su",
    "none",
];

/// Tokens of the longest context, rope scaling included; `None` when the configuration does not tell.
pub fn context_tokens(config: &Value) -> Option<u64> {
    const NAMES: [&str; 4] = [
        "max_position_embeddings",
        "n_positions",
        "max_seq_len",
        "seq_length",
    ];
    let number = |name: &&str| field(config, name)?.as_u64();
    let gemma3 = is_gemma3(config);
    let told = NAMES.iter().find_map(number);
    let told = told.or_else(|| gemma3.then_some(GEMMA3))?;
    // The published length of Gemma 3 holds its scaling already.
    if gemma3 {
        Some(told)
    } else {
        Some(scaled(config, told))
    }
}

fn is_gemma3(config: &Value) -> bool {
    let parts = [Some(config), config.get("text_config")];
    let mut types = parts.into_iter().flatten();
    types.any(|c| {
        let kind = c.get("model_type").and_then(Value::as_str);
        kind.is_some_and(|k| k.starts_with("gemma3"))
    })
}

/// `YaRN` names the length that it began with; every other scaling multiplies what is told.
fn scaled(config: &Value, told: u64) -> u64 {
    let scaling = field(config, "rope_scaling").or_else(|| field(config, "rope_parameters"));
    let Some(scaling) = scaling.and_then(Value::as_object) else {
        return told;
    };
    let kind = scaling.get("rope_type").or_else(|| scaling.get("type"));
    let kind = kind.and_then(Value::as_str).unwrap_or("default");
    let factor = scaling.get("factor").and_then(Value::as_f64);
    let Some(factor) = factor.filter(|f| *f >= 1.0 && !UNCHANGED.contains(&kind)) else {
        return told;
    };
    let original = scaling.get("original_max_position_embeddings");
    match (kind, original.and_then(Value::as_u64)) {
        ("yarn" | "deepseek_yarn", Some(original)) => super::share(original, factor),
        ("yarn" | "deepseek_yarn", None) => told,
        _ => super::share(told, factor),
    }
}
