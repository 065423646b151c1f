//! What the layers of a model keep of a context, as the many spellings of `config.json` tell it.

use serde_json::Value;

use crate::inventory::traits_field as field;

/// Layers by what they keep; layers without a cache (experts, plain networks) are in none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Layers {
    /// Every token.
    pub(super) full: u64,
    /// The last `window` tokens.
    pub(super) sliding: u64,
    pub(super) window: u64,
    /// A state of fixed size.
    pub(super) recurrent: u64,
}

/// Counts the layers; `None` when the configuration does not say how many there are.
pub(super) fn layers(config: &Value) -> Option<Layers> {
    let all = number(config, "num_hidden_layers")
        .or_else(|| number(config, "num_layers"))
        .or_else(|| list(config, "layers_block_type").map(|l| counted(l.len())))?;
    // LongCat has two attentions in each of its layers.
    let all = if is(config, "longcat_flash") {
        all * 2
    } else {
        all
    };
    let told = by_type(config)
        .or_else(|| by_pattern(config))
        .or_else(|| by_full_list(config, all))
        .or_else(|| by_interval(config, all))
        .or_else(|| by_window(config, all));
    let mut layers = told.unwrap_or(Layers {
        full: all,
        ..Layers::default()
    });
    layers.window = number(config, "sliding_window")
        .or_else(|| number(config, "attention_chunk_size"))
        .unwrap_or(0);
    Some(layers)
}

fn number(config: &Value, name: &str) -> Option<u64> {
    field(config, name)?.as_u64()
}

fn list<'a>(config: &'a Value, name: &str) -> Option<&'a [Value]> {
    field(config, name)?.as_array().map(Vec::as_slice)
}

fn is(config: &Value, model_type: &str) -> bool {
    let parts = [Some(config), config.get("text_config")];
    let mut types = parts.into_iter().flatten().map(|c| c.get("model_type"));
    types.any(|t| t.and_then(Value::as_str) == Some(model_type))
}

fn counted(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A word for every layer. The last layers of Gemma 3n and 4 may share the cache of earlier ones.
fn by_type(config: &Value) -> Option<Layers> {
    let types = list(config, "layer_types").or_else(|| list(config, "layers_block_type"))?;
    let shared = number(config, "num_kv_shared_layers").unwrap_or(0);
    let own = counted(types.len()).saturating_sub(shared);
    let mut found = Layers::default();
    let own = usize::try_from(own).unwrap_or(usize::MAX);
    for kind in types.iter().take(own).filter_map(Value::as_str) {
        match kind {
            "sliding_attention" | "chunked_attention" => found.sliding += 1,
            "linear_attention" | "mamba" | "mamba2" | "conv" | "recurrent" => found.recurrent += 1,
            "hybrid" => found.full += 1,
            other if other.contains("attention") => found.full += 1,
            _ => {}
        }
    }
    Some(found)
}

/// A letter for every layer (Nemotron-H: `*` attention, `M` Mamba), or a number (`MiniMax`: 1 attention).
fn by_pattern(config: &Value) -> Option<Layers> {
    if let Some(pattern) = field(config, "hybrid_override_pattern").and_then(Value::as_str) {
        return Some(Layers {
            full: counted(pattern.matches('*').count()),
            recurrent: counted(pattern.matches('M').count()),
            ..Layers::default()
        });
    }
    let kinds = list(config, "attn_type_list")?;
    let full = kinds.iter().filter(|k| k.as_u64() == Some(1)).count();
    Some(Layers {
        full: counted(full),
        recurrent: counted(kinds.len() - full),
        ..Layers::default()
    })
}

/// The numbers of the layers with attention; the others are recurrent.
fn by_full_list(config: &Value, all: u64) -> Option<Layers> {
    let kimi = || {
        let own = field(config, "linear_attn_config")?;
        own.get("full_attn_layers")?.as_array().map(Vec::as_slice)
    };
    let full = list(config, "attn_layer_indices")
        .or_else(|| list(config, "full_attn_idxs"))
        .or_else(kimi)?;
    Some(Layers {
        full: counted(full.len()),
        recurrent: all.saturating_sub(counted(full.len())),
        ..Layers::default()
    })
}

/// Every so-and-so-many-th layer has attention; the others are recurrent.
fn by_interval(config: &Value, all: u64) -> Option<Layers> {
    let full = if let Some(interval) = number(config, "full_attention_interval") {
        all / interval.max(1)
    } else {
        let period = number(config, "attn_layer_period")?.max(1);
        let offset = number(config, "attn_layer_offset").unwrap_or(0);
        counted((0..all).filter(|i| i % period == offset % period).count())
    };
    Some(Layers {
        full,
        recurrent: all - full,
        ..Layers::default()
    })
}

/// Older configurations with a window: `transformers` knows the pattern by the model's type.
fn by_window(config: &Value, all: u64) -> Option<Layers> {
    let window = number(config, "sliding_window");
    window.or_else(|| number(config, "attention_chunk_size"))?;
    if field(config, "use_sliding_window").and_then(Value::as_bool) == Some(false) {
        return None;
    }
    let by_family = || {
        Some(match () {
            () if is(config, "gemma3") || is(config, "gemma3_text") => 6,
            () if is(config, "llama4") || is(config, "llama4_text") => 4,
            () if is(config, "gemma2") => 2,
            () if is(config, "mistral") || is(config, "mixtral") => 0,
            () => return None,
        })
    };
    let pattern = number(config, "sliding_window_pattern").or_else(by_family)?;
    let full = all.checked_div(pattern).unwrap_or(0);
    Some(Layers {
        full,
        sliding: all - full,
        ..Layers::default()
    })
}
