//! `docker cp`: files between a container and the node.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::flags::Parsed;
use super::store::{Store, daemon};
use crate::tools::{Outcome, Refusal};

/// `docker cp`.
pub(super) fn copy(store: &Store, parsed: &Parsed) -> Outcome {
    let [from, to] = parsed.operands.as_slice() else {
        return Ok(1);
    };
    let (source, target) = match (inside(store, from)?, inside(store, to)?) {
        (Some(_), Some(_)) => {
            return Err(Refusal::new(
                1,
                "copying between containers is not supported",
            ));
        }
        (None, None) => {
            return Err(Refusal::new(
                1,
                "must specify at least one container source",
            ));
        }
        (source, target) => (source, target),
    };
    let here = |path: Option<PathBuf>, word: &str| path.unwrap_or_else(|| PathBuf::from(word));
    let (source, mut target) = (here(source, from), here(target, to));
    if !source.exists() {
        return Err(match from.split_once(':') {
            Some((container, path)) => daemon(format!(
                "Could not find the file {path} in container {container}"
            )),
            None => Refusal::new(1, format!("lstat {from}: no such file or directory")),
        });
    }
    if target.is_dir() {
        target.push(source.file_name().unwrap_or_default());
    }
    all(&source, &target).map_err(|error| daemon(error.to_string()))?;
    Ok(0)
}

/// Where `CONTAINER:PATH` lies on the node; `None` for a path of the node.
fn inside(store: &Store, word: &str) -> Result<Option<PathBuf>, Refusal> {
    let Some((name, path)) = word
        .split_once(':')
        .filter(|(name, _)| !name.contains(['/', '.']))
    else {
        return Ok(None);
    };
    let container = store.find(name)?;
    if let Some(mounted) = container.spec.on_node(path) {
        return Ok(Some(PathBuf::from(mounted)));
    }
    let below = path
        .strip_prefix("/root")
        .unwrap_or(path)
        .trim_start_matches('/');
    Ok(Some(store.folder(&container.id).join("root").join(below)))
}

fn all(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
