//! The overlay: what was changed at run time, as `app_settings.json` keeps it between two runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{fs, io};

use serde_json::Value;

use crate::files;

/// The values of the file by key. Keys of another version of the daemon are kept.
#[derive(Debug)]
pub(super) struct Overlay {
    path: PathBuf,
    pub(super) values: BTreeMap<String, Value>,
}

impl Overlay {
    /// Reads the file. One that is absent is empty; one that is broken is set aside, and the daemon starts.
    pub(super) fn open(path: PathBuf) -> Self {
        let values = match fs::read_to_string(&path) {
            Ok(text) => match serde_json::from_str(&text) {
                Ok(values) => values,
                Err(error) => {
                    let aside = files::set_aside(&path);
                    tracing::error!(path = %path.display(), %error, ?aside, "the file of the settings is broken and was set aside");
                    BTreeMap::new()
                }
            },
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::error!(path = %path.display(), %error, "the file of the settings cannot be read");
                }
                BTreeMap::new()
            }
        };
        Self { path, values }
    }

    /// Writes `values`, and only then holds them.
    ///
    /// # Errors
    /// When the file cannot be written; then file and overlay are as they were.
    pub(super) fn replace(&mut self, values: BTreeMap<String, Value>) -> io::Result<()> {
        let text = serde_json::to_string_pretty(&values)?;
        files::replace(&self.path, format!("{text}\n").as_bytes())?;
        self.values = values;
        Ok(())
    }
}
