//! vLLM's memory arithmetic: what the weights, the profile run and the KV cache take of unified memory.
//!
//! Linear-attention state is not counted per token, as in vLLM; activations are an estimate from the step
//! size and the model's width that stays within the 0.5 to 6 GiB seen on Sparks.

use super::{
    model::Facts,
    settings::{MaxLen, Settings},
    units::{GIB, gib, ratio, scale},
};

const BLOCK: u64 = 16;

/// What one rank does with its memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Plan {
    /// Weights on this rank.
    pub(crate) weights: u64,
    /// CUDA context, NCCL buffers and peak activations.
    pub(crate) overhead: u64,
    /// CUDA graphs, taken on top of the utilization.
    pub(crate) graphs: u64,
    /// What is left for the KV cache; negative when the weights alone are too much.
    pub(crate) kv: i64,
}

/// The KV cache, sized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cache {
    /// Bytes on one rank.
    pub(crate) bytes: u64,
    /// Tokens that fit.
    pub(crate) tokens: u64,
    /// The context length served.
    pub(crate) max_len: u64,
    /// Requests of that length at once.
    pub(crate) concurrency: f64,
}

/// Memory that does not suffice, in vLLM's words.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum MemoryError {
    /// Less is free than the utilization asks for.
    #[error(
        "ValueError: Free memory on device cuda:0 ({free:.2}/{total:.2} GiB) on startup is less than desired GPU memory utilization ({utilization}, {wanted:.2} GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes."
    )]
    NotFree {
        /// GiB free.
        free: f64,
        /// GiB in all.
        total: f64,
        /// Share asked for.
        utilization: f64,
        /// GiB asked for.
        wanted: f64,
    },
    /// Weights and activations leave nothing.
    #[error(
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine. See https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for more details."
    )]
    NoCache,
    /// One request of full length does not fit.
    #[error(
        "ValueError: To serve at least one request with the models's max seq len ({length}), ({needed:.2} GiB KV cache is needed, which is larger than the available KV cache memory ({available:.2} GiB). Based on the available memory, the estimated maximum model length is {possible}. Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine. See https://docs.vllm.ai/en/latest/configuration/conserving_memory/ for more details."
    )]
    TooLong {
        /// Tokens asked for.
        length: u64,
        /// GiB they need.
        needed: f64,
        /// GiB there are.
        available: f64,
        /// Tokens that fit.
        possible: u64,
    },
    /// A context that the model was not made for.
    #[error(
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n  Value error, User-specified max_model_len ({0}) is greater than the derived max_model_len (max_position_embeddings={1} or model_max_length=None in model's config.json). To allow overriding this maximum, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1. VLLM_ALLOW_LONG_MAX_MODEL_LEN must be used with extreme caution. If the model uses relative position encoding (RoPE), positions exceeding derived_max_model_len lead to nan. [type=value_error, input_value=ArgsKwargs((), {{'model': ...}}), input_type=ArgsKwargs]"
    )]
    Underived(u64, String),
}

/// Whether enough is free to begin.
pub(crate) fn check_free(utilization: f64, free: u64, total: u64) -> Result<u64, MemoryError> {
    let wanted = scale(total, utilization);
    if free >= wanted {
        return Ok(wanted);
    }
    Err(MemoryError::NotFree {
        free: gib(free),
        total: gib(total),
        utilization,
        wanted: gib(wanted),
    })
}

/// The context length to serve, before the memory is known.
pub(crate) fn context(facts: &Facts, asked: MaxLen, allow_long: bool) -> Result<u64, MemoryError> {
    match asked {
        MaxLen::Tokens(n) if n > facts.derived_len && !allow_long => {
            let positions = facts
                .positions
                .unwrap_or(facts.derived_len)
                .max(facts.derived_len);
            Err(MemoryError::Underived(n, positions.to_string()))
        }
        MaxLen::Tokens(n) => Ok(n),
        MaxLen::Derived | MaxLen::Auto => Ok(facts.derived_len),
    }
}

