//! The Hugging Face Hub as a node sees it: what it gives, and to whom.
//!
//! Its repositories are those of the catalogue. A token is any text that begins with `hf_`; its owner has been
//! let into every gated and private repository, unless the token contains `stranger`. As on the real Hub a
//! gated repository can be listed by everyone, and only its files are refused.

use uuid::Uuid;

use super::catalog;
use super::layout::{RepoFile, RepoLayout};
use crate::faults::HubTrouble;
use crate::node::Node;

const SITE: &str = "https://huggingface.co";

/// What is asked of the Hub.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) repo: &'a str,
    pub(crate) revision: &'a str,
    pub(crate) token: Option<&'a str>,
}

/// Why the Hub does not give what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HubError {
    /// No answer at all; the text is the network library's.
    Network(&'static str),
    /// A status that says nothing about the repository.
    Status(u16),
    /// The token is none.
    BadToken,
    /// No such repository for this asker.
    NoRepo { status: u16, repo: String },
    /// No such branch, tag or commit.
    NoRevision { repo: String, revision: String },
    /// The files are not for this asker.
    Gated {
        status: u16,
        repo: String,
        url: String,
        why: String,
    },
    /// A file of the listing is gone.
    NoFile { repo: String, url: String },
}

impl Request<'_> {
    /// What the repository consists of.
    pub(crate) fn list(&self, node: &Node) -> Result<RepoLayout, HubError> {
        let faults = node.faults();
        if faults.no_internet() {
            return Err(HubError::Network(
                "[Errno -3] Temporary failure in name resolution",
            ));
        }
        match faults.hub(self.repo) {
            Some(HubTrouble::RateLimited) => return Err(HubError::Status(429)),
            Some(HubTrouble::ServerError) => return Err(HubError::Status(503)),
            Some(HubTrouble::Timeout) => {
                return Err(HubError::Network("The read operation timed out"));
            }
            Some(HubTrouble::NotFound) => return Err(self.no_repo()),
            Some(HubTrouble::RevisionNotFound) => return Err(self.no_revision()),
            _ => {}
        }
        if self.token.is_some_and(|token| !token.starts_with("hf_")) {
            return Err(HubError::BadToken);
        }
        let model = catalog::find(self.repo).filter(|model| !model.private || self.is_let_in());
        let layout = RepoLayout::of(&model.ok_or_else(|| self.no_repo())?);
        let commit = self.revision.len() >= 7 && layout.commit.starts_with(self.revision);
        if self.revision != "main" && !commit {
            return Err(self.no_revision());
        }
        Ok(layout)
    }

    /// Whether the files of a listing are given to this asker.
    pub(crate) fn open(
        &self,
        node: &Node,
        layout: &RepoLayout,
        file: &RepoFile,
    ) -> Result<(), HubError> {
        let url = format!(
            "{SITE}/{}/resolve/{}/{}",
            self.repo, layout.commit, file.path
        );
        let gated = catalog::find(self.repo).is_some_and(|model| model.gated);
        match node.faults().hub(self.repo) {
            Some(HubTrouble::Unauthorized) => Err(self.gated(401, url)),
            Some(HubTrouble::Forbidden) => Err(self.gated(403, url)),
            Some(HubTrouble::AwaitingReview) => Err(self.awaiting(url)),
            Some(HubTrouble::EntryNotFound) => Err(HubError::NoFile {
                repo: self.repo.to_owned(),
                url,
            }),
            _ if !gated || self.is_let_in() => Ok(()),
            _ if self.token.is_none() => Err(self.gated(401, url)),
            _ => Err(self.gated(403, url)),
        }
    }

    fn is_let_in(&self) -> bool {
        self.token.is_some_and(|token| !token.contains("stranger"))
    }

    fn no_repo(&self) -> HubError {
        HubError::NoRepo {
            // Who is not known is told nothing, not even that there is nothing.
            status: if self.token.is_some() { 404 } else { 401 },
            repo: self.repo.to_owned(),
        }
    }

    fn no_revision(&self) -> HubError {
        HubError::NoRevision {
            repo: self.repo.to_owned(),
            revision: self.revision.to_owned(),
        }
    }

    fn gated(&self, status: u16, url: String) -> HubError {
        let repo = self.repo.to_owned();
        let why = if status == 401 {
            format!(
                "Access to model {repo} is restricted. You must have access to it and be authenticated to \
                 access it. Please log in."
            )
        } else {
            format!(
                "Access to model {repo} is restricted and you are not in the authorized list. Visit \
                 {SITE}/{repo} to ask for access."
            )
        };
        HubError::Gated {
            status,
            repo,
            url,
            why,
        }
    }

    fn awaiting(&self, url: String) -> HubError {
        let repo = self.repo.to_owned();
        let why = format!(
            "Your request to access model {repo} is awaiting a review from the repo authors."
        );
        HubError::Gated {
            status: 403,
            repo,
            url,
            why,
        }
    }
}

