//! Downloads that someone else started: files that grow while the node runs.
//!
//! A download is a record `downloads/<folder>.json` in the node's directory. Whoever keeps the
//! node running calls [`advance`] now and then; the partial file is named as new clients of the hub
//! name it, `<etag>.<8 hex>.incomplete`, and becomes the blob when it is whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::catalog;
use super::layout::{RepoFile, RepoLayout};
use crate::node::files::{read_json, write_json};
use crate::node::{Node, NodeError};

/// Bytes per second: a good line at home. The node's speed does not apply, so that the demo, which
/// runs fast, still has a download to look at after a few minutes.
const RATE: f64 = 95e6;

/// A download in progress.
#[derive(Debug, Serialize, Deserialize)]
struct Download {
    repo: String,
    /// The suffix that keeps two clients apart.
    process: String,
}

/// Notes that `repo` is being downloaded, and starts its next file.
pub(super) fn start(node: &Node, repo: &str) -> Result<(), NodeError> {
    let folder = super::repo_dir(Path::new(""), repo);
    let record = folder_of(node).join(folder).with_extension("json");
    let download = Download {
        repo: repo.to_owned(),
        process: "5f2c81d0".to_owned(),
    };
    write_json(&record, &download)?;
    grow(node, &record, 0.4)
}

/// Brings every download of the node forward by `elapsed` of real time.
pub fn advance(node: &Node, elapsed: Duration) -> Result<(), NodeError> {
    let Ok(records) = fs::read_dir(folder_of(node)) else {
        return Ok(());
    };
    let seconds = elapsed.as_secs_f64();
    for record in records.flatten().map(|entry| entry.path()) {
        if record
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            grow(node, &record, seconds)?;
        }
    }
    Ok(())
}

fn folder_of(node: &Node) -> PathBuf {
    node.dir().join("downloads")
}

/// Adds `seconds` worth of bytes to one download.
fn grow(node: &Node, record: &Path, seconds: f64) -> Result<(), NodeError> {
    let Some(download) = read_json::<Download>(record)? else {
        return Ok(());
    };
    let hub = node.hub();
    let layout = catalog::find(&download.repo).map(|model| RepoLayout::of(&model));
    // A repository that was deleted meanwhile stays so.
    let layout = layout.filter(|_| super::repo_dir(&hub, &download.repo).exists());
    let mut left = bytes(seconds);
    for file in layout.iter().flat_map(|layout| &layout.files) {
        let Some(layout) = layout.as_ref() else { break };
        let blob = layout.blob_path(&hub, file);
        if !file.is_weight() || blob.exists() {
            continue;
        }
        let partial = blob.with_file_name(format!("{}.{}.incomplete", file.blob, download.process));
        left = extend(&partial, file, left)?;
        if left == 0 {
            return Ok(());
        }
        // Whole: the partial file gives way to the real one.
        layout.write_file(&hub, file)?;
        fs::remove_file(&partial).map_err(NodeError::io("remove", &partial))?;
    }
    fs::remove_file(record).map_err(NodeError::io("remove", record))
}

/// Makes the partial file longer by up to `budget` bytes; gives what is left of the budget, 0 when
/// the file is not whole yet.
fn extend(partial: &Path, file: &RepoFile, budget: u64) -> Result<u64, NodeError> {
    let size = fs::metadata(partial).map_or(0, |meta| meta.len());
    let grown = (size + budget).min(file.size);
    let handle = fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(partial);
    handle
        .and_then(|handle| handle.set_len(grown))
        .map_err(NodeError::io("grow", partial))?;
    Ok(if grown < file.size {
        0
    } else {
        budget.saturating_sub(grown - size).max(1)
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive number of bytes far below 2^53"
)]
fn bytes(seconds: f64) -> u64 {
    (seconds.clamp(0.0, 1e6) * RATE) as u64
}
