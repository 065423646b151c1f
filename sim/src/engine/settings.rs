//! The command line's values, typed, with vLLM's defaults and the checks its API server makes first.

use std::net::{IpAddr, Ipv4Addr};

use super::{arguments::Arguments, catalog::Catalog, units::human_int};

/// How long a context the operator asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaxLen {
    /// As long as the model allows.
    Derived,
    /// As long as the memory allows.
    Auto,
    /// Exactly this many tokens.
    Tokens(u64),
}

/// `--runner`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// As the model's class suggests.
    Auto,
    /// Text.
    Generate,
    /// Vectors or scores.
    Pooling,
}

/// How the ranks of one engine find each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ranks {
    /// Nodes in all.
    pub(crate) nodes: u32,
    /// This one's number.
    pub(crate) rank: u32,
    /// Where rank 0 listens.
    pub(crate) master: IpAddr,
    /// On this port.
    pub(crate) port: u16,
    /// GPUs in one group.
    pub(crate) tensor: u32,
    /// Groups in a pipeline.
    pub(crate) pipeline: u32,
    /// `mp` or `ray`.
    pub(crate) backend: Option<String>,
    /// No HTTP server here.
    pub(crate) headless: bool,
}

impl Ranks {
    /// GPUs that hold a part of the model.
    pub(crate) fn world(&self) -> u32 {
        self.tensor * self.pipeline
    }
}

/// What the HTTP server is told.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Door {
    /// `--host`, if given.
    pub(crate) host: Option<String>,
    /// `--port`.
    pub(crate) port: u16,
    /// Names clients use; the first is the one answered with.
    pub(crate) names: Vec<String>,
    /// Any of these opens `/v1/*`; empty is open.
    pub(crate) api_keys: Vec<String>,
    /// Whether tools may be chosen by the model.
    pub(crate) auto_tools: bool,
    /// Whether answers are split into reasoning and content.
    pub(crate) reasoning: bool,
    /// Whether every stream ends with its usage.
    pub(crate) force_usage: bool,
    /// Whether each request is logged.
    pub(crate) access_log: bool,
}

/// One engine's settings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Repository or path.
    pub(crate) model: String,
    /// Branch, tag or commit.
    pub(crate) revision: Option<String>,
    /// Whether the repository's own code may run.
    pub(crate) trust_remote_code: bool,
    /// Context length.
    pub(crate) max_len: MaxLen,
    /// Share of the GPU's memory, 0 to 1.
    pub(crate) utilization: f64,
    /// KV cache size given outright.
    pub(crate) kv_bytes: Option<u64>,
    /// `--kv-cache-dtype`.
    pub(crate) kv_dtype: String,
    /// Requests at once.
    pub(crate) max_seqs: u32,
    /// Tokens in one step.
    pub(crate) batched_tokens: u64,
    /// No compilation and no graphs.
    pub(crate) eager: bool,
    /// `--load-format`.
    pub(crate) load_format: String,
    /// What the model is to be used for.
    pub(crate) runner: Runner,
    /// `--hf-overrides` as given.
    pub(crate) overrides: String,
    /// How the ranks meet.
    pub(crate) ranks: Ranks,
    /// The HTTP side.
    pub(crate) door: Door,
}

/// A setting that vLLM's Python code refuses, in its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingError {
    /// Refused with a `KeyError`, whose text Python prints as a representation.
    #[error("KeyError: '{0}'")]
    Key(String),
    /// Refused with a `TypeError`.
    #[error("TypeError: {0}")]
    Type(String),
    /// Refused with a `ValueError`.
    #[error("ValueError: {0}")]
    Value(String),
}

impl Settings {
    /// Types `given`, after the checks that vLLM makes before it looks at the model.
    pub(crate) fn read(given: &Arguments, catalog: &Catalog) -> Result<Self, SettingError> {
        check_parsers(given, catalog)?;
        let text = |dest: &str, default: &str| given.text(dest).unwrap_or(default).to_owned();
        let model = given
            .model_tag()
            .map_or_else(|| text("model", "Qwen/Qwen3-0.6B"), str::to_owned);
        let utilization = given.number("gpu_memory_utilization").unwrap_or(0.92);
        if !(utilization > 0.0 && utilization <= 1.0) {
            let why = format!("GPU memory utilization must be less than 1.0. Got {utilization}.");
            return Err(SettingError::Value(why));
        }
        Ok(Self {
            revision: given.text("revision").map(str::to_owned),
            trust_remote_code: given.is_on("trust_remote_code"),
            max_len: max_len(given),
            utilization,
            kv_bytes: given.text("kv_cache_memory_bytes").and_then(human_int),
            kv_dtype: text("kv_cache_dtype", "auto"),
            max_seqs: given.number("max_num_seqs").unwrap_or(256).max(1),
            batched_tokens: given
                .text("max_num_batched_tokens")
                .and_then(human_int)
                .unwrap_or(8192),
            eager: given.is_on("enforce_eager"),
            load_format: text("load_format", "auto"),
            runner: match given.text("runner") {
                Some("generate") => Runner::Generate,
                Some("pooling") => Runner::Pooling,
                _ => Runner::Auto,
            },
            overrides: given.texts("hf_overrides").join(" "),
            ranks: ranks(given)?,
            door: door(given, &model),
            model,
        })
    }
}

