//! The connection to a node against a real OpenSSH server: host keys, faults, and what is said of commands.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails by panicking"
)]

use std::sync::Arc;
use std::time::Duration;

use spark_controld::settings::HostKeyPolicy;
use spark_controld::ssh::{
    Credentials, Endpoint, Exec, Followed, HostKeys, Limits, Link, Options, Outcome, TrustError,
    key,
};
use spark_controld::tasks::Tasks;
use spark_core::shell::{RawArg, Remote};
use spark_e2e::sshd::{Sshd, SshdOptions};
use spark_ipc::id::Fingerprint;
use spark_ipc::model::node::{self, HostKeyState, LinkCause, LinkState};
use tempfile::TempDir;

/// However slow the machine: nothing here takes longer unless it is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, and all that a link to it needs.
struct Rig {
    sshd: Sshd,
    folder: TempDir,
    tasks: Tasks,
    credentials: Credentials,
}

impl Rig {
    fn new(options: SshdOptions, policy: HostKeyPolicy) -> Self {
        let sshd = Sshd::start(options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let key = key::load_or_create(&folder.path().join("id")).unwrap();
        sshd.authorize(&key.describe().public_key).unwrap();
        let host_keys = HostKeys::load(&folder.path().join("known_hosts")).unwrap();
        let credentials = Credentials {
            key,
            host_keys: Arc::new(host_keys),
            policy: Arc::new(move || policy),
        };
        Self {
            sshd,
            folder,
            tasks: Tasks::new(),
            credentials,
        }
    }

    /// A server whose first host key is accepted by itself.
    fn trusting() -> Self {
        Self::new(SshdOptions::default(), HostKeyPolicy::AcceptNew)
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint {
            host: self.sshd.address().to_string(),
            port: self.sshd.port(),
            user: self.sshd.user().to_owned(),
        }
    }

    fn link(&self) -> Link {
        self.link_to(self.endpoint())
    }

    fn link_to(&self, endpoint: Endpoint) -> Link {
        Link::start(endpoint, self.credentials.clone(), quick(), &self.tasks)
    }
}

/// A path on the node that is free.
fn free_path(name: &str) -> RawArg {
    let random: u64 = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), name);
    RawArg::checked(&format!("/tmp/spark-e2e-{random:x}-{name}")).unwrap()
}

/// The usual times, shortened.
fn quick() -> Options {
    Options {
        keepalive: Duration::from_millis(700),
        banner_timeout: Duration::from_secs(4),
        first_pause: Duration::from_millis(50),
        longest_pause: Duration::from_millis(400),
        ..Options::default()
    }
}

async fn until(link: &Link, what: impl Fn(&node::Link) -> bool) -> node::Link {
    let mut status = link.status();
    let reached = tokio::time::timeout(PATIENCE, status.wait_for(|link| what(link))).await;
    match reached {
        Ok(Ok(link)) => link.clone(),
        _ => panic!("the link stayed {:?}", link.status().borrow()),
    }
}

async fn until_connected(link: &Link) -> node::Link {
    until(link, |link| link.state == LinkState::Connected).await
}

async fn until_cause(link: &Link, cause: LinkCause) -> node::Link {
    let reached =
        |link: &node::Link| link.cause == Some(cause) && link.state != LinkState::Connecting;
    let mut status = link.status();
    match tokio::time::timeout(PATIENCE, status.wait_for(reached)).await {
        Ok(Ok(link)) => link.clone(),
        _ => panic!("no {cause:?}; the link is {:?}", link.status().borrow()),
    }
}

fn within(seconds: u64) -> Limits {
    Limits::within(Duration::from_secs(seconds))
}

async fn output(link: &Link, remote: &Remote) -> String {
    match link.run(remote, within(30)).await {
        Outcome::Exited {
            status: 0, stdout, ..
        } => stdout,
        other => panic!("{remote:?} gave {other:?}"),
    }
}

/// Returns once `path` exists on the node.
async fn appears(link: &Link, path: &RawArg) {
    let wait = Remote::script("wait", "until [ -e \"$1\" ]; do sleep 0.02; done").arg(path);
    output(link, &wait).await;
}

/// A command that makes `path` and then takes for ever.
fn endless(path: &RawArg) -> Remote {
    Remote::script(
        "endless",
        "echo $$ >\"$1.new\"; mv \"$1.new\" \"$1\"; exec sleep 3600",
    )
    .arg(path)
}

