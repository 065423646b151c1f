//! The flags and parser names of a real `vllm serve`, read from the argument parser of vLLM 0.32.0.

use serde::{Deserialize, Serialize};

use super::host::EngineImage;

/// One option of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagSpec {
    /// Every spelling, long ones with two dashes; `--no-…` spellings switch it off.
    pub flags: Vec<String>,
    /// The name of the value.
    pub dest: String,
    /// Whether it takes no value.
    #[serde(default)]
    pub boolean: bool,
    /// Python's name of the conversion (`int`, `float`, `loads`, …).
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// `+` for one or more values, `?` for at most one; otherwise exactly one.
    #[serde(default)]
    pub nargs: Option<String>,
    /// The only values allowed.
    #[serde(default)]
    pub choices: Option<Vec<String>>,
}

impl FlagSpec {
    /// The option's name in argparse's messages: `--tensor-parallel-size/-tp`.
    pub(crate) fn display(&self) -> String {
        self.flags.join("/")
    }
}

/// What one image's `vllm serve` accepts.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Catalog {
    /// Options in the order of the real parser.
    pub(crate) flags: Vec<FlagSpec>,
    /// Names for `--tool-call-parser`.
    pub(crate) tool_call_parsers: Vec<String>,
    /// Names for `--reasoning-parser`.
    pub(crate) reasoning_parsers: Vec<String>,
}

impl Catalog {
    /// The catalogue of `image`.
    #[expect(
        clippy::expect_used,
        reason = "the file is part of this build and read by a test"
    )]
    pub(crate) fn of(image: &EngineImage) -> Self {
        let mut catalog: Self = serde_json::from_str(include_str!(
            "../../../daemon/core/data/vllm-0.32.0-cli.json"
        ))
        .expect("the bundled catalogue is valid");
        catalog.flags.extend(image.extra_flags.iter().cloned());
        let known = |name: &String| !image.missing_parsers.contains(name);
        catalog.tool_call_parsers.retain(known);
        catalog.reasoning_parsers.retain(known);
        catalog
    }

    /// The option spelled `name`, exactly.
    pub(crate) fn exact(&self, name: &str) -> Option<&FlagSpec> {
        self.flags
            .iter()
            .find(|spec| spec.flags.iter().any(|flag| flag == name))
    }

    /// Spellings that begin with `prefix`, each with its option.
    pub(crate) fn completions<'a>(&'a self, prefix: &str) -> Vec<(&'a str, &'a FlagSpec)> {
        let spelled = |flag: &&String| flag.starts_with(prefix);
        let all = self
            .flags
            .iter()
            .flat_map(|spec| spec.flags.iter().map(move |flag| (flag, spec)));
        all.filter(|(flag, _)| spelled(flag))
            .map(|(flag, spec)| (flag.as_str(), spec))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_catalogue_is_a_whole_vllm() {
        let catalog = Catalog::of(&EngineImage::default());
        assert!(catalog.flags.len() > 300, "{}", catalog.flags.len());
        assert_eq!(
            catalog.exact("-tp").map(|f| f.dest.as_str()),
            Some("tensor_parallel_size")
        );
        assert!(catalog.tool_call_parsers.iter().any(|p| p == "qwen3_xml"));
    }

    #[test]
    fn an_image_adds_flags_and_lacks_parsers() {
        let extra = FlagSpec {
            flags: vec!["--mxfp4-backend".into()],
            dest: "mxfp4_backend".into(),
            boolean: false,
            kind: Some("str".into()),
            nargs: None,
            choices: None,
        };
        let image = EngineImage {
            extra_flags: vec![extra],
            missing_parsers: vec!["gemma4".into()],
            ..EngineImage::default()
        };
        let catalog = Catalog::of(&image);
        assert!(catalog.exact("--mxfp4-backend").is_some());
        assert!(!catalog.tool_call_parsers.iter().any(|p| p == "gemma4"));
        assert!(!catalog.reasoning_parsers.iter().any(|p| p == "gemma4"));
    }
}
