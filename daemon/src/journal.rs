//! The journal: what was intended, before it is done, and what was done.
//!
//! One table of operations, one of their steps, one of launches that ended in a real answer. A step is
//! written as an intent before it is executed and as done after it, each in its own transaction with
//! `synchronous=FULL`, so that a daemon that was killed knows what it may have done. What really is so is
//! then asked of the nodes, never of this file.

mod db;

use std::path::Path;
use std::sync::Arc;

use rusqlite::{OptionalExtension, params};
use spark_core::recover::{StepMark, StepRecord};
use spark_ipc::Time;
use spark_ipc::id::{NodeId, OperationId, RecipeId, RepoId};
use spark_ipc::model::operation::Operation;

use db::Db;
pub use db::{JournalError, Opened};

/// Operations that are kept.
const KEPT: u32 = 100;

/// The handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct Journal {
    db: Arc<Db>,
}

/// An operation that had not ended when the daemon did.
#[derive(Debug, Clone)]
pub struct OpenOperation {
    pub operation: Operation,
    /// The plan as JSON.
    pub plan: String,
    pub steps: Vec<StepRecord>,
}

/// A launch that ended in a real answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    pub repo: RepoId,
    pub recipe: RecipeId,
    pub nodes: Vec<NodeId>,
    pub at: Time,
    pub load_s: f64,
    pub memory_bytes: Option<u64>,
}

impl Journal {
    /// Opens the journal, making it when it is missing. A broken file is set aside and named in
    /// [`Opened::set_aside`].
    pub fn open(path: &Path, abort_at_write: Option<u64>) -> Result<(Self, Opened), JournalError> {
        let (db, opened) = Db::open(path, abort_at_write)?;
        Ok((Self { db: Arc::new(db) }, opened))
    }

    /// A new operation with its plan.
    pub async fn begin(&self, operation: &Operation, plan: String) -> Result<(), JournalError> {
        let (id, body) = (operation.id.to_string(), encode(operation)?);
        self.db
            .write(move |db| {
                db.execute(
                    "INSERT INTO operations(id, open, body, plan) VALUES (?1, 1, ?2, ?3)",
                    params![id, body, plan],
                )?;
                db.execute(
                    "DELETE FROM operations WHERE open = 0 AND id NOT IN
                     (SELECT id FROM operations ORDER BY id DESC LIMIT ?1)",
                    params![KEPT],
                )?;
                Ok(())
            })
            .await
    }

    /// The operation goes on with another plan, none of whose steps has been touched.
    pub async fn replan(&self, operation: &Operation, plan: String) -> Result<(), JournalError> {
        let (id, body) = (operation.id.to_string(), encode(operation)?);
        self.db
            .write(move |db| {
                db.execute(
                    "UPDATE operations SET body = ?2, plan = ?3 WHERE id = ?1",
                    params![id, body, plan],
                )?;
                db.execute("DELETE FROM steps WHERE operation = ?1", params![id])?;
                Ok(())
            })
            .await
    }

    /// Step `index` is about to be executed.
    pub async fn intend(&self, id: &OperationId, index: usize) -> Result<(), JournalError> {
        self.step(id, index, "intent").await
    }

    /// Step `index` has been executed.
    pub async fn done(&self, id: &OperationId, index: usize) -> Result<(), JournalError> {
        self.step(id, index, "done").await
    }

    /// What everybody sees of the operation has changed in a way that must outlast this run.
    pub async fn update(&self, operation: &Operation) -> Result<(), JournalError> {
        let (id, body) = (operation.id.to_string(), encode(operation)?);
        self.db
            .write(move |db| {
                let sql = "UPDATE operations SET body = ?2 WHERE id = ?1 AND open = 1";
                db.execute(sql, params![id, body])?;
                Ok(())
            })
            .await
    }

    /// Step `index` failed or was cancelled: nothing goes on from here, whoever comes next.
    pub async fn failed(&self, operation: &Operation, index: usize) -> Result<(), JournalError> {
        let (id, body) = (operation.id.to_string(), encode(operation)?);
        self.db
            .write(move |db| {
                db.execute(
                    "UPDATE operations SET body = ?2 WHERE id = ?1",
                    params![id, body],
                )?;
                set_step(db, &id, index, "failed")
            })
            .await
    }

    async fn step(
        &self,
        id: &OperationId,
        index: usize,
        state: &'static str,
    ) -> Result<(), JournalError> {
        let id = id.to_string();
        self.db
            .write(move |db| set_step(db, &id, index, state))
            .await
    }