/// Divides `wanted` bytes of one rank.
pub(crate) fn plan(facts: &Facts, settings: &Settings, weight_bytes: u64, wanted: u64) -> Plan {
    let world = u64::from(settings.ranks.world().max(1));
    let weights = weight_bytes / world;
    let context = if world > 1 {
        GIB * 12 / 10
    } else {
        GIB * 6 / 10
    };
    let step = settings.batched_tokens * facts.hidden * 24 / world;
    let logits = u64::from(settings.max_seqs) * facts.vocabulary * 4;
    let overhead = context + (step + logits).clamp(GIB / 2, 6 * GIB);
    let graphs = if settings.eager { 0 } else { GIB };
    let left = i64::try_from(wanted).unwrap_or(i64::MAX)
        - i64::try_from(weights + overhead).unwrap_or(i64::MAX);
    let kv = settings
        .kv_bytes
        .and_then(|bytes| i64::try_from(bytes).ok())
        .unwrap_or(left);
    Plan {
        weights,
        overhead,
        graphs,
        kv,
    }
}

/// Bytes one rank keeps for a request of `tokens`.
pub(crate) fn request_bytes(facts: &Facts, settings: &Settings, tokens: u64) -> u64 {
    let value = if settings.kv_dtype.starts_with("fp8") {
        1
    } else {
        facts.kv_value_bytes
    };
    let tensor = u64::from(settings.ranks.tensor.max(1));
    let pipeline = u64::from(settings.ranks.pipeline.max(1));
    let per_layer = if facts.latent > 0 {
        facts.latent * value
    } else {
        2 * facts.kv_heads.div_ceil(tensor) * facts.head_dim * value
    };
    let blocks = |tokens: u64| tokens.div_ceil(BLOCK) * BLOCK;
    let windowed = tokens.min(facts.window + settings.batched_tokens);
    let kept = facts.layers.full * blocks(tokens) + facts.layers.sliding * blocks(windowed);
    (kept * per_layer).div_ceil(pipeline)
}

/// Sizes the KV cache of `kv` bytes for requests of `length`; `auto` shortens them to what fits.
pub(crate) fn cache(
    facts: &Facts,
    settings: &Settings,
    kv: i64,
    length: u64,
) -> Result<Cache, MemoryError> {
    let bytes = u64::try_from(kv)
        .ok()
        .filter(|bytes| *bytes > 0)
        .ok_or(MemoryError::NoCache)?;
    let needed = request_bytes(facts, settings, length);
    if needed <= bytes {
        return Ok(sized(bytes, needed, length));
    }
    let possible = longest(facts, settings, bytes, length);
    if settings.max_len == MaxLen::Auto && possible > 0 {
        return Ok(sized(
            bytes,
            request_bytes(facts, settings, possible),
            possible,
        ));
    }
    let (needed, available) = (gib(needed), gib(bytes));
    Err(MemoryError::TooLong {
        length,
        needed,
        available,
        possible,
    })
}

fn sized(bytes: u64, needed: u64, max_len: u64) -> Cache {
    let concurrency = ratio(bytes, needed.max(1));
    Cache {
        bytes,
        tokens: scale(max_len, concurrency) / BLOCK * BLOCK,
        max_len,
        concurrency,
    }
}

