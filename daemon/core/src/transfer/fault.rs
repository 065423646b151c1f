//! Why a transfer failed: classes of what the clients say, each with a plain sentence and what to do.
//!
//! The rows are tried in order, over all lines of the log: an earlier row is the more certain cause. The strings
//! are those of `huggingface_hub` 0.3x to 2.4, of rsync, OpenSSH and Docker (spark-domain 5.1, 5.2 and 7).

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};
use spark_ipc::id::NodeId;
use spark_ipc::model::operation::Advice;
use spark_ipc::text::clean_line;

/// The classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultId {
    DiskFull,
    Gated,
    Revision,
    NotFound,
    TooManyRequests,
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

struct Row {
    id: FaultId,
    code: &'static str,
    fragments: &'static [&'static str],
    title: &'static str,
    cause: &'static str,
    remedy: &'static str,
}

const fn row(
    id: FaultId,
    code: &'static str,
    fragments: &'static [&'static str],
    [title, cause, remedy]: [&'static str; 3],
) -> Row {
    Row {
        id,
        code,
        fragments,
        title,
        cause,
        remedy,
    }
}

const GATED: [&str; 3] = [
    "The model needs a licence or a token",
    "Hugging Face gives it only to those who accepted its terms.",
    "Open the model's page on huggingface.co, accept the terms, and set HF_TOKEN to a token of that account.",
];

const ROWS: &[Row] = &[
    row(
        FaultId::Corrupt,
        "corrupt",
        &[
            "Checksum verification failed",
            "Verification failed for",
            "Consistency check failed",
        ],
        [
            "A file is damaged",
            "Its bytes are not those that the Hub has.",
            "Delete the model on this node, then download it again.",
        ],
    ),
    row(
        FaultId::DiskFull,
        "disk_full",
        &[
            "No space left on device",
            "Disk quota exceeded",
            "ENOSPC",
            "os error 28",
        ],
        [
            "The disk is full",
            "There was no room for the rest.",
            "Delete a model or an image that is not needed, then run it again: finished files are kept.",
        ],
    ),
    row(
        FaultId::Gated,
        "gated",
        &[
            "Cannot access gated repo",
            "GatedRepoError",
            "requires approval",
            "awaiting a review",
            "Access to model .* is restricted",
        ],
        GATED,
    ),
    row(
        FaultId::Revision,
        "no_such_revision",
        &[
            "RevisionNotFoundError",
            "Revision not found",
            "Invalid rev id",
        ],
        [
            "There is no such revision",
            "The repository has no branch, tag or commit of that name.",
            "Leave the revision out for the main branch, or take one from the model's page.",
        ],
    ),
    row(
        FaultId::NotFound,
        "no_such_model",
        &[
            "RepositoryNotFoundError",
            r"(Model|Repository) '\S+' not found",
            "Repository Not Found for url",
            "404 Client Error",
            r"\b(Remote)?EntryNotFoundError",
        ],
        [
            "There is no such model",
            "The name is wrong, or the model is private and the token does not open it.",
            "Check the name on huggingface.co; for a private model set HF_TOKEN.",
        ],
    ),
    // Without a token the Hub says 401 for what does not exist, too: the name of the error comes first.
    row(
        FaultId::Gated,
        "gated",
        &[
            "Cannot access content at",
            "401 Client Error",
            "403 Client Error",
            "403 Forbidden",
            "Invalid user token",
        ],
        GATED,
    ),
    row(
        FaultId::TooManyRequests,
        "too_many_requests",
        &[
            "429 Too Many Requests",
            "429 Client Error",
            "toomanyrequests",
            "rate limit",
        ],
        [
            "Too many requests",
            "The server asks to wait.",
            "Set HF_TOKEN for higher limits, or run it again in some minutes: finished files are kept.",
        ],
    ),
    row(
        FaultId::NoRunner,
        "no_runner",
        &["spark-control: no runner", "setsid: not found"],
        [
            "The node has nothing to download with",
            "Neither hf, uvx, huggingface-cli nor a vLLM image is there.",
            "Install it on the node with: pip install --user huggingface_hub",
        ],
    ),
    row(
        FaultId::Option,
        "old_client",
        &[
            "No such option",
            "unrecognized arguments",
            "unrecognized option",
            "unknown option",
        ],
        [
            "A program on the node does not know an option",
            "Its version is older than this needs.",
            "Update it on the node: pip install --user --upgrade huggingface_hub; for rsync, 3.2.3 or later.",
        ],
    ),
    row(
        FaultId::HostKeyChanged,
        "host_key_changed",
        &["REMOTE HOST IDENTIFICATION HAS CHANGED"],
        [
            "The other node shows another host key",
            "It was installed anew, or something else answers at its address.",
            "If you know why, run this on the sending node: ssh-keygen -R {address}",
        ],
    ),
    row(
        FaultId::HostKeyUnknown,
        "host_key_unknown",
        &["Host key verification failed"],
        [
            "The sending node does not accept the other one's host key",
            "It has not seen it yet, or it was told to ask.",
            "Run this once on the sending node and accept the key: ssh {user}@{address} true",
        ],
    ),
    row(
        FaultId::SshKey,
        "ssh_key_missing",
        &[
            r"Permission denied \(publickey",
            r"Permission denied \(.*(publickey|password)",
            "Too many authentication failures",
        ],
        [
            "The nodes cannot log in to one another",
            "The sending node has no key that the other one accepts.",
            "Run this once on the sending node: ssh-copy-id -p {port} {user}@{address}",
        ],
    ),
    row(
        FaultId::DockerDenied,
        "docker_denied",
        &["permission denied while trying to connect to the Docker daemon socket"],
        [
            "The login user may not use Docker",
            "It is not in the group docker.",
            "Run this on the node, then log in anew: sudo usermod -aG docker $USER",
        ],
    ),
    row(
        FaultId::DockerDown,
        "docker_down",
        &[
            "Cannot connect to the Docker daemon",
            "Is the docker daemon running",
        ],
        [
            "Docker does not run",
            "Nothing answers at its socket.",
            "Run this on the node: sudo systemctl start docker",
        ],
    ),
    row(
        FaultId::Permission,
        "permission",
        &[
            "PermissionError",
            "Permission denied",
            "Operation not permitted",
            "Read-only file system",
        ],
        [
            "The model cache cannot be written",
            "Files of it belong to another user, often to root after a container wrote them.",
            "Run this on the node: sudo chown -R $USER ~/.cache/huggingface",
        ],
    ),
    row(
        FaultId::WrongArchitecture,
        "wrong_architecture",
        &[
            "no matching manifest for linux/arm64",
            "exec format error",
            r"platform \(linux/amd64\) does not match",
        ],
        [
            "The image is not for ARM",
            "A Spark needs linux/arm64, and the registry has no such build of it.",
            "Take an image that is built for arm64, such as those of docs/models.md.",
        ],
    ),
    row(
        FaultId::RegistryLogin,
        "registry_login",
        &[
            "unauthorized",
            "pull access denied",
            "Invalid credentials",
            "no basic auth credentials",
            "denied: requested access",
        ],
        [
            "The registry does not let us in",
            "The image is private, or its name is wrong.",
            "Check the name; for nvcr.io log in on the node with: docker login nvcr.io",
        ],
    ),
    row(
        FaultId::NoSuchImage,
        "no_such_image",
        &[
            "manifest unknown",
            "manifest for .* not found",
            "repository does not exist",
            "no such manifest",
            "No such image",
            "reference does not exist",
        ],
        [
            "There is no such image",
            "Name or tag is wrong.",
            "Check the image and its tag.",
        ],
    ),
    row(
        FaultId::Dns,
        "dns",
        &[
            "Could not resolve host",
            "Temporary failure in name resolution",
            "Name or service not known",
            "no such host",
            "NameResolutionError",
            "nodename nor servname",
        ],
        [
            "A name does not resolve",
            "The node has no working DNS, or the name exists only elsewhere.",
            "Check the node's network with: resolvectl query huggingface.co",
        ],
    ),
    row(
        FaultId::Offline,
        "offline",
        &[
            "offline mode is enabled",
            "OfflineModeIsEnabled",
            "HF_HUB_OFFLINE",
        ],
        [
            "The client was told to stay offline",
            "HF_HUB_OFFLINE is set in the node's environment.",
            "Unset it on the node, then run it again.",
        ],
    ),
    row(
        FaultId::RsyncMissing,
        "rsync_missing",
        &[
            "rsync: (command )?not found",
            "rsync: No such file",
            "ssh: (command )?not found",
        ],
        [
            "rsync is missing",
            "Both nodes need it for a copy.",
            "Run this on both nodes: sudo apt-get install rsync",
        ],
    ),
    row(
        FaultId::Refused,
        "refused",
        &["Connection refused"],
        [
            "Nobody listens there",
            "The other side refused the connection.",
            "Check that SSH runs on the other node, and the address.",
        ],
    ),
    row(
        FaultId::Network,
        "network",
        &[
            "Connection timed out",
            "No route to host",
            "Network is unreachable",
            "Connection reset",
            "connection closed",
            "Connection closed by",
            "Broken pipe",
            "TLS handshake timeout",
            "i/o timeout",
            "ReadTimeout",
            "ConnectTimeout",
            "ConnectError",
            "ConnectionError",
            "Max retries exceeded",
            "Cannot reach https?://",
            "check your internet connection",
            "LocalEntryNotFoundError",
            "Local entry not found",
            "connection unexpectedly closed",
            "unexpected EOF",
        ],
        [
            "The network failed",
            "The server or the other node could not be reached, or the connection broke.",
            "Check the network, then run it again: finished files are kept.",
        ],
    ),
];

