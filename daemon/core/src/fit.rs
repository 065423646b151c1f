//! How much memory a model takes, reckoned from its files and its configuration.
//!
//! The reckoning is spark-domain 4.7, steps 5 and 6: a share of the weights, CUDA contexts and activations, and
//! a KV cache for at least one request of full length. It serves the menu and the pre-flight until a launch has
//! been measured.

use serde_json::Value;
use spark_ipc::model::inventory::{Fit, FitVerdict};
use spark_ipc::model::recipe::Recipe;

use crate::flags::{size, value_of};
use crate::inventory::{DiskModel, traits_field as field};

mod context;
mod kv;
mod layers;

pub use context::context_tokens;
pub use kv::{KvCost, kv_cost};

pub(crate) const GIB: u64 = 1 << 30;
/// CUDA contexts (3 GiB), activations and graphs (2 GiB) of one rank.
const CONTEXT_BYTES: u64 = 5 * GIB;
/// The same with the larger activations of a mixture of experts that has at least `LARGE_WEIGHTS`.
const EXPERTS_CONTEXT_BYTES: u64 = 7 * GIB;
const LARGE_WEIGHTS: u64 = 40 * GIB;
/// Share of `MemTotal` that a model may take at most.
pub(crate) const USABLE_SHARE: f64 = 0.88;
/// vLLM's own default of `--gpu-memory-utilization`.
const DEFAULT_UTILIZATION: f64 = 0.9;
/// Context assumed where nothing tells one, and the most that is reckoned with.
pub(crate) const UNKNOWN_CONTEXT: u64 = 32_768;
pub(crate) const LARGEST_CONTEXT: u64 = 262_144;

/// What one rank of a launch takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    pub weights_bytes: u64,
    pub kv_bytes: u64,
    pub context_bytes: u64,
    /// What vLLM reserves at the start whatever the model: its share of `MemTotal`.
    pub reserved_bytes: u64,
}

impl Need {
    /// What the model itself takes at least.
    pub fn model_bytes(&self) -> u64 {
        self.weights_bytes + self.kv_bytes + self.context_bytes
    }

    /// What must be free before the launch.
    pub fn launch_bytes(&self) -> u64 {
        self.model_bytes().max(self.reserved_bytes)
    }
}

/// Reckons what each node needs for `model` under `recipe` on machines with `total` bytes.
pub fn need(recipe: &Recipe, model: Option<&DiskModel>, total: Option<u64>) -> Need {
    let ranks = u64::from(recipe.nodes.max(1));
    let explicit_kv = value_of(&recipe.flags, "--kv-cache-memory-bytes").and_then(size);
    let config = model.and_then(|m| m.config.as_ref());
    let kv_bytes = explicit_kv
        .or_else(|| Some(least_kv(recipe, config?, ranks)))
        .unwrap_or(GIB);
    Need {
        weights_bytes: model.map_or(0, |m| m.full_weight_bytes() / ranks),
        kv_bytes,
        context_bytes: model.map_or(CONTEXT_BYTES, context_bytes),
        reserved_bytes: match explicit_kv {
            Some(_) => 0,
            None => share(total.unwrap_or(0), utilization(recipe)),
        },
    }
}

/// CUDA contexts, activations and graphs of one rank of `model`.
pub(crate) fn context_bytes(model: &DiskModel) -> u64 {
    let large = model.full_weight_bytes() >= LARGE_WEIGHTS;
    if large && model.config.as_ref().is_some_and(has_experts) {
        EXPERTS_CONTEXT_BYTES
    } else {
        CONTEXT_BYTES
    }
}

/// Whether only some of the weights work on each token.
pub(crate) fn has_experts(config: &Value) -> bool {
    const NAMES: [&str; 4] = [
        "num_experts",
        "num_local_experts",
        "n_routed_experts",
        "moe_num_experts",
    ];
    let number = |name: &&str| field(config, name).and_then(Value::as_u64);
    NAMES.iter().filter_map(number).any(|experts| experts > 1)
}

