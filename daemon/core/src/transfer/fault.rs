//! Why a transfer failed: classes of what the clients say, each with a plain sentence and what to do.
//!
//! The rows are tried in order, over all lines of the log: an earlier row is the more certain cause.

mod rows;

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};
use spark_ipc::id::NodeId;
use spark_ipc::model::operation::Advice;
use spark_ipc::text::clean_line;

use rows::{ROWS, Row, SILENT};

/// The classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultId {
    DiskFull,
    Quota,
    ReadOnly,
    BadToken,
    TokenScope,
    Gated,
    Revision,
    NoFile,
    NotFound,
    TooManyRequests,
    ServerError,
    NoRunner,
    Option,
    Offline,
    HostKeyChanged,
    HostKeyUnknown,
    SshKey,
    Permission,
    Dns,
    WrongArchitecture,
    NoSuchImage,
    RegistryLogin,
    DockerDenied,
    DockerDown,
    RsyncMissing,
    Refused,
    Network,
    Partial,
    Stalled,
    Killed,
    Restarted,
    Incomplete,
    Corrupt,
    Other,
}

/// A class that was found, with the line that it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub id: FaultId,
    /// The raw line, cleaned; empty where no line told it.
    pub evidence: String,
}

static COMPILED: LazyLock<Vec<(&'static Row, Vec<Regex>)>> = LazyLock::new(|| {
    let all = |row: &'static Row| row.fragments.iter().map(|f| compiled(f)).collect();
    ROWS.iter().map(|row| (row, all(row))).collect()
});

#[expect(
    clippy::expect_used,
    reason = "the table is part of the program and every row is tested"
)]
fn compiled(fragment: &str) -> Regex {
    RegexBuilder::new(fragment)
        .case_insensitive(true)
        .build()
        .expect("the table holds valid expressions")
}

/// Warnings that go by; they are never a cause.
fn is_warning(line: &str) -> bool {
    line.contains("sending unauthenticated requests")
        || line.contains("Not enough free disk space")
        || line.trim_start().starts_with("Hint:")
}

/// The class of what was said; [`FaultId::Other`] with the last line where no row matches.
pub fn classify<S: AsRef<str>>(lines: &[S]) -> Fault {
    let lines: Vec<&str> = lines
        .iter()
        .map(AsRef::as_ref)
        .filter(|l| !is_warning(l))
        .collect();
    let found = COMPILED.iter().find_map(|(row, fragments)| {
        let hit = |line: &&&str| fragments.iter().any(|f| f.is_match(line));
        lines.iter().find(hit).map(|line| (row.id, *line))
    });
    let last = lines.iter().rev().find(|l| !l.trim().is_empty());
    let (id, line) = found.unwrap_or((FaultId::Other, last.copied().unwrap_or("")));
    Fault {
        id,
        evidence: clean_line(line.trim(), 600),
    }
}

/// Why a job ended with `status` after saying `lines`.
pub fn of_job<S: AsRef<str>>(status: i32, lines: &[S]) -> Fault {
    let said = classify(lines);
    match (said.id, status) {
        // rsync's own codes, where its words are not known: 12 protocol stream, 23
        // partial, 30 and 35 too late, 255 from ssh.
        (FaultId::Other, 12 | 30 | 35 | 255) => Fault {
            id: FaultId::Network,
            ..said
        },
        (FaultId::Other, 23 | 24) => Fault {
            id: FaultId::Partial,
            ..said
        },
        (FaultId::Other, 126 | 127) => Fault {
            id: FaultId::NoRunner,
            ..said
        },
        (FaultId::Other, 137 | 143) => Fault {
            id: FaultId::Killed,
            ..said
        },
        _ => said,
    }
}

impl Fault {
    /// A class that no line tells.
    pub fn silent(id: FaultId) -> Self {
        Self {
            id,
            evidence: String::new(),
        }
    }

    fn row(&self) -> &'static Row {
        let mut rows = ROWS.iter().chain(SILENT);
        let other = SILENT.last().unwrap_or(&ROWS[0]);
        rows.find(|row| row.id == self.id).unwrap_or(other)
    }

    /// Stable id, e.g. `gated`.
    pub fn code(&self) -> &'static str {
        self.row().code
    }

    /// Title and cause in one sentence each.
    pub fn sentence(&self) -> String {
        let row = self.row();
        format!("{}: {}", row.title, lowered(row.cause))
    }

    /// What to do. `login` is who the other node is for the sending one.
    pub fn remedy(&self, login: Option<&super::Target>) -> String {
        let remedy = self.row().remedy;
        match login {
            None => remedy
                .replace("-p {port} ", "")
                .replace("{user}@{address}", "the other node")
                .replace("{known}", "ADDRESS"),
            Some(target) => remedy
                .replace("{known}", &known(target))
                .replace("{user}", &target.user)
                .replace("{address}", &target.address)
                .replace("{port}", &target.port.to_string()),
        }
    }

    /// As operations carry it.
    pub fn advice(&self, node: &NodeId, login: Option<&super::Target>) -> Advice {
        let row = self.row();
        Advice {
            id: row.code.to_owned(),
            title: row.title.to_owned(),
            cause: row.cause.to_owned(),
            remedy: self.remedy(login),
            node: Some(node.clone()),
            rank: None,
            evidence: vec![self.evidence.clone()]
                .into_iter()
                .filter(|e| !e.is_empty())
                .collect(),
        }
    }
}

/// The other node as `known_hosts` names it.
fn known(target: &super::Target) -> String {
    match target.port {
        22 => target.address.clone(),
        port => format!("'[{}]:{port}'", target.address),
    }
}

fn lowered(sentence: &str) -> String {
    let mut chars = sentence.chars();
    let first = chars.next().map(|c| c.to_lowercase().to_string());
    // Names of programs and products keep their capitals.
    let keeps = ["HF_", "Hugging", "A Spark", "Docker"];
    if keeps.iter().any(|k| sentence.starts_with(k)) {
        return sentence.to_owned();
    }
    format!("{}{}", first.unwrap_or_default(), chars.as_str())
}

#[cfg(test)]
mod tests;
