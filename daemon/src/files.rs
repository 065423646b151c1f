//! Files that are replaced whole: after a crash the old or the new text is there, never half of one.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Replaces `path` by write, fsync, rename and fsync of the folder. Only the owner can read it.
///
/// # Errors
/// When the folder cannot be written or the disk is full; then the old file is as it was.
pub(crate) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let fresh = beside(path, "new");
    let written = write(&fresh, text).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        // What could not be written whole is of no use to anybody.
        fs::remove_file(&fresh).ok();
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    // One that an earlier crash left may have other rights.
    fs::remove_file(path).ok();
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// Renames a file that cannot be used, and gives its new name: `NAME.broken`, with a number when that is taken.
///
/// # Errors
/// When it cannot be renamed.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut aside = beside(path, "broken");
    let mut number = 1;
    while aside.exists() {
        number += 1;
        aside = beside(path, &format!("broken-{number}"));
    }
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// `path` with `.SUFFIX` behind its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/settings.json");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!beside(&path, "new").exists());
    }

    #[test]
    fn broken_files_are_kept_under_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        for text in ["x", "y"] {
            fs::write(&path, text).unwrap();
            set_aside(&path).unwrap();
        }
        assert_eq!(fs::read(folder.path().join("a.json.broken")).unwrap(), b"x");
        let second = folder.path().join("a.json.broken-2");
        assert_eq!(fs::read(second).unwrap(), b"y");
    }
}
