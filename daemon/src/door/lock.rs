//! The lock beside the socket: one daemon for one socket.
//!
//! The kernel gives the lock back when its holder dies, however it dies, so a lock that can be had proves
//! that a socket file left there is stale. The file itself is never deleted: deleting it would let two
//! daemons hold a lock of the same name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    // The lock is the open file.
    _file: File,
}

/// Why the lock could not be had.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another daemon holds it; what it wrote about itself.
    Held(String),
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Lock {
    /// Takes the lock at `path` and writes `holder` into it, for the message that a second daemon shows.
    pub(super) fn acquire(path: &Path, holder: &str) -> Result<Self, LockError> {
        let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            .custom_flags(no_follow)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(read_holder(&mut file))),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.write_all(holder.as_bytes())?;
        Ok(Self { _file: file })
    }
}

fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(200).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => spark_ipc::text::clean_line(text.trim(), 200),
        Ok(_) | Err(_) => "which has not written its pid".to_owned(),
    }
}
