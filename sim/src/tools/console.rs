//! What a tool answers with: lines on its two outputs, an exit code, a refusal.

use std::io::Write;

use crate::node::NodeError;

/// How a tool ended: its exit code, or why it refused.
pub(crate) type Outcome = Result<i32, Refusal>;

/// A refusal in the real program's words: what it prints, where, and its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: i32,
    pub(crate) text: String,
    to_stdout: bool,
}

impl Refusal {
    /// `text` on standard error, and `code`.
    pub(crate) fn new(code: i32, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            to_stdout: false,
        }
    }

    /// `text` on standard output, as programs do that complain there (nvidia-smi).
    pub(crate) fn on_stdout(code: i32, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            to_stdout: true,
        }
    }

    /// A help text, which is no failure.
    pub(crate) fn help(text: impl Into<String>) -> Self {
        Self::on_stdout(0, text)
    }

    /// Prints it and gives its exit code.
    pub(crate) fn show(&self) -> i32 {
        let text = self.text.trim_end_matches('\n');
        match (text.is_empty(), self.to_stdout) {
            (true, _) => {}
            (false, true) => out(text),
            (false, false) => err(text),
        }
        self.code
    }
}

impl From<NodeError> for Refusal {
    fn from(error: NodeError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        Self::new(
            1,
            format!("spark-sim: {error}{}", cause.unwrap_or_default()),
        )
    }
}

/// One line on standard output. A reader that went away is not an error of ours.
pub(crate) fn out(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}

/// One line on standard error.
pub(crate) fn err(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

/// Text as it is on standard output.
pub(crate) fn print(text: &str) {
    raw(text.as_bytes());
}

/// Bytes as they are on standard output.
pub(crate) fn raw(bytes: &[u8]) {
    let mut stdout = std::io::stdout();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).ok();
}
