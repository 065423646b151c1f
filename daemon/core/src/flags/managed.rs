//! Flags that no recipe may set: a launch sets them itself, or the product could not work with them.

use super::Trouble;

/// The flag, and what to use instead.
const MANAGED: [(&str, &str); 10] = [
    ("--model", "repo"),
    ("--served-model-name", "served_name"),
    ("--port", "port"),
    ("--nnodes", "nodes"),
    ("--node-rank", "nodes"),
    ("--headless", "nodes"),
    ("--master-addr", "nodes"),
    ("--master-port", "nodes"),
    ("--distributed-executor-backend", "executor"),
    ("--config", "flags: a file could set any of them"),
];

/// The flag, and why it cannot be.
const REFUSED: [(&str, &str); 7] = [
    ("--host", "the engine listens on every address of its node"),
    (
        "--api-key",
        "its key would show in the list of processes, and the proxy could not reach the engine",
    ),
    (
        "--hf-token",
        "the token would show in the list of processes; set HF_TOKEN in the settings",
    ),
    ("--uds", "the proxy could not reach the engine"),
    ("--root-path", "the proxy could not reach the engine"),
    ("--grpc", "the proxy speaks HTTP to the engine"),
    (
        "--enable-ssl-refresh",
        "the proxy speaks plain HTTP to the engine",
    ),
];

/// Why a flag is not the recipe's to set.
pub(super) fn refused(name: &str) -> Option<Trouble> {
    if let Some((_, field)) = MANAGED.iter().find(|(managed, _)| *managed == name) {
        let message = format!("{name} is set by Spark Control");
        return Some(trouble(message, format!("Use {field}")));
    }
    let why = REFUSED.iter().find(|(refused, _)| *refused == name);
    let ssl = || {
        name.starts_with("--ssl-")
            .then_some("the proxy speaks plain HTTP to the engine")
    };
    let why = why.map(|(_, why)| *why).or_else(ssl)?;
    Some(trouble(format!("{name}: {why}"), "Leave it out".to_owned()))
}

fn trouble(message: String, fix: String) -> Trouble {
    Trouble::new("flag_managed", message, fix)
}
