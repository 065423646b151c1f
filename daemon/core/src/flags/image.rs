//! What single images add to vLLM's flags, and what they lack.

use spark_ipc::id::ImageRef;
use spark_ipc::model::recipe::{Executor, Recipe, RecipeFault};

/// A part of the image's name, and the flags that only such images know (spark-arena's build with CUTLASS
/// kernels for gpt-oss).
const ADDED: [(&str, &[&str]); 1] = [("mxfp4", &["--mxfp4-backend", "--mxfp4-layers"])];

/// Beginnings of the names of images without Ray: NVIDIA's from 26.05 on (DGX Spark playbooks).
const WITHOUT_RAY: [&str; 1] = ["nvcr.io/nvidia/vllm:26.05"];

/// Whether an image of this name knows a flag beyond vLLM's own.
pub(super) fn adds(image: &ImageRef, name: &str) -> bool {
    ADDED
        .iter()
        .any(|(part, flags)| image.as_str().contains(part) && flags.contains(&name))
}

/// Whether the recipe wants what its image lacks.
pub(super) fn executor_fault(recipe: &Recipe) -> Option<RecipeFault> {
    let image = recipe.image.as_str();
    let lacks = WITHOUT_RAY.iter().any(|start| image.starts_with(start));
    (lacks && recipe.executor == Executor::Ray).then(|| RecipeFault {
        path: "/executor".to_owned(),
        code: "image_lacks".to_owned(),
        value: Some("ray".to_owned()),
        message: format!("The image {image} has no Ray"),
        fix: Some("Set executor to mp: vLLM's own engine runs over several nodes".to_owned()),
    })
}
