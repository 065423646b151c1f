//! Every class on the words that it is known by.

use std::collections::BTreeSet;

use super::*;
use crate::transfer::Target;

fn check(id: FaultId, said: &[&str]) {
    for line in said {
        assert_eq!(classify(&[line]).id, id, "{line:?}");
    }
}

#[test]
fn the_hub_says_why() {
    check(
        FaultId::Gated,
        &[
            "huggingface_hub.errors.GatedRepoError: 403 Client Error. (Request ID: Root=1-x)",
            "Cannot access gated repo for url https://huggingface.co/api/models/meta-llama/Llama-3.3-70B-Instruct.",
            "Error: Access denied. Repository 'meta-llama/Llama-3.3-70B-Instruct' requires approval.",
            "401 Client Error. (Request ID: Root=1-x)",
            "403 Forbidden: Authorization error.",
            "Your request to access model a/b is awaiting a review from the repo authors.",
        ],
    );
    check(
        FaultId::NotFound,
        &[
            "huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error. (Request ID: Root=1-x)",
            "Error: Model 'Qwen/Nothing' not found.",
            "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: Root=1-x) Repository Not Found \
             for url: https://huggingface.co/api/models/a/b.",
            "Client error '404 Not Found' for url 'https://huggingface.co/api/models/a/b'",
        ],
    );
    check(
        FaultId::NoFile,
        &[
            "huggingface_hub.errors.RemoteEntryNotFoundError: 404 Client Error. (Request ID: Root=1-x)",
            "EntryNotFoundError: 404 Client Error.",
            "Entry Not Found for url: https://huggingface.co/a/b/resolve/main/x.gguf.",
            "Error: File not found in model 'a/b'.",
        ],
    );
}

#[test]
fn the_hub_says_what_is_wrong_with_the_token_or_with_itself() {
    check(
        FaultId::BadToken,
        &[
            "Invalid credentials in Authorization header",
            "Invalid user token.",
        ],
    );
    check(
        FaultId::TokenScope,
        &[
            "403 Forbidden: Please enable access to public gated repositories in your fine-grained token settings to view \
             this repository.",
        ],
    );
    check(
        FaultId::ServerError,
        &[
            "503 Server Error: Service Temporarily Unavailable for url: https://huggingface.co/api/models/a/b",
            "Server error '502 Bad Gateway' for url 'https://huggingface.co/a/b/resolve/main/x'",
            "error pulling image configuration: received unexpected HTTP status: 503 Service Unavailable",
        ],
    );
    check(
        FaultId::Revision,
        &[
            "Error: Revision not found in model 'a/b'.",
            "RevisionNotFoundError: 404 Client Error.",
        ],
    );
    check(
        FaultId::Offline,
        &[
            "Cannot reach https://huggingface.co/api/models/a/b: offline mode is enabled. To disable it, please unset \
             the `HF_HUB_OFFLINE` environment variable.",
        ],
    );
    check(
        FaultId::TooManyRequests,
        &[
            "HTTP Error 429: 429 Too Many Requests for url",
            "Client error '429 Too Many Requests' for url 'https://huggingface.co/api/models/a/b'",
        ],
    );
    check(
        FaultId::Network,
        &[
            "huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the files on the Hub",
            "huggingface_hub.errors.DryRunError: Dry run cannot be performed as the repository cannot be accessed. Please \
             check your internet connection or authentication token.",
            "httpx2.ConnectError: [Errno 101] Network is unreachable",
        ],
    );
}

#[test]
fn the_disk_says_why() {
    check(
        FaultId::Corrupt,
        &[
            "❌ Checksum verification failed for the following file(s):",
            "Verification failed for 'a/b' (model) in /h/models--a--b/snapshots/c0.",
        ],
    );
    check(
        FaultId::DiskFull,
        &[
            "OSError: [Errno 28] No space left on device",
            "RuntimeError: Data processing error: File reconstruction error: IO Error: No space left on device (os error 28)",
            "rsync: [receiver] write failed on \"/home/a/x\": No space left on device (28)",
        ],
    );
    check(
        FaultId::Quota,
        &[
            "OSError: [Errno 122] Disk quota exceeded",
            "rsync: [receiver] write failed on \"/home/a/x\": Disk quota exceeded (122)",
        ],
    );
    check(
        FaultId::ReadOnly,
        &["mkdir: cannot create directory '/home/a/.cache': Read-only file system"],
    );
    check(
        FaultId::Permission,
        &[
            "PermissionError: [Errno 13] Permission denied: '/home/a/.cache/huggingface/hub/models--a--b'",
            "rsync: [receiver] mkstemp \"/home/a/x\" failed: Permission denied (13)",
        ],
    );
}

