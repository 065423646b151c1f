//! The first-time set-up: what a model on disk needs, told from its own files and from the nodes.
//!
//! Nothing here is in force. [`infer`] proposes, each value with its reason and how sure it is; the operator edits
//! with [`estimate`] beside the form, and what is confirmed becomes a recipe ([`recipe_of`]). Rules are those of
//! vLLM's documentation and of recipes that were published for the DGX Spark.

use serde_json::Value;
use spark_ipc::id::ImageRef;
use spark_ipc::model::infer::{Confidence, Runtime, Suggested, Suggestion};
use spark_ipc::model::inventory::ModelKind;
use spark_ipc::model::recipe::Executor;

mod families;
mod flags;
mod image;
pub(crate) mod kind;
mod memory;
mod placement;
pub(crate) mod quantization;
mod recipe;
mod share;
mod warnings;

pub use image::{ImageSays, KnownImage};
pub use memory::{NodeFactsForFit, estimate};
pub use recipe::recipe_of;

use crate::inventory::{DiskModel, architecture, traits_field as field};
use families::{Clues, Match};
use kind::Nature;
use memory::{Load, least_usable};
use placement::{Ask, Placed};
use quantization::Quantization;

/// The port of the first recipe on a node.
const PORT: u16 = 8000;

/// Proposes how to launch `model` on `nodes`; `images` are those that the nodes have.
pub fn infer(model: &DiskModel, nodes: &[NodeFactsForFit], images: &[KnownImage]) -> Suggestion {
    let name = model.repo.name().to_ascii_lowercase();
    let facts = Facts::gather(model, &name, nodes, images);
    let warnings = warnings::warnings(&facts);
    let served = facts.nature.runtime == Runtime::Vllm;
    let mut suggestion = Suggestion {
        repo: model.repo.clone(),
        kind: Suggested::new(
            facts.nature.kind,
            facts.nature.confidence,
            facts.nature.reason.clone(),
        ),
        runtime: facts.nature.runtime,
        family: facts.family.as_ref().map(|found| {
            let told = format!("told by {}", found.how);
            Suggested::new(found.family.name.to_owned(), found.confidence, told)
        }),
        quantization: facts
            .quantization
            .as_ref()
            .map(|q| Suggested::new(q.label.clone(), q.confidence, q.reason.clone())),
        image: facts.image.clone(),
        placement: facts.placed.placement.clone(),
        executor: Suggested::new(
            Executor::Mp,
            Confidence::Likely,
            "vLLM's own engine joins the nodes; Ray is for older images",
        ),
        served_name: Suggested::new(
            recipe::default_name(&model.repo),
            Confidence::Likely,
            "the name of the repository",
        ),
        port: Suggested::new(PORT, Confidence::Likely, "the usual port"),
        flags: if served {
            flags::flags(&facts)
        } else {
            Vec::new()
        },
        offered_flags: if served {
            flags::offers(&facts)
        } else {
            Vec::new()
        },
        env: if served {
            flags::variables(&facts)
        } else {
            Vec::new()
        },
        warnings,
        fit: memory::unplaced(model),
        recipe: None,
    };
    suggestion.recipe = recipe_of(&suggestion);
    if let Some(recipe) = &suggestion.recipe {
        suggestion.fit = estimate(model, nodes, recipe);
    }
    suggestion
}

/// Everything that the flags and the warnings rest on.
struct Facts<'a> {
    model: &'a DiskModel,
    name: &'a str,
    nature: Nature,
    architecture: &'a str,
    model_type: &'a str,
    family: Option<Match>,
    quantization: Option<Quantization>,
    placed: Placed,
    load: Load,
    /// Bytes of one number of the cache.
    width: u64,
    image: Suggested<ImageRef>,
    images: &'a [KnownImage],
    /// The major version of transformers that wrote the configuration.
    transformers: Option<u32>,
    /// MemTotal and the free memory of the fullest node of the placement.
    least_total: Option<u64>,
    least_free: Option<u64>,
    /// Whether others use the nodes too.
    shared: bool,
    is_base: bool,
}

impl<'a> Facts<'a> {
    fn gather(
        model: &'a DiskModel,
        name: &'a str,
        nodes: &'a [NodeFactsForFit],
        images: &'a [KnownImage],
    ) -> Self {
        let config = model.config.as_ref();
        let architecture = config.and_then(architecture).unwrap_or_default();
        let model_type = text(config, "model_type").unwrap_or_default();
        let nature = kind::nature(model, Some(architecture));
        let quantization = quantization::detect(config, model.quant_config.as_ref(), name);
        let family = families::find(&clues(model, name, architecture, model_type));
        let width = width(&nature);
        let placed = placement::place(&Ask {
            model,
            quantization: quantization.as_ref(),
            nodes,
            width,
            pooling: is_pooling(&nature),
        });
        let count = placed.placement.value.nodes;
        let transformers = text(config, "transformers_version").and_then(major);
        let wanted = image::Wanted {
            family: family
                .as_ref()
                .map_or(families::Image::Any, |f| f.family.image),
            architecture,
            transformers,
            nodes: count,
        };
        let usable = least_usable(nodes, count);
        let least_total = usable.as_ref().map(|u| u.total);
        let image = match nature.runtime {
            Runtime::Vllm => image::choose(&wanted, images),
            _ => image::general("vLLM does not serve this model"),
        };
        Self {
            is_base: is_base(model, name, &nature, family.as_ref()),
            shared: is_shared(nodes, count),
            load: Load::new(model, count, width),
            least_free: usable.map(|u| u.free),
            least_total,
            model,
            name,
            nature,
            architecture,
            model_type,
            family,
            quantization,
            placed,
            width,
            image,
            images,
            transformers,
        }
    }

