//! The flags of `vllm serve` that are proposed, each with its reason.

use spark_ipc::model::infer::{Confidence, SuggestedFlag, SuggestedVariable};
use spark_ipc::model::inventory::ModelKind;

use super::families::Parser;
use super::{Facts, image, share};

/// What vLLM should take of a node that it has for itself, and at most.
const SHARE_ALONE: f64 = 0.80;
const SHARE_MOST: f64 = 0.88;
/// What a small model beside others should take at least.
const SHARE_LEAST: f64 = 0.10;
/// Share of the free memory up to which weights may be loaded by the fast loader.
const FAST_LOAD_SHARE: f64 = 0.8;
const GIB: u64 = 1 << 30;

/// Flags in the order of the form.
pub(super) fn flags(facts: &Facts<'_>) -> Vec<SuggestedFlag> {
    let mut flags = memory(facts);
    if facts.pooling() {
        flags.push(switch_to(
            "--runner",
            "pooling",
            "the model gives vectors or scores, not text",
        ));
    } else {
        flags.extend(serving(facts));
    }
    flags.extend(loading(facts));
    flags.extend(family(facts));
    if facts.kind() == ModelKind::Chat {
        flags.extend(parsers(facts));
        flags.extend(kernels(facts));
    }
    flags
}

fn flag(
    name: &str,
    value: impl Into<Option<String>>,
    confidence: Confidence,
    reason: impl Into<String>,
) -> SuggestedFlag {
    SuggestedFlag {
        name: name.to_owned(),
        value: value.into(),
        reason: reason.into(),
        confidence,
    }
}

fn switch_to(name: &str, value: &str, reason: &str) -> SuggestedFlag {
    flag(name, value.to_owned(), Confidence::Certain, reason)
}

fn likely(name: &str, value: &str, reason: &str) -> SuggestedFlag {
    let value = (!value.is_empty()).then(|| value.to_owned());
    flag(name, value, Confidence::Likely, reason)
}

/// How much memory the engine takes, and the context.
fn memory(facts: &Facts<'_>) -> Vec<SuggestedFlag> {
    let mut flags = Vec::new();
    let context = &facts.placed.context;
    let need = facts.load.need(context.value);
    let (part, reason) = match facts.least_total {
        Some(total) => utilization(facts, need, total),
        None => (SHARE_ALONE, "the usual share for a model alone on a node"),
    };
    let text = format!("{part:.2}");
    flags.push(flag(
        "--gpu-memory-utilization",
        text,
        Confidence::Likely,
        reason,
    ));
    if facts.shared && facts.kind() == ModelKind::Chat {
        let bytes = facts.load.kv(context.value).div_ceil(GIB).max(1) * GIB;
        let reason = "a request of full length, and no more: the node is shared";
        flags.push(flag(
            "--kv-cache-memory-bytes",
            bytes.to_string(),
            Confidence::Likely,
            reason,
        ));
    }
    // Speech models know their length by themselves.
    if facts.kind() != ModelKind::SpeechToText {
        flags.push(flag(
            "--max-model-len",
            context.value.to_string(),
            context.confidence,
            context.reason.clone(),
        ));
    }
    flags
}

fn utilization(facts: &Facts<'_>, need: u64, total: u64) -> (f64, &'static str) {
    let needed = share::up_to_hundredth(need, total);
    let small = facts.pooling() || facts.kind() == ModelKind::SpeechToText;
    if small || facts.shared {
        let part = needed.clamp(SHARE_LEAST, SHARE_MOST);
        (part, "what it needs and no more: others use the node too")
    } else if needed <= SHARE_ALONE {
        (
            SHARE_ALONE,
            "safe for a model alone: the GPU shares its memory with the system",
        )
    } else {
        let part = needed.min(SHARE_MOST);
        (part, "as much as one request of full length needs")
    }
}

