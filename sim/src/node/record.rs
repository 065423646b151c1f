//! A record of every program that a node was asked to run: `argv.jsonl`.
//!
//! What is on a command line can be read by every user of the machine. So each tool writes down its own words
//! and those of the processes above it (the shell that was given a command, `nohup`, `setsid`), and a test can
//! look for a secret in all of them.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Node;
use super::error::NodeError;
use super::process;

/// Bytes after which the record begins anew; the one before is kept.
const LIMIT: u64 = 4 << 20;

/// Processes above a tool that are written down.
const ABOVE: usize = 6;

/// One line of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The process.
    pub pid: u32,
    /// Its words, the program first.
    pub argv: Vec<String>,
}

impl Node {
    /// Where the record is.
    pub fn argv_record(&self) -> PathBuf {
        self.dir().join("argv.jsonl")
    }

    /// Every command line of the record, the oldest first.
    pub fn recorded(&self) -> Result<Vec<Recorded>, NodeError> {
        let mut lines = Vec::new();
        for path in [
            self.argv_record().with_extension("1.jsonl"),
            self.argv_record(),
        ] {
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(NodeError::io("read", &path)(error)),
            };
            // A line that is being written is no line yet.
            lines.extend(
                text.lines()
                    .filter_map(|line| serde_json::from_str(line).ok()),
            );
        }
        Ok(lines)
    }

    /// Writes down this process and those of the node above it.
    pub(crate) fn record_own_argv(&self) -> Result<(), NodeError> {
        let mut pids = vec![std::process::id()];
        while let Some(parent) = pids.last().and_then(|pid| process::parent(*pid)) {
            if pids.len() > ABOVE || !process::is_of_node(parent, self.dir()) {
                break;
            }
            pids.push(parent);
        }
        let lines = pids.into_iter().rev().filter_map(|pid| {
            let argv = process::argv(pid)?;
            serde_json::to_string(&Recorded { pid, argv }).ok()
        });
        let text: String = lines.map(|line| line + "\n").collect();
        let path = self.argv_record();
        if fs::metadata(&path).is_ok_and(|meta| meta.len() > LIMIT) {
            let older = path.with_extension("1.jsonl");
            fs::rename(&path, &older).map_err(NodeError::io("move", &path))?;
        }
        let mut options = fs::File::options();
        let opened = options.create(true).append(true).open(&path);
        // One write, so that lines of two processes never mix.
        opened
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(NodeError::io("write", &path))
    }
}
