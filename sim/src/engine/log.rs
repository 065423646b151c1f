//! Container output in vLLM's form: process prefix, level, time, source line, text.

use std::sync::Arc;

use super::host::EngineHost;

/// Which of vLLM's processes speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// The HTTP front.
    Api,
    /// The engine behind it.
    Core,
    /// The process that runs the model when there is more than one rank.
    Worker(u32),
}

impl Speaker {
    /// Prefix of every line, with the process id inside the container.
    fn prefix(self) -> String {
        match self {
            Self::Api => "(APIServer pid=1)".to_owned(),
            Self::Core => "(EngineCore_DP0 pid=230)".to_owned(),
            Self::Worker(rank) => format!("(Worker_TP{rank} pid=312)"),
        }
    }
}

/// Writes the container's log.
#[derive(Clone)]
pub(crate) struct Log {
    host: Arc<dyn EngineHost>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Log")
    }
}

impl Log {
    /// A log that writes to `host`.
    pub(crate) fn new(host: Arc<dyn EngineHost>) -> Self {
        Self { host }
    }

    /// A line as it is.
    pub(crate) fn raw(&self, line: &str) {
        self.host.log(line);
    }

    /// `INFO` from source line `at`, e.g. `core.py:96`.
    pub(crate) fn info(&self, who: Speaker, at: &str, text: &str) {
        self.line(who, "INFO", at, text);
    }

    /// `WARNING` from source line `at`.
    pub(crate) fn warning(&self, who: Speaker, at: &str, text: &str) {
        self.line(who, "WARNING", at, text);
    }

    /// `ERROR` from source line `at`.
    pub(crate) fn error(&self, who: Speaker, at: &str, text: &str) {
        self.line(who, "ERROR", at, text);
    }

    /// What uvicorn says: level and text without time.
    pub(crate) fn uvicorn(&self, text: &str) {
        self.raw(&format!("{} INFO:     {text}", Speaker::Api.prefix()));
    }

    /// A Python traceback that ends in `error`, as standard error shows it.
    pub(crate) fn traceback(&self, who: Speaker, file: &str, error: &str) {
        let prefix = who.prefix();
        let head = [
            "Traceback (most recent call last):".to_owned(),
            format!("  File \"{file}\""),
        ];
        for line in head.iter().map(String::as_str).chain(error.lines()) {
            self.raw(&format!("{prefix} {line}"));
        }
    }

    fn line(&self, who: Speaker, level: &str, at: &str, text: &str) {
        let time = jiff::Timestamp::now().strftime("%m-%d %H:%M:%S");
        let prefix = who.prefix();
        for line in text.lines() {
            self.raw(&format!("{prefix} {level} {time} [{at}] {line}"));
        }
    }
}
