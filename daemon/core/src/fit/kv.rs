//! What one token costs in the KV cache.
//!
//! Only layers with full attention keep a key and a value for every token: hybrid models have a few of them,
//! sliding ones keep a window, and latent attention (MLA) keeps one small vector that is not split between
//! ranks. Counting every layer would overstate a hybrid model four times.

use serde_json::Value;

use crate::inventory::traits_field as field;

/// The cost of a context, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvCost {
    /// For every token of the context.
    pub token_bytes: u64,
    /// For every token of the context up to the window, in sliding layers.
    pub window_bytes: u64,
    pub window_tokens: u64,
    /// Number of parts that tensor parallelism can split it into; 1 for MLA.
    pub splits: u64,
}

impl KvCost {
    /// The bytes of one request of `tokens` on one of `ranks` ranks.
    pub fn bytes(&self, tokens: u64, ranks: u64) -> u64 {
        let parts = ranks.clamp(1, self.splits.max(1));
        let full = self.token_bytes.saturating_mul(tokens);
        let window = self
            .window_bytes
            .saturating_mul(tokens.min(self.window_tokens));
        full.saturating_add(window) / parts
    }
}

/// The cost of a model with this `config.json`; `width` is the bytes of one number (1 for fp8, else 2).
/// `None` when the configuration does not tell.
pub fn kv_cost(config: &Value, width: u64) -> Option<KvCost> {
    let number = |name: &str| field(config, name)?.as_u64();
    let layers = number("num_hidden_layers")?;
    if let Some(rank) = number("kv_lora_rank") {
        let latent = rank + number("qk_rope_head_dim").unwrap_or(64);
        let token_bytes = full_layers(config, layers) * latent * width;
        return Some(KvCost {
            token_bytes,
            window_bytes: 0,
            window_tokens: 0,
            splits: 1,
        });
    }
    let heads = number("num_attention_heads")?;
    let kv_heads = number("num_key_value_heads").unwrap_or(heads);
    let head_dim = number("head_dim").or_else(|| number("hidden_size")?.checked_div(heads))?;
    let layer_bytes = 2 * kv_heads * head_dim * width;
    Some(KvCost {
        token_bytes: full_layers(config, layers) * layer_bytes,
        window_bytes: sliding_layers(config) * layer_bytes,
        window_tokens: number("sliding_window").unwrap_or(0),
        splits: kv_heads,
    })
}

/// The context length that the configuration promises.
pub(super) fn context_tokens(config: &Value) -> Option<u64> {
    field(config, "max_position_embeddings")?.as_u64()
}

/// Layers that keep every token.
fn full_layers(config: &Value, layers: u64) -> u64 {
    let counted = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    if let Some(types) = field(config, "layer_types").and_then(Value::as_array) {
        let full = types
            .iter()
            .filter(|t| matches!(t.as_str(), Some("full_attention" | "attention")));
        return counted(full.count());
    }
    if let Some(interval) = field(config, "full_attention_interval").and_then(Value::as_u64) {
        return layers / interval.max(1);
    }
    if let Some(list) = field(config, "attn_layer_indices").and_then(Value::as_array) {
        return counted(list.len());
    }
    if let Some(pattern) = field(config, "hybrid_override_pattern").and_then(Value::as_str) {
        return counted(pattern.matches('*').count());
    }
    layers
}

/// Layers that keep only a window.
fn sliding_layers(config: &Value) -> u64 {
    let types = field(config, "layer_types").and_then(Value::as_array);
    types.map_or(0, |types| {
        let sliding = types
            .iter()
            .filter(|t| t.as_str() == Some("sliding_attention"));
        u64::try_from(sliding.count()).unwrap_or(u64::MAX)
    })
}
