//! A container as it is kept on disk: what it was made from, and how it is.
//!
//! `config.json` is written once (and by `rename`), `state.json` by whoever changes the state: the
//! command that creates or removes it, and its shim while it runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The 64 hex digits of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct ContainerId(String);

impl ContainerId {
    /// A new one, never seen before.
    pub(super) fn fresh() -> Self {
        let (a, b) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
        Self(format!("{}{}", a.simple(), b.simple()))
    }

    /// The text as an id, when it is one in full.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        hex.then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, as listings show them.
    pub(super) fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

/// Where a container's folder comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mount {
    /// `bind`, `volume` or `tmpfs`.
    pub(super) kind: String,
    pub(super) source: String,
    pub(super) target: String,
    pub(super) read_only: bool,
    /// Given with `--mount`, which makes no folder that is missing.
    #[serde(default)]
    pub(super) must_exist: bool,
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Port {
    pub(super) host_ip: String,
    pub(super) host: u16,
    pub(super) container: u16,
    pub(super) protocol: String,
}

/// When a container is started again by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Restart {
    #[default]
    No,
    Always,
    UnlessStopped,
    OnFailure {
        /// 0 for no limit.
        retries: u32,
    },
}

/// What a container was made from.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one switch of docker run"
)]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) name: String,
    /// As typed.
    pub(super) image: String,
    /// The container's own entrypoint, before the image's is looked at.
    pub(super) entrypoint: Option<Vec<String>>,
    pub(super) command: Vec<String>,
    pub(super) env: Vec<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) mounts: Vec<Mount>,
    pub(super) devices: Vec<String>,
    pub(super) ports: Vec<Port>,
    pub(super) network: String,
    pub(super) ipc: String,
    pub(super) shm_size: i64,
    pub(super) ulimits: Vec<(String, i64, i64)>,
    pub(super) cap_add: Vec<String>,
    pub(super) gpus: Option<String>,
    pub(super) runtime: String,
    pub(super) privileged: bool,
    pub(super) restart: Restart,
    pub(super) log_driver: String,
    pub(super) log_options: BTreeMap<String, String>,
    pub(super) memory: i64,
    pub(super) memory_swap: i64,
    pub(super) pids_limit: i64,
    pub(super) auto_remove: bool,
    pub(super) init: bool,
    pub(super) interactive: bool,
    pub(super) tty: bool,
    pub(super) user: String,
    pub(super) workdir: String,
    pub(super) hostname: String,
    pub(super) stop_signal: String,
    pub(super) stop_timeout: i64,
}

impl Spec {
    /// Whether the container gets the GPU at all.
    pub(super) fn has_gpu(&self) -> bool {
        self.gpus.is_some() || self.runtime == "nvidia"
    }

    /// A variable of its environment; a later one wins.
    pub(super) fn env(&self, name: &str) -> Option<&str> {
        self.env.iter().rev().find_map(|pair| {
            pair.split_once('=')
                .filter(|(key, _)| *key == name)
                .map(|(_, value)| value)
        })
    }

    /// Where a path of the container lies on the node, through its mounts.
    pub(super) fn on_node(&self, path: &str) -> Option<String> {
        let mount = self
            .mounts
            .iter()
            .filter(|mount| under(path, &mount.target).is_some())
            .max_by_key(|mount| mount.target.len())?;
        Some(format!("{}{}", mount.source, under(path, &mount.target)?))
    }
}

/// The rest of `path` below `folder`, with its slash.
fn under<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// Docker's word for how a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    #[default]
    Created,
    Running,
    Restarting,
    Exited,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
        }
    }

    /// Whether a shim looks after it.
    pub(super) fn is_live(self) -> bool {
        matches!(self, Self::Running | Self::Restarting)
    }
}

/// A process, named for good: pids are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) start_ticks: u64,
}

/// How a container is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) status: Status,
    pub(super) exit_code: i32,
    pub(super) error: String,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
    /// Process 1 of the container.
    pub(super) main: Option<Process>,
    pub(super) shim: Option<Process>,
    pub(super) boot_id: String,
    pub(super) restart_count: u32,
    /// Someone stopped it: no restart policy brings it back.
    pub(super) stopped_by_user: bool,
    /// `--rm`, or `rm -f` while it ran: its shim leaves nothing behind.
    pub(super) removing: bool,
}

/// A container: what it was made from and how it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Container {
    pub(super) id: ContainerId,
    pub(super) created: Timestamp,
    pub(super) image_id: String,
    /// Entrypoint and command as run: the container's own, else the image's.
    pub(super) argv: Vec<String>,
    /// The image's own environment, below the container's.
    pub(super) image_env: Vec<String>,
    pub(super) spec: Spec,
    #[serde(skip)]
    pub(super) state: State,
}

impl Container {
    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    /// A variable as its processes see it.
    pub(super) fn env(&self, name: &str) -> Option<&str> {
        let image = || {
            self.image_env.iter().find_map(|pair| {
                pair.split_once('=')
                    .filter(|(key, _)| *key == name)
                    .map(|(_, value)| value)
            })
        };
        self.spec.env(name).or_else(image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_through_the_deepest_mount() {
        let mount = |source: &str, target: &str| Mount {
            kind: "bind".to_owned(),
            source: source.to_owned(),
            target: target.to_owned(),
            read_only: false,
            must_exist: false,
        };
        let spec = Spec {
            mounts: vec![
                mount("/n/hf", "/root/.cache/huggingface"),
                mount("/n/c", "/root/.cache"),
            ],
            ..Spec::default()
        };
        assert_eq!(
            spec.on_node("/root/.cache/huggingface/hub"),
            Some("/n/hf/hub".to_owned())
        );
        assert_eq!(
            spec.on_node("/root/.cache/vllm"),
            Some("/n/c/vllm".to_owned())
        );
        assert_eq!(spec.on_node("/root/.cachet"), None);
    }

    #[test]
    fn ids_are_64_hex_digits() {
        let id = ContainerId::fresh();
        assert_eq!(ContainerId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(id.short().len(), 12);
        assert_eq!(ContainerId::parse("abc"), None);
    }
}
