//! The thread that owns the SQLite connection.
//!
//! One writer is what SQLite wants. Calls are closures sent over a bounded queue; each write is one
//! immediate transaction. A file that is not a database, or not ours, is set aside, never overwritten.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

/// Calls that may wait.
const QUEUE: usize = 64;

/// One entry per version of the file; never changed, only added to.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE operations(id TEXT PRIMARY KEY, open INTEGER NOT NULL, body TEXT NOT NULL, plan TEXT NOT NULL);
    CREATE TABLE steps(
        operation TEXT NOT NULL REFERENCES operations(id) ON DELETE CASCADE,
        step INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY(operation, step));
    CREATE TABLE launches(
        operation TEXT PRIMARY KEY, repo TEXT NOT NULL, recipe TEXT NOT NULL, nodes TEXT NOT NULL,
        at TEXT NOT NULL, load_s REAL NOT NULL, memory_bytes INTEGER);
"];

/// What failed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("cannot open the journal {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("cannot set the broken journal {} aside", path.display())]
    SetAside {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the journal {} is of version {found}; this daemon knows {known}", path.display())]
    Newer {
        path: PathBuf,
        found: usize,
        known: usize,
    },
    #[error("the journal refused a statement")]
    Statement(#[from] rusqlite::Error),
    #[error("a record of the journal cannot be encoded")]
    Encode(#[source] serde_json::Error),
    #[error("the journal's thread has ended")]
    Ended,
    #[error("cannot start the journal's thread")]
    Thread(#[source] std::io::Error),
}

/// What was found at the path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opened {
    /// Where a broken file was moved to.
    pub set_aside: Option<PathBuf>,
}

type Call = Box<dyn FnOnce(&mut Connection) + Send>;

/// The handle of the thread. The thread ends when the handle is dropped.
#[derive(Debug)]
pub(super) struct Db {
    calls: mpsc::SyncSender<Call>,
    abort_at_write: Option<std::sync::atomic::AtomicU64>,
}

impl Db {
    pub(super) fn open(
        path: &Path,
        abort_at_write: Option<u64>,
    ) -> Result<(Self, Opened), JournalError> {
        let (connection, opened) = open_or_set_aside(path)?;
        let (calls, queue) = mpsc::sync_channel::<Call>(QUEUE);
        thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || serve(connection, &queue))
            .map_err(JournalError::Thread)?;
        let abort_at_write = abort_at_write.map(std::sync::atomic::AtomicU64::new);
        Ok((
            Self {
                calls,
                abort_at_write,
            },
            opened,
        ))
    }

    pub(super) async fn read<T, F>(&self, call: F) -> Result<T, JournalError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    {
        self.call(move |db| call(db)).await
    }

    /// Runs `call` in one transaction. When it returns, the change is on the disk.
    pub(super) async fn write<F>(&self, call: F) -> Result<(), JournalError>
    where
        F: FnOnce(&Connection) -> Result<(), JournalError> + Send + 'static,
    {
        self.call(move |db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            call(&transaction)?;
            Ok(transaction.commit()?)
        })
        .await?;
        self.fail_point();
        Ok(())
    }

    async fn call<T, F>(&self, call: F) -> Result<T, JournalError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, JournalError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let call: Call = Box::new(move |db| {
            if reply.send(call(db)).is_err() {
                tracing::debug!("nobody waits for this answer of the journal any more");
            }
        });
        // A full queue means a stuck disk: waiting here would stall the runtime.
        let calls = self.calls.clone();
        let sent = match calls.try_send(call) {
            Ok(()) => true,
            Err(mpsc::TrySendError::Full(call)) => {
                let waiting = tokio::task::spawn_blocking(move || calls.send(call).is_ok());
                waiting.await.unwrap_or(false)
            }
            Err(mpsc::TrySendError::Disconnected(_)) => false,
        };
        if !sent {
            return Err(JournalError::Ended);
        }
        answer.await.map_err(|_closed| JournalError::Ended)?
    }

    /// Ends the process like a `kill -9` after the n-th write, for the crash tests (debug builds only).
    fn fail_point(&self) {
        if cfg!(debug_assertions)
            && let Some(left) = &self.abort_at_write
            && left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1
        {
            std::process::abort();
        }
    }
}

