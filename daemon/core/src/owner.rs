//! Who started a container: our label, else the names and images that the tools for Sparks are known to use.

/// Who owns what we started.
pub const OWNER: &str = "spark-control";

/// Prefix of our labels.
pub(crate) const LABEL: &str = "sparkctl.";

/// Who starts containers of such a name.
const NAMES: [(&str, &str); 6] = [
    ("sparkrun_", "sparkrun"),
    ("vllm_node", "eugr"),
    ("nim-", "nim"),
    ("node-", "ray"),
    ("ollama", "ollama"),
    ("vllm", "vllm"),
];

/// Who serves models with such an image.
const IMAGES: [(&str, &str); 8] = [
    ("nvcr.io/nim/", "nim"),
    ("ollama/", "ollama"),
    ("vllm", "vllm"),
    ("sglang", "sglang"),
    ("llama.cpp", "llama.cpp"),
    ("llama-cpp", "llama.cpp"),
    ("tensorrt-llm", "tensorrt-llm"),
    ("text-generation-inference", "tgi"),
];

/// The owner of a container that serves models; `None` for any other. `labels` are its labels' names, a value
/// behind them or not.
pub(crate) fn owner<'a>(
    name: &str,
    image: &str,
    mut labels: impl Iterator<Item = &'a str>,
) -> Option<&'static str> {
    if labels.any(|label| label.starts_with(LABEL)) {
        return Some(OWNER);
    }
    let by_name = NAMES.iter().find(|(prefix, _)| has_prefix(name, prefix));
    let by_image = || IMAGES.iter().find(|(part, _)| image.contains(part));
    by_name.or_else(by_image).map(|(_, owner)| *owner)
}

/// `node-3` is Ray's, `node-exporter` is not.
fn has_prefix(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| {
        prefix != "node-" || (!rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_then_names_then_images_tell_the_owner() {
        let cases = [
            (
                "vllm",
                "vllm/vllm-openai",
                "sparkctl.unit=main",
                Some(OWNER),
            ),
            ("vllm", "x", "sparkctl", Some("vllm")),
            ("sparkrun_abc_node_0", "x", "", Some("sparkrun")),
            ("vllm_node", "x", "", Some("eugr")),
            ("nim-llama", "ollama/ollama", "", Some("nim")),
            ("node-1", "x", "", Some("ray")),
            ("node-exporter", "prom/node-exporter", "", None),
            ("node-", "x", "", None),
            ("chat", "nvcr.io/nim/meta/llama:1", "", Some("nim")),
            ("chat", "nvcr.io/nvidia/vllm:26.05-py3", "", Some("vllm")),
            ("chat", "lmsysorg/sglang:spark", "", Some("sglang")),
            ("postgres", "postgres:17", "maintainer=x", None),
        ];
        for (name, image, label, expected) in cases {
            let found = owner(name, image, std::iter::once(label));
            assert_eq!(found, expected, "{name} {image} {label}");
        }
    }
}
