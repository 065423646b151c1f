//! What an operator can have done besides swaps: each is asked about first, most after a look by the daemon.

use spark_ipc::id::{RepoId, ServiceName, UnitId};
use spark_ipc::model::infer::Suggestion;
use spark_ipc::model::recipe::Recipe;
use spark_ipc::model::transfer::{
    CopyRequest, DeletePreview, DeleteState, DownloadRequest, TransferPreview,
};

/// What is done with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Start,
    Stop,
    Restart,
}

impl Verb {
    /// As the API writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }
}

/// One thing to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    Download(DownloadRequest),
    Copy(CopyRequest),
    Delete(RepoId),
    /// Compare every byte with the checksums of the Hub.
    Verify(RepoId),
    /// Store the recipe that was inferred; there is none before it was looked at.
    SetUp(RepoId, Option<Box<Recipe>>),
    Service(ServiceName, Verb),
    /// Take over what somebody else started.
    Adopt(UnitId),
    /// Let go what was taken over.
    Release(UnitId),
}

impl Act {
    /// Whether the daemon can tell beforehand what it comes to.
    pub fn has_preview(&self) -> bool {
        matches!(
            self,
            Self::Download(_) | Self::Copy(_) | Self::Delete(_) | Self::SetUp(..)
        )
    }

    /// The question.
    pub fn title(&self) -> String {
        match self {
            Self::Download(r) => format!("Download {}?", r.repo),
            Self::Copy(r) => format!("Copy {} to {}?", r.repo, r.to),
            Self::Delete(repo) => format!("Delete {repo} from the disks?"),
            Self::Verify(repo) => format!("Verify {repo}?"),
            Self::SetUp(repo, _) => format!("Set up {repo}?"),
            Self::Service(name, Verb::Start) => format!("Start {name}?"),
            Self::Service(name, Verb::Stop) => format!("Stop {name}?"),
            Self::Service(name, Verb::Restart) => format!("Restart {name}?"),
            Self::Adopt(unit) => format!("Take over {unit}?"),
            Self::Release(unit) => format!("Let {unit} go?"),
        }
    }

    /// The word on the button that does it.
    pub fn button(&self) -> &'static str {
        match self {
            Self::Download(_) => "Download",
            Self::Copy(_) => "Copy",
            Self::Delete(_) => "Delete",
            Self::Verify(_) => "Verify",
            Self::SetUp(..) => "Save the recipe",
            Self::Service(_, Verb::Start) => "Start",
            Self::Service(_, Verb::Stop) => "Stop it",
            Self::Service(_, Verb::Restart) => "Restart",
            Self::Adopt(_) => "Take over",
            Self::Release(_) => "Let go",
        }
    }
}

/// What the daemon says that it would come to.
#[derive(Debug, Clone, PartialEq)]
pub enum Look {
    Transfer(Box<TransferPreview>),
    Delete(Box<DeletePreview>),
    SetUp(Box<Suggestion>),
}

impl Look {
    /// Why it cannot be agreed to.
    pub fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Transfer(preview) if !preview.blockers.is_empty() => {
                Some("something stands in the way")
            }
            Self::Delete(preview)
                if preview
                    .nodes
                    .iter()
                    .all(|n| n.state != DeleteState::Present) =>
            {
                Some("no node has a copy that can be deleted")
            }
            Self::Delete(preview)
                if preview.nodes.iter().any(|n| n.state == DeleteState::InUse) =>
            {
                Some("it is in use")
            }
            Self::SetUp(suggestion) if suggestion.recipe.is_none() => Some("vLLM cannot serve it"),
            Self::SetUp(suggestion) if suggestion.fit.fits == Some(false) => {
                Some("it does not fit")
            }
            _ => None,
        }
    }
}
