//! The classes of failed transfers, as a table: by which words each is known, and what is told of it.
//!
//! The strings are those of `huggingface_hub` 0.3x to 2.4, of rsync, OpenSSH and Docker (spark-domain 5.1, 5.2
//! and 7).

use super::FaultId;

/// One class.
pub(super) struct Row {
    pub(super) id: FaultId,
    /// Stable, for programs.
    pub(super) code: &'static str,
    /// Regular expressions, one of which a line has.
    pub(super) fragments: &'static [&'static str],
    pub(super) title: &'static str,
    pub(super) cause: &'static str,
    pub(super) remedy: &'static str,
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

/// What a line tells, the most certain first.
pub(super) const ROWS: &[Row] = &[
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
            "Delete the model on this node, then download it again; a verification with repair removes the damaged files alone.",
        ],
    ),
    row(
        FaultId::DiskFull,
        "disk_full",
        &["No space left on device", "ENOSPC", "os error 28"],
        [
            "The disk is full",
            "There was no room for the rest.",
            "Delete a model or an image that is not needed, then run it again: finished files are kept.",
        ],
    ),
    row(
        FaultId::Quota,
        "quota",
        &["Disk quota exceeded", "EDQUOT", "os error 122"],
        [
            "The disk quota is used up",
            "The login user may not write more, although the disk may have room.",
            "Delete what is not needed, or have the quota raised (quota -s on the node shows it), then run it again: \
             finished files are kept.",
        ],
    ),
    row(
        FaultId::ReadOnly,
        "read_only",
        &["Read-only file system"],
        [
            "The disk is read-only",
            "It was mounted so, or the kernel made it so after a fault of the disk.",
            "Look for the reason on the node with: sudo dmesg | grep -i -e ext4 -e nvme",
        ],
    ),
    // The Hub says 401 for a bad token as for a model that does not exist: only these words tell them apart.
    row(
        FaultId::BadToken,
        "bad_token",
        &[
            "Invalid credentials in Authorization header",
            "Invalid user token",
            "User Access Token .* is expired",
        ],
        [
            "The token is not accepted",
            "It was revoked, has expired, or was not copied whole.",
            "Make a new one at huggingface.co/settings/tokens and set it as HF_TOKEN.",
        ],
    ),
    row(
        FaultId::TokenScope,
        "token_scope",
        &["fine-grained token"],
        [
            "The token may not read this model",
            "It is fine-grained, and gated repositories are not among what it allows.",
            "Allow it to read public gated repositories at huggingface.co/settings/tokens, or set HF_TOKEN to a token \
             that may read.",
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
        FaultId::NoFile,
        "no_such_file",
        &[
            r"\b(Remote)?EntryNotFoundError",
            r"\bEntry Not Found for url",
            "File not found in model",
        ],
        [
            "A file is not in the repository",
            "The Hub lists the model, but not a file that was asked for.",
            "Look at the files on the model's page; if the owner has just changed it, run it again.",
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
            "Client error '404",
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
            "Client error '40[13]",
            "403 Forbidden",
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
        FaultId::ServerError,
        "server_error",
        &[
            r"\b50[0-4] Server Error",
            "Server error '50[0-4]",
            "unexpected HTTP status: 50[0-4]",
            "Service (Temporarily )?Unavailable",
        ],
        [
            "The server has a fault",
            "Hugging Face or the registry answered with an error of its own.",
            "Run it again in some minutes: finished files are kept. status.huggingface.co tells of outages.",
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
            "is deprecated and no longer works",
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
            "If you know why, run this on the sending node: ssh-keygen -R {known}",
        ],
    ),
    row(
        FaultId::HostKeyUnknown,
        "host_key_unknown",
        &["Host key verification failed"],
        [
            "The sending node does not accept the other one's host key",
            "It has not seen it yet, or it was told to ask.",
            "Run this once on the sending node and accept the key: ssh -p {port} {user}@{address} true",
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
            "Check the address, and that what should answer there runs: SSH on a node, a proxy or a mirror.",
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

/// What no line tells, or none of its own.
pub(super) const SILENT: &[Row] = &[
    row(
        FaultId::Partial,
        "partial",
        &[],
        [
            "Some files were not passed on",
            "rsync went on to the end, but could not read or write all of them.",
            "The evidence has its last words; run it again: what has arrived is not sent again.",
        ],
    ),
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
