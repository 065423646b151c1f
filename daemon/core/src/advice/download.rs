//! Rows about Hugging Face: licences, names, and what is not on the disk.

use super::Certainty::Certain;
use super::Pattern;

pub(super) const ROWS: &[Pattern] = &[
    Pattern::new(
        "not_on_disk",
        Certain,
        &[
            r"LocalEntryNotFoundError",
            r"offline mode is enabled",
            r"OfflineModeIsEnabled",
            r"Cannot find the requested files in the disk cache",
        ],
        [
            "The model is not wholly on this node's disk",
            "A file was missing, and a launch never downloads.",
            "Download the model to this node, or copy it from another one.",
        ],
    ),
    Pattern::new(
        "gated",
        Certain,
        &[
            r"Cannot access gated repo for url",
            r"GatedRepoError",
            r"401 Client Error",
            r"403 Client Error",
            r"awaiting a review",
        ],
        [
            "The model needs a licence or a token",
            "Hugging Face gives it only to those who accepted its terms.",
            "Open the model's page, accept the terms, and set a token.",
        ],
    ),
    Pattern::new(
        "no_such_model",
        Certain,
        &[r"RepositoryNotFoundError", r"404 Client Error"],
        [
            "There is no such model",
            "The name is wrong, or the model is private.",
            "Check the name and the token.",
        ],
    ),
];