fn serve(mut connection: Connection, queue: &mpsc::Receiver<Call>) {
    while let Ok(call) = queue.recv() {
        call(&mut connection);
    }
}

fn open_or_set_aside(path: &Path) -> Result<(Connection, Opened), JournalError> {
    match open(path) {
        Ok(connection) => Ok((connection, Opened::default())),
        Err(JournalError::Open { source, .. }) if is_broken(&source) => {
            let aside = free_name(path);
            std::fs::rename(path, &aside).map_err(|source| JournalError::SetAside {
                path: path.to_owned(),
                source,
            })?;
            for suffix in ["-wal", "-shm"] {
                let mut beside = path.as_os_str().to_owned();
                beside.push(suffix);
                // Their content belongs to the broken file; a missing one is what we want.
                if let Err(error) = std::fs::remove_file(&beside) {
                    tracing::debug!(%error, "no file beside the broken journal");
                }
            }
            Ok((
                open(path)?,
                Opened {
                    set_aside: Some(aside),
                },
            ))
        }
        Err(error) => Err(error),
    }
}

fn is_broken(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseCorrupt | NotADatabase)
    )
}

/// `PATH.broken-1`, or the next number that is free.
fn free_name(path: &Path) -> PathBuf {
    let named = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".broken-{n}"));
        PathBuf::from(name)
    };
    (1..10_000)
        .map(named)
        .find(|p| !p.exists())
        .unwrap_or_else(|| named(0))
}

fn open(path: &Path) -> Result<Connection, JournalError> {
    let failed = |source| JournalError::Open {
        path: path.to_owned(),
        source,
    };
    let mut connection = Connection::open(path).map_err(failed)?;
    prepare(&mut connection).map_err(failed)?;
    let version: usize = connection
        .query_row("PRAGMA user_version", [], |r| r.get::<_, u32>(0))
        .map(|v| v as usize)
        .map_err(failed)?;
    if version > MIGRATIONS.len() {
        return Err(JournalError::Newer {
            path: path.to_owned(),
            found: version,
            known: MIGRATIONS.len(),
        });
    }
    for (number, migration) in (1u32..).zip(MIGRATIONS).skip(version) {
        let apply = |db: &mut Connection| -> rusqlite::Result<()> {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", number)?;
            transaction.commit()
        };
        apply(&mut connection).map_err(failed)?;
    }
    Ok(connection)
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_row| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // The journal is small: a small cache keeps the idle daemon small too.
    connection.pragma_update(None, "cache_size", -256)?;
    connection
        .query_row("PRAGMA quick_check", [], |r| r.get::<_, String>(0))
        .and_then(|answer| {
            if answer == "ok" {
                return Ok(());
            }
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            Err(rusqlite::Error::SqliteFailure(code, Some(answer)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_is_set_aside_with_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        std::fs::write(
            &path,
            "not a database at all, but long enough to have a header of its own",
        )
        .unwrap();
        let (_db, opened) = Db::open(&path, None).unwrap();
        let aside = opened.set_aside.unwrap();
        assert!(
            std::fs::read_to_string(aside)
                .unwrap()
                .starts_with("not a database")
        );
        let (_again, opened) = Db::open(&path, None).unwrap();
        assert_eq!(opened.set_aside, None);
    }

    #[test]
    fn a_newer_file_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let connection = open(&path).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        let error = Db::open(&path, None).unwrap_err();
        assert!(
            matches!(error, JournalError::Newer { found: 99, .. }),
            "{error}"
        );
    }
}
