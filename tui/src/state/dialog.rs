//! Questions before something is changed.

use spark_ipc::id::{Fingerprint, NodeId, OperationId, RepoId, UnitId};
use spark_ipc::model::preflight::Preflight;

use super::act::{Act, Look};

/// The code of a blocker that a yes by name takes away.
const NEEDS_YES: &str = "needs_yes";

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// Swap to this model? The preflight is on its way while it is `None`.
    Swap {
        repo: RepoId,
        /// Dangerous flags that were said yes to, by name.
        allow: Vec<String>,
        preflight: Option<Result<Box<Preflight>, String>>,
    },
    /// Do this? What it would come to is on its way while `look` is `None`.
    Act {
        act: Box<Act>,
        look: Option<Result<Look, String>>,
    },
    /// Stop this unit?
    Stop { unit: UnitId, what: String },
    /// Cancel this operation?
    Cancel {
        id: OperationId,
        what: String,
        /// Whether it only moves bytes: then what has come stays.
        transfer: bool,
    },
    /// Accept this host key?
    Trust {
        node: NodeId,
        fingerprint: Fingerprint,
        accepted: Option<Fingerprint>,
    },
}

/// A question with its two buttons. `agree` is whether the focus is on the one that acts; it never begins
/// there, so that a key pressed twice changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Dialog {
    pub question: Question,
    pub agree: bool,
    pub scroll: usize,
}

impl Dialog {
    pub fn new(question: Question) -> Self {
        Self {
            question,
            agree: false,
            scroll: 0,
        }
    }

    /// The word on the button that acts.
    pub fn verb(&self) -> &'static str {
        match &self.question {
            Question::Swap { .. } => "Swap",
            Question::Act { act, .. } => act.button(),
            Question::Stop { .. } => "Stop it",
            Question::Cancel { .. } => "Cancel it",
            Question::Trust { .. } => "Accept the key",
        }
    }

    /// Why it cannot be agreed to now.
    pub fn refusal(&self) -> Option<&'static str> {
        match &self.question {
            Question::Swap {
                preflight: None, ..
            } => Some("the check is still under way"),
            Question::Swap {
                preflight: Some(Err(_)),
                ..
            } => Some("the check failed"),
            Question::Swap {
                preflight: Some(Ok(p)),
                ..
            } if p.blockers.iter().any(|b| b.code != NEEDS_YES) => {
                Some("something stands in the way")
            }
            Question::Swap {
                preflight: Some(Ok(p)),
                ..
            } if !p.blockers.is_empty() => Some("a flag needs your yes: press a"),
            Question::Act { act, look } => act_refusal(act, look.as_ref()),
            _ => None,
        }
    }
}

fn act_refusal(act: &Act, look: Option<&Result<Look, String>>) -> Option<&'static str> {
    match look {
        None if act.has_preview() => Some("the check is still under way"),
        None => None,
        Some(Err(_)) => Some("the check failed"),
        Some(Ok(look)) => look.refusal(),
    }
}
