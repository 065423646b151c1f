//! Weights that a service fetches at its first start, into a folder that grows meanwhile.
//!
//! The file is sparse: its apparent size is what there would be. A finished one is found again by the next start;
//! an unfinished one goes on where it was.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::start::{End, Start};
use crate::engine::units::scale;

/// Bytes a second from a hub.
const RATE: f64 = 150e6;
/// Seconds of real time between two looks at the folder.
const STEP_S: f64 = 0.5;

/// What is fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weights<'a> {
    /// Name of the file in its folder.
    pub(super) file: &'a str,
    /// Its size.
    pub(super) bytes: u64,
}

impl Weights<'_> {
    /// Weights that are not kept.
    pub(super) fn unnamed(bytes: u64) -> Self {
        Self { file: "", bytes }
    }

    /// Whether `folder` has them whole.
    pub(super) fn are_in(self, folder: Option<&Path>) -> bool {
        let path = folder.map(|folder| folder.join(self.file));
        let length = path.and_then(|path| fs::metadata(path).ok());
        length.is_some_and(|meta| meta.len() == self.bytes)
    }

    /// Fetches them into `folder`; without one only the time passes.
    pub(super) async fn fetch(self, start: &Start, folder: Option<&Path>) -> Result<(), End> {
        let part = match folder {
            Some(folder) => Some(self.begin(folder).map_err(|error| refuse(start, &error))?),
            None => None,
        };
        let mut done = part.as_ref().map_or(0, length);
        while done < self.bytes {
            if start.host.disk_free() < scale(1, RATE * STEP_S) && folder.is_some() {
                start.say("OSError: [Errno 28] No space left on device");
                return Err(End(1));
            }
            start.pause(STEP_S).await?;
            done = done.saturating_add(scale(1, RATE * STEP_S)).min(self.bytes);
            if let Some(file) = &part {
                file.set_len(done).map_err(|error| refuse(start, &error))?;
            }
        }
        if let Some(folder) = folder {
            fs::rename(self.part(folder), folder.join(self.file))
                .map_err(|error| refuse(start, &error))?;
        }
        Ok(())
    }

    fn part(self, folder: &Path) -> std::path::PathBuf {
        folder.join(format!("{}.incomplete", self.file))
    }

    fn begin(self, folder: &Path) -> io::Result<File> {
        fs::create_dir_all(folder)?;
        let path = self.part(folder);
        File::options().create(true).append(true).open(path)
    }
}

/// Whether every user may write to a folder, as one must for a container that does not run as its owner.
pub(super) fn is_open(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|meta| meta.permissions().mode() & 0o002 != 0)
}

fn length(file: &File) -> u64 {
    file.metadata().map_or(0, |meta| meta.len())
}

fn refuse(start: &Start, error: &io::Error) -> End {
    let number = error.raw_os_error().unwrap_or(5);
    start.say(&format!("OSError: [Errno {number}] {error}"));
    End(1)
}