    /// The operation has ended. With a `launch`, that is remembered in the same transaction.
    pub async fn end(
        &self,
        operation: &Operation,
        launch: Option<Launch>,
    ) -> Result<(), JournalError> {
        let (id, body) = (operation.id.to_string(), encode(operation)?);
        let launch = launch
            .map(|l| encode(&l.nodes).map(|nodes| (l, nodes)))
            .transpose()?;
        self.db
            .write(move |db| {
                db.execute("UPDATE operations SET open = 0, body = ?2 WHERE id = ?1", params![id, body])?;
                if let Some((l, nodes)) = launch {
                    let memory = l.memory_bytes.and_then(|b| i64::try_from(b).ok());
                    db.execute(
                        "INSERT INTO launches(operation, repo, recipe, nodes, at, load_s, memory_bytes)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                        params![
                            id,
                            l.repo.as_str(),
                            l.recipe.as_str(),
                            nodes,
                            l.at.to_string(),
                            l.load_s,
                            memory
                        ],
                    )?;
                }
                Ok(())
            })
            .await
    }

    /// The operations that had not ended, oldest first.
    pub async fn open_operations(&self) -> Result<Vec<OpenOperation>, JournalError> {
        self.db
            .read(|db| {
                let mut query =
                    db.prepare("SELECT id, body, plan FROM operations WHERE open = 1 ORDER BY id")?;
                let rows = query.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
                let rows = rows.collect::<Result<Vec<(String, String, String)>, _>>()?;
                rows.into_iter()
                    .filter_map(|(id, body, plan)| {
                        Some((id, serde_json::from_str(&body).ok()?, plan))
                    })
                    .map(|(id, operation, plan)| {
                        Ok(OpenOperation {
                            operation,
                            plan,
                            steps: steps_of(db, &id)?,
                        })
                    })
                    .collect()
            })
            .await
    }

    /// The last operations, newest first.
    pub async fn recent(&self) -> Result<Vec<Operation>, JournalError> {
        self.db
            .read(|db| {
                let mut query =
                    db.prepare("SELECT body FROM operations ORDER BY id DESC LIMIT ?1")?;
                let rows = query.query_map(params![KEPT], |r| r.get::<_, String>(0))?;
                let bodies = rows.collect::<Result<Vec<_>, _>>()?;
                Ok(bodies
                    .iter()
                    .filter_map(|b| serde_json::from_str(b).ok())
                    .collect())
            })
            .await
    }

    /// The launches that ended in a real answer, newest first.
    pub async fn launches(&self) -> Result<Vec<Launch>, JournalError> {
        self.db
            .read(|db| {
                let mut query = db.prepare(
                    "SELECT repo, recipe, nodes, at, load_s, memory_bytes FROM launches ORDER BY rowid DESC LIMIT 500",
                )?;
                let rows = query.query_map([], |r| Ok(launch_of(r)))?;
                let rows = rows.collect::<Result<Vec<_>, _>>()?;
                Ok(rows.into_iter().flatten().collect())
            })
            .await
    }

    /// Whether the file answers (for readiness).
    pub async fn answers(&self) -> bool {
        let one = |db: &rusqlite::Connection| {
            Ok(db
                .query_row("SELECT 1", [], |r| r.get::<_, i64>(0))
                .optional()?)
        };
        matches!(self.db.read(one).await, Ok(Some(1)))
    }
}

fn set_step(
    db: &rusqlite::Connection,
    operation: &str,
    index: usize,
    state: &'static str,
) -> Result<(), JournalError> {
    db.execute(
        "INSERT INTO steps(operation, step, state) VALUES (?1, ?2, ?3)
         ON CONFLICT(operation, step) DO UPDATE SET state = excluded.state",
        params![operation, i64::try_from(index).unwrap_or(i64::MAX), state],
    )?;
    Ok(())
}

fn encode<T: serde::Serialize>(value: &T) -> Result<String, JournalError> {
    serde_json::to_string(value).map_err(JournalError::Encode)
}

fn steps_of(db: &rusqlite::Connection, id: &str) -> Result<Vec<StepRecord>, JournalError> {
    let mut query =
        db.prepare("SELECT step, state FROM steps WHERE operation = ?1 ORDER BY step")?;
    let rows = query.query_map(params![id], |r| {
        let state: String = r.get(1)?;
        Ok((r.get::<_, i64>(0)?, state))
    })?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(rows
        .into_iter()
        .map(|(step, state)| StepRecord {
            index: usize::try_from(step).unwrap_or(0),
            mark: match state.as_str() {
                "done" => StepMark::Done,
                "failed" => StepMark::Failed,
                _ => StepMark::Intent,
            },
        })
        .collect())
}

fn launch_of(row: &rusqlite::Row<'_>) -> Option<Launch> {
    let text = |i: usize| row.get::<_, String>(i).ok();
    Some(Launch {
        repo: text(0)?.parse().ok()?,
        recipe: text(1)?.parse().ok()?,
        nodes: serde_json::from_str(&text(2)?).ok()?,
        at: Time(text(3)?.parse().ok()?),
        load_s: row.get(4).ok()?,
        memory_bytes: row
            .get::<_, Option<i64>>(5)
            .ok()?
            .and_then(|b| u64::try_from(b).ok()),
    })
}
