//! The flags and parsers of a real `vllm serve`, as its own argument parser lists them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::nearest;

/// Names, types and choices of vLLM 0.32.0, read from the program itself.
const DATA: &str = include_str!("../../data/vllm-0.32.0-cli.json");

/// What an engine understands.
#[derive(Debug, Clone)]
pub struct Engine {
    pub version: String,
    pub tool_parsers: Vec<String>,
    pub reasoning_parsers: Vec<String>,
    /// By every long name, `--no-…` forms included.
    flags: BTreeMap<String, KnownFlag>,
    /// Long names of the short ones, e.g. `-tp`.
    short: BTreeMap<String, String>,
}

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagKind {
    /// Nothing.
    Switch,
    Integer,
    Number,
    /// `4096`, `32k` (thousands), `32K` (powers of 1024).
    Size,
    /// A size, `auto` or `-1`.
    SizeOrAuto,
    Json,
    /// JSON when it begins with `{`, else anything.
    JsonOrText,
    /// Anything else.
    Text,
}

/// One flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFlag {
    /// What it sets; the same for all its spellings.
    pub setting: String,
    pub kind: FlagKind,
    /// Empty when anything goes.
    pub choices: Vec<String>,
    /// Whether the flag may stand without a value.
    pub value_optional: bool,
    /// Whether the value may be `None` or empty.
    pub none_allowed: bool,
}

#[derive(Deserialize)]
struct File {
    vllm: String,
    tool_call_parsers: Vec<String>,
    reasoning_parsers: Vec<String>,
    flags: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    flags: Vec<String>,
    dest: String,
    #[serde(default)]
    boolean: bool,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    choices: Vec<serde_json::Value>,
    nargs: Option<String>,
}

impl Engine {
    /// The engine that this program knows.
    pub fn known() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the data file is part of the program and tested"
        )]
        let file: File = serde_json::from_str(DATA).expect("the bundled flag list is valid JSON");
        Self {
            version: file.vllm,
            tool_parsers: file.tool_call_parsers,
            reasoning_parsers: file.reasoning_parsers,
            flags: file.flags.iter().flat_map(Row::named).collect(),
            short: file.flags.iter().flat_map(Row::shortened).collect(),
        }
    }

    /// The flag with this long name (`_` is read as `-`).
    pub fn flag(&self, name: &str) -> Option<&KnownFlag> {
        self.flags.get(name)
    }

    /// The known flag nearest to `name`, when one is near.
    pub fn nearest_flag(&self, name: &str) -> Option<&str> {
        nearest(name, self.flags.keys().map(String::as_str))
    }

    /// The long name of a flag in either spelling.
    pub fn long_name(&self, name: &str) -> Option<&str> {
        let long = self.flags.get_key_value(name).map(|(long, _)| long);
        long.or_else(|| self.short.get(name)).map(String::as_str)
    }
}

impl Row {
    fn named(&self) -> Vec<(String, KnownFlag)> {
        let text = |v: &serde_json::Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        let flag = KnownFlag {
            setting: self.dest.clone(),
            kind: self.kind(),
            choices: self.choices.iter().map(text).collect(),
            value_optional: self.nargs.as_deref() == Some("?"),
            none_allowed: self.kind.as_deref() == Some("_optional_type"),
        };
        let long = self.flags.iter().filter(|name| name.starts_with("--"));
        long.map(|name| (name.clone(), flag.clone())).collect()
    }

    fn shortened(&self) -> Vec<(String, String)> {
        let is_long = |name: &&String| name.starts_with("--");
        let Some(long) = self.flags.iter().find(is_long) else {
            return Vec::new();
        };
        let short = self.flags.iter().filter(|name| !is_long(name));
        short.map(|name| (name.clone(), long.clone())).collect()
    }

    fn kind(&self) -> FlagKind {
        match self.kind.as_deref() {
            _ if self.boolean => FlagKind::Switch,
            Some("int") => FlagKind::Integer,
            Some("float") => FlagKind::Number,
            Some("human_readable_int") => FlagKind::Size,
            Some("human_readable_int_or_auto") => FlagKind::SizeOrAuto,
            Some("loads" | "parse_dataclass" | "_parse_type") => FlagKind::Json,
            Some("union_dict_and_str") => FlagKind::JsonOrText,
            Some("_optional_type") => optional_kind(&self.dest),
            _ => FlagKind::Text,
        }
    }
}

/// What is inside an optional value; the parser itself does not tell. From vLLM's own configuration classes.
fn optional_kind(setting: &str) -> FlagKind {
    match setting {
        "kv_cache_memory_bytes" => FlagKind::Size,
        "max_log_len"
        | "grpc_port"
        | "distributed_timeout_seconds"
        | "cpu_distributed_timeout_seconds"
        | "max_parallel_loading_workers"
        | "num_gpu_blocks_override"
        | "mamba_block_size"
        | "max_cpu_loras"
        | "max_num_scheduled_tokens" => FlagKind::Integer,
        "kv_offloading_size" | "video_pruning_rate" => FlagKind::Number,
        "speculative_config"
        | "kv_transfer_config"
        | "kv_events_config"
        | "ec_transfer_config"
        | "weight_transfer_config"
        | "pooler_config"
        | "mm_processor_kwargs"
        | "default_mm_loras" => FlagKind::Json,
        _ => FlagKind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_list_is_read_whole() {
        let engine = Engine::known();
        assert_eq!(engine.version, "0.32.0");
        assert!(engine.tool_parsers.contains(&"qwen3_coder".to_owned()));
        let reasoning = "openai_gptoss".to_owned();
        assert!(engine.reasoning_parsers.contains(&reasoning));
        assert!(engine.flag("--no-enable-prefix-caching").is_some());
        assert_eq!(engine.long_name("-tp"), Some("--tensor-parallel-size"));
    }

    #[test]
    fn kinds_follow_the_types_of_the_parser() {
        let engine = Engine::known();
        let kind = |name: &str| engine.flag(name).map(|f| f.kind);
        assert_eq!(kind("--max-num-seqs"), Some(FlagKind::Integer));
        assert_eq!(kind("--max-model-len"), Some(FlagKind::SizeOrAuto));
        assert_eq!(kind("--kv-cache-memory-bytes"), Some(FlagKind::Size));
        assert_eq!(kind("--speculative-config"), Some(FlagKind::Json));
        assert_eq!(kind("--hf-overrides"), Some(FlagKind::JsonOrText));
        assert_eq!(kind("--quantization"), Some(FlagKind::Text));
    }

    #[test]
    fn the_nearest_flag_is_found_and_a_far_one_is_not() {
        let engine = Engine::known();
        let near = |name: &str| engine.nearest_flag(name).map(str::to_owned);
        assert_eq!(near("--max-modell-len").as_deref(), Some("--max-model-len"));
        let cache = near("--enable-prefix-cache");
        assert_eq!(cache.as_deref(), Some("--enable-prefix-caching"));
        assert_eq!(near("--frobnicate"), None);
    }
}