#[test]
fn ssh_and_rsync_say_why() {
    check(
        FaultId::SshKey,
        &["spark@192.168.100.11: Permission denied (publickey,password)."],
    );
    check(FaultId::HostKeyUnknown, &["Host key verification failed."]);
    check(
        FaultId::HostKeyChanged,
        &["@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @"],
    );
    check(
        FaultId::Refused,
        &["ssh: connect to host 192.168.100.11 port 22: Connection refused"],
    );
    check(
        FaultId::Network,
        &[
            "ssh: connect to host 192.168.100.11 port 22: Connection timed out",
            "rsync: connection unexpectedly closed (0 bytes received so far) [sender]",
            "ssh: connect to host 192.168.100.11 port 22: No route to host",
        ],
    );
    check(
        FaultId::Dns,
        &["ssh: Could not resolve hostname spark2.local: Name or service not known"],
    );
    check(
        FaultId::RsyncMissing,
        &[
            "bash: line 1: rsync: command not found",
            "run: 3: rsync: not found",
        ],
    );
}

#[test]
fn docker_says_why() {
    check(
        FaultId::WrongArchitecture,
        &[
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            "WARNING: The requested image's platform (linux/amd64) does not match the detected host platform (linux/arm64/v8)",
        ],
    );
    check(
        FaultId::NoSuchImage,
        &[
            "Error response from daemon: manifest unknown: manifest unknown",
            "Error response from daemon: manifest for a/b:c not found: manifest unknown",
            "no such manifest: docker.io/a/b:c",
        ],
    );
    check(
        FaultId::RegistryLogin,
        &[
            "Error response from daemon: pull access denied for a/b, repository does not exist or may require 'docker login'",
            "unauthorized: authentication required",
            "Error response from daemon: Get \"https://nvcr.io/v2/\": Invalid credentials",
        ],
    );
    check(
        FaultId::TooManyRequests,
        &["toomanyrequests: You have reached your pull rate limit."],
    );
    check(
        FaultId::Network,
        &[
            "net/http: TLS handshake timeout",
            "dial tcp 1.2.3.4:443: i/o timeout",
        ],
    );
    check(
        FaultId::DockerDenied,
        &[
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
        ],
    );
    check(
        FaultId::DockerDown,
        &[
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        ],
    );
}

#[test]
fn a_node_without_any_client_is_told_so() {
    check(
        FaultId::NoRunner,
        &[
            "spark-control: no runner: neither hf, uvx, huggingface-cli nor a vLLM image is on this node",
        ],
    );
    check(
        FaultId::Option,
        &[
            "Error: No such option: --dry-run",
            "  ⚠️  `huggingface-cli` is deprecated and no longer works.",
            "huggingface-cli: error: unrecognized arguments: --dry-run",
        ],
    );
}

/// What the programs print, all of it, with their exit status: one true cause each.
#[test]
fn of_many_lines_the_true_cause_is_told() {
    const GATED: &str = "huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-x)\n\n\
        Cannot access gated repo for url https://huggingface.co/a/b/resolve/main/config.json.\n\
        Access to model a/b is restricted. You must have access to it and be authenticated to access it. Please log in.";
    const ABSENT: &str = "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: Root=1-x)\n\n\
        Repository Not Found for url: https://huggingface.co/api/models/a/b/revision/main.\n\
        Please make sure you specified the correct `repo_id` and `repo_type`.\n\
        If you are trying to access a private or gated repo, make sure you are authenticated.\n\
        Invalid username or password.";
    const REVOKED: &str = "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: Root=1-x)\n\n\
        Repository Not Found for url: https://huggingface.co/api/models/a/b/revision/main.\n\
        Invalid credentials in Authorization header";
    const NOT_LET_IN: &str = "403 Forbidden: Access to model a/b is restricted and you are not in the authorized list.\n\
        Cannot access content at: https://huggingface.co/a/b/resolve/main/config.json.\n\
        Make sure your token has the correct permissions.";
    const UNPLUGGED: &str = "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='huggingface.co', port=443): Max \
        retries exceeded with url: /api/models/a/b (Caused by NameResolutionError: Failed to resolve 'huggingface.co')\n\
        huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the files on the Hub and \
        we cannot find the appropriate snapshot folder for the specified revision on the local disk.";
    const LOCKED: &str = "Traceback (most recent call last):\n\
        PermissionError: [Errno 13] Permission denied: '/home/a/.cache/huggingface/hub/models--a--b/blobs'";
    const FULL: &str = "rsync: [receiver] write failed on \"/home/a/x\": No space left on device (28)\n\
        rsync error: error in file IO (code 11) at receiver.c(374) [receiver=3.2.7]\n\
        rsync: [sender] write error: Broken pipe (32)";
    const NO_KEY: &str = "spark@192.168.100.11: Permission denied (publickey,password).\n\
        rsync: connection unexpectedly closed (0 bytes received so far) [sender]\n\
        rsync error: unexplained error (code 255) at io.c(228) [sender=3.2.7]";
    const NEW_KEY: &str = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n\
        Host key verification failed.\n\
        rsync error: unexplained error (code 255) at io.c(228) [sender=3.2.7]";
    const LOCKED_THERE: &str = "rsync: [receiver] mkstemp \"/home/a/x\" failed: Permission denied (13)\n\
        rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1338)";
    const CUT: &str =
        "rsync error: error in rsync protocol data stream (code 12) at io.c(228) [sender=3.2.7]";
    const VANISHED: &str = "rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1338)";
    const NO_ANSWER: &str = "ssh: connect to host 192.168.100.11 port 22: Connection timed out\n\
        rsync: connection unexpectedly closed (0 bytes received so far) [sender]";
    const NOBODY: &str = "ssh: connect to host 192.168.100.11 port 22: Connection refused\n\
        rsync: connection unexpectedly closed (0 bytes received so far) [sender]";
    for (status, said, id) in [
        (1, GATED, FaultId::Gated),
        (1, ABSENT, FaultId::NotFound),
        (1, REVOKED, FaultId::BadToken),
        (1, NOT_LET_IN, FaultId::Gated),
        (1, UNPLUGGED, FaultId::Dns),
        (1, LOCKED, FaultId::Permission),
        (11, FULL, FaultId::DiskFull),
        (255, NO_KEY, FaultId::SshKey),
        (255, NEW_KEY, FaultId::HostKeyChanged),
        (23, LOCKED_THERE, FaultId::Permission),
        (12, CUT, FaultId::Network),
        (23, VANISHED, FaultId::Partial),
        (255, NO_ANSWER, FaultId::Network),
        (255, NOBODY, FaultId::Refused),
    ] {
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(of_job(status, &lines).id, id, "{said}");
    }
}

