//! How the command line ends: the exit codes, each with one meaning that never changes.
//!
//! Scripts branch on these, so they are one table: `--help` prints it, and a test compares it with the
//! published list.

use std::fmt::Write as _;

/// Why the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    Done,
    Failed,
    /// Clap's own code for a command line it cannot read.
    Usage,
    /// The question was answered with "no": not all is well, or a dry run found blockers.
    Degraded,
    Unreachable,
    NotPermitted,
    NotFound,
    Busy,
    /// Waiting took too long; the operation goes on.
    TimedOut,
    Cancelled,
    Interrupted,
}

impl Exit {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 11] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Degraded,
        Self::Unreachable,
        Self::NotPermitted,
        Self::NotFound,
        Self::Busy,
        Self::TimedOut,
        Self::Cancelled,
        Self::Interrupted,
    ];

    /// The process's exit status.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Degraded => 3,
            Self::Unreachable => 4,
            Self::NotPermitted => 5,
            Self::NotFound => 6,
            Self::Busy => 7,
            Self::TimedOut => 8,
            Self::Cancelled => 9,
            Self::Interrupted => 130,
        }
    }

    /// What it means, for `--help`.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "the command line is wrong",
            Self::Degraded => "not all is well (status), or the dry run found blockers",
            Self::Unreachable => "the daemon, or every Spark, is unreachable",
            Self::NotPermitted => "not permitted",
            Self::NotFound => "no such model, unit, node or operation",
            Self::Busy => "another operation is under way",
            Self::TimedOut => "waited too long; the operation goes on",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted by Ctrl-C; the operation goes on",
        }
    }

    /// The table that `--help` ends with.
    pub fn table() -> String {
        let mut text = String::from("Exit codes:");
        for exit in Self::ALL {
            // Writing to a String cannot fail.
            let _infallible = write!(text, "\n  {:>3}  {}", exit.code(), exit.meaning());
        }
        text
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_the_published_ones() {
        let codes: Vec<(u8, &str)> = Exit::ALL.iter().map(|e| (e.code(), e.meaning())).collect();
        let numbers: Vec<u8> = codes.iter().map(|c| c.0).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130]);
        let table = Exit::table();
        for (code, meaning) in codes {
            assert!(table.contains(&format!("{code:>3}  {meaning}")), "{table}");
        }
    }
}
