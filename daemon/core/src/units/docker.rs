//! Reading `docker inspect`.

use std::collections::BTreeMap;

use serde::Deserialize;
use spark_ipc::Time;
use spark_ipc::id::NodeId;
use spark_ipc::text::clean_line;

use crate::owner::LABEL;
use crate::shell::Remote;

/// Our containers in any state, and the running ones of others, as `docker inspect` prints them. A container
/// that goes away between the two commands is only missing from the answer; whatever else `inspect` complains
/// of fails the whole, so that an unknown container never passes for an absent one.
const SCRIPT: &str = "\
ours=$(docker ps --all --quiet --no-trunc --filter label=sparkctl.unit) || exit
services=$(docker ps --all --quiet --no-trunc --filter label=sparkctl.service) || exit
running=$(docker ps --quiet --no-trunc) || exit
set -- $(printf '%s\\n' $ours $services $running | sort -u)
[ $# -eq 0 ] && { echo '[]'; exit 0; }
{ said=$(docker inspect --type=container -- \"$@\" 2>&1 >&3); } 3>&1 && exit 0
status=$?
printf '%s\\n' \"$said\" >&2
printf '%s\\n' \"$said\" | grep -qiv -e 'no such container' -e 'no such object' && exit $status
exit 0
";

/// Facts of one container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerFacts {
    pub id: String,
    pub name: String,
    pub image: String,
    /// Docker's word: `created`, `running`, `exited`, …
    pub state: String,
    pub exit_code: Option<i32>,
    pub oom_killed: bool,
    /// Why it could not be started.
    pub error: String,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    pub labels: BTreeMap<String, String>,
    /// Entry point and arguments.
    pub command: Vec<String>,
    /// Times that Docker started it again.
    pub restarts: u32,
    /// Published ports: in the container, on the node.
    pub ports: Vec<(u16, u16)>,
}

impl ContainerFacts {
    /// Our label `sparkctl.NAME`.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels
            .get(&format!("{LABEL}{name}"))
            .map(String::as_str)
    }

    /// Whether it runs, a pause included.
    pub fn running(&self) -> bool {
        matches!(self.state.as_str(), "running" | "paused" | "restarting")
    }

    /// Whether Docker made it but could not start it.
    pub fn never_started(&self) -> bool {
        self.state == "created"
    }

    /// In words, for a container that does not run.
    pub(crate) fn why_dead(&self, node: &NodeId) -> String {
        let name = &self.name;
        if self.never_started() {
            let why = if self.error.is_empty() {
                "Docker gives no reason"
            } else {
                self.error.as_str()
            };
            return format!("{name} on {node} was made but never started: {why}");
        }
        let code = self
            .exit_code
            .map_or("unknown".to_owned(), |c| c.to_string());
        let memory = if self.oom_killed || self.exit_code == Some(137) {
            " (killed; memory may have run out)"
        } else {
            ""
        };
        format!("{name} on {node} ended with code {code}{memory}")
    }
}

/// Reads the containers of a node; changes nothing there.
pub fn command() -> Remote {
    Remote::script("containers", SCRIPT).timeout(20)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspect {
    id: String,
    name: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    args: Vec<String>,
    state: State,
    config: Config,
    #[serde(default)]
    restart_count: u32,
    #[serde(default)]
    host_config: HostConfig,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    port_bindings: Option<BTreeMap<String, Option<Vec<Binding>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    #[serde(default)]
    host_port: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
    exit_code: Option<i32>,
    #[serde(rename = "OOMKilled", default)]
    oom_killed: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    started_at: String,
    #[serde(default)]
    finished_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    image: String,
    labels: Option<BTreeMap<String, String>>,
}

/// Reads the answer of [`command`]: the containers, and a warning for every entry that cannot be read and is
/// left out. With any warning the answer may be shown, but is not the whole truth: who decides from it that a
/// container is absent must take it for unknown. What is no answer at all is an error.
pub fn read(output: &str) -> Result<(Vec<ContainerFacts>, Vec<String>), String> {
    let entries: Vec<serde_json::Value> = serde_json::from_str(output.trim()).map_err(|error| {
        let start = clean_line(output, 120);
        format!("containers: {error} in {start:?}")
    })?;
    let mut containers = Vec::new();
    let mut warnings = Vec::new();
    for entry in entries {
        match Inspect::deserialize(entry) {
            Ok(inspect) => containers.push(facts(inspect)),
            Err(error) => warnings.push(format!(
                "containers: {}",
                clean_line(&error.to_string(), 200)
            )),
        }
    }
    Ok((containers, warnings))
}

fn facts(inspect: Inspect) -> ContainerFacts {
    let clean = |text: &str| clean_line(text, 300);
    let labels = inspect.config.labels.unwrap_or_default();
    let ours = labels.iter().filter(|(key, _)| key.starts_with(LABEL));
    ContainerFacts {
        id: clean(&inspect.id),
        name: clean(inspect.name.trim_start_matches('/')),
        image: clean(&inspect.config.image),
        state: clean(&inspect.state.status),
        exit_code: inspect.state.exit_code,
        oom_killed: inspect.state.oom_killed,
        error: clean(&inspect.state.error),
        started_at: time(&inspect.state.started_at),
        finished_at: time(&inspect.state.finished_at),
        labels: ours
            .map(|(key, value)| (clean(key), clean(value)))
            .collect(),
        command: std::iter::once(&inspect.path)
            .chain(&inspect.args)
            .take(64)
            .map(|w| clean(w))
            .collect(),
        restarts: inspect.restart_count,
        ports: ports(inspect.host_config),
    }
}

/// `8000/tcp` to the ports on the node; other protocols are left out.
fn ports(config: HostConfig) -> Vec<(u16, u16)> {
    let bindings = config.port_bindings.unwrap_or_default();
    let of = |(inside, outside): (String, Option<Vec<Binding>>)| {
        let inside = inside.strip_suffix("/tcp")?.parse().ok()?;
        let outside = outside.unwrap_or_default();
        let host = outside.iter().find_map(|b| b.host_port.parse().ok())?;
        Some((inside, host))
    };
    bindings.into_iter().filter_map(of).take(32).collect()
}

/// Docker writes the year 1 for what has not happened.
fn time(text: &str) -> Option<Time> {
    let at: jiff::Timestamp = text.parse().ok()?;
    (at.as_second() > 0).then_some(Time(at))
}

#[cfg(test)]
mod tests;
