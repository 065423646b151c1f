//! What can fail when a node's directory is read or changed.

use std::io;
use std::path::{Path, PathBuf};

/// Failure to read or change a node's directory; each names the path it was about.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A file or folder could not be read, written, locked or linked.
    #[error("cannot {verb} {}", path.display())]
    Io {
        /// What was tried, as a verb: `read`, `write`, `lock` …
        verb: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A JSON file of the node is broken.
    #[error("{} is not what a node keeps there", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where it is broken.
        #[source]
        source: serde_json::Error,
    },
    /// The directory already holds a node, or is not one.
    #[error("{}: {what}", path.display())]
    Place {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A process of the node could not be started.
    #[error("cannot start {program}")]
    Spawn {
        /// The program.
        program: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

impl NodeError {
    /// Gives `map_err` an [`NodeError::Io`] with the path.
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { verb, path, source }
    }
}
