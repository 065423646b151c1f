//! One node or several, and how long a context they can hold.
//!
//! One node is taken when it holds a request of full length. Else the model is split over nodes that the fabric
//! joins, if its heads and rows divide; else the context is cut.

use serde_json::Value;
use spark_ipc::model::infer::{Confidence, Placement, Suggested};

use super::memory::{Load, NodeFactsForFit, least_usable, promised};
use super::quantization::Quantization;
use crate::fit::{LARGEST_CONTEXT, UNKNOWN_CONTEXT, gib, has_experts};
use crate::inventory::{DiskModel, traits_field as field};

/// The shortest context that a model is proposed with.
const SHORTEST: u64 = 2048;
/// Dense models of this size or more are limited by how fast one node reads its memory.
const SLOW_ALONE: u64 = 30 << 30;
/// The longest context that a model for vectors or scores is proposed with.
const LONGEST_POOLING: u64 = 32_768;

/// Where a model is laid, and with which context.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) placement: Suggested<Placement>,
    pub(super) context: Suggested<u64>,
    /// `None` while the memory of the nodes is not known.
    pub(super) fits: Option<bool>,
    /// Whether the context is shorter than one would like.
    pub(super) cut: bool,
    /// What keeps the model from being split, when more nodes would have helped.
    pub(super) hindrance: Option<String>,
}

/// The question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) model: &'a DiskModel,
    pub(super) quantization: Option<&'a Quantization>,
    pub(super) nodes: &'a [NodeFactsForFit],
    /// Bytes of one number of the cache.
    pub(super) width: u64,
    pub(super) pooling: bool,
}

/// One answer that was looked at.
struct Candidate {
    nodes: u32,
    longest: Option<u64>,
    fits: bool,
}

pub(super) fn place(ask: &Ask<'_>) -> Placed {
    let wanted = wanted(ask);
    let (counts, hindrance) = counts(ask);
    let tried: Vec<Candidate> = counts
        .iter()
        .filter_map(|count| candidate(ask, *count, wanted.value))
        .collect();
    if tried.is_empty() || ask.model.full_weight_bytes() == 0 {
        return unknown(ask, &wanted);
    }
    if let Some(whole) = tried.iter().find(|c| c.fits) {
        return Placed {
            placement: split(whole.nodes, Confidence::Likely, &why(ask, whole)),
            context: wanted,
            fits: Some(true),
            cut: false,
            hindrance: None,
        };
    }
    cut(ask, &tried, &wanted, hindrance)
}

fn split(nodes: u32, confidence: Confidence, reason: &str) -> Suggested<Placement> {
    let placement = Placement {
        nodes,
        tensor_parallel: nodes,
    };
    Suggested::new(placement, confidence, reason)
}

/// The context that one would like.
fn wanted(ask: &Ask<'_>) -> Suggested<u64> {
    let most = if ask.pooling {
        LONGEST_POOLING
    } else {
        LARGEST_CONTEXT
    };
    match promised(ask.model) {
        None => {
            let reason = "the configuration does not tell the context; this much is usual";
            Suggested::new(UNKNOWN_CONTEXT, Confidence::Guess, reason)
        }
        Some(tokens) if tokens > most => {
            let reason = format!("the model can do {tokens}; longer ones cost memory and time");
            Suggested::new(most, Confidence::Likely, reason)
        }
        Some(tokens) => {
            let reason = "the longest context that config.json promises";
            Suggested::new(tokens, Confidence::Certain, reason)
        }
    }
}

/// The numbers of nodes that could take it, and why not more.
fn counts(ask: &Ask<'_>) -> (Vec<u32>, Option<String>) {
    let joined = ask.nodes.iter().filter(|n| n.fabric_up).count().min(8);
    let joined = u32::try_from(joined).unwrap_or(1);
    let mut counts = vec![1];
    let mut hindrance = None;
    if ask.nodes.len() > 1 && joined < 2 {
        hindrance = Some("the fabric between the nodes is not up".to_owned());
    }
    for count in 2..=joined {
        match indivisible(ask, u64::from(count)) {
            None => counts.push(count),
            Some(why) => hindrance = hindrance.or(Some(why)),
        }
    }
    (counts, hindrance)
}

