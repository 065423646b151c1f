//! What an operator should know before saying yes.

use spark_ipc::model::infer::{Confidence, Runtime, SetupWarning};
use spark_ipc::model::inventory::ModelKind;

use super::Facts;
use super::families::Image;
use super::image::transformers;
use crate::fit::gib;

/// The warnings, the gravest first.
pub(super) fn warnings(facts: &Facts<'_>) -> Vec<SetupWarning> {
    let mut found: Vec<SetupWarning> = Vec::new();
    found.extend(runtime(facts));
    if facts.nature.runtime == Runtime::Vllm {
        found.extend(fit(facts));
        found.extend(incomplete(facts));
        found.extend(new_architecture(facts));
        found.extend(base_model(facts));
        found.extend(remote_code(facts));
        found.extend(unknown_family(facts));
        found.extend(parsers(facts));
        found.extend(hybrid_four_bit(facts));
        found.extend(notes(facts));
    }
    let mut seen: Vec<String> = Vec::new();
    found.retain(|warning| {
        let new = !seen.contains(&warning.code);
        seen.push(warning.code.clone());
        new
    });
    found
}

fn warning(code: &str, message: impl Into<String>, fix: impl Into<String>) -> SetupWarning {
    SetupWarning {
        code: code.to_owned(),
        message: message.into(),
        fix: fix.into(),
    }
}

/// Models that vLLM does not serve.
fn runtime(facts: &Facts<'_>) -> Option<SetupWarning> {
    let why = &facts.nature.reason;
    let other =
        |message: &str, fix: &str| Some(warning("other_runtime", format!("{message}: {why}"), fix));
    match facts.nature.runtime {
        Runtime::Vllm => None,
        Runtime::LlamaCpp => other(
            "It is for llama.cpp, not for vLLM",
            "Serve it with llama.cpp, or get the safetensors of the same model",
        ),
        Runtime::Nemo => other(
            "It is for NVIDIA NeMo, not for vLLM",
            "Use it through a speech service of the services page",
        ),
        Runtime::TextToSpeech => other(
            "It speaks: vLLM does not serve it",
            "Use it through a text-to-speech service of the services page",
        ),
        Runtime::Diffusers => other(
            "It makes pictures or videos: vLLM does not serve it",
            "Serve it with a program for such models, ComfyUI for one",
        ),
        Runtime::Adapter => Some(adapter(facts)),
        Runtime::Unknown => Some(warning(
            "unknown_kind",
            format!("It cannot be told what this model is for: {why}"),
            "Look at its page on Hugging Face; write the recipe by hand if vLLM serves it",
        )),
    }
}

fn adapter(facts: &Facts<'_>) -> SetupWarning {
    let base = facts.model.adapter_base.as_deref();
    let base = base.unwrap_or("its base model");
    warning(
        "adapter",
        format!("It is an adapter (LoRA) and cannot run without {base}"),
        format!("Set up {base}, with --enable-lora and --lora-modules naming this repository"),
    )
}

fn fit(facts: &Facts<'_>) -> Option<SetupWarning> {
    let placed = &facts.placed;
    let hindrance = placed.hindrance.as_deref();
    let because = hindrance.map(|why| format!(" ({why})")).unwrap_or_default();
    match placed.fits {
        None => Some(warning(
            "memory_unknown",
            format!(
                "Whether it fits cannot be told: {}",
                placed.placement.reason
            ),
            "Connect the nodes, and look again",
        )),
        Some(false) => Some(warning(
            "will_not_fit",
            format!(
                "It will not fit: each of {} node(s) needs {}{because}",
                facts.nodes(),
                gib(facts.load.need(placed.context.value)),
            ),
            "Take a smaller quantization of the model, or more nodes",
        )),
        Some(true) if placed.cut => Some(warning(
            "short_context",
            format!(
                "The context is {} tokens: {}{because}",
                placed.context.value, placed.context.reason
            ),
            "Take a smaller quantization, more nodes, or live with the shorter context",
        )),
        Some(true) => None,
    }
}