fn serving(facts: &Facts<'_>) -> Vec<SuggestedFlag> {
    let mut flags = Vec::new();
    if facts.kind() == ModelKind::Chat {
        let many = if facts.nodes() > 1 { "10" } else { "4" };
        flags.push(likely(
            "--max-num-seqs",
            many,
            "few requests at once: the cheapest way to save memory",
        ));
        flags.push(likely(
            "--max-num-batched-tokens",
            "8192",
            "long prompts are read in pieces of this size",
        ));
        flags.push(likely(
            "--enable-prefix-caching",
            "",
            "a conversation is not read again from its beginning",
        ));
        flags.extend(cache_type(facts));
    }
    flags
}

fn cache_type(facts: &Facts<'_>) -> Option<SuggestedFlag> {
    let made = facts.quantization.as_ref().is_some_and(|q| q.fp8_cache);
    let (confidence, reason) = if made {
        let reason = "the weights were made for an fp8 cache";
        (Confidence::Certain, reason)
    } else {
        let reason = "halves the KV cache; leave it out if answers get worse";
        (Confidence::Likely, reason)
    };
    (facts.width == 1).then(|| flag("--kv-cache-dtype", "fp8".to_owned(), confidence, reason))
}

/// How the weights are read from the disk.
fn loading(facts: &Facts<'_>) -> Vec<SuggestedFlag> {
    let method = facts.quantization.as_ref().map(|q| q.method.as_str());
    if facts.mistral_files() {
        let why = "the repository has params.json: Mistral's own format is the tested one";
        let mut flags = vec![
            switch_to("--tokenizer-mode", "mistral", why),
            switch_to("--config-format", "mistral", why),
        ];
        if facts.model.has("consolidated") {
            let why = "the weights are there in Mistral's own format";
            flags.push(switch_to("--load-format", "mistral", why));
        }
        return flags;
    }
    if method == Some("bitsandbytes") {
        let why = "the weights are quantized with bitsandbytes";
        return vec![switch_to("--load-format", "bitsandbytes", why)];
    }
    fast_loading(facts).into_iter().collect()
}

/// Several times faster than the usual loader, and twice as hungry while it works.
fn fast_loading(facts: &Facts<'_>) -> Option<SuggestedFlag> {
    let free = facts.least_free?;
    let fits = facts.load.weights <= crate::fit::share(free, FAST_LOAD_SHARE);
    let has = image::has_fast_loader(&facts.image.value) && facts.model.has("safetensors");
    let mut reason = "loads several times faster than the default".to_owned();
    if facts.image.value.as_str().contains("spark-arena") {
        reason.push_str("; this image has instanttensor too, which is faster still");
    }
    (fits && has && facts.kind() == ModelKind::Chat).then(|| {
        let value = "fastsafetensors".to_owned();
        flag("--load-format", value, Confidence::Likely, reason)
    })
}

/// What the family needs beside its parsers.
fn family(facts: &Facts<'_>) -> Vec<SuggestedFlag> {
    let Some(found) = &facts.family else {
        return Vec::new();
    };
    let family = found.family;
    let confidence = family.confidence.min(found.confidence);
    let own = family.flags.iter().map(|own| {
        let value = (!own.value.is_empty()).then(|| own.value.to_owned());
        flag(own.name, value, confidence, own.why)
    });
    own.collect()
}

fn parsers(facts: &Facts<'_>) -> Vec<SuggestedFlag> {
    let (Some(found), false) = (&facts.family, facts.is_base) else {
        return Vec::new();
    };
    let confidence = found
        .family
        .confidence
        .min(found.confidence)
        .min(Confidence::Likely);
    let of = |part: &str| {
        format!(
            "{part} of the family {}, told by {}",
            found.family.name, found.how
        )
    };
    let mut flags = Vec::new();
    if let Some(parser) = found.tool_parser().filter(|p| facts.image_parses_tools(p)) {
        let reason = of("tool calls");
        let value = parser.to_owned();
        flags.push(flag("--tool-call-parser", value, confidence, reason));
        let reason = "a tool parser is set: the model may choose tools by itself";
        flags.push(flag("--enable-auto-tool-choice", None, confidence, reason));
    }
    if let Parser::Use(first) = found.reasoning_parser(&facts.clues()) {
        let older = found.family.older_reasoning;
        let known = [Some(first), older].into_iter().flatten();
        let parser = known.into_iter().find(|p| facts.image_parses_reasoning(p));
        let reason = of("reasoning");
        flags.extend(parser.map(|p| flag("--reasoning-parser", p.to_owned(), confidence, reason)));
    }
    flags
}

