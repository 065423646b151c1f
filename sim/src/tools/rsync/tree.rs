//! What is below a folder, in the order in which rsync takes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::options::Options;

/// One thing below the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Below the source; empty for a source that is one file.
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    Link(PathBuf),
    File { size: u64 },
}

/// Everything below `root` that is not left out.
pub(super) fn list(root: &Path, options: &Options) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    walk(root, Path::new(""), options, &mut entries)?;
    Ok(entries)
}

fn walk(root: &Path, below: &Path, options: &Options, entries: &mut Vec<Entry>) -> io::Result<()> {
    // No slash at the end, which would ask for a folder.
    let place = if below.as_os_str().is_empty() {
        root.to_owned()
    } else {
        root.join(below)
    };
    let meta = fs::symlink_metadata(&place)?;
    let kind = if meta.is_symlink() {
        Kind::Link(fs::read_link(&place)?)
    } else if meta.is_dir() {
        Kind::Folder
    } else {
        Kind::File { size: meta.len() }
    };
    let folder = kind == Kind::Folder;
    entries.push(Entry {
        path: below.to_owned(),
        kind,
    });
    if !folder {
        return Ok(());
    }
    let mut names: Vec<_> = fs::read_dir(&place)?
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    names.sort();
    for name in names {
        let path = below.join(name);
        if !options.excludes(&path.to_string_lossy()) {
            walk(root, &path, options, entries)?;
        }
    }
    Ok(())
}