/// Returns once the process that wrote `path` is gone.
async fn is_gone(link: &Link, path: &RawArg) {
    let wait = Remote::script(
        "gone",
        "read -r p <\"$1\"; while kill -0 \"$p\" 2>/dev/null; do sleep 0.02; done; rm -f \"$1\"",
    );
    output(link, &wait.arg(path)).await;
}

async fn quoting_through(shell: &'static str) {
    let options = SshdOptions {
        login_shell: shell,
        ..SshdOptions::default()
    };
    let rig = Rig::new(options, HostKeyPolicy::AcceptNew);
    let link = rig.link();
    until_connected(&link).await;
    let mut words: Vec<String> = ('\u{20}'..='\u{7e}')
        .flat_map(|c| {
            [
                format!("{c}"),
                format!("a{c}'b"),
                format!("\\{c}{c}"),
                format!("$({c})`!{c}"),
            ]
        })
        .collect();
    words.extend(
        [
            "",
            "é模👩",
            "--",
            "-rf",
            "!!",
            "~root",
            "{a,b}",
            "\\'; touch /tmp/x; '",
        ]
        .map(str::to_owned),
    );
    let remote = Remote::command("printf")
        .lit("%s\\0")
        .args(words.iter().map(|word| RawArg::checked(word).unwrap()));
    let expected: String = words
        .iter()
        .flat_map(|word| [word.as_str(), "\0"])
        .collect();
    assert_eq!(output(&link, &remote).await, expected);
}

#[tokio::test]
async fn words_arrive_unchanged_through_bash() {
    quoting_through("/bin/bash").await;
}

#[tokio::test]
async fn words_arrive_unchanged_through_dash() {
    quoting_through("/usr/bin/dash").await;
}

#[tokio::test]
async fn words_arrive_unchanged_through_zsh() {
    quoting_through("/usr/bin/zsh").await;
}

#[tokio::test]
async fn words_arrive_unchanged_through_fish() {
    quoting_through("/usr/bin/fish").await;
}

#[tokio::test]
async fn words_arrive_unchanged_through_tcsh() {
    quoting_through("/usr/bin/tcsh").await;
}

#[tokio::test]
async fn an_unknown_host_key_waits_for_exactly_its_fingerprint() {
    let rig = Rig::new(SshdOptions::default(), HostKeyPolicy::Ask);
    let link = rig.link();
    let state = until(&link, |link| link.state == LinkState::Quarantined).await;
    assert_eq!(state.cause, Some(LinkCause::HostKeyUnknown));
    let shown = state.host_key.unwrap();
    assert_eq!(shown.state, HostKeyState::Unknown);
    assert_eq!(
        link.run(&Remote::command("true"), within(5)).await,
        Outcome::Refused(LinkCause::HostKeyUnknown)
    );
    let other = Fingerprint::new(format!("SHA256:{}", "A".repeat(43))).unwrap();
    assert!(
        matches!(link.trust(&other), Err(TrustError::OtherKey(found)) if found == shown.fingerprint)
    );
    link.trust(&shown.fingerprint).unwrap();
    let state = until_connected(&link).await;
    assert_eq!(state.host_key.unwrap().state, HostKeyState::Accepted);
    let kept = std::fs::read_to_string(rig.folder.path().join("known_hosts")).unwrap();
    let Endpoint { host, port, .. } = rig.endpoint();
    assert_eq!(
        kept,
        format!("[{host}]:{port} {}\n", rig.sshd.host_keys().unwrap()[0])
    );
}

#[tokio::test]
async fn a_changed_host_key_stops_everything_until_it_is_accepted() {
    let mut rig = Rig::trusting();
    let link = rig.link();
    let first = until_connected(&link).await.host_key.unwrap();
    rig.sshd
        .restart_with_new_host_keys(vec!["ed25519"])
        .unwrap();
    let state = until(&link, |link| link.state == LinkState::Quarantined).await;
    assert_eq!(state.cause, Some(LinkCause::HostKeyChanged));
    let shown = state.host_key.unwrap();
    assert_eq!(shown.accepted, Some(first.fingerprint.clone()));
    assert_eq!(
        link.run(&Remote::command("true"), within(5)).await,
        Outcome::Refused(LinkCause::HostKeyChanged)
    );
    assert!(link.trust(&first.fingerprint).is_err());
    link.trust(&shown.fingerprint).unwrap();
    until_connected(&link).await;
}

