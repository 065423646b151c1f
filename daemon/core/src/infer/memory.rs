//! The memory of a node under a recipe, part by part: what the form shows while it is edited.

use spark_ipc::id::NodeId;
use spark_ipc::model::infer::MemoryFit;
use spark_ipc::model::recipe::Recipe;

use crate::fit::{
    GIB, KvCost, LARGEST_CONTEXT, UNKNOWN_CONTEXT, USABLE_SHARE, cache_width, context_bytes,
    context_tokens, kv_cost, share, utilization,
};
use crate::flags::{size, value_of};
use crate::inventory::DiskModel;

/// What a model should leave free of the memory that is there when it starts.
const SPARE: u64 = 8 * GIB;
/// Contexts longer than this are not looked for: no model has one.
const ENDLESS: u64 = 16 << 20;

/// What is known of a node that could take a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFactsForFit {
    pub node: NodeId,
    /// MemTotal.
    pub total_bytes: Option<u64>,
    /// MemAvailable once what the launch would stop has ended.
    pub available_bytes: Option<u64>,
    /// Whether it reaches the other nodes over the fabric.
    pub fabric_up: bool,
    /// Whether something else that uses the GPU stays on it.
    pub shared: bool,
}

/// What a model may take on one node, and why no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Usable {
    pub(super) bytes: u64,
    pub(super) total: u64,
    /// What will be free at the start, as far as it is known.
    pub(super) free: u64,
    pub(super) reason: String,
}

/// The limit of one node, whatever the recipe.
fn usable(node: &NodeFactsForFit) -> Option<Usable> {
    let total = node.total_bytes.filter(|total| *total > 0)?;
    let most = Usable {
        bytes: share(total, USABLE_SHARE),
        total,
        free: node.available_bytes.unwrap_or(total),
        reason: "0.88 of the node's memory: the system needs the rest".to_owned(),
    };
    let free = node.available_bytes.map(|a| a.saturating_sub(SPARE));
    Some(match free {
        Some(bytes) if bytes < most.bytes => Usable {
            bytes,
            reason: "what will be free, less 8 GiB to spare".to_owned(),
            ..most
        },
        _ => most,
    })
}

/// The limit of the fullest of the `count` nodes with the most room; `None` while it is not known.
pub(super) fn least_usable(nodes: &[NodeFactsForFit], count: u32) -> Option<Usable> {
    let mut known: Vec<Usable> = nodes.iter().filter_map(usable).collect();
    known.sort_by_key(|u| std::cmp::Reverse(u.bytes));
    let last = usize::try_from(count.max(1)).ok()? - 1;
    known.into_iter().nth(last)
}

/// What a model takes on each of some nodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) ranks: u64,
    pub(super) weights: u64,
    pub(super) contexts: u64,
    pub(super) cost: Option<KvCost>,
}

impl Load {
    pub(super) fn new(model: &DiskModel, ranks: u32, width: u64) -> Self {
        let ranks = u64::from(ranks.max(1));
        Self {
            ranks,
            weights: model.full_weight_bytes() / ranks,
            contexts: context_bytes(model),
            cost: model.config.as_ref().and_then(|c| kv_cost(c, width)),
        }
    }

    pub(super) fn base(&self) -> u64 {
        self.weights + self.contexts
    }

    /// The cache of one request; a GiB where the configuration does not tell.
    pub(super) fn kv(&self, tokens: u64) -> u64 {
        self.cost.map_or(GIB, |cost| cost.bytes(tokens, self.ranks))
    }

    pub(super) fn need(&self, tokens: u64) -> u64 {
        self.base() + self.kv(tokens)
    }