/// Kernels for numbers of four bits: GB10 has no tensor path of its own for many of them.
fn kernels(facts: &Facts<'_>) -> Vec<SuggestedFlag> {
    let label = facts.quantization.as_ref().map(|q| q.label.as_str());
    if label == Some("MXFP4") && image::is_mxfp4(&facts.image.value) {
        let why = "the kernels that this image was built for";
        return vec![
            switch_to("--quantization", "mxfp4", why),
            switch_to("--mxfp4-backend", "CUTLASS", why),
            switch_to("--mxfp4-layers", "moe,qkv,o,lm_head", why),
            switch_to("--attention-backend", "FLASHINFER", why),
        ];
    }
    if facts
        .family
        .as_ref()
        .is_some_and(|f| f.family.name == "GLM-5.3-Flash")
        && label == Some("mixed")
    {
        let why = "as in NVIDIA's recipe for these weights";
        return vec![likely("--quantization", "modelopt_mixed", why)];
    }
    if facts.four_bit_experts() {
        let why = "GB10 runs many four-bit experts with Marlin only";
        return vec![likely("--moe-backend", "marlin", why)];
    }
    Vec::new()
}

/// What may be added by hand.
pub(super) fn offers(facts: &Facts<'_>) -> Vec<SuggestedFlag> {
    let mut offers: Vec<SuggestedFlag> = Vec::new();
    if facts.has_remote_code() {
        offers.push(flag(
            "--trust-remote-code",
            None,
            Confidence::Guess,
            "config.json names Python code of the repository; it runs on the node when you say yes",
        ));
    }
    if facts.drafts_tokens() {
        offers.push(flag(
            "--speculative-config",
            r#"{"method":"mtp","num_speculative_tokens":2}"#.to_owned(),
            Confidence::Guess,
            "the model can guess tokens ahead: faster, takes more memory, and can fail near the longest context",
        ));
    }
    if facts.is_plain_reranker() {
        offers.push(flag(
            "--hf-overrides",
            r#"{"architectures":["Qwen3ForSequenceClassification"],"classifier_from_token":["no","yes"],"is_original_qwen3_reranker":true}"#.to_owned(),
            Confidence::Likely,
            "the weights are those of a chat model; so vLLM reads them as a reranker",
        ));
    }
    if facts.kind() == ModelKind::Chat {
        let own = facts.family.iter().flat_map(|found| found.family.offers);
        offers.extend(own.map(|own| {
            let value = (!own.value.is_empty()).then(|| own.value.to_owned());
            flag(own.name, value, Confidence::Guess, own.why)
        }));
        if facts.family.is_none() && !facts.is_base {
            let why =
                "no parser is known for this model; many models answer in this form, so try it";
            let hermes = Some("hermes".to_owned());
            offers.push(flag("--tool-call-parser", hermes, Confidence::Guess, why));
        }
    }
    offers
}

/// Variables of the environment.
pub(super) fn variables(facts: &Facts<'_>) -> Vec<SuggestedVariable> {
    let variable = |name: &str, reason: &str| SuggestedVariable {
        name: name.to_owned(),
        value: "1".to_owned(),
        reason: reason.to_owned(),
        confidence: Confidence::Likely,
    };
    let mut variables = Vec::new();
    let label = facts.quantization.as_ref().map(|q| q.label.as_str());
    if facts.four_bit_experts() {
        let why = "makes the Marlin kernels faster on GB10";
        variables.push(variable("VLLM_MARLIN_USE_ATOMIC_ADD", why));
    }
    if label == Some("MXFP4") && image::is_mxfp4(&facts.image.value) {
        let why = "the kernels that this image was built for";
        variables.push(variable("VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8", why));
    }
    variables
}
