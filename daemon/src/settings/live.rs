//! The store, and projections of it that are read at use.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use spark_ipc::FieldError;
use spark_ipc::model::settings::Settings;
use tokio::sync::watch;

use super::Values;
use super::overlay::Overlay;

/// The one owner of the values.
#[derive(Debug)]
pub struct Store {
    /// What the environment said; the overlay goes over it.
    base: Values,
    /// Held while a change is checked, written and published, so that changes follow one another.
    overlay: Mutex<Overlay>,
    values: watch::Sender<Arc<Values>>,
    view: watch::Sender<Arc<Settings>>,
}

/// Why a change was not made. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("the settings are at revision {now}, not {expected}")]
    Stale { expected: u64, now: u64 },
    #[error("{} of the values cannot be used", .0.len())]
    Invalid(Vec<FieldError>),
    #[error("the settings cannot be written: {0}")]
    Write(#[from] io::Error),
}

impl Store {
    /// The values of the environment, with the overlay of an earlier run over them. What the overlay has
    /// that cannot be used is told and left out.
    pub fn open(base: Values, path: PathBuf) -> Self {
        let overlay = Overlay::open(path);
        let mut faults = Vec::new();
        let values = base.over(&overlay.values, &mut faults);
        for fault in faults {
            tracing::warn!(key = %fault.path, message = %fault.message, "a stored setting cannot be used");
        }
        let view = watch::Sender::new(Arc::new(values.view(1)));
        Self {
            base,
            overlay: Mutex::new(overlay),
            values: watch::Sender::new(Arc::new(values)),
            view,
        }
    }

    /// Changes settings: `null` goes back to the environment or the default. All or none; on the disk before
    /// anybody sees it. Blocks for the time of a write.
    ///
    /// # Errors
    /// A stale `expected` revision, every value that cannot be used, or a file that cannot be written.
    #[expect(
        clippy::significant_drop_tightening,
        reason = "the lock is what makes changes follow one another"
    )]
    pub fn change(
        &self,
        changes: &BTreeMap<String, Value>,
        expected: Option<u64>,
    ) -> Result<u64, ChangeError> {
        // Held to the end: a change that comes meanwhile rests on this one.
        let mut overlay = self.overlay.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.view.borrow().revision;
        if let Some(expected) = expected.filter(|expected| *expected != now) {
            return Err(ChangeError::Stale { expected, now });
        }
        let mut faults = Values::unknown(changes.keys());
        let mut stored = overlay.values.clone();
        for (key, value) in changes {
            if value.is_null() {
                stored.remove(key);
            } else {
                stored.insert(key.clone(), value.clone());
            }
        }
        let mut all = Vec::new();
        let values = self.base.over(&stored, &mut all);
        // A value of another day that has become unusable does not stand in the way of this change.
        faults.extend(all.into_iter().filter(|f| changes.contains_key(&f.path)));
        if !faults.is_empty() {
            return Err(ChangeError::Invalid(faults));
        }
        overlay.replace(stored)?;
        let revision = now + 1;
        self.view.send_replace(Arc::new(values.view(revision)));
        self.values.send_replace(Arc::new(values));
        Ok(revision)
    }

    /// A projection that is read at use.
    pub fn live<T>(&self, project: fn(&Values) -> T) -> Live<T> {
        Live {
            values: self.values.subscribe(),
            project,
        }
    }

    /// The values as a form would show them.
    pub fn view(&self) -> watch::Receiver<Arc<Settings>> {
        self.view.subscribe()
    }
}

/// One setting, or what follows from some of them; read when it is needed, never kept.
#[derive(Debug)]
pub struct Live<T> {
    values: watch::Receiver<Arc<Values>>,
    project: fn(&Values) -> T,
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self {
            values: self.values.clone(),
            project: self.project,
        }
    }
}

impl<T> Live<T> {
    /// The value now.
    pub fn get(&self) -> T {
        (self.project)(&self.values.borrow())
    }

    /// Waits until any setting changes. `false` when there will be no more changes.
    pub async fn changed(&mut self) -> bool {
        self.values.changed().await.is_ok()
    }
}