fn incomplete(facts: &Facts<'_>) -> Option<SetupWarning> {
    (!facts.model.complete()).then(|| {
        warning(
            "incomplete",
            format!(
                "{} files are missing on the disk",
                facts.model.missing_count
            ),
            "Finish the download before the launch",
        )
    })
}

/// The image may not know the model.
fn new_architecture(facts: &Facts<'_>) -> Option<SetupWarning> {
    let image = &facts.image.value;
    let architecture = facts.architecture;
    if let Some(says) = facts.says() {
        return (!says.knows(architecture)).then(|| {
            warning(
                "new_architecture",
                format!("The image {image} does not know the architecture {architecture}"),
                "Pull a newer image, or one that was built for this family",
            )
        });
    }
    if facts.transformers >= Some(5) && transformers(image) == Some(4) {
        return Some(warning(
            "new_architecture",
            format!("The model was made with transformers 5; the image {image} has version 4"),
            "Take an image with transformers 5 (those with tf5 in the name)",
        ));
    }
    match facts.family.as_ref().map(|f| f.family.image) {
        Some(Image::Need(need)) => Some(warning(
            "new_architecture",
            format!("Older images do not know {architecture}; {need} is known to"),
            "Keep the proposed image unless you know that yours is newer",
        )),
        _ => None,
    }
}

fn base_model(facts: &Facts<'_>) -> Option<SetupWarning> {
    facts.is_base.then(|| {
        warning(
            "base_model",
            "It looks like a base model: it continues text and has no chat template",
            "Use /v1/completions, or take the version that was trained for chat",
        )
    })
}

fn remote_code(facts: &Facts<'_>) -> Option<SetupWarning> {
    facts.has_remote_code().then(|| {
        warning(
            "remote_code",
            "The repository brings Python code that would run on the node (auto_map in config.json)",
            "Try without it; if vLLM asks for it, read the code, then add --trust-remote-code",
        )
    })
}

fn unknown_family(facts: &Facts<'_>) -> Option<SetupWarning> {
    let unknown = facts.kind() == ModelKind::Chat && facts.family.is_none();
    unknown.then(|| {
        warning(
            "unknown_family",
            format!(
                "No rule knows {}: tools and reasoning are left as plain text",
                facts.known_as()
            ),
            "Try --tool-call-parser=hermes or pythonic if the model can call tools",
        )
    })
}

/// Parsers that the family has and the image lacks.
fn parsers(facts: &Facts<'_>) -> Option<SetupWarning> {
    let found = facts
        .family
        .as_ref()
        .filter(|_| facts.kind() == ModelKind::Chat)?;
    let tool = found.tool_parser().filter(|p| !facts.image_parses_tools(p));
    let parser = tool?;
    Some(warning(
        "parser_missing",
        format!(
            "The image {} has no tool parser {parser}",
            facts.image.value
        ),
        "Pull a newer image for tool calls",
    ))
}

/// Quantized by people who did not test the recurrent layers.
fn hybrid_four_bit(facts: &Facts<'_>) -> Option<SetupWarning> {
    let label = facts.quantization.as_ref().map(|q| q.label.as_str());
    let next = facts
        .family
        .as_ref()
        .is_some_and(|f| f.family.name == "Qwen3-Next");
    let theirs = !facts
        .model
        .repo
        .as_str()
        .to_ascii_lowercase()
        .starts_with("nvidia/");
    (next && theirs && label == Some("NVFP4")).then(|| {
        warning(
            "hybrid_four_bit",
            "Four-bit versions of this family by others than NVIDIA may answer nonsense",
            "Ask it something first; take the FP8 version if the answer is garbage",
        )
    })
}

fn notes(facts: &Facts<'_>) -> Vec<SetupWarning> {
    let family = facts
        .family
        .iter()
        .filter(|f| f.confidence > Confidence::Guess);
    let notes = family.flat_map(|f| f.family.notes);
    notes
        .map(|note| warning(note.code, note.message, note.fix))
        .collect()
}