/// Why a model cannot be split into `parts`, if so.
fn indivisible(ask: &Ask<'_>, parts: u64) -> Option<String> {
    let config = ask.model.config.as_ref()?;
    let number = |name: &str| field(config, name).and_then(Value::as_u64);
    let not = |name: &str, value: u64| format!("{name} {value} does not divide by {parts}");
    let heads = number("num_attention_heads").filter(|h| !h.is_multiple_of(parts));
    if let Some(heads) = heads {
        return Some(not("num_attention_heads", heads));
    }
    // Fewer KV heads than parts are repeated.
    let uneven = |kv: &u64| !kv.is_multiple_of(parts) && !parts.is_multiple_of(*kv);
    if let Some(kv) = number("num_key_value_heads").filter(uneven) {
        return Some(not("num_key_value_heads", kv));
    }
    let group = ask.quantization.and_then(|q| q.group_size).unwrap_or(1);
    // The rows of the experts, where they are told apart: the dense layers beside them are few and wide.
    let names = ["moe_intermediate_size", "intermediate_size"];
    let (name, rows) = names.iter().find_map(|name| Some((name, number(name)?)))?;
    let whole = rows.is_multiple_of(parts) && (rows / parts).is_multiple_of(group.max(1));
    let grouped = || format!("{name} {rows} does not divide by {parts} in groups of {group}");
    (!whole).then(grouped)
}

fn candidate(ask: &Ask<'_>, nodes: u32, wanted: u64) -> Option<Candidate> {
    let usable = least_usable(ask.nodes, nodes)?;
    let load = Load::new(ask.model, nodes, ask.width);
    let room = usable.bytes.checked_sub(load.base());
    Some(Candidate {
        nodes,
        longest: room.map(|room| {
            let blind = || if load.kv(wanted) <= room { wanted } else { 0 };
            load.longest(room, wanted).unwrap_or_else(blind)
        }),
        fits: load.need(wanted) <= usable.bytes,
    })
}

fn why(ask: &Ask<'_>, chosen: &Candidate) -> String {
    let weights = ask.model.full_weight_bytes();
    if chosen.nodes > 1 {
        return format!(
            "weights of {} and a full context do not fit one node less",
            gib(weights)
        );
    }
    let fits = "one node holds it with a request of full length";
    let dense = !ask.model.config.as_ref().is_some_and(has_experts);
    if dense && weights >= SLOW_ALONE && ask.nodes.len() > 1 {
        format!("{fits}; a dense model of this size answers faster on two")
    } else {
        fits.to_owned()
    }
}

/// The placement with the longest context that there is, the fewest nodes first; or the one that comes nearest.
fn cut(
    ask: &Ask<'_>,
    tried: &[Candidate],
    wanted: &Suggested<u64>,
    hindrance: Option<String>,
) -> Placed {
    let long = |c: &&Candidate| c.longest.unwrap_or(0);
    let best = tried.iter().rev().max_by_key(long);
    let least = SHORTEST.min(wanted.value);
    if let Some(best) = best.filter(|c| long(c) >= least) {
        let tokens = round(long(&best));
        let reason = format!(
            "cut from {}: no placement holds a request of that length",
            wanted.value
        );
        return Placed {
            placement: split(
                best.nodes,
                Confidence::Likely,
                "it holds the longest context",
            ),
            context: Suggested::new(tokens, Confidence::Likely, reason),
            fits: Some(true),
            cut: true,
            hindrance,
        };
    }
    let most = tried.last().map_or(1, |c| c.nodes);
    let reason = format!(
        "weights of {} do not fit the nodes there are; this many come nearest",
        gib(ask.model.full_weight_bytes())
    );
    let context = wanted.value.min(UNKNOWN_CONTEXT);
    let short = "it does not fit in any case; a short context comes nearest";
    Placed {
        placement: split(most, Confidence::Likely, &reason),
        context: Suggested::new(context, Confidence::Guess, short),
        fits: Some(false),
        cut: true,
        hindrance,
    }
}

/// Down to a length that people write: whole thousands of 1024 from 4096 on.
fn round(tokens: u64) -> u64 {
    if tokens >= 4096 {
        tokens / 1024 * 1024
    } else {
        tokens
    }
}

fn unknown(ask: &Ask<'_>, wanted: &Suggested<u64>) -> Placed {
    let reason = if ask.model.full_weight_bytes() == 0 {
        "no weights are on disk to reckon with"
    } else {
        "the memory of the nodes is not known"
    };
    let short = Suggested::new(
        wanted.value.min(UNKNOWN_CONTEXT),
        Confidence::Guess,
        format!("{reason}; a short context is safe"),
    );
    Placed {
        placement: split(1, Confidence::Guess, reason),
        context: short,
        fits: None,
        cut: false,
        hindrance: None,
    }
}
