//! The lines of the log: one JSON object each.
//!
//! Lines are appended, so a daemon that is killed while it writes leaves at most one torn line, the last.

use serde::{Deserialize, Serialize};
use spark_ipc::Time;
use spark_ipc::model::connectivity::{Subject, Transition};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    Entry(Transition),
    /// What is remembered of a node, so that a restart of it is noticed even while nobody looks.
    Facts {
        subject: Subject,
        boot_id: Option<String>,
        links: super::Links,
    },
    /// The daemon ran then.
    Alive {
        at: Time,
    },
}

impl Record {
    /// The record as a line, with its end.
    pub fn line(&self) -> String {
        // String keys and finite numbers: this cannot fail.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

/// A log as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    pub records: Vec<Record>,
    /// Bytes up to the end of the last whole line. What follows was torn by a kill and is dropped.
    pub whole: usize,
    /// Whole lines that are no records: the file is broken.
    pub broken: usize,
}

/// Reads a log; what can be read is, whatever stands around it.
pub fn read(bytes: &[u8]) -> Read {
    let whole = bytes
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |end| end + 1);
    let mut records = Vec::new();
    let mut broken = 0;
    let lines = bytes
        .get(..whole)
        .unwrap_or_default()
        .split(|b| *b == b'\n');
    for line in lines.filter(|line| !line.trim_ascii().is_empty()) {
        match serde_json::from_slice(line) {
            Ok(record) => records.push(record),
            Err(_not_a_record) => broken += 1,
        }
    }
    Read {
        records,
        whole,
        broken,
    }
}
