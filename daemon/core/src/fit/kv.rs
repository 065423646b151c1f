//! What one token costs in the KV cache.
//!
//! Only layers with full attention keep a key and a value for every token: hybrid models have a few of them,
//! sliding ones keep a window, recurrent ones keep a state of fixed size, and latent attention (MLA) keeps one
//! small vector that every rank holds whole. Counting every layer would overstate a hybrid model four times.

use serde_json::Value;

use super::layers::{Layers, layers};
use crate::inventory::traits_field as field;

/// Bytes of one number of a recurrent state: engines keep it in float32.
const STATE_WIDTH: u64 = 4;
/// Heads and head width that `transformers` fills in for Gemma 3, whose files leave them out.
const GEMMA3: (u64, u64, u64) = (8, 4, 256);
/// One token of a sparse latent layer in an fp8 cache: 512 numbers, their scales and 64 positions in 16 bits
/// (vLLM `fp8_ds_mla`).
const SPARSE_LATENT_FP8: u64 = 656;

/// The cost of a context, in bytes, over all ranks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KvCost {
    /// For every token of the context.
    pub token_bytes: u64,
    /// Number of parts that tensor parallelism can split it into; 1 for MLA.
    pub splits: u64,
    /// For every token of the context up to the window, in sliding layers.
    pub window_bytes: u64,
    pub window_tokens: u64,
    pub window_splits: u64,
    /// For every request, whatever its length: the state of recurrent layers.
    pub request_bytes: u64,
    pub request_splits: u64,
}

impl KvCost {
    /// The bytes of one request of `tokens` on one of `ranks` ranks.
    pub fn bytes(&self, tokens: u64, ranks: u64) -> u64 {
        let window = tokens.min(self.window_tokens);
        let parts = [
            (self.token_bytes.saturating_mul(tokens), self.splits),
            (self.window_bytes.saturating_mul(window), self.window_splits),
            (self.request_bytes, self.request_splits),
        ];
        let each = parts.map(|(bytes, splits)| bytes / ranks.clamp(1, splits.max(1)));
        each.into_iter().fold(0, u64::saturating_add)
    }

    /// The bytes of one more token of a long context on one of `ranks` ranks.
    pub fn token_on(&self, ranks: u64) -> u64 {
        self.token_bytes / ranks.clamp(1, self.splits.max(1))
    }
}

/// The cost of a model with this `config.json`; `width` is the bytes of one number (1 for fp8, else 2).
/// `None` when the configuration does not tell.
pub fn kv_cost(config: &Value, width: u64) -> Option<KvCost> {
    let layers = layers(config)?;
    let mut cost = if let Some(rank) = number(config, "kv_lora_rank") {
        latent(config, &layers, rank, width)
    } else if let Some(ratios) = field(config, "compress_ratios").and_then(Value::as_array) {
        compressed(config, ratios, width)?
    } else if let Some(blocks) = field(config, "block_configs").and_then(Value::as_array) {
        by_block(config, blocks, width)?
    } else {
        grouped(config, &layers, width)?
    };
    let (state, heads) = state(config);
    cost.request_bytes = layers.recurrent * state * STATE_WIDTH;
    cost.request_splits = heads;
    Some(cost)
}

fn number(config: &Value, name: &str) -> Option<u64> {
    field(config, name)?.as_u64()
}

/// Multi-head latent attention: one vector for all heads, and the index of sparse attention where there is one.
fn latent(config: &Value, layers: &Layers, rank: u64, width: u64) -> KvCost {
    let index = number(config, "index_head_dim").map(|dim| dim + 4);
    let plain = (rank + number(config, "qk_rope_head_dim").unwrap_or(64)) * width;
    let vector = match index {
        Some(_) if width == 1 => plain.max(SPARSE_LATENT_FP8),
        _ => plain,
    };
    KvCost {
        token_bytes: layers.full * (vector + index.unwrap_or(0)),
        splits: 1,
        ..KvCost::default()
    }
}

