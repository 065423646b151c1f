//! What the environment says: where the nodes are, where files go, where to listen.
//!
//! Everything is checked before anything is started, and every fault is told at once, so that one look at
//! the log of a service is enough to mend its set-up.

mod node;
mod paths;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use spark_ipc::FieldError;
use spark_ipc::socket::{MAX_SOCKET_PATH_BYTES, socket_path};

use crate::settings::Values;

pub use node::NodeConfig;
pub use paths::Paths;

/// The environment, taken once. An empty variable counts as unset.
#[derive(Debug, Clone, Default)]
pub struct Vars(BTreeMap<String, String>);

impl Vars {
    /// The environment of this process. Variables that are not UTF-8 are left out.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect()
    }

    /// The value of `name`; `None` when unset or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl FromIterator<(String, String)> for Vars {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// A checked set-up.
#[derive(Debug, Clone)]
pub struct Config {
    pub nodes: Vec<NodeConfig>,
    pub paths: Paths,
    /// Where the TCP door listens.
    pub bind: SocketAddr,
    /// Where the socket is.
    pub socket: PathBuf,
    /// Whether the nodes are simulated (shown, nothing else).
    pub demo: bool,
    /// First values of the settings.
    pub settings: Values,
}

/// Every fault of the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct BadEnvironment(pub Vec<FieldError>);

fn list(faults: &[FieldError]) -> String {
    let lines = faults
        .iter()
        .map(|f| format!("\n  {}: {}", f.path, f.message));
    let noun = if faults.len() == 1 { "fault" } else { "faults" };
    format!(
        "the environment has {} {noun}:{}",
        faults.len(),
        lines.collect::<String>()
    )
}

impl Config {
    /// Reads and checks everything; on failure all faults, by variable.
    pub fn read(vars: &Vars) -> Result<Self, BadEnvironment> {
        let mut faults = Vec::new();
        let nodes = node::read(vars, &mut faults);
        let paths = paths::read(vars, &mut faults);
        let bind = read_bind(vars, &mut faults);
        let socket = read_socket(vars, &mut faults);
        let settings = Values::read(|key| vars.get(key).map(str::to_owned), &mut faults);
        match (paths, bind, faults.is_empty()) {
            (Some(paths), Some(bind), true) => {
                let demo = vars.get("SPARK_CONTROL_DEMO") == Some("1");
                Ok(Self {
                    nodes,
                    paths,
                    bind,
                    socket,
                    demo,
                    settings,
                })
            }
            _ => Err(BadEnvironment(faults)),
        }
    }
}

fn read_bind(vars: &Vars, faults: &mut Vec<FieldError>) -> Option<SocketAddr> {
    let address = vars.get("BIND_ADDR").unwrap_or("0.0.0.0");
    let port = vars.get("BIND_PORT").unwrap_or("9999");
    let ip = address.parse::<IpAddr>().map_err(|_parse| {
        fault(
            faults,
            "BIND_ADDR",
            format!("{address:?} is not an IP address; use e.g. 0.0.0.0 or 127.0.0.1"),
        );
    });
    let port = parse_port(port).ok_or(()).map_err(|()| {
        fault(
            faults,
            "BIND_PORT",
            format!("{port:?} is not a port; use a number from 1 to 65535"),
        );
    });
    Some(SocketAddr::new(ip.ok()?, port.ok()?))
}

fn read_socket(vars: &Vars, faults: &mut Vec<FieldError>) -> PathBuf {
    let path = socket_path(None, |name| vars.get(name).map(str::to_owned));
    let length = path.as_os_str().len();
    if length > MAX_SOCKET_PATH_BYTES {
        fault(
            faults,
            spark_ipc::socket::SOCKET_VARIABLE,
            format!(
                "the path has {length} bytes; a socket's path can have at most {MAX_SOCKET_PATH_BYTES}"
            ),
        );
    }
    path
}

/// A port as people write it: digits, no sign, no leading zero, 1 to 65535.
fn parse_port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}

pub(crate) fn fault(faults: &mut Vec<FieldError>, path: &str, message: impl Into<String>) {
    let message = spark_ipc::text::clean_line(&message.into(), 400);
    faults.push(FieldError {
        path: path.to_owned(),
        message,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Vars {
        let base = [("DATA_DIR", "/data"), ("SPARK_CONTROL_SOCKET", "/run/s")];
        let all = base.iter().chain(pairs);
        all.map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn two_sparks_are_read() {
        let config = Config::read(&vars(&[
            ("SPARK1_HOST", "192.168.1.21"),
            ("SPARK1_USER", "ubuntu"),
            ("SPARK2_HOST", "spark-two.local"),
            ("SPARK2_USER", "ubuntu"),
            ("SPARK2_SSH_PORT", "2222"),
            ("SPARK2_NAME", "right"),
        ]))
        .unwrap();
        let seen: Vec<_> = config
            .nodes
            .iter()
            .map(|n| (n.id.as_str(), n.name.as_str(), n.host.as_str(), n.ssh_port))
            .collect();
        assert_eq!(
            seen,
            [
                ("spark1", "spark1", "192.168.1.21", 22),
                ("spark2", "right", "spark-two.local", 2222)
            ]
        );
        assert_eq!(config.bind.to_string(), "0.0.0.0:9999");
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let error = Config::read(&vars(&[
            ("SPARK1_HOST", "my spark"),
            ("SPARK1_USER", "ro$ot"),
            ("SPARK1_SSH_PORT", "70000"),
            ("SPARK2_USER", "ubuntu"),
            ("BIND_PORT", "0"),
            ("POLL_INTERVAL_S", "soon"),
            ("HOST_KEY_POLICY", "never"),
        ]))
        .unwrap_err();
        let paths: Vec<_> = error.0.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "SPARK1_HOST",
                "SPARK1_USER",
                "SPARK1_SSH_PORT",
                "SPARK2_HOST",
                "BIND_PORT",
                "POLL_INTERVAL_S",
                "HOST_KEY_POLICY"
            ]
        );
        assert!(
            error
                .to_string()
                .starts_with("the environment has 7 faults:\n  SPARK1_HOST: \"my spark\"")
        );
    }

    #[test]
    fn at_least_one_spark_is_needed() {
        let error = Config::read(&vars(&[])).unwrap_err();
        assert_eq!(error.0.len(), 2, "{error}");
        assert!(error.to_string().contains("SPARK1_HOST: is not set"));
    }
}
