//! The file of the overrides: read into the catalogue, changed entry by entry, read again when somebody edits it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use spark_core::services::{BUNDLED, Services, change};
use spark_ipc::id::ServiceName;
use spark_ipc::model::service::ServiceChange;
use spark_ipc::{ApiError, ErrorCode};
use tokio::sync::watch;

use crate::files;

/// What tells a file from a changed one; `None` when there is none.
type Stamp = Option<(u64, i64, i64, u64)>;

/// The one owner of `SERVICES_OVERRIDES`.
#[derive(Debug)]
pub(super) struct Catalogue {
    path: PathBuf,
    /// Held while the file is read, changed and published, so that changes follow one another.
    stamp: Mutex<Stamp>,
    services: watch::Sender<Arc<Services>>,
}

impl Catalogue {
    /// Reads the files. What cannot be read is an error of the catalogue; the rest works.
    pub(super) fn open(path: PathBuf) -> Self {
        let stamp = stamp(&path);
        let services = load(&path);
        tell_errors(&services);
        Self {
            path,
            stamp: Mutex::new(stamp),
            services: watch::Sender::new(Arc::new(services)),
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Arc<Services>> {
        self.services.subscribe()
    }

    pub(super) fn now(&self) -> Arc<Services> {
        Arc::clone(&self.services.borrow())
    }

    /// Reads the file again when it is not the one that was read last. Blocks.
    pub(super) fn reread(&self) {
        let mut known = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        let found = stamp(&self.path);
        if *known != found {
            *known = found;
            self.publish();
        }
        drop(known);
    }

    /// Changes one entry: on the disk before anybody sees it. Blocks for the time of a write.
    pub(super) fn change(
        &self,
        name: &ServiceName,
        change: &ServiceChange,
    ) -> Result<(), ApiError> {
        let mut known = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        // A link is followed, so that the file that it names is replaced and not the link.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let before = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(unusable(&path, &error)),
        };
        let after = change::apply(BUNDLED, &before, name, change).map_err(|fields| {
            let message = format!("the change of {name} cannot be used");
            ApiError::new(ErrorCode::Invalid, message).with_fields(fields)
        })?;
        if after != before {
            files::replace(&path, after.as_bytes()).map_err(|error| unusable(&path, &error))?;
        }
        *known = stamp(&self.path);
        self.publish();
        drop(known);
        Ok(())
    }

    fn publish(&self) {
        let services = load(&self.path);
        tell_errors(&services);
        self.services.send_replace(Arc::new(services));
    }
}

fn load(path: &Path) -> Services {
    match fs::read_to_string(path) {
        Ok(text) => Services::load(BUNDLED, Some(&text)),
        Err(error) => {
            let mut services = Services::load(BUNDLED, None);
            if error.kind() != io::ErrorKind::NotFound {
                services.note(format!("{} cannot be read: {error}", path.display()));
            }
            services
        }
    }
}

fn stamp(path: &Path) -> Stamp {
    let facts = fs::metadata(path).ok()?;
    Some((facts.len(), facts.mtime(), facts.mtime_nsec(), facts.ino()))
}

fn tell_errors(services: &Services) {
    for error in services.errors() {
        tracing::warn!(?error, "a service cannot be used");
    }
}

fn unusable(path: &Path, error: &io::Error) -> ApiError {
    let message = format!("{} cannot be changed: {error}", path.display());
    ApiError::new(ErrorCode::Internal, message)
        .with_hint("see the rights of the file and of its folder (SERVICES_OVERRIDES)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(number: u16) -> ServiceChange {
        ServiceChange {
            port: Some(number),
            ..ServiceChange::default()
        }
    }

    #[test]
    fn a_change_is_on_the_disk_and_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/services.yaml");
        let catalogue = Catalogue::open(path.clone());
        let kokoro = ServiceName::new("kokoro").unwrap();
        catalogue.change(&kokoro, &port(8899)).unwrap();
        assert_eq!(catalogue.now().get(&kokoro).unwrap().spec.port, 8899);
        let again = Catalogue::open(path);
        assert_eq!(again.now().get(&kokoro).unwrap().spec.port, 8899);
        let refused = catalogue.change(&kokoro, &port(1)).unwrap_err();
        assert_eq!(refused.code, ErrorCode::Invalid);
        assert_eq!(catalogue.now().get(&kokoro).unwrap().spec.port, 8899);
    }

    #[test]
    fn what_a_person_writes_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("services.yaml");
        let catalogue = Catalogue::open(path.clone());
        fs::write(&path, "services:\n  - name: kokoro\n    port: 8898\n").unwrap();
        catalogue.reread();
        let kokoro = ServiceName::new("kokoro").unwrap();
        assert_eq!(catalogue.now().get(&kokoro).unwrap().spec.port, 8898);
    }
}