/// What no line tells.
const SILENT: &[Row] = &[
    row(
        FaultId::Stalled,
        "stalled",
        &[],
        [
            "Nothing more comes",
            "No new byte came for two minutes, although the client still runs.",
            "Cancel it and run it again: finished files are kept. If it happens again, set HF_HUB_DISABLE_XET=1 on the node.",
        ],
    ),
    row(
        FaultId::Killed,
        "killed",
        &[],
        [
            "It was killed",
            "Its process ended without a word: it was killed by hand, or memory ran out.",
            "Run it again: finished files are kept.",
        ],
    ),
    row(
        FaultId::Restarted,
        "restarted",
        &[],
        [
            "The node restarted",
            "What ran on it ended with it.",
            "Run it again: finished files are kept.",
        ],
    ),
    row(
        FaultId::Incomplete,
        "incomplete",
        &[],
        [
            "Files are missing",
            "The client said that all is done, but the manifest names files that are not there or have another size.",
            "Run it again; if that does not help, delete the model on this node first.",
        ],
    ),
    row(
        FaultId::Other,
        "failed",
        &[],
        [
            "The transfer failed",
            "The program on the node ended with an error.",
            "The evidence has its last words; run it again: finished files are kept.",
        ],
    ),
];

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
        // rsync's own codes, where its words are not known: 12 protocol stream, 23 partial, 255 from ssh.
        (FaultId::Other, 12 | 255) => Fault {
            id: FaultId::Network,
            ..said
        },
        (FaultId::Other, 23) => Fault {
            id: FaultId::Permission,
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
                .replace("{address}", "ADDRESS"),
            Some(target) => remedy
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
