//! `hf cache`: what is on the disk, listed, removed, compared with the Hub.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::cache::hub::Request;
use crate::cache::repo_dir;
use crate::node::Node;
use crate::tools::{Outcome, Refusal, console};

/// Bytes per second that a hash takes in.
const HASHING: u64 = 1_400_000_000;

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

pub(super) fn list(hub: &Path, rest: &[&str]) -> Outcome {
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

pub(super) fn remove(hub: &Path, rest: &[&str]) -> Outcome {
    let dry = rest.contains(&"--dry-run");
    if !dry && !rest.contains(&"-y") && !rest.contains(&"--yes") {
        return Err(Refusal::new(1, "Aborted."));
    }
    for name in rest.iter().filter(|word| !word.starts_with('-')) {
        let repo = name.strip_prefix("model/").unwrap_or(name);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/".contains(&b);
        let folder = repo_dir(hub, repo);
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

/// `hf cache verify`: every file of the snapshot against the Hub's listing. Slow, as hashing is.
pub(super) fn verify(node: &Node, hub: &Path, rest: &[&str]) -> Outcome {
    if rest.contains(&"--help") {
        console::out("Usage: hf cache verify [OPTIONS] REPO_ID");
        return Ok(0);
    }
    let mut names = rest.iter().filter(|word| !word.starts_with('-'));
    let repo = *names.next().ok_or_else(|| {
        Refusal::new(
            2,
            "Usage: hf cache verify [OPTIONS] REPO_ID\n\nError: Missing argument 'REPO_ID'.",
        )
    })?;
    let request = Request {
        repo,
        revision: "main",
        token: None,
    };
    let layout = request
        .list(node)
        .map_err(|error| Refusal::new(1, format!("Error: {}", error.sentence())))?;
    let snapshot = repo_dir(hub, repo).join("snapshots").join(&layout.commit);
    if !snapshot.is_dir() {
        let text = format!(
            "Error: Snapshot for '{repo}' is not in the cache at {}",
            hub.display()
        );
        return Err(Refusal::new(1, text));
    }
    let (mut wrong, mut missing, mut checked, mut bytes) = (Vec::new(), 0, 0, 0);
    for file in &layout.files {
        match layout.is_intact(file, &snapshot.join(&file.path)) {
            Err(_) => missing += 1,
            Ok(intact) => {
                checked += 1;
                bytes += file.size;
                if !intact {
                    wrong.push(file.path.as_str());
                }
            }
        }
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds of hashing need no exact figure"
    )]
    std::thread::sleep(node.paced(bytes as f64 / HASHING as f64));
    if missing > 0 {
        console::err(&format!(
            "⚠️  {missing} remote file(s) are missing locally."
        ));
    }
    if wrong.is_empty() {
        console::out(&format!(
            "✅ Verified {checked} file(s) for '{repo}' (model) in {}",
            snapshot.display()
        ));
        console::out("  All checksums match.");
        return Ok(0);
    }
    console::err("❌ Checksum verification failed for the following file(s):");
    for path in &wrong {
        console::err(&format!(
            "  - {path}: expected another checksum (sha256), got this"
        ));
    }
    Ok(1)
}
