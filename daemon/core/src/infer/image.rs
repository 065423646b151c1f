//! Which image a model is served with.
//!
//! What an image that was asked says of itself comes first; else its name tells what is known of it.

use spark_ipc::id::{ImageRef, NodeId};
use spark_ipc::model::infer::{Confidence, Suggested};

use super::families::Image;

/// Used by nearly all recipes that spark-arena publishes.
const GENERAL: &str = "ghcr.io/spark-arena/dgx-vllm-eugr-nightly:latest";
/// The same with transformers 5.
const TRANSFORMERS5: &str = "ghcr.io/spark-arena/dgx-vllm-eugr-nightly-tf5:latest";

/// An image that could be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownImage {
    pub image: ImageRef,
    /// Nodes that have it.
    pub nodes: Vec<NodeId>,
    /// What it said when it was asked; `None` when it was not.
    pub says: Option<ImageSays>,
}

/// What an image knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageSays {
    pub architectures: Vec<String>,
    pub tool_parsers: Vec<String>,
    pub reasoning_parsers: Vec<String>,
}

/// What a model asks of its image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) family: Image,
    pub(super) architecture: &'a str,
    /// `transformers_version` of `config.json`.
    pub(super) transformers: Option<u32>,
    /// Nodes of the placement.
    pub(super) nodes: u32,
}

/// The image that suits best; one on the nodes is preferred to one that must be fetched.
pub(super) fn choose(wanted: &Wanted<'_>, images: &[KnownImage]) -> Suggested<ImageRef> {
    let tf5 = wanted.family == Image::Transformers5 || wanted.transformers >= Some(5);
    let everywhere = |image: &&KnownImage| covers(image, wanted.nodes);
    match wanted.family {
        Image::Need(name) => return named(name, "the image that this family was published with"),
        Image::Prefer(name)
            if images
                .iter()
                .filter(everywhere)
                .any(|i| i.image.as_str() == name) =>
        {
            let reason = "the image that this family was published with is on the nodes";
            return Suggested::new(reference(name), Confidence::Certain, reason);
        }
        _ => {}
    }
    let general = |image: &&KnownImage| is_general(image, wanted.architecture);
    let suits = |image: &&KnownImage| !tf5 || transformers(&image.image) == Some(5);
    let mut present: Vec<&KnownImage> = images
        .iter()
        .filter(everywhere)
        .filter(general)
        .filter(suits)
        .collect();
    present.sort_by_key(|image| rank(image));
    match (present.first(), wanted.family) {
        (Some(image), _) => of_present(image, wanted),
        (None, Image::Prefer(name)) => named(name, "the image that this family was published with"),
        (None, _) if tf5 => named(TRANSFORMERS5, "the model needs transformers 5"),
        (None, _) => named(GENERAL, "most published recipes for the Spark use it"),
    }
}

fn of_present(image: &KnownImage, wanted: &Wanted<'_>) -> Suggested<ImageRef> {
    let (reason, confidence) = if image.says.is_some() {
        let reason = format!("it is on the nodes and knows {}", wanted.architecture);
        (reason, Confidence::Certain)
    } else {
        ("it is on the nodes".to_owned(), Confidence::Likely)
    };
    Suggested::new(image.image.clone(), confidence, reason)
}

fn named(name: &str, reason: &str) -> Suggested<ImageRef> {
    Suggested::new(reference(name), Confidence::Likely, reason)
}

#[expect(
    clippy::expect_used,
    reason = "every name here is a constant, and tested"
)]
fn reference(name: &str) -> ImageRef {
    ImageRef::new(name).expect("the names of images in this program are references")
}

/// The image that stands in a form for models that vLLM cannot serve.
pub(super) fn general(reason: &str) -> Suggested<ImageRef> {
    Suggested::new(reference(GENERAL), Confidence::Guess, reason)
}

fn covers(image: &KnownImage, nodes: u32) -> bool {
    usize::try_from(nodes).is_ok_and(|nodes| image.nodes.len() >= nodes.max(1))
}

/// Whether the image is made for models at large and knows this architecture, as far as one can tell.
fn is_general(image: &KnownImage, architecture: &str) -> bool {
    const SPECIAL: [&str; 4] = ["mxfp4", "gemma", "ds4", "sglang"];
    let name = image.image.as_str();
    let knows = image
        .says
        .as_ref()
        .is_none_or(|says| says.knows(architecture));
    name.contains("vllm") && !SPECIAL.iter().any(|part| name.contains(part)) && knows
}

impl ImageSays {
    pub(super) fn knows(&self, architecture: &str) -> bool {
        self.architectures.iter().any(|a| a == architecture)
    }
}

/// Images that were asked first, then those that are made for the Spark, the newer line first.
fn rank(image: &KnownImage) -> (bool, usize) {
    const ORDER: [&str; 4] = [
        "spark-arena/",
        "eugr/",
        "nvcr.io/nvidia/",
        "vllm/vllm-openai",
    ];
    let name = image.image.as_str();
    let place = ORDER.iter().position(|part| name.contains(part));
    (image.says.is_none(), place.unwrap_or(ORDER.len()))
}

/// The major version of transformers in an image, where its name tells: the line with `tf5` in its names has a
/// twin without it, which has version 4.
pub(super) fn transformers(image: &ImageRef) -> Option<u32> {
    let name = image.as_str();
    let is_five = name.contains("tf5") || name.ends_with("-t5");
    let is_four = name.starts_with("ghcr.io/spark-arena/dgx-vllm-eugr-nightly:");
    if is_five {
        Some(5)
    } else {
        is_four.then_some(4)
    }
}

/// Whether the image has the loader `fastsafetensors`, as published recipes that use it tell.
pub(super) fn has_fast_loader(image: &ImageRef) -> bool {
    const WITH: [&str; 4] = ["spark-arena/", "sparkarena/", "eugr/", "vllm/vllm-openai"];
    WITH.iter().any(|part| image.as_str().contains(part))
}

/// Whether the image is a build with CUTLASS kernels for MXFP4, which has flags of its own.
pub(super) fn is_mxfp4(image: &ImageRef) -> bool {
    image.as_str().contains("mxfp4")
}
