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

/// What `cargo metadata` says of the workspace on this platform.
fn metadata() -> Value {
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
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Normal (not dev, not build) dependencies of each package, by name.
struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn read() -> Self {
        let metadata = metadata();
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

    fn direct(&self, of: &str) -> BTreeSet<String> {
        self.edges[of]
            .iter()
            .filter(|d| d.starts_with("spark-"))
            .cloned()
            .collect()
    }
}

/// Everything that a package is built from when it is built alone. (The graph of the workspace unites the
/// features of all its members, so there spark-ipc's client would bring its runtime to everybody.)
fn closure(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--edges=normal",
            "--prefix=none",
            "--format={p}",
            "--package",
            package,
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != package)
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_core_reaches_no_runtime_network_or_database() {
    let closure = closure("spark-core");
    assert!(closure.contains("serde_json"), "{closure:?}");
    for banned in [
        "mio", "tokio", "rusqlite", "reqwest", "russh", "hyper", "rustix", "rand",
    ] {
        assert!(!closure.contains(banned), "spark-core reaches {banned}");
    }
}

#[test]
fn the_terminal_client_knows_only_the_api() {
    let graph = Graph::read();
    assert_eq!(
        graph.direct("spark-control"),
        BTreeSet::from(["spark-ipc".to_owned()])
    );
    let closure = closure("spark-control");
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

/// One crate that `deny.toml` bans: its name, and below which version (of any, when `None`).
type Banned = (String, Option<[u64; 3]>);

fn banned() -> Vec<Banned> {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let specs = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("{ crate = \"")?;
        rest.split('"').next()
    });
    let banned = specs.map(|spec| match spec.split_once(':') {
        Some((name, bound)) => {
            // Of the ways to write a bound this is the only one that is read here.
            let below = bound.strip_prefix('<').unwrap();
            (name.to_owned(), Some(version(below)))
        }
        None => (spec.to_owned(), None),
    });
    banned.collect()
}

/// Major, minor and patch; what comes before a release counts as the release.
fn version(text: &str) -> [u64; 3] {
    let release = text.split(['-', '+']).next().unwrap();
    let parts: Vec<u64> = release.split('.').map(|p| p.parse().unwrap()).collect();
    parts.try_into().unwrap()
}

/// Name and version of every package that is built into ours, or builds them. `cargo tree` rather than the
/// graph of `cargo metadata`, which also has optional dependencies that no feature asks for.
fn built_in() -> Vec<(String, String)> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--workspace",
            "--edges=normal,build",
            "--prefix=none",
            "--format={p}",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let package = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        Some((name, words.next()?.strip_prefix('v')?.to_owned()))
    };
    text.lines().filter_map(package).collect()
}

#[test]
fn nothing_that_deny_toml_bans_is_built_in() {
    let banned = banned();
    let all = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    assert_eq!(banned.len(), all.matches("crate = ").count());
    assert!(
        banned.contains(&("h2".to_owned(), Some([0, 4, 16]))),
        "{banned:?}"
    );
    let built_in = built_in();
    assert!(
        built_in.iter().any(|(name, _)| name == "russh"),
        "{built_in:?}"
    );
    let is_banned = |(name, at): &&(String, String)| {
        let mut rules = banned.iter().filter(|(crate_name, _)| crate_name == name);
        rules.any(|(_, below)| below.is_none_or(|below| version(at) < below))
    };
    let found: Vec<_> = built_in.iter().filter(is_banned).collect();
    assert!(found.is_empty(), "{found:?}");
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