    fn clues(&self) -> Clues<'_> {
        clues(self.model, self.name, self.architecture, self.model_type)
    }

    fn kind(&self) -> ModelKind {
        self.nature.kind
    }

    fn pooling(&self) -> bool {
        is_pooling(&self.nature)
    }

    fn nodes(&self) -> u32 {
        self.placed.placement.value.nodes
    }

    fn config(&self, name: &str) -> Option<&Value> {
        field(self.model.config.as_ref()?, name)
    }

    /// What the chosen image said of itself.
    fn says(&self) -> Option<&ImageSays> {
        let chosen = |known: &&KnownImage| known.image == self.image.value;
        self.images.iter().find(chosen)?.says.as_ref()
    }

    fn image_parses_tools(&self, parser: &str) -> bool {
        self.says()
            .is_none_or(|says| says.tool_parsers.iter().any(|p| p == parser))
    }

    fn image_parses_reasoning(&self, parser: &str) -> bool {
        self.says()
            .is_none_or(|says| says.reasoning_parsers.iter().any(|p| p == parser))
    }

    fn has_remote_code(&self) -> bool {
        let map = self.config("auto_map").and_then(Value::as_object);
        map.is_some_and(|map| !map.is_empty())
    }

    /// Whether the model has layers that guess tokens ahead.
    fn drafts_tokens(&self) -> bool {
        ["num_nextn_predict_layers", "mtp_num_hidden_layers"]
            .iter()
            .filter_map(|name| self.config(name)?.as_u64())
            .any(|layers| layers > 0)
    }

    /// Qwen3 rerankers are published as chat models.
    fn is_plain_reranker(&self) -> bool {
        self.kind() == ModelKind::Rerank && self.architecture == "Qwen3ForCausalLM"
    }

    fn four_bit_experts(&self) -> bool {
        let label = self.quantization.as_ref().map(|q| q.label.as_str());
        let experts = self
            .model
            .config
            .as_ref()
            .is_some_and(crate::fit::has_experts);
        label == Some("NVFP4") && experts && self.kind() == ModelKind::Chat
    }

    /// Mistral's own files, for a family that is served from them.
    fn mistral_files(&self) -> bool {
        let family = self
            .family
            .as_ref()
            .is_some_and(|f| f.family.mistral_format);
        family && self.model.has("params")
    }

    /// The word for the model's architecture in a sentence.
    fn known_as(&self) -> &str {
        match (self.model_type, self.architecture) {
            ("", "") => "a model without configuration",
            ("", architecture) => architecture,
            (model_type, _) => model_type,
        }
    }
}

fn text<'a>(config: Option<&'a Value>, name: &str) -> Option<&'a str> {
    field(config?, name)?.as_str()
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

fn clues<'a>(
    model: &DiskModel,
    name: &'a str,
    architecture: &'a str,
    model_type: &'a str,
) -> Clues<'a> {
    let config = model.config.as_ref();
    Clues {
        model_type,
        architecture,
        name,
        vocabulary: config.and_then(|c| field(c, "vocab_size")?.as_u64()),
    }
}

fn is_pooling(nature: &Nature) -> bool {
    matches!(nature.kind, ModelKind::Embedding | ModelKind::Rerank)
}

/// Chat models are proposed with a cache in fp8; others have short contexts and keep their type.
fn width(nature: &Nature) -> u64 {
    if nature.kind == ModelKind::Chat { 1 } else { 2 }
}

/// Whether one of the nodes that would be taken has less free memory than a model alone would be given.
fn is_shared(nodes: &[NodeFactsForFit], count: u32) -> bool {
    let mut nodes: Vec<&NodeFactsForFit> = nodes.iter().collect();
    nodes.sort_by_key(|n| std::cmp::Reverse(n.available_bytes));
    let taken = nodes.into_iter().take(usize::try_from(count).unwrap_or(1));
    taken.into_iter().any(|node| {
        let alone = node.total_bytes.map(|t| crate::fit::share(t, 0.80));
        node.shared
            || node
                .available_bytes
                .zip(alone)
                .is_some_and(|(free, alone)| free < alone)
    })
}

/// A model that continues text. Without Python on the node no file could be looked at; then the name tells.
fn is_base(model: &DiskModel, name: &str, nature: &Nature, family: Option<&Match>) -> bool {
    let named = name.split(['-', '_']).any(|part| part == "base");
    let elsewhere = family.is_some_and(|f| f.family.own_template)
        || (family.is_some_and(|f| f.family.mistral_format) && model.has("tekken"));
    let bare = !model.markers.is_empty() && !model.has("chat_template") && !elsewhere;
    nature.kind == ModelKind::Chat && (named || bare)
}

#[cfg(test)]
mod tests;