#[tokio::test]
async fn another_key_type_is_a_changed_key_unless_the_accepted_one_is_still_there() {
    let mut rig = Rig::new(
        SshdOptions {
            host_key_types: vec!["ecdsa"],
            ..SshdOptions::default()
        },
        HostKeyPolicy::AcceptNew,
    );
    let link = rig.link();
    assert_eq!(
        until_connected(&link).await.host_key.unwrap().algorithm,
        "ecdsa-sha2-nistp256"
    );
    drop(link);
    rig.sshd
        .restart_with_new_host_keys(vec!["ed25519", "ecdsa"])
        .unwrap();
    let ecdsa = rig.sshd.host_keys().unwrap().remove(1);
    let Endpoint { host, port, .. } = rig.endpoint();
    let pinned = rig.folder.path().join("pinned");
    std::fs::write(&pinned, format!("[{host}]:{port} {ecdsa}\n")).unwrap();
    rig.credentials.host_keys = Arc::new(HostKeys::load(&pinned).unwrap());
    let link = rig.link();
    assert_eq!(
        until_connected(&link).await.host_key.unwrap().algorithm,
        "ecdsa-sha2-nistp256"
    );
    drop(link);
    rig.sshd
        .restart_with_new_host_keys(vec!["ed25519"])
        .unwrap();
    until_cause(&rig.link(), LinkCause::HostKeyChanged).await;
}

#[tokio::test]
async fn each_way_to_fail_has_its_cause() {
    let mut rig = Rig::trusting();
    // A label has at most 63 characters, so no name server is ever asked for this one: some networks answer
    // every question.
    let nowhere = Endpoint {
        host: format!("{}.invalid", "a".repeat(64)),
        ..rig.endpoint()
    };
    until_cause(&rig.link_to(nowhere), LinkCause::Dns).await;

    rig.sshd.authorize("# nobody").unwrap();
    let link = rig.link();
    let state = until_cause(&link, LinkCause::Auth).await;
    assert!(state.fix.unwrap().contains("authorized_keys"));
    rig.sshd
        .authorize(&rig.credentials.key.describe().public_key)
        .unwrap();
    link.wake();
    until_connected(&link).await;

    rig.sshd.stop();
    until_cause(&link, LinkCause::Refused).await;
    rig.sshd.restart().unwrap();
    until_connected(&link).await;

    rig.sshd.freeze_listener().unwrap();
    rig.sshd.kill_sessions();
    until_cause(&link, LinkCause::NoBanner).await;
    rig.sshd.thaw_listener().unwrap();
    until_connected(&link).await;
}

#[tokio::test]
async fn a_frozen_node_makes_the_outcome_unknown() {
    let rig = Rig::trusting();
    let link = rig.link();
    until_connected(&link).await;
    let path = free_path("frozen");
    let command = endless(&path);
    let run = link.run(&command, within(60));
    let freeze = async {
        appears(&link, &path).await;
        rig.sshd.freeze_sessions();
    };
    let (outcome, ()) = tokio::join!(run, freeze);
    assert!(matches!(outcome, Outcome::Lost { .. }), "{outcome:?}");
    rig.sshd.thaw_sessions();
    until_connected(&link).await;
}