/// Whether a recipe keeps its cache in numbers of one byte.
pub(crate) fn cache_width(flags: &[String]) -> u64 {
    let fp8 = value_of(flags, "--kv-cache-dtype").is_some_and(|v| v.starts_with("fp8"));
    if fp8 { 1 } else { 2 }
}

/// The share of `MemTotal` that the engine is told to use.
pub fn utilization(recipe: &Recipe) -> f64 {
    value_of(&recipe.flags, "--gpu-memory-utilization")
        .and_then(|v| v.parse().ok())
        .unwrap_or(DEFAULT_UTILIZATION)
}

/// Whether a model fits `nodes` machines of `total` bytes each under its recipe, or without one.
pub fn verdict(model: &DiskModel, recipe: Option<&Recipe>, nodes: u32, total: Option<u64>) -> Fit {
    let placement = recipe.map_or(nodes, |r| r.nodes).max(1);
    let unknown = |reason: &str| Fit {
        verdict: FitVerdict::Unknown,
        need_bytes_per_node: None,
        nodes: placement,
        reason: reason.to_owned(),
    };
    let Some(total) = total.filter(|t| *t > 0) else {
        return unknown("the memory of the nodes is not known");
    };
    if model.full_weight_bytes() == 0 {
        return unknown("no weights are on disk to reckon with");
    }
    let own = recipe.map_or_else(
        || need_without_recipe(model, placement),
        |r| need(r, Some(model), Some(total)),
    );
    let share_of_total = recipe.map_or(USABLE_SHARE, |r| utilization(r).min(USABLE_SHARE));
    let usable = share(total, share_of_total);
    let needed = own.model_bytes();
    let verdict = if needed > usable {
        FitVerdict::DoesNotFit
    } else if needed > share(usable, 0.85) {
        FitVerdict::Tight
    } else {
        FitVerdict::Fits
    };
    Fit {
        verdict,
        need_bytes_per_node: Some(needed),
        nodes: placement,
        reason: format!(
            "weights {} + contexts {} + KV cache {} = {} of {} usable on each of {placement} node{}",
            gib(own.weights_bytes),
            gib(own.context_bytes),
            gib(own.kv_bytes),
            gib(needed),
            gib(usable),
            if placement == 1 { "" } else { "s" },
        ),
    }
}

fn need_without_recipe(model: &DiskModel, nodes: u32) -> Need {
    let ranks = u64::from(nodes.max(1));
    let config = model.config.as_ref();
    let context = config
        .and_then(context_tokens)
        .unwrap_or(UNKNOWN_CONTEXT)
        .min(UNKNOWN_CONTEXT);
    let kv_bytes = config
        .and_then(|c| kv_cost(c, 2))
        .map_or(GIB, |cost| cost.bytes(context, ranks));
    Need {
        weights_bytes: model.full_weight_bytes() / ranks,
        kv_bytes,
        context_bytes: context_bytes(model),
        reserved_bytes: 0,
    }
}

/// The KV cache of one request of full length on one rank.
fn least_kv(recipe: &Recipe, config: &Value, ranks: u64) -> u64 {
    let told = value_of(&recipe.flags, "--max-model-len").and_then(size);
    let promised = || context_tokens(config).map(|tokens| tokens.min(LARGEST_CONTEXT));
    let context = told.or_else(promised).unwrap_or(UNKNOWN_CONTEXT);
    let cost = kv_cost(config, cache_width(&recipe.flags));
    cost.map_or(GIB, |cost| cost.bytes(context, ranks))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a size for an estimate; checked to be finite and not negative"
)]
fn scaled(number: f64, factor: u64) -> Option<u64> {
    let fits = number.is_finite() && (0.0..1e15).contains(&number);
    fits.then_some((number * factor as f64) as u64)
}

/// `part` of `whole` bytes.
pub(crate) fn share(whole: u64, part: f64) -> u64 {
    scaled(part, whole).unwrap_or(0)
}

/// A size in words, e.g. `42.4 GiB`.
pub(crate) fn gib(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let value = bytes as f64 / GIB as f64;
    format!("{value:.1} GiB")
}

#[cfg(test)]
mod tests;