/// `DeepSeek` V4: one vector for all heads, kept for every token in a window and for every group of tokens beyond.
fn compressed(config: &Value, ratios: &[Value], width: u64) -> Option<KvCost> {
    let vector = number(config, "head_dim")? * width;
    let ratios = ratios.iter().filter_map(Value::as_u64);
    let kept = ratios.filter(|r| *r > 0).map(|r| vector.div_ceil(r)).sum();
    Some(KvCost {
        token_bytes: kept,
        splits: 1,
        window_bytes: number(config, "num_hidden_layers")? * vector,
        window_tokens: number(config, "sliding_window").unwrap_or(0),
        window_splits: 1,
        ..KvCost::default()
    })
}

/// Llama-Nemotron: every layer has its own number of KV heads, some have no attention.
fn by_block(config: &Value, blocks: &[Value], width: u64) -> Option<KvCost> {
    let heads = number(config, "num_attention_heads")?;
    let dim = head_dim(config, heads)?;
    let groups = blocks.iter().filter_map(|block| {
        let group = block.get("attention")?.get("n_heads_in_group")?.as_u64()?;
        heads.checked_div(group)
    });
    let counts: Vec<u64> = groups.collect();
    Some(KvCost {
        token_bytes: counts.iter().sum::<u64>() * 2 * dim * width,
        splits: counts.iter().copied().min().unwrap_or(1),
        ..KvCost::default()
    })
}

/// Keys and values for every group of heads. The full layers of Gemma 4 have heads of their own kind.
fn grouped(config: &Value, layers: &Layers, width: u64) -> Option<KvCost> {
    let heads = number(config, "num_attention_heads").or_else(|| gemma3(config).map(|g| g.0))?;
    let told = number(config, "num_key_value_heads").or_else(|| gemma3(config).map(|g| g.1));
    let kv_heads = told.unwrap_or(heads);
    let dim = head_dim(config, heads)?;
    let global_heads = number(config, "num_global_key_value_heads").unwrap_or(kv_heads);
    let global_dim = number(config, "global_head_dim").unwrap_or(dim);
    Some(KvCost {
        token_bytes: layers.full * 2 * global_heads * global_dim * width,
        splits: global_heads,
        window_bytes: layers.sliding * 2 * kv_heads * dim * width,
        window_tokens: layers.window,
        window_splits: kv_heads,
        ..KvCost::default()
    })
}

fn head_dim(config: &Value, heads: u64) -> Option<u64> {
    let divided = || number(config, "hidden_size")?.checked_div(heads);
    let default = || gemma3(config).map(|g| g.2);
    number(config, "head_dim").or_else(default).or_else(divided)
}

fn gemma3(config: &Value) -> Option<(u64, u64, u64)> {
    let kind = config.get("text_config").unwrap_or(config);
    (kind.get("model_type")?.as_str()? == "gemma3_text").then_some(GEMMA3)
}

/// The numbers that one recurrent layer keeps for a request, and the heads that they are split by.
fn state(config: &Value) -> (u64, u64) {
    const SHAPES: [[&str; 3]; 3] = [
        [
            "linear_num_value_heads",
            "linear_key_head_dim",
            "linear_value_head_dim",
        ],
        ["mamba_num_heads", "mamba_head_dim", "ssm_state_size"],
        ["mamba_n_heads", "mamba_d_head", "mamba_d_state"],
    ];
    let shape = |names: &[&str; 3]| {
        let [heads, wide, deep] = names.map(|name| number(config, name));
        Some((heads?, wide? * deep?))
    };
    let linear = || {
        let own = field(config, "linear_attn_config")?;
        let of = |name: &str| own.get(name)?.as_u64();
        Some((of("num_heads")?, of("head_dim")? * of("head_dim")?))
    };
    let found = SHAPES.iter().find_map(shape).or_else(linear);
    found.map_or((0, 1), |(heads, each)| (heads * each, heads))
}