impl HubError {
    /// Whether the client gives what it has of the repository instead.
    pub(crate) fn falls_back(&self) -> bool {
        !matches!(self, Self::NoRevision { .. } | Self::NoFile { .. })
    }

    /// Whether it says that the Hub could not be asked, and nothing of the repository.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self, Self::Network(_) | Self::Status(_) | Self::BadToken)
    }

    /// The exception in Python, with its text.
    pub(crate) fn exception(&self) -> String {
        let id = Uuid::new_v4();
        let root = id.simple().to_string();
        let id = format!(
            "(Request ID: Root=1-{};{id})",
            root.get(..24).unwrap_or(&root)
        );
        match self {
            Self::Network(why) if why.contains("timed out") => format!("httpx.ReadTimeout: {why}"),
            Self::Network(why) => format!("httpx.ConnectError: {why}"),
            Self::Status(429) => format!(
                "huggingface_hub.errors.HfHubHTTPError: 429 Too Many Requests: you have reached your 'api' \
                 rate limit. {id}\nRetry after 213 seconds (0/1000 requests remaining in current 300s window)."
            ),
            Self::Status(status) => format!(
                "huggingface_hub.errors.HfHubHTTPError: Server error '{status} Service Unavailable' for url \
                 '{SITE}/api/models' {id}"
            ),
            Self::BadToken => format!(
                "huggingface_hub.errors.HfHubHTTPError: 401 Client Error. {id}\n\nInvalid user token. \
                 Invalid credentials in Authorization header"
            ),
            Self::NoRepo { status, repo } => format!(
                "huggingface_hub.errors.RepositoryNotFoundError: {status} Client Error. {id}\n\nRepository Not \
                 Found for url: {SITE}/api/models/{repo}/revision/main.\nPlease make sure you specified the \
                 correct `repo_id` and `repo_type`.\nIf you are trying to access a private or gated repo, make \
                 sure you are authenticated. For more details, see \
                 {SITE}/docs/huggingface_hub/authentication{}",
                if *status == 401 {
                    "\nInvalid username or password."
                } else {
                    ""
                }
            ),
            Self::NoRevision { repo, revision } => format!(
                "huggingface_hub.errors.RevisionNotFoundError: 404 Client Error. {id}\n\nRevision Not Found for \
                 url: {SITE}/api/models/{repo}/revision/{revision}.\nInvalid rev id: {revision}"
            ),
            Self::Gated {
                status, url, why, ..
            } => format!(
                "huggingface_hub.errors.GatedRepoError: {status} Client Error. {id}\n\nCannot access gated repo \
                 for url {url}.\n{why}"
            ),
            Self::NoFile { url, .. } => format!(
                "huggingface_hub.errors.RemoteEntryNotFoundError: 404 Client Error. {id}\n\nEntry Not Found for \
                 url: {url}."
            ),
        }
    }

    /// What the command line of today says after `Error: `.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Network(why) => (*why).to_owned(),
            Self::NoRepo { repo, .. } => format!(
                "Model '{repo}' not found.\nIf the repo is private, make sure you are authenticated and your \
                 token has the required permissions.\nIf the repo does not exist, create it with: hf repos \
                 create {repo}"
            ),
            Self::NoRevision { repo, .. } => format!("Revision not found in model '{repo}'."),
            Self::Gated { repo, .. } => {
                format!("Access denied. Model '{repo}' requires approval.")
            }
            Self::NoFile { repo, url } => {
                format!("File not found in model '{repo}'.\nURL: {url}")
            }
            Self::Status(_) | Self::BadToken => {
                let text = self.exception();
                text.split_once(": ")
                    .map_or_else(|| text.clone(), |(_, text)| text.to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeConfig;
    use crate::faults::{Fault, HubFault};

    fn node() -> (tempfile::TempDir, Node) {
        let dir = tempfile::tempdir().unwrap();
        let node = Node::create(&dir.path().join("n"), NodeConfig::default()).unwrap();
        (dir, node)
    }

    /// What the Hub says to `token` about `repo`, listing and first weight file together.
    fn ask(node: &Node, repo: &str, token: Option<&str>) -> Result<(), HubError> {
        let request = Request {
            repo,
            revision: "main",
            token,
        };
        let layout = request.list(node)?;
        let file = layout.files.iter().find(|file| file.is_weight()).unwrap();
        request.open(node, &layout, file)
    }

    #[test]
    fn a_gated_repository_opens_to_those_who_were_let_in() {
        let (_dir, node) = node();
        let status = |token| match ask(&node, "meta-llama/Llama-3.1-8B-Instruct", token) {
            Ok(()) => 200,
            Err(HubError::Gated { status, .. }) => status,
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(status(None), 401);
        assert_eq!(status(Some("hf_stranger")), 403);
        assert_eq!(status(Some("hf_owner")), 200);
    }

    #[test]
    fn a_private_repository_is_none_for_others() {
        let (_dir, node) = node();
        let no = |status| HubError::NoRepo {
            status,
            repo: "acme/house-model".to_owned(),
        };
        let ask = |token| ask(&node, "acme/house-model", token);
        assert_eq!(ask(None), Err(no(401)));
        assert_eq!(ask(Some("hf_stranger")), Err(no(404)));
        assert_eq!(ask(Some("hf_owner")), Ok(()));
        assert_eq!(ask(Some("nonsense")), Err(HubError::BadToken));
    }

    #[test]
    fn every_trouble_has_the_words_by_which_it_is_known() {
        let (_dir, node) = node();
        for (error, words) in [
            (HubTrouble::Unauthorized, "401 Client Error. "),
            (
                HubTrouble::Unauthorized,
                "Cannot access gated repo for url https://huggingface.co/Qwen/",
            ),
            (HubTrouble::Forbidden, "you are not in the authorized list"),
            (
                HubTrouble::AwaitingReview,
                "is awaiting a review from the repo authors",
            ),
            (
                HubTrouble::NotFound,
                "RepositoryNotFoundError: 404 Client Error.",
            ),
            (
                HubTrouble::EntryNotFound,
                "EntryNotFoundError: 404 Client Error.",
            ),
            (HubTrouble::RevisionNotFound, "Invalid rev id: main"),
            (HubTrouble::RateLimited, "429 Too Many Requests"),
            (HubTrouble::ServerError, "503 Service Unavailable"),
            (
                HubTrouble::Timeout,
                "httpx.ReadTimeout: The read operation timed out",
            ),
        ] {
            node.set_fault(Fault::Hub(HubFault { error, repo: None }))
                .unwrap();
            let refusal = ask(&node, "Qwen/Qwen3-0.6B", Some("hf_x")).unwrap_err();
            assert!(
                refusal.exception().contains(words),
                "{}",
                refusal.exception()
            );
        }
        node.clear_faults(None).unwrap();
        node.set_fault(Fault::NoInternet).unwrap();
        let refusal = ask(&node, "Qwen/Qwen3-0.6B", None).unwrap_err();
        assert!(
            refusal
                .exception()
                .ends_with("Temporary failure in name resolution")
        );
    }

    #[test]
    fn a_revision_is_main_or_the_commit() {
        let (_dir, node) = node();
        let ask = |revision: &str| {
            let request = Request {
                repo: "Qwen/Qwen3-0.6B",
                revision,
                token: None,
            };
            request.list(&node).map(|layout| layout.commit)
        };
        let commit = ask("main").unwrap();
        assert_eq!(ask(&commit).as_ref(), Ok(&commit));
        assert!(matches!(ask("v9"), Err(HubError::NoRevision { .. })));
    }
}
