//! Where files are.

use std::path::PathBuf;

use spark_ipc::FieldError;

use super::{Vars, fault};

/// Every path that the daemon reads or writes. `DATA_DIR` gives their defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    pub data_dir: PathBuf,
    /// The settings that were changed at run time.
    pub settings: PathBuf,
    pub ssh_dir: PathBuf,
    pub ssh_key: PathBuf,
    pub known_hosts: PathBuf,
    /// A `models.yaml` to use instead of the bundled one.
    pub models_yaml: Option<PathBuf>,
    pub models_overrides: PathBuf,
    /// What this house changes of the bundled services.
    pub services_overrides: PathBuf,
    /// For which boot each service was dealt with.
    pub service_boots: PathBuf,
    /// Containers of others that the operator has taken over.
    pub adoptions: PathBuf,
    pub journal: PathBuf,
    /// Who was up when.
    pub connectivity_log: PathBuf,
}

/// `DATA_DIR`, else systemd's `STATE_DIRECTORY`, else the XDG state directory.
pub(super) fn read(vars: &Vars, faults: &mut Vec<FieldError>) -> Option<Paths> {
    let dir = |name: &str| vars.get(name).map(PathBuf::from);
    let data_dir = dir("DATA_DIR")
        // With several state directories systemd separates them by colons; the first is ours.
        .or_else(|| {
            vars.get("STATE_DIRECTORY")?
                .split(':')
                .next()
                .map(PathBuf::from)
        })
        .or_else(|| dir("XDG_STATE_HOME").map(|d| d.join("spark-control")))
        .or_else(|| dir("HOME").map(|d| d.join(".local/state/spark-control")));
    let Some(data_dir) = data_dir else {
        fault(
            faults,
            "DATA_DIR",
            "is not set, and neither is HOME; set it to a folder that may be written",
        );
        return None;
    };
    let ssh_dir = dir("SSH_DIR").unwrap_or_else(|| data_dir.join("ssh"));
    let paths = Paths {
        ssh_key: dir("SSH_KEY_PATH").unwrap_or_else(|| ssh_dir.join("id_ed25519")),
        known_hosts: dir("SSH_KNOWN_HOSTS").unwrap_or_else(|| ssh_dir.join("known_hosts")),
        models_yaml: dir("MODELS_YAML"),
        models_overrides: dir("MODELS_OVERRIDES")
            .unwrap_or_else(|| data_dir.join("models_overrides.yaml")),
        services_overrides: dir("SERVICES_OVERRIDES")
            .unwrap_or_else(|| data_dir.join("services_overrides.yaml")),
        service_boots: data_dir.join("service_boots.json"),
        adoptions: data_dir.join("adoptions.json"),
        settings: data_dir.join("app_settings.json"),
        journal: data_dir.join("journal.db"),
        connectivity_log: dir("CONNECTIVITY_LOG")
            .unwrap_or_else(|| data_dir.join("connectivity.json")),
        ssh_dir,
        data_dir,
    };
    for (name, path) in [
        ("DATA_DIR", &paths.data_dir),
        ("SSH_KEY_PATH", &paths.ssh_key),
    ] {
        if path.is_relative() {
            fault(
                faults,
                name,
                format!("{} is not an absolute path", path.display()),
            );
        }
    }
    Some(paths)
}
