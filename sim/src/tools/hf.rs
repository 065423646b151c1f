//! `hf`, the Hugging Face client, against the simulated Hub.
//!
//! Two clients exist in the field. Today's `hf` says one sentence for an error and shows the exception only with
//! `HF_DEBUG=1`; the `huggingface-cli` of earlier years ends in a traceback, knows no `--dry-run`, and where
//! today's package is installed that name only says that it no longer works.

use std::path::{Path, PathBuf};

use crate::docker;
use crate::faults::HfRunner;
use crate::node::Node;
use crate::tools::{Env, Outcome, Refusal, console};

mod cache;
mod download;
mod fetch;
mod options;

const UNKNOWN: &str =
    "Usage: hf [OPTIONS] COMMAND [ARGS]...\nTry 'hf --help' for help.\n\nError: No such command";

const NO_LONGER: &str = "Warning: \n  ⚠️  `huggingface-cli` is deprecated and no longer works.\n\n  Use `hf` \
                         instead:\n    curl -LsSf https://hf.co/cli/install.sh | bash\n    brew install hf\n    \
                         pip install hf\n";

/// Which client it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Today,
    Earlier,
}

/// A client that was called.
struct Hf<'a> {
    node: &'a Node,
    env: &'a Env,
    client: Client,
    hub: Hub,
}

/// The cache.
struct Hub {
    /// As the client names it: in a container, the container's path.
    shown: PathBuf,
    /// Where it lies.
    real: PathBuf,
}

/// Runs `hf`, or `huggingface-cli`.
pub(super) fn main(node: &Node, name: &str, args: &[String], env: &Env) -> Outcome {
    let earlier = name == "huggingface-cli";
    let still_works = |runners: Vec<HfRunner>| runners.contains(&HfRunner::HuggingfaceCli);
    if earlier && !node.faults().hf_runners().is_some_and(still_works) {
        return Err(Refusal::new(1, NO_LONGER));
    }
    let hf = Hf {
        node,
        env,
        client: if earlier {
            Client::Earlier
        } else {
            Client::Today
        },
        hub: Hub::find(node, env),
    };
    hf.run(args)
}

/// Runs `uvx`, which brings `hf` with it.
pub(super) fn uvx(node: &Node, args: &[String], env: &Env) -> Outcome {
    let rest = match args {
        [from, _package, name, rest @ ..] if from == "--from" && name == "hf" => rest,
        [name, rest @ ..] if name == "hf" => rest,
        _ => {
            return Err(Refusal::new(
                2,
                "error: the following required arguments were not provided:\n  <COMMAND>",
            ));
        }
    };
    if node.faults().no_internet() {
        return Err(Refusal::new(
            1,
            "error: Failed to fetch: `https://pypi.org/simple/hf/`\n  Caused by: dns error: failed to lookup \
             address information: Temporary failure in name resolution",
        ));
    }
    console::err("Installed 20 packages in 41ms");
    main(node, "hf", rest, env)
}

impl Hub {
    /// Found as `huggingface_hub` finds it; in a container its paths lie behind mounts.
    fn find(node: &Node, env: &Env) -> Self {
        let below_home = || env.get("HF_HOME").map(|home| Path::new(home).join("hub"));
        let below_cache = || {
            let cache = env.get("XDG_CACHE_HOME")?;
            Some(Path::new(cache).join("huggingface/hub"))
        };
        let usual = || match env.get("HOME") {
            Some(home) => Path::new(home).join(".cache/huggingface/hub"),
            None => node.hub(),
        };
        let named = env
            .get("HF_HUB_CACHE")
            .or_else(|| env.get("HUGGINGFACE_HUB_CACHE"));
        let shown = named
            .map(PathBuf::from)
            .or_else(below_home)
            .or_else(below_cache);
        let shown = shown.unwrap_or_else(usual);
        let real = docker::vllm::on_node(node, env, &shown).unwrap_or_else(|| shown.clone());
        Self { shown, real }
    }
}

impl Hf<'_> {
    fn run(&self, args: &[String]) -> Outcome {
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        match *words.as_slice() {
            ["version" | "--version" | "-v", ..] => {
                console::out(if self.client == Client::Today {
                    "1.6.2"
                } else {
                    "huggingface_hub version: 0.34.4"
                });
                Ok(0)
            }
            ["auth", "whoami", ..] | ["whoami", ..] => self.whoami(),
            ["download", ref rest @ ..] => self.download(rest),
            ["cache", "ls" | "list", ref rest @ ..] => cache::list(&self.hub.real, rest),
            ["cache", "rm" | "remove", ref rest @ ..] => cache::remove(&self.hub.real, rest),
            ["cache", "verify", ref rest @ ..] => cache::verify(self.node, &self.hub.real, rest),
            [] => Err(Refusal::help("Usage: hf [OPTIONS] COMMAND [ARGS]...")),
            [first, ..] => Err(Refusal::new(2, format!("{UNKNOWN} '{first}'."))),
        }
    }

    fn whoami(&self) -> Outcome {
        match self.token() {
            None => Err(Refusal::on_stdout(1, "Not logged in")),
            Some(token) if !token.starts_with("hf_") => {
                Err(Refusal::new(1, "Error: Invalid user token."))
            }
            Some(_) => {
                console::out("spark-owner");
                Ok(0)
            }
        }
    }

    /// The token: from the environment, else from the file that a login leaves.
    fn token(&self) -> Option<String> {
        let named = |name| self.env.get(name).filter(|text| !text.trim().is_empty());
        if let Some(token) = named("HF_TOKEN").or_else(|| named("HUGGING_FACE_HUB_TOKEN")) {
            return Some(token.trim().to_owned());
        }
        let home = self
            .env
            .get("HOME")
            .map(|home| Path::new(home).join(".cache/huggingface"));
        let home = self.env.get("HF_HOME").map(PathBuf::from).or(home);
        let place = self.env.get("HF_TOKEN_PATH").map(PathBuf::from);
        let place = place.or_else(|| Some(home?.join("token")))?;
        let place = docker::vllm::on_node(self.node, self.env, &place).unwrap_or(place);
        let text = std::fs::read_to_string(place).ok()?;
        Some(text.trim().to_owned()).filter(|token| !token.is_empty())
    }
}
