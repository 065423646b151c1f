//! A line that is typed: which repository, which node.

use spark_ipc::id::{NodeId, RepoId};

/// Longest text that is taken: a repository and every node.
pub const LONGEST: usize = 160;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// `ORG/NAME [NODE…]` to download.
    Download,
    /// The node that gets a copy.
    CopyTo { repo: RepoId, from: NodeId },
}

/// The line so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    pub ask: Ask,
    pub text: String,
    /// Why the last Enter was not taken.
    pub fault: Option<String>,
}

impl Prompt {
    pub fn new(ask: Ask, text: impl Into<String>) -> Self {
        Self {
            ask,
            text: text.into(),
            fault: None,
        }
    }

    /// Adds what fits of `text`.
    pub fn add(&mut self, text: &str) {
        let room = LONGEST.saturating_sub(self.text.chars().count());
        self.text.extend(text.chars().take(room));
        self.fault = None;
    }
}
