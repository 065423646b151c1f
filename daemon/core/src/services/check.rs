//! What can be wrong with an entry of a service, before anything is run.

use spark_ipc::FieldError;
use spark_ipc::id::ContainerName;
use spark_ipc::model::service::ServiceSpec;

use super::argv::SECRETS;
use crate::shell::{EnvName, EnvValue, HomePath, RawArg};

/// More than a Spark has.
const MOST_GIB: u32 = 120;
/// A service that takes longer than this to start is broken.
const LONGEST_START_S: u32 = 14_400;

/// Every fault of an entry at once; empty when it can be used.
pub fn problems(spec: &ServiceSpec) -> Vec<FieldError> {
    let mut found = Vec::new();
    let mut add = |path: &str, message: String| {
        found.push(FieldError {
            path: path.to_owned(),
            message,
        });
    };
    if ContainerName::new(spec.container()).is_err() {
        add("name", "is too long for a container's name".to_owned());
    }
    if spec.memory_gib > MOST_GIB {
        add(
            "memory_gib",
            format!(
                "{} is more than the {MOST_GIB} GiB of a Spark",
                spec.memory_gib
            ),
        );
    }
    if !(10..=LONGEST_START_S).contains(&spec.ready_limit_s) {
        add(
            "ready_limit_s",
            format!(
                "{} is not 10 to {LONGEST_START_S} seconds",
                spec.ready_limit_s
            ),
        );
    }
    for (path, route) in [
        ("health", Some(&spec.health)),
        ("probe_path", spec.probe_path.as_ref()),
    ] {
        if let Some(route) = route.filter(|r| !is_route(r)) {
            add(path, format!("{route:?} is not a path that begins with /"));
        }
    }
    for (path, message) in ports(spec).into_iter().chain(words(spec)) {
        add(path, message);
    }
    found
}

fn is_route(route: &str) -> bool {
    route.starts_with('/')
        && route.len() <= 200
        && route
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/._-?=&".contains(&b))
}

fn ports(spec: &ServiceSpec) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut ports = spec.host_ports();
    if ports.contains(&0) || spec.container_port() == 0 {
        found.push(("port", "0 is not a port".to_owned()));
    }
    // Below 1024 are the system's, and 9999 may be ours where the daemon runs on a node.
    if let Some(port) = ports.iter().find(|p| (1..1024).contains(*p)) {
        found.push((
            "port",
            format!("{port} belongs to the system; use 1024 or more"),
        ));
    }
    ports.sort_unstable();
    if ports.windows(2).any(|pair| pair.first() == pair.get(1)) {
        found.push(("ports", "a port is named twice".to_owned()));
    }
    found
}

/// Everything that becomes a word of the launch command.
fn words(spec: &ServiceSpec) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for word in spec
        .entrypoint
        .iter()
        .chain(&spec.command)
        .chain(&spec.model)
    {
        if let Err(wrong) = RawArg::checked(word) {
            found.push(("command", wrong.to_string()));
        }
    }
    for (name, value) in &spec.env {
        if SECRETS.contains(&name.as_str()) {
            found.push((
                "env",
                format!("{name} is a secret: set it in the settings and list it under secrets"),
            ));
        } else if let Err(wrong) = EnvName::checked(name) {
            found.push(("env", wrong.to_string()));
        } else if let Err(wrong) = EnvValue::checked(value) {
            found.push(("env", format!("{name}: {}", wrong.rule)));
        }
    }
    let unknown = spec
        .secrets
        .iter()
        .filter(|s| !SECRETS.contains(&s.as_str()));
    found.extend(unknown.map(|secret| {
        let known = SECRETS.join(", ");
        ("secrets", format!("{secret:?} is not one of {known}"))
    }));
    for mount in &spec.mounts {
        if let Err(wrong) = HomePath::checked(&mount.source) {
            found.push(("mounts", wrong.to_string()));
        }
        let absolute = HomePath::checked(&mount.target).is_ok_and(|p| !p.in_home());
        if !absolute || mount.target == "/" {
            found.push((
                "mounts",
                format!("{:?} is not a folder in a container", mount.target),
            ));
        }
    }
    found
}
