//! Files of a node that several processes read and write at once.
//!
//! Everything is replaced by temp file and rename, so that a reader sees the old or the new text
//! and never half of one; a read-modify-write holds an advisory lock.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::FlockOperation;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::NodeError;

/// An advisory lock on a node, held until dropped. Not re-entrant.
#[derive(Debug)]
pub struct NodeLock {
    _file: File,
}

impl NodeLock {
    /// Waits for the exclusive lock on `path`, creating the file when it is missing.
    pub(super) fn acquire(path: &Path) -> Result<Self, NodeError> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(NodeError::io("open", path))?;
        loop {
            match rustix::fs::flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(NodeError::io("lock", path)(errno.into())),
            }
        }
    }
}

/// Replaces `path` with `bytes`; its folder is created when missing.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), NodeError> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder).map_err(NodeError::io("create", folder))?;
    let temp = folder.join(format!(".{}.tmp", uuid::Uuid::new_v4().simple()));
    fs::write(&temp, bytes)
        .and_then(|()| fs::rename(&temp, path))
        .map_err(|error| {
            // The first error is the one to report; a leftover temp file is harmless.
            drop(fs::remove_file(&temp));
            NodeError::io("write", path)(error)
        })
}

/// As [`write_atomic`], but leaves a file alone that already has these bytes.
pub(super) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), NodeError> {
    if fs::read(path).is_ok_and(|current| current == bytes) {
        return Ok(());
    }
    write_atomic(path, bytes)
}

/// Replaces `path` with `value` as JSON.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), NodeError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|source| NodeError::Json {
        path: path.to_owned(),
        source,
    })?;
    text.push(b'\n');
    write_atomic(path, &text)
}

/// Reads JSON; `None` when there is no such file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, NodeError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(NodeError::io("read", path)(error)),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|source| NodeError::Json {
            path: path.to_owned(),
            source,
        })
}