/// The longest request of at most `limit` tokens that fits into `bytes`, in whole blocks.
fn longest(facts: &Facts, settings: &Settings, bytes: u64, limit: u64) -> u64 {
    let (mut fits, mut too_long) = (0, limit / BLOCK + 1);
    while too_long - fits > 1 {
        let middle = fits.midpoint(too_long);
        if request_bytes(facts, settings, middle * BLOCK) <= bytes {
            fits = middle;
        } else {
            too_long = middle;
        }
    }
    fits * BLOCK
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{arguments::Arguments, catalog::Catalog, host::EngineImage};

    fn settings(line: &str) -> Settings {
        let catalog = Catalog::of(&EngineImage::default());
        let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Settings::read(&Arguments::parse(&argv, &catalog).unwrap(), &catalog).unwrap()
    }

    fn dense() -> Facts {
        Facts::read(&json!({
            "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
            "head_dim": 128, "hidden_size": 4096, "vocab_size": 151_936,
            "max_position_embeddings": 40960,
        }))
    }

    #[test]
    fn a_token_costs_what_the_configuration_says() {
        let check = |facts: &Facts, line: &str, tokens: u64, expected: u64| {
            assert_eq!(
                request_bytes(facts, &settings(line), tokens),
                expected,
                "{line}"
            );
        };
        let dense = dense();
        check(&dense, "serve m", 16, 16 * 36 * 2 * 8 * 128 * 2);
        check(
            &dense,
            "serve m --kv-cache-dtype fp8",
            16,
            16 * 36 * 2 * 8 * 128,
        );
        check(&dense, "serve m -tp 2", 16, 16 * 36 * 2 * 4 * 128 * 2);
        check(&dense, "serve m", 1, 16 * 36 * 2 * 8 * 128 * 2);
        let latent = Facts::read(&json!({
            "num_hidden_layers": 61, "kv_lora_rank": 512, "qk_rope_head_dim": 64,
        }));
        check(&latent, "serve m -tp 2", 16, 16 * 61 * 576 * 2);
        // Two layers of which one keeps 1024 tokens and the step.
        let sliding = Facts::read(&json!({
            "num_hidden_layers": 2, "layer_types": ["sliding_attention", "full_attention"],
            "num_attention_heads": 1, "head_dim": 64, "sliding_window": 1024,
        }));
        check(
            &sliding,
            "serve m --max-num-batched-tokens 1024",
            4096,
            (4096 + 2048) * 256,
        );
    }

    #[test]
    fn the_start_check_compares_free_memory_with_the_share() {
        let total = scale(GIB, 121.69);
        assert_eq!(check_free(0.5, total, total).unwrap(), total / 2);
        let error = check_free(0.92, scale(GIB, 85.92), total)
            .expect_err("not free")
            .to_string();
        assert!(
            error.contains("Free memory on device cuda:0 (85.92/121.69 GiB) on startup is less than desired GPU memory utilization (0.92, 111.95 GiB)"),
            "{error}"
        );
    }

    #[test]
    fn weights_that_are_too_large_leave_no_cache() {
        let settings = settings("serve m");
        let plan = plan(&dense(), &settings, 120 * GIB, 110 * GIB);
        assert!(plan.kv < 0);
        assert_eq!(
            cache(&dense(), &settings, plan.kv, 4096),
            Err(MemoryError::NoCache)
        );
    }

    #[test]
    fn the_estimate_of_the_possible_length_is_exact() {
        let settings = settings("serve m");
        let Err(MemoryError::TooLong { possible, .. }) =
            cache(&dense(), &settings, i64::try_from(GIB).unwrap(), 40_960)
        else {
            panic!("40960 tokens need 5.6 GiB");
        };
        assert!(request_bytes(&dense(), &settings, possible) <= GIB);
        assert!(request_bytes(&dense(), &settings, possible + BLOCK) > GIB);
        assert!(cache(&dense(), &settings, i64::try_from(GIB).unwrap(), possible).is_ok());
    }

    #[test]
    fn auto_takes_what_fits() {
        let settings = settings("serve m --max-model-len auto");
        let found = cache(&dense(), &settings, i64::try_from(GIB).unwrap(), 40_960).unwrap();
        assert!(
            found.max_len < 40_960 && found.concurrency >= 1.0,
            "{found:?}"
        );
        assert!(context(&dense(), MaxLen::Tokens(50_000), false).is_err());
        assert_eq!(context(&dense(), MaxLen::Tokens(50_000), true), Ok(50_000));
    }

    #[test]
    fn cache_bytes_given_outright_override_the_share() {
        let settings = settings("serve m --kv-cache-memory-bytes 12G");
        let plan = plan(&dense(), &settings, 16 * GIB, 40 * GIB);
        assert_eq!(plan.kv, i64::try_from(12 * GIB).unwrap());
    }
}
