//! The store, and projections of it that are read at use.

use std::sync::Arc;

use spark_ipc::model::settings::Settings;
use tokio::sync::watch;

use super::Values;

/// The one owner of the values.
#[derive(Debug)]
pub struct Store {
    values: watch::Sender<Arc<Values>>,
    view: watch::Sender<Arc<Settings>>,
}

impl Store {
    pub fn new(values: Values) -> Self {
        let view = watch::Sender::new(Arc::new(values.view(1)));
        Self {
            values: watch::Sender::new(Arc::new(values)),
            view,
        }
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
}