#[tokio::test]
async fn a_deadline_on_a_frozen_node_makes_the_outcome_unknown() {
    let rig = Rig::trusting();
    let options = Options {
        keepalive: Duration::from_secs(60),
        ..quick()
    };
    let link = Link::start(rig.endpoint(), rig.credentials.clone(), options, &rig.tasks);
    until_connected(&link).await;
    rig.sshd.freeze_sessions();
    let outcome = link.run(&Remote::command("true"), within(1)).await;
    rig.sshd.thaw_sessions();
    let unknown = matches!(
        outcome,
        Outcome::Lost { .. } | Outcome::Refused(LinkCause::TimedOut)
    );
    assert!(unknown, "{outcome:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_makes_the_outcome_unknown() {
    let rig = Rig::trusting();
    let link = rig.link();
    until_connected(&link).await;
    let path = free_path("broken");
    let command = endless(&path);
    let run = link.run(&command, within(60));
    let cut = async {
        appears(&link, &path).await;
        rig.sshd.kill_sessions();
    };
    let (outcome, ()) = tokio::join!(run, cut);
    assert!(matches!(outcome, Outcome::Lost { .. }), "{outcome:?}");
    until_connected(&link).await;
    let end = Remote::script("end", "read -r p <\"$1\"; kill \"$p\"; rm -f \"$1\"").arg(&path);
    output(&link, &end).await;
}

#[tokio::test]
async fn a_deadline_ends_the_command_on_the_node() {
    let rig = Rig::trusting();
    let link = rig.link();
    until_connected(&link).await;
    let path = free_path("deadline");
    assert_eq!(
        link.run(&endless(&path), within(2)).await,
        Outcome::TimedOut
    );
    is_gone(&link, &path).await;
}

#[tokio::test]
async fn a_command_with_a_limit_is_ended_by_the_node() {
    let rig = Rig::trusting();
    let link = rig.link();
    let command = Remote::command("sleep").lit("3600").timeout(1);
    until_connected(&link).await;
    assert_eq!(link.run(&command, within(60)).await, Outcome::TimedOut);
}

#[tokio::test]
async fn a_caller_who_goes_away_takes_the_command_along() {
    let rig = Rig::trusting();
    let link = rig.link();
    until_connected(&link).await;
    let path = free_path("cancelled");
    let command = endless(&path);
    tokio::select! {
        outcome = link.run(&command, within(60)) => panic!("{outcome:?}"),
        () = appears(&link, &path) => {}
    }
    is_gone(&link, &path).await;
}

#[tokio::test]
async fn more_commands_than_sessions_wait_their_turn() {
    let rig = Rig::trusting();
    let link = rig.link();
    until_connected(&link).await;
    let command = Remote::script("work", "sleep 0.1; printf '%s' \"$1\"");
    let all: Vec<_> = (0u32..30)
        .map(|n| {
            let (command, link) = (command.clone().arg(n), &link);
            async move { output(link, &command).await }
        })
        .collect();
    let outputs = futures_util::future::join_all(all).await;
    let expected: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    assert_eq!(outputs, expected);
}

#[tokio::test]
async fn output_is_kept_up_to_its_limit_and_the_status_is_still_known() {
    let rig = Rig::trusting();
    let link = rig.link();
    until_connected(&link).await;
    let command = Remote::script("flood", "yes | head -c 20000000; echo no >&2; exit 3");
    let limits = Limits {
        max_stdout: 1 << 20,
        ..within(60)
    };
    match link.run(&command, limits).await {
        Outcome::Exited {
            status: 3,
            stdout,
            stderr,
            truncated: true,
        } => {
            assert_eq!(stdout.len(), 1 << 20);
            assert_eq!(stderr, "no\n");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_login_shell_that_is_none_is_named() {
    let options = SshdOptions {
        login_shell: "/usr/sbin/nologin",
        ..SshdOptions::default()
    };
    let rig = Rig::new(options, HostKeyPolicy::AcceptNew);
    let link = rig.link();
    until_connected(&link).await;
    match link.run(&Remote::command("true"), within(20)).await {
        Outcome::Lost { cause } => {
            assert!(cause.contains("login shell ended with status 1"), "{cause}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn followed_lines_come_at_once_and_end_with_the_status() {
    let rig = Rig::trusting();
    let link = rig.link();
    until_connected(&link).await;
    let gate = free_path("gate");
    let command = Remote::script(
        "talk",
        "echo one; until [ -e \"$1\" ]; do sleep 0.02; done; rm -f \"$1\"; echo two; echo three >&2; exit 4",
    );
    let mut lines = link.follow(&command.arg(&gate)).await.unwrap();
    assert_eq!(lines.next().await, Some(Followed::Line("one".to_owned())));
    output(&link, &Remote::command("touch").lit("--").arg(&gate)).await;
    let mut rest = vec![lines.next().await.unwrap(), lines.next().await.unwrap()];
    rest.sort_by_key(|event| format!("{event:?}"));
    assert_eq!(
        rest,
        ["three", "two"].map(|line| Followed::Line(line.to_owned()))
    );
    assert_eq!(lines.next().await, Some(Followed::Ended(Some(4))));
    assert_eq!(lines.next().await, None);
}

#[tokio::test]
async fn a_follower_who_goes_away_ends_the_command() {
    let rig = Rig::trusting();
    let link = rig.link();
    until_connected(&link).await;
    let path = free_path("followed");
    let lines = link.follow(&endless(&path)).await.unwrap();
    appears(&link, &path).await;
    drop(lines);
    is_gone(&link, &path).await;
}

#[tokio::test]
async fn shutting_down_ends_the_link_and_its_tasks() {
    let rig = Rig::trusting();
    let link = rig.link();
    until_connected(&link).await;
    assert!(rig.tasks.shut_down(Duration::from_secs(20)).await);
}