fn check_parsers(given: &Arguments, catalog: &Catalog) -> Result<(), SettingError> {
    let unknown = |kind: &str, name: &str, known: &[String]| {
        let known = known.join(",");
        Err(SettingError::Key(format!(
            "invalid {kind} parser: {name} (chose from {{ {known} }})"
        )))
    };
    let plugin = given
        .text("tool_parser_plugin")
        .is_some_and(|p| !p.is_empty());
    let tools = given.text("tool_call_parser");
    if given.is_on("enable_auto_tool_choice") {
        let Some(name) = tools else {
            let why = "Error: --enable-auto-tool-choice requires --tool-call-parser";
            return Err(SettingError::Type(why.to_owned()));
        };
        if !plugin && !catalog.tool_call_parsers.iter().any(|known| known == name) {
            return unknown("tool call", name, &catalog.tool_call_parsers);
        }
    }
    let plugin = given
        .text("reasoning_parser_plugin")
        .is_some_and(|p| !p.is_empty());
    match given.text("reasoning_parser") {
        Some(name)
            if !name.is_empty()
                && !plugin
                && !catalog.reasoning_parsers.iter().any(|known| known == name) =>
        {
            unknown("reasoning", name, &catalog.reasoning_parsers)
        }
        _ => Ok(()),
    }
}

fn max_len(given: &Arguments) -> MaxLen {
    match given.text("max_model_len") {
        None => MaxLen::Derived,
        Some("auto" | "-1") => MaxLen::Auto,
        Some(text) => human_int(text).map_or(MaxLen::Derived, MaxLen::Tokens),
    }
}

fn ranks(given: &Arguments) -> Result<Ranks, SettingError> {
    let master = given.text("master_addr").unwrap_or("127.0.0.1");
    let unresolved =
        || SettingError::Value(format!("[Errno -2] Name or service not known: '{master}'"));
    let ranks = Ranks {
        nodes: given.number("nnodes").unwrap_or(1),
        rank: given.number("node_rank").unwrap_or(0),
        master: master.parse().map_err(|_not_an_address| unresolved())?,
        port: given.number("master_port").unwrap_or(29501),
        tensor: given.number("tensor_parallel_size").unwrap_or(1),
        pipeline: given.number("pipeline_parallel_size").unwrap_or(1),
        backend: given
            .text("distributed_executor_backend")
            .map(str::to_owned),
        headless: given.is_on("headless"),
    };
    if ranks.rank >= ranks.nodes {
        let Ranks { rank, nodes, .. } = ranks;
        let why = format!("node_rank ({rank}) must be between 0 and nnodes-1 ({nodes}).");
        return Err(SettingError::Value(why));
    }
    if ranks.rank > 0 && !ranks.headless {
        let why = "Only the node with rank 0 runs an API server; add --headless to the others.";
        return Err(SettingError::Value(why.to_owned()));
    }
    Ok(ranks)
}

fn door(given: &Arguments, model: &str) -> Door {
    let names = given.texts("served_model_name").to_vec();
    Door {
        host: given.text("host").map(str::to_owned),
        port: given.number("port").unwrap_or(8000),
        names: if names.is_empty() {
            vec![model.to_owned()]
        } else {
            names
        },
        api_keys: given.texts("api_key").to_vec(),
        auto_tools: given.is_on("enable_auto_tool_choice"),
        reasoning: given
            .text("reasoning_parser")
            .is_some_and(|parser| !parser.is_empty()),
        force_usage: given.is_on("enable_force_include_usage"),
        access_log: !given.is_on("disable_uvicorn_access_log"),
    }
}

impl Door {
    /// The address to listen on, before it is mapped to the simulated network.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.host.as_deref() {
            None | Some("" | "0.0.0.0" | "::") => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            Some("localhost") => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            Some(text) => text.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::host::EngineImage;

    fn read(line: &str) -> Result<Settings, SettingError> {
        let catalog = Catalog::of(&EngineImage::default());
        let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Settings::read(&Arguments::parse(&argv, &catalog).unwrap(), &catalog)
    }

    #[test]
    fn defaults_are_those_of_vllm() {
        let settings = read("serve org/m").unwrap();
        assert_eq!(settings.door.names, ["org/m"]);
        assert_eq!((settings.door.port, settings.max_seqs), (8000, 256));
        assert_eq!(settings.max_len, MaxLen::Derived);
        assert!((settings.utilization - 0.92).abs() < 1e-9);
    }

    #[test]
    fn settings_that_vllm_refuses_are_refused_in_its_words() {
        for (line, expected) in [
            (
                "serve m --enable-auto-tool-choice",
                "TypeError: Error: --enable-auto-tool-choice requires --tool-call-parser",
            ),
            (
                "serve m --enable-auto-tool-choice --tool-call-parser x",
                "KeyError: 'invalid tool call parser: x (chose from { apertus,",
            ),
            (
                "serve m --reasoning-parser x",
                "KeyError: 'invalid reasoning parser: x (chose from { cohere_command3,",
            ),
            (
                "serve m --nnodes 2 --node-rank 2 --headless",
                "ValueError: node_rank (2) must be between 0 and nnodes-1 (2).",
            ),
            (
                "serve m --gpu-memory-utilization 1.2",
                "ValueError: GPU memory utilization must",
            ),
        ] {
            let text = read(line).expect_err(line).to_string();
            assert!(text.starts_with(expected), "{line}: {text}");
        }
    }

    #[test]
    fn a_tool_parser_alone_is_not_checked_as_in_vllm() {
        assert!(read("serve m --tool-call-parser whatever").is_ok());
    }
}
