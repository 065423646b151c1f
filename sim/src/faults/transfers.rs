//! Faults of what brings bytes to a node: the Hub, registries, and the way to another node.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{Fault, Faults};

/// A failure of the Hugging Face Hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Args)]
#[serde(deny_unknown_fields)]
pub struct HubFault {
    /// What it answers.
    #[arg(long, value_enum)]
    pub error: HubTrouble,
    /// Only for this repository.
    #[arg(long)]
    #[serde(default)]
    pub repo: Option<String>,
}

/// What can be wrong at the Hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum HubTrouble {
    /// 401: the repository is gated and there is no token.
    Unauthorized,
    /// 403: the token's owner has not been let in.
    Forbidden,
    /// 403: the token's owner has asked and waits for an answer.
    AwaitingReview,
    /// There is no such repository, or it is private.
    NotFound,
    /// A file of the listing is not there.
    EntryNotFound,
    /// There is no such branch, tag or commit.
    RevisionNotFound,
    /// 429.
    RateLimited,
    /// 503.
    ServerError,
    /// It answers too late.
    Timeout,
    /// The connection is reset half-way through a file.
    Reset,
}

/// A failure of an image registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Args)]
#[serde(deny_unknown_fields)]
pub struct RegistryFault {
    /// What it answers.
    #[arg(long, value_enum)]
    pub error: RegistryTrouble,
    /// Only for references that contain this.
    #[arg(long)]
    #[serde(default)]
    pub image: Option<String>,
}

/// What can be wrong at a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum RegistryTrouble {
    /// There is no such tag.
    ManifestUnknown,
    /// There is no such repository, or it wants a login.
    Denied,
    /// The login is not accepted.
    Unauthorized,
    /// There is no build for arm64.
    NoArm64,
    /// Too many pulls.
    TooManyRequests,
    /// The TLS handshake does not end.
    TlsTimeout,
    /// No packet comes back.
    IoTimeout,
}

/// A program that can bring a model from the Hub.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum HfRunner {
    /// `hf` in `PATH`.
    Hf,
    /// `uvx` in `PATH`.
    Uvx,
    /// `~/.local/bin/hf`, which is not in `PATH`.
    LocalHf,
    /// A `huggingface-cli` of the time when it still worked.
    HuggingfaceCli,
}

impl Faults {
    /// What is wrong at the Hub for `repo`.
    pub fn hub(&self, repo: &str) -> Option<HubTrouble> {
        self.find(|fault| match fault {
            Fault::Hub(hub) if hub.repo.as_deref().is_none_or(|only| only == repo) => {
                Some(hub.error)
            }
            _ => None,
        })
    }

    /// What is wrong at the registry of `image`.
    pub fn registry(&self, image: &str) -> Option<RegistryTrouble> {
        self.find(|fault| match fault {
            Fault::Registry(registry)
                if registry
                    .image
                    .as_deref()
                    .is_none_or(|part| image.contains(part)) =>
            {
                Some(registry.error)
            }
            _ => None,
        })
    }

    /// Whether the node has no way to the internet.
    pub fn no_internet(&self) -> bool {
        self.has("no_internet")
    }

    /// Bytes per second of every transfer, when not the usual ones.
    pub fn transfer_rate(&self) -> Option<u64> {
        self.find(|fault| match fault {
            Fault::SlowTransfers { mb_per_s } => Some(mb_per_s * 1_000_000),
            _ => None,
        })
    }

    /// Bytes after which a transfer comes to a halt.
    pub fn stall_after(&self) -> Option<u64> {
        self.find(|fault| match fault {
            Fault::Stall { after_bytes } => Some(*after_bytes),
            _ => None,
        })
    }

    /// Whether this node's key is not accepted by the others.
    pub fn no_peer_key(&self) -> bool {
        self.has("no_peer_key")
    }

    /// Whether files of `repo` in the cache belong to root.
    pub fn root_owned(&self, repo: &str) -> bool {
        self.iter()
            .any(|fault| matches!(fault, Fault::RootOwned { repo: name } if name == repo))
    }

    /// Every repository of which files belong to root.
    pub(crate) fn root_owned_repos(&self) -> impl Iterator<Item = &str> {
        self.iter().filter_map(|fault| match fault {
            Fault::RootOwned { repo } => Some(repo.as_str()),
            _ => None,
        })
    }

    /// Whether Docker has no NVIDIA runtime.
    pub fn no_gpu_runtime(&self) -> bool {
        self.has("no_gpu_runtime")
    }

    /// The programs that the node has for the Hub, when not the usual one.
    pub fn hf_runners(&self) -> Option<Vec<HfRunner>> {
        self.find(|fault| match fault {
            Fault::HfRunners { only } => Some(only.clone()),
            _ => None,
        })
    }
}
