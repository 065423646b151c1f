//! The socket door: terminal client, command line, scripts.
//!
//! The order of binding matters. The lock comes first, since only its holder may take a socket file away;
//! then the stale file; then the socket; then its mode, set and read back, because the mode that is asked
//! for when binding is narrowed by the umask. Leaving goes the other way: the file is removed while the
//! lock is still held.

use std::ffi::OsString;
use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use axum::Router;
use interprocess::local_socket::tokio::{Listener, prelude::*};
use interprocess::local_socket::{GenericFilePath, ListenerOptions};
use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
use spark_ipc::socket::MAX_SOCKET_PATH_BYTES;

use super::connection::Connections;
use super::lock::{Lock, LockError};
use super::{Limits, Peer};
use crate::tasks::Tasks;

/// Owner and group may connect.
const MODE: u32 = 0o660;
/// Of the folder, when it has to be made.
const FOLDER_MODE: u32 = 0o750;

/// Why the socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("the socket path {} has {bytes} bytes, at most {MAX_SOCKET_PATH_BYTES} fit: set {} to a shorter one", .path.display(), spark_ipc::socket::SOCKET_VARIABLE)]
    PathTooLong { path: PathBuf, bytes: usize },
    #[error("the folder of the socket {} cannot be made", .path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the lock {} cannot be taken", .path.display())]
    Lock {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("another spark-controld serves {}: {holder}", .path.display())]
    AlreadyRunning { path: PathBuf, holder: String },
    #[error("{} is there and is not a socket; it was left alone", .path.display())]
    NotASocket { path: PathBuf },
    #[error("{} is the socket of another program that still listens; it was left alone", .path.display())]
    Occupied { path: PathBuf },
    #[error("the socket {} cannot be opened", .path.display())]
    Listen {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the socket {} has mode {found:o}, not {MODE:o}", .path.display())]
    Mode { path: PathBuf, found: u32 },
}

/// A socket that listens, and the lock that says it is ours.
#[derive(Debug)]
pub struct Socket {
    listener: Listener,
    file: OwnFile,
    lock: Lock,
}

/// Binds the socket at `path`. `instance` is the id of this run, for the message of a second daemon.
pub fn bind(path: &Path, instance: &str) -> Result<Socket, BindError> {
    let bytes = path.as_os_str().as_bytes().len();
    if bytes > MAX_SOCKET_PATH_BYTES {
        return Err(BindError::PathTooLong {
            path: path.to_owned(),
            bytes,
        });
    }
    make_folder(path)?;
    let lock = take_lock(path, instance)?;
    remove_stale(path)?;
    let listener = listen(path).map_err(|source| BindError::Listen {
        path: path.to_owned(),
        source,
    })?;
    let file = OwnFile::settle(path)?;
    Ok(Socket {
        listener,
        file,
        lock,
    })
}

/// Serves `router` until the daemon shuts down and the open requests have ended; then the socket file is
/// gone, and after it the lock.
pub async fn serve(socket: Socket, router: Router, tasks: Tasks) {
    let Socket {
        listener,
        file,
        lock,
    } = socket;
    let connections = Connections::new(router, &tasks, Limits::socket());
    while let Some((stream, slot)) = connections.next(|| listener.accept()).await {
        let uid = stream.peer_creds().ok().and_then(|creds| creds.euid());
        connections.serve(stream, Peer::Socket { uid }, slot);
    }
    drop(listener);
    drop(file);
    connections.drained().await;
    drop(lock);
}

fn make_folder(path: &Path) -> Result<(), BindError> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .map_err(|source| BindError::Folder {
            path: folder.to_owned(),
            source,
        })
}

fn take_lock(path: &Path, instance: &str) -> Result<Lock, BindError> {
    let mut name = OsString::from(path);
    name.push(".lock");
    let lock = PathBuf::from(name);
    let holder = format!("pid {}, instance {instance}", std::process::id());
    Lock::acquire(&lock, &holder).map_err(|error| match error {
        LockError::Held(holder) => BindError::AlreadyRunning {
            path: path.to_owned(),
            holder,
        },
        LockError::Io(source) => BindError::Lock { path: lock, source },
    })
}

/// Removes a socket that a dead daemon left. The lock is ours, so no living daemon of ours uses it; the
/// try to connect is for other programs.
fn remove_stale(path: &Path) -> Result<(), BindError> {
    let listen = |source| BindError::Listen {
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(listen(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(BindError::NotASocket {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Ok(_) | Err(_) => {
            return Err(BindError::Occupied {
                path: path.to_owned(),
            });
        }
    }
    fs::remove_file(path).map_err(listen)
}

fn listen(path: &Path) -> io::Result<Listener> {
    ListenerOptions::new()
        .name(path.to_fs_name::<GenericFilePath>()?)
        .mode(MODE)
        .reclaim_name(false)
        .create_tokio()
}

/// The socket file. It is removed on drop, if it is still the one that was bound.
#[derive(Debug)]
struct OwnFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl OwnFile {
    /// Sets the mode of the fresh socket and looks that it took.
    fn settle(path: &Path) -> Result<Self, BindError> {
        let listen = |source| BindError::Listen {
            path: path.to_owned(),
            source,
        };
        let found = fs::symlink_metadata(path).map_err(listen)?;
        let file = Self {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
        };
        fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(listen)?;
        let found = fs::symlink_metadata(path).map_err(listen)?.mode() & 0o777;
        if found == MODE {
            Ok(file)
        } else {
            Err(BindError::Mode {
                path: path.to_owned(),
                found,
            })
        }
    }

    fn is(&self, found: &Metadata) -> bool {
        found.dev() == self.device && found.ino() == self.inode
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| self.is(&found))
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(?error, path = ?self.path, "the socket could not be removed");
        }
    }
}
