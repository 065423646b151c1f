//! For which boot each service has been dealt with, kept over restarts of the daemon.

use std::path::PathBuf;
use std::{fs, io};

use spark_core::services::Tried;
use spark_ipc::id::ServiceName;

use crate::files;

/// The record and its file.
#[derive(Debug)]
pub(super) struct Boots {
    path: PathBuf,
    tried: Tried,
}

impl Boots {
    /// Reads the file. One that is absent is empty; one that is broken is set aside.
    pub(super) fn open(path: PathBuf) -> Self {
        let tried = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).unwrap_or_else(|error| {
                let aside = files::set_aside(&path);
                tracing::error!(path = %path.display(), %error, ?aside, "the record of started services is broken and was set aside");
                Tried::new()
            }),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::error!(path = %path.display(), %error, "the record of started services cannot be read");
                }
                Tried::new()
            }
        };
        Self { path, tried }
    }

    pub(super) fn tried(&self) -> &Tried {
        &self.tried
    }

    /// This boot is used up for the service. A record that cannot be written counts while the daemon runs.
    pub(super) fn use_up(&mut self, service: &ServiceName, boot_id: &str) {
        if self.tried.get(service).map(String::as_str) == Some(boot_id) {
            return;
        }
        self.tried.insert(service.clone(), boot_id.to_owned());
        self.write();
    }

    /// Nothing has been done for this boot after all.
    pub(super) fn give_back(&mut self, service: &ServiceName) {
        if self.tried.remove(service).is_some() {
            self.write();
        }
    }

    fn write(&self) {
        let written = serde_json::to_string_pretty(&self.tried)
            .map_err(io::Error::from)
            .and_then(|text| files::replace(&self.path, format!("{text}\n").as_bytes()));
        if let Err(error) = written {
            tracing::error!(path = %self.path.display(), %error, "the record of started services cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_up_boot_is_known_after_a_restart_and_a_broken_file_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boots.json");
        let kokoro = ServiceName::new("kokoro").unwrap();
        Boots::open(path.clone()).use_up(&kokoro, "one");
        let mut boots = Boots::open(path.clone());
        assert_eq!(boots.tried().get(&kokoro).map(String::as_str), Some("one"));
        boots.give_back(&kokoro);
        assert!(Boots::open(path.clone()).tried().is_empty());
        fs::write(&path, "{").unwrap();
        assert!(Boots::open(path).tried().is_empty());
        assert!(folder.path().join("boots.json.broken").exists());
    }
}
