//! Which containers of others the operator has taken over.
//!
//! Docker's labels cannot be changed on a container that exists, so this is kept in a file of ours, by container
//! id: a new container under the same name is a stranger again.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use spark_core::units::Adoptions as Ids;
use spark_ipc::Time;
use spark_ipc::id::UnitId;
use tokio::sync::watch;

use crate::files;

/// Adoptions that are kept; the oldest go first.
const MOST: usize = 200;

/// One act of the operator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Adoption {
    pub(super) container: String,
    /// What it was called then.
    pub(super) unit: UnitId,
    pub(super) at: Time,
    pub(super) actor: String,
}

/// The file and what it says.
#[derive(Debug)]
pub(super) struct Adoptions {
    path: PathBuf,
    list: Mutex<Vec<Adoption>>,
    ids: watch::Sender<Arc<Ids>>,
}

impl Adoptions {
    /// Reads the file. One that is absent is empty; one that is broken is set aside.
    pub(super) fn open(path: PathBuf) -> Self {
        let list = read(&path);
        Self {
            ids: watch::Sender::new(Arc::new(ids(&list))),
            path,
            list: Mutex::new(list),
        }
    }

    /// The ids of the adopted containers, and their changes.
    pub(super) fn watch(&self) -> watch::Receiver<Arc<Ids>> {
        self.ids.subscribe()
    }

    /// Takes over a container. Blocks for the time of a write.
    pub(super) fn add(&self, adoption: Adoption) -> io::Result<()> {
        self.change(|list| {
            list.retain(|a| a.container != adoption.container);
            list.push(adoption);
            let surplus = list.len().saturating_sub(MOST);
            list.drain(..surplus);
        })
    }

    /// Lets a container go. Blocks for the time of a write.
    pub(super) fn remove(&self, container: &str) -> io::Result<()> {
        self.change(|list| list.retain(|a| a.container != container))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Adoption>)) -> io::Result<()> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = list.clone();
        change(&mut changed);
        let text = serde_json::to_string_pretty(&changed)?;
        files::replace(&self.path, format!("{text}\n").as_bytes())?;
        *list = changed;
        self.ids.send_replace(Arc::new(ids(&list)));
        drop(list);
        Ok(())
    }
}

fn ids(list: &[Adoption]) -> Ids {
    list.iter().map(|a| a.container.clone()).collect()
}

fn read(path: &std::path::Path) -> Vec<Adoption> {
    match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).unwrap_or_else(|error| {
            let aside = files::set_aside(path);
            tracing::error!(path = %path.display(), %error, ?aside, "the record of adoptions is broken and was set aside");
            Vec::new()
        }),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::error!(path = %path.display(), %error, "the record of adoptions cannot be read");
            }
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn of(container: &str) -> Adoption {
        Adoption {
            container: container.to_owned(),
            unit: UnitId::new("spark1.vllm_node").unwrap(),
            at: clock::now(),
            actor: "socket uid 1000".to_owned(),
        }
    }

    #[test]
    fn adoptions_outlive_the_daemon_and_can_be_undone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adoptions.json");
        let adoptions = Adoptions::open(path.clone());
        adoptions.add(of("aa")).unwrap();
        adoptions.add(of("bb")).unwrap();
        adoptions.add(of("aa")).unwrap();
        let again = Adoptions::open(path.clone());
        assert_eq!(again.watch().borrow().len(), 2);
        again.remove("aa").unwrap();
        assert_eq!(
            **Adoptions::open(path).watch().borrow(),
            ["bb".to_owned()].into()
        );
    }
}