    /// The longest context of which one request fits into `cache` bytes, in whole blocks of 16 tokens.
    pub(super) fn longest(&self, cache: u64, most: u64) -> Option<u64> {
        let cost = self.cost?;
        let fits = |tokens: u64| cost.bytes(tokens, self.ranks) <= cache;
        if fits(most) {
            return Some(most);
        }
        let (mut low, mut high) = (0, most);
        while high - low > 1 {
            let middle = low.midpoint(high);
            if fits(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(low / 16 * 16)
    }
}

/// The longest context that the model promises; `None` when it does not tell.
pub(super) fn promised(model: &DiskModel) -> Option<u64> {
    model.config.as_ref().and_then(context_tokens)
}

/// The memory of one node under `recipe`, on the nodes of `nodes` with the most room.
pub fn estimate(model: &DiskModel, nodes: &[NodeFactsForFit], recipe: &Recipe) -> MemoryFit {
    let count = recipe.nodes.max(1);
    let load = Load::new(model, count, cache_width(&recipe.flags));
    let own = value_of(&recipe.flags, "--kv-cache-memory-bytes").and_then(size);
    let context = context(model, recipe);
    let usable = least_usable(nodes, count).map(|most| by_engine(most, recipe, own));
    let kv = own.unwrap_or_else(|| load.kv(context));
    let need = load.base() + kv;
    let room = usable.as_ref().map(|u| u.bytes.saturating_sub(load.base()));
    let cache = room.map(|room| own.map_or(room, |own| own.min(room)));
    let known = model.full_weight_bytes() > 0;
    let fits = usable.as_ref().filter(|_| known).map(|u| {
        let whole = own.is_none_or(|own| load.cost.is_none() || load.kv(context) <= own);
        need <= u.bytes && whole
    });
    MemoryFit {
        nodes: count,
        weights_bytes: load.weights,
        kv_bytes_per_token: load.cost.map(|cost| cost.token_on(load.ranks)),
        kv_bytes: kv,
        context_tokens: context,
        contexts_bytes: load.contexts,
        reserve_bytes: usable.as_ref().map_or(SPARE, |u| reserve(u.total)),
        need_bytes: need,
        usable_bytes: usable.as_ref().map(|u| u.bytes),
        usable_reason: usable.map_or_else(
            || "the memory of the nodes is not known".to_owned(),
            |u| u.reason,
        ),
        fits,
        largest_context_tokens: cache.filter(|_| known).and_then(|cache| {
            let most = promised(model).unwrap_or(ENDLESS).max(context);
            load.longest(cache, most)
        }),
        full_requests: cache
            .filter(|_| load.cost.is_some() && known)
            .and_then(|cache| cache.checked_div(load.kv(context))),
    }
}

/// The figures of a model that has no recipe.
pub(super) fn unplaced(model: &DiskModel) -> MemoryFit {
    let load = Load::new(model, 1, 2);
    MemoryFit {
        nodes: 1,
        weights_bytes: load.weights,
        kv_bytes_per_token: None,
        kv_bytes: 0,
        context_tokens: 0,
        contexts_bytes: load.contexts,
        reserve_bytes: SPARE,
        need_bytes: load.base(),
        usable_bytes: None,
        usable_reason: "vLLM does not serve this model".to_owned(),
        fits: None,
        largest_context_tokens: None,
        full_requests: None,
    }
}

/// The limit that the engine is told, where it is the lower one. With the cache given in bytes it takes what
/// it needs.
fn by_engine(most: Usable, recipe: &Recipe, own: Option<u64>) -> Usable {
    let told = share(most.total, utilization(recipe));
    if own.is_some() || told >= most.bytes {
        return most;
    }
    Usable {
        bytes: told,
        reason: format!(
            "{:.2} of the node's memory, as --gpu-memory-utilization says",
            utilization(recipe)
        ),
        ..most
    }
}

/// The length that the flags set, else the one that is promised.
fn context(model: &DiskModel, recipe: &Recipe) -> u64 {
    let told = value_of(&recipe.flags, "--max-model-len").and_then(size);
    let own = || promised(model).map(|tokens| tokens.min(LARGEST_CONTEXT));
    told.or_else(own).unwrap_or(UNKNOWN_CONTEXT).min(ENDLESS)
}

fn reserve(total: u64) -> u64 {
    (total - share(total, USABLE_SHARE)).max(SPARE)
}