#[test]
fn a_cache_that_is_roots_comes_with_its_fix() {
    let fault = classify(&["PermissionError: [Errno 13] Permission denied: '/home/a/.cache'"]);
    assert_eq!(
        fault.remedy(None),
        "Run this on the node: sudo chown -R $USER ~/.cache/huggingface"
    );
}

#[test]
fn the_host_key_is_forgotten_where_it_is_known() {
    let fault = Fault::silent(FaultId::HostKeyChanged);
    let remedy = |port| {
        let target = Target {
            user: "spark".to_owned(),
            address: "192.168.100.11".to_owned(),
            port,
            hub: "/h".to_owned(),
        };
        fault.remedy(Some(&target))
    };
    assert!(remedy(22).ends_with("ssh-keygen -R 192.168.100.11"));
    assert!(remedy(2222).ends_with("ssh-keygen -R '[192.168.100.11]:2222'"));
}

#[test]
fn a_warning_is_no_cause() {
    let lines = [
        "Warning: You are sending unauthenticated requests to the HF Hub. Please set a HF_TOKEN to enable higher rate limits \
         and faster downloads.",
        "UserWarning: Not enough free disk space to download the file.",
        "something else went wrong",
    ];
    let fault = classify(&lines);
    assert_eq!(
        (fault.id, fault.evidence.as_str()),
        (FaultId::Other, lines[2])
    );
}

#[test]
fn codes_speak_where_words_do_not() {
    assert_eq!(of_job(255, &["whatever"]).id, FaultId::Network);
    assert_eq!(of_job(12, &["whatever"]).id, FaultId::Network);
    assert_eq!(of_job(23, &["whatever"]).id, FaultId::Partial);
    assert_eq!(of_job(143, &[] as &[&str]).id, FaultId::Killed);
    assert_eq!(
        of_job(23, &["No space left on device (28)"]).id,
        FaultId::DiskFull
    );
    assert_eq!(of_job(1, &["what?"]).id, FaultId::Other);
}

#[test]
fn the_missing_key_comes_with_the_exact_line() {
    let target = Target {
        user: "spark".to_owned(),
        address: "192.168.100.11".to_owned(),
        port: 2222,
        hub: "/h".to_owned(),
    };
    let fault = classify(&["spark@192.168.100.11: Permission denied (publickey)."]);
    let node = NodeId::numbered(1);
    let advice = fault.advice(&node, Some(&target));
    assert_eq!(
        advice.remedy,
        "Run this once on the sending node: ssh-copy-id -p 2222 spark@192.168.100.11"
    );
    assert_eq!(advice.id, "ssh_key_missing");
    for row in ROWS.iter().chain(SILENT) {
        let fault = Fault::silent(row.id);
        assert!(!fault.remedy(None).contains('{'), "{}", row.code);
        assert!(!fault.remedy(Some(&target)).contains('{'), "{}", row.code);
    }
}

#[test]
fn every_class_has_its_own_words() {
    let all = || ROWS.iter().chain(SILENT);
    let codes: BTreeSet<&str> = all().map(|r| r.code).collect();
    let ids: BTreeSet<FaultId> = all().map(|r| r.id).collect();
    assert_eq!(codes.len(), ids.len());
    for row in ROWS.iter().chain(SILENT) {
        let fault = Fault::silent(row.id);
        assert_eq!(fault.code(), row.code);
        assert!(fault.sentence().ends_with('.'), "{}", fault.sentence());
    }
}
