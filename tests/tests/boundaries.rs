//! The crate graph is the architecture: a crate that reaches where it must not fails here.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what cannot be read fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// The platform that this test runs on: others' crates need not even be downloaded.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.unwrap().to_owned()
}

/// Normal (not dev, not build) dependencies of each package, by name.
struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            .args([
                "metadata",
                "--format-version=1",
                "--locked",
                "--filter-platform",
                &host(),
            ])
            .current_dir(root())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let names: BTreeMap<&str, &str> = metadata["packages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| (p["id"].as_str().unwrap(), p["name"].as_str().unwrap()))
            .collect();
        let normal = |dep: &&Value| {
            dep["dep_kinds"]
                .as_array()
                .unwrap()
                .iter()
                .any(|k| k["kind"].is_null())
        };
        let edges = metadata["resolve"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| {
                let deps = node["deps"].as_array().unwrap().iter().filter(normal);
                let deps = deps
                    .map(|d| names[d["pkg"].as_str().unwrap()].to_owned())
                    .collect();
                (names[node["id"].as_str().unwrap()].to_owned(), deps)
            });
        let mut merged: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, deps) in edges {
            let deps: BTreeSet<String> = deps;
            merged.entry(name).or_default().extend(deps);
        }
        Self { edges: merged }
    }

    fn closure(&self, of: &str) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut todo = vec![of.to_owned()];
        while let Some(name) = todo.pop() {
            for dep in self.edges.get(&name).into_iter().flatten() {
                if seen.insert(dep.clone()) {
                    todo.push(dep.clone());
                }
            }
        }
        seen
    }

    fn direct(&self, of: &str) -> BTreeSet<String> {
        self.edges[of]
            .iter()
            .filter(|d| d.starts_with("spark-"))
            .cloned()
            .collect()
    }
}

#[test]
fn the_core_reaches_no_runtime_network_or_database() {
    let closure = Graph::read().closure("spark-core");
    for banned in [
        "mio", "rusqlite", "reqwest", "russh", "hyper", "rustix", "rand",
    ] {
        assert!(!closure.contains(banned), "spark-core reaches {banned}");
    }
}

/// The resolver unites the features of the whole workspace, in which spark-ipc's client brings tokio; so
/// the core's manifest is what is looked at for the runtime.
#[test]
fn the_core_asks_for_no_runtime() {
    let manifest = std::fs::read_to_string(root().join("daemon/core/Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
    assert!(
        !dependencies.contains("tokio") && !dependencies.contains("features"),
        "{dependencies}"
    );
}

#[test]
fn the_terminal_client_knows_only_the_api() {
    let graph = Graph::read();
    assert_eq!(
        graph.direct("spark-control"),
        BTreeSet::from(["spark-ipc".to_owned()])
    );
    let closure = graph.closure("spark-control");
    for banned in [
        "axum",
        "russh",
        "rusqlite",
        "reqwest",
        "spark-core",
        "spark-controld",
    ] {
        assert!(!closure.contains(banned), "spark-control reaches {banned}");
    }
}

#[test]
fn the_simulator_knows_nothing_of_the_daemon() {
    let graph = Graph::read();
    assert_eq!(graph.direct("spark-sim"), BTreeSet::new());
    assert_eq!(graph.direct("spark-ipc"), BTreeSet::new());
    assert_eq!(
        graph.direct("spark-core"),
        BTreeSet::from(["spark-ipc".to_owned()])
    );
}

fn sources() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "*.rs"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success());
    let names = String::from_utf8(output.stdout).unwrap();
    names
        .lines()
        .map(|name| root().join(name))
        .filter(|path| path.exists())
        .collect()
}

#[test]
fn every_source_file_says_what_it_is_and_can_be_held_in_the_head() {
    let sources = sources();
    assert!(
        sources.len() > 50,
        "only {} files were found",
        sources.len()
    );
    for path in sources {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        assert!(lines <= 800, "{} has {lines} lines", path.display());
        assert!(
            text.starts_with("//!"),
            "{} does not begin with its module doc",
            path.display()
        );
        assert!(
            !path.ends_with("mod.rs"),
            "{}: use name.rs beside name/",
            path.display()
        );
    }
}

/// The one sink: only `ssh/exec.rs` hands a string to a node's login shell, and it is the constant one.
#[test]
fn only_one_file_of_the_daemon_may_run_something_on_a_node() {
    let daemon = root().join("daemon/src");
    let users: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|p| p.starts_with(&daemon))
        .filter(|p| std::fs::read_to_string(p).unwrap().contains(".exec("))
        .collect();
    assert!(
        users.len() == 1 && users[0].starts_with(daemon.join("ssh")),
        "{users:?}"
    );
    let text = std::fs::read_to_string(&users[0]).unwrap();
    let calls: Vec<&str> = text
        .lines()
        .filter(|l| l.contains(".exec("))
        .map(str::trim)
        .collect();
    assert!(calls.iter().all(|l| l.contains("EXEC")), "{calls:?}");
}
