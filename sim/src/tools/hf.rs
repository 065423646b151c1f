//! `hf`, without a network: what is on disk can be listed and removed, nothing new comes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::docker;
use crate::node::Node;
use crate::tools::{Env, Outcome, Refusal, console};

const OFFLINE: &str = "An error happened while trying to locate the files on the Hub and we cannot find the \
                       appropriate snapshot folder for the specified revision on the local disk. Please \
                       check your internet connection and try again.";

/// Runs `hf` (or its older name).
pub(super) fn main(node: &Node, args: &[String], env: &Env) -> Outcome {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let hub = hub(node, env);
    match *words.as_slice() {
        ["version" | "--version", ..] => console::out("hf version 1.6.2"),
        ["auth", "whoami", ..] | ["whoami", ..] => {
            return Err(Refusal::on_stdout(1, "Not logged in"));
        }
        ["download", ..] => return download(&hub, &words),
        ["cache", "ls" | "list", ref rest @ ..] => return list(&hub, rest),
        ["cache", "rm" | "remove", ref rest @ ..] => return remove(&hub, rest),
        [] => return Err(Refusal::help("Usage: hf [OPTIONS] COMMAND [ARGS]...")),
        [first, ..] => {
            return Err(Refusal::new(
                2,
                format!(
                    "Usage: hf [OPTIONS] COMMAND [ARGS]...\nTry 'hf --help' for help.\n\nError: No such \
                     command '{first}'."
                ),
            ));
        }
    }
    Ok(0)
}

/// The cache, found as `huggingface_hub` finds it; in a container its paths lie behind mounts.
fn hub(node: &Node, env: &Env) -> PathBuf {
    let named = env
        .get("HF_HUB_CACHE")
        .or_else(|| env.get("HUGGINGFACE_HUB_CACHE"))
        .map(PathBuf::from)
        .or_else(|| env.get("HF_HOME").map(|home| Path::new(home).join("hub")))
        .or_else(|| {
            env.get("XDG_CACHE_HOME")
                .map(|home| Path::new(home).join("huggingface/hub"))
        });
    let usual = || match env.get("HOME") {
        Some(home) => Path::new(home).join(".cache/huggingface/hub"),
        None => node.hub(),
    };
    let path = named.unwrap_or_else(usual);
    docker::vllm::on_node(node, env, &path).unwrap_or(path)
}

fn download(hub: &Path, words: &[&str]) -> Outcome {
    let mut repo = None;
    let mut revision = "main";
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        match *word {
            "--revision" => revision = rest.next().copied().unwrap_or(revision),
            "--include" | "--exclude" | "--max-workers" | "--cache-dir" | "--local-dir"
            | "--token" | "--repo-type" => drop(rest.next()),
            "--quiet" | "--dry-run" | "--json" | "--force-download" => {}
            option if option.starts_with("--") && !option.contains('=') => {
                return Err(Refusal::new(
                    2,
                    format!(
                        "Usage: hf download [OPTIONS] REPO_ID [FILENAMES]...\nTry 'hf download --help' for \
                         help.\n\nError: No such option: {option}"
                    ),
                ));
            }
            word if repo.is_none() && !word.starts_with("--") => repo = Some(word),
            _ => {}
        }
    }
    let repo = repo.ok_or_else(|| {
        Refusal::new(
            2,
            "Usage: hf download [OPTIONS] REPO_ID [FILENAMES]...\nTry 'hf download --help' for help.\n\n\
             Error: Missing argument 'REPO_ID'.",
        )
    })?;
    let folder = hub.join(format!("models--{}", repo.replace('/', "--")));
    let commit = fs::read_to_string(folder.join("refs").join(revision));
    let snapshot = commit.map(|commit| folder.join("snapshots").join(commit.trim()));
    match snapshot {
        // The real client, too, gives the folder that it has when the Hub cannot be reached.
        Ok(path) if path.is_dir() => {
            console::out(&path.to_string_lossy());
            Ok(0)
        }
        _ => Err(Refusal::new(
            1,
            format!("huggingface_hub.errors.LocalEntryNotFoundError: {OFFLINE}"),
        )),
    }
}

/// A repository in the cache: its name, bytes and branches.
fn repos(hub: &Path) -> Vec<(String, u64, Vec<String>)> {
    let mut repos = Vec::new();
    for entry in fs::read_dir(hub).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(encoded) = name.strip_prefix("models--") else {
            continue;
        };
        let files = |folder: &str| {
            fs::read_dir(entry.path().join(folder))
                .into_iter()
                .flatten()
                .flatten()
        };
        let bytes = files("blobs")
            .filter_map(|blob| blob.metadata().ok())
            .map(|meta| meta.len())
            .sum();
        let refs = files("refs")
            .map(|name| name.file_name().to_string_lossy().into_owned())
            .collect();
        repos.push((encoded.replacen("--", "/", 1), bytes, refs));
    }
    repos.sort();
    repos
}

fn list(hub: &Path, rest: &[&str]) -> Outcome {
    let mut format = "table";
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match *word {
            "--format" => format = words.next().copied().unwrap_or(format),
            "--format=json" => format = "json",
            "--revisions" => {}
            "--filter" | "--sort" | "--limit" | "--cache-dir" => drop(words.next()),
            other => return Err(Refusal::new(2, format!("Error: No such option: {other}"))),
        }
    }
    let repos = repos(hub);
    if format == "json" {
        let rows = repos.iter().map(|(name, bytes, refs)| {
            json!({"id": format!("model/{name}"), "repo_id": name, "repo_type": "model", "size": bytes,
                   "refs": refs})
        });
        console::out(&rows.collect::<Value>().to_string());
        return Ok(0);
    }
    console::out("ID                                                 SIZE      REFS");
    for (name, bytes, refs) in &repos {
        let size = format!("{}.{}G", bytes / 1_000_000_000, bytes / 100_000_000 % 10);
        console::out(&format!(
            "{:<50} {size:<9} {}",
            format!("model/{name}"),
            refs.join(", ")
        ));
    }
    console::out(&format!("\nFound {} repo(s).", repos.len()));
    Ok(0)
}

fn remove(hub: &Path, rest: &[&str]) -> Outcome {
    let dry = rest.contains(&"--dry-run");
    if !dry && !rest.contains(&"-y") && !rest.contains(&"--yes") {
        return Err(Refusal::new(1, "Aborted."));
    }
    for name in rest.iter().filter(|word| !word.starts_with('-')) {
        let repo = name.strip_prefix("model/").unwrap_or(name);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/".contains(&b);
        let folder = hub.join(format!("models--{}", repo.replace('/', "--")));
        if !repo.bytes().all(plain) || !folder.is_dir() {
            return Err(Refusal::new(
                1,
                format!("Could not find the following revisions in the cache: {name}"),
            ));
        }
        if !dry {
            fs::remove_dir_all(&folder).map_err(|error| {
                Refusal::new(1, format!("Error: {error}: {}", folder.display()))
            })?;
        }
        console::out(&format!(
            "{} {name}",
            if dry { "Would delete" } else { "Deleted" }
        ));
    }
    Ok(0)
}
