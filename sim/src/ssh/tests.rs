//! The server as a real `ssh` client sees it. Each test has a node on an address of its own.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::*;
use crate::faults::Fault;
use crate::node::NodeConfig;

/// A node with its server and a key that may log in.
struct Bench {
    dir: tempfile::TempDir,
    node: Node,
    server: SshServer,
}

impl Bench {
    fn new() -> Self {
        Self::with(NodeConfig::default())
    }

    fn with(config: NodeConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = NodeConfig {
            address: free_address(2222),
            ssh_port: 2222,
            ..config
        };
        let node = Node::create(&dir.path().join("node"), config).unwrap();
        let key = keys::key_at(&dir.path().join("id")).unwrap();
        keys::authorize(&node, key.public_key()).unwrap();
        let server = SshServer::start(node.clone()).unwrap();
        Self { dir, node, server }
    }

    fn ssh(&self, command: &str) -> Command {
        self.ssh_with(&[], command)
    }

    fn ssh_with(&self, options: &[&str], command: &str) -> Command {
        let key = self.dir.path().join("id");
        self.ssh_as(&self.node.config().user, &key, options, command)
    }

    fn ssh_as(&self, user: &str, key: &Path, options: &[&str], command: &str) -> Command {
        let mut ssh = Command::new("ssh");
        let option = |name: &str, value: &str| format!("-o{name}={value}");
        ssh.arg("-F/dev/null")
            .arg(option("IdentityFile", &key.display().to_string()))
            .arg(option(
                "UserKnownHostsFile",
                &self.dir.path().join("known").display().to_string(),
            ))
            .args(
                [
                    "IdentitiesOnly=yes",
                    "BatchMode=yes",
                    "StrictHostKeyChecking=accept-new",
                ]
                .map(|pair| format!("-o{pair}")),
            )
            .args(["-p", &self.server.address().port().to_string(), "-l", user])
            .args(options)
            .arg(self.server.address().ip().to_string())
            .arg(command)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        ssh
    }

    async fn run(&self, command: &str) -> Output {
        self.ssh(command).output().await.unwrap()
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(self.server.address()).await
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_command_gets_its_output_errors_and_exit_status_through() {
    let bench = Bench::new();
    let output = bench.run("echo out; echo err >&2; exit 7").await;
    assert_eq!(
        (text(&output.stdout).as_str(), output.status.code()),
        ("out\n", Some(7))
    );
    assert!(text(&output.stderr).contains("err\n"));
}

#[tokio::test]
async fn a_shell_has_the_node_s_environment_and_nothing_else() {
    let bench = Bench::new();
    let output = bench.run("/usr/bin/env; pwd").await;
    let seen = text(&output.stdout);
    let mut lines: Vec<&str> = seen.lines().collect();
    let home = bench.node.home();
    assert_eq!(lines.pop(), home.to_str());
    let expected = crate::node::sshd_environment(&bench.node);
    for (name, value) in &expected {
        assert!(
            lines.contains(&format!("{name}={value}").as_str()),
            "{name} in {seen}"
        );
    }
    let shells_own = |line: &&&str| line.starts_with("PWD=") || line.starts_with("_=");
    let own = lines.iter().filter(shells_own).count();
    assert_eq!(lines.len(), expected.len() + own, "{seen}");
}

#[tokio::test]
async fn every_login_shell_that_is_installed_runs_commands() {
    for shell in [
        "/bin/sh",
        "/bin/bash",
        "/bin/dash",
        "/bin/zsh",
        "/usr/bin/fish",
        "/bin/tcsh",
    ] {
        if !Path::new(shell).exists() {
            continue;
        }
        let login_shell = shell.into();
        let bench = Bench::with(NodeConfig {
            login_shell,
            ..NodeConfig::default()
        });
        let output = bench.run("sh -c 'echo \"$SPARK_SIM_NODE\"'").await;
        let node_dir = bench.node.dir().display().to_string();
        assert_eq!(text(&output.stdout).trim_end(), node_dir, "{shell}");
    }
}

#[tokio::test]
async fn megabytes_go_there_and_back_unchanged() {
    let bench = Bench::new();
    let mut child = bench
        .ssh("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let data: Vec<u8> = (0..8_u32 << 20)
        .map(|index| index.to_le_bytes()[(index % 3) as usize])
        .collect();
    let mut stdin = child.stdin.take().unwrap();
    let sent = data.clone();
    let feed = async move { stdin.write_all(&sent).await.unwrap() };
    let mut stdout = child.stdout.take().unwrap();
    let mut received = Vec::new();
    let ((), count) = tokio::join!(feed, stdout.read_to_end(&mut received));
    assert_eq!(count.unwrap(), data.len());
    assert!(received == data);
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn death_by_signal_is_told_as_one() {
    let bench = Bench::new();
    let output = bench.run("kill -TERM $$").await;
    // What `ssh` makes of an exit signal.
    assert_eq!(output.status.code(), Some(255));
}

#[tokio::test]
async fn a_signal_reaches_what_the_command_started() {
    let bench = Bench::new();
    let key = russh::keys::PrivateKeyWithHashAlg::new(
        Arc::new(keys::key_at(&bench.dir.path().join("id")).unwrap()),
        None,
    );
    let config = Arc::new(russh::client::Config::default());
    let mut client = russh::client::connect(config, bench.server.address(), Trusting)
        .await
        .unwrap();
    let user = bench.node.config().user.clone();
    assert!(
        client
            .authenticate_publickey(user, key)
            .await
            .unwrap()
            .success()
    );
    let mut channel = client.channel_open_session().await.unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "a test speaks the protocol itself"
    )]
    channel
        .exec(true, "sleep 60 & echo ready; wait")
        .await
        .unwrap();
    let mut signalled = None;
    while let Some(message) = channel.wait().await {
        match message {
            russh::ChannelMsg::Data { data } => {
                assert_eq!(&data[..], b"ready\n");
                channel.signal(russh::Sig::TERM).await.unwrap();
            }
            russh::ChannelMsg::ExitSignal { signal_name, .. } => signalled = Some(signal_name),
            _ => {}
        }
    }
    // The channel closed, so the background `sleep` that held its output open is gone as well.
    assert!(matches!(signalled, Some(russh::Sig::TERM)), "{signalled:?}");
}

/// A client that takes any host key.
struct Trusting;

impl russh::client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        _key: &russh::keys::PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

#[tokio::test]
async fn the_eleventh_session_of_a_connection_is_refused() {
    let bench = Bench::new();
    let socket = format!("-S{}", bench.dir.path().join("ctl").display());
    let mut master = bench.ssh_with(&["-M", "-N", &socket], "").spawn().unwrap();
    while !bench.dir.path().join("ctl").exists() {
        tokio::task::yield_now().await;
    }
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut ssh = bench.ssh_with(&[&socket], "echo up; exec cat");
        ssh.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = ssh.spawn().unwrap();
        let mut up = [0; 3];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut up)
            .await
            .unwrap();
        held.push(child);
    }
    let refused = bench
        .ssh_with(&[&socket, "-oControlMaster=no"], "true")
        .output()
        .await
        .unwrap();
    assert!(text(&refused.stderr).contains("refused"), "{refused:?}");
    master.kill().await.unwrap();
}

#[tokio::test]
async fn another_key_and_another_user_are_refused() {
    let bench = Bench::new();
    let stranger = bench.dir.path().join("stranger");
    keys::key_at(&stranger).unwrap();
    let user = bench.node.config().user.clone();
    for (user, key) in [
        (user.as_str(), stranger),
        ("root", bench.dir.path().join("id")),
    ] {
        let output = bench
            .ssh_as(user, &key, &[], "true")
            .output()
            .await
            .unwrap();
        assert!(
            text(&output.stderr).contains("Permission denied (publickey)"),
            "{output:?}"
        );
    }
}

#[tokio::test]
async fn a_command_outlives_its_connection() {
    let bench = Bench::new();
    let mut child = bench
        .ssh("echo $$; while [ ! -e go ]; do sleep 0.01; done; echo late > done")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 1];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut line)
        .await
        .unwrap();
    child.kill().await.unwrap();
    std::fs::write(bench.node.home().join("go"), "").unwrap();
    let done = bench.node.home().join("done");
    while !std::fs::read(&done).is_ok_and(|text| text == b"late\n") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_changed_host_key_is_noticed_and_comes_back() {
    let bench = Bench::new();
    assert!(bench.run("true").await.status.success());
    bench.node.set_fault(Fault::HostKey).unwrap();
    let output = bench.run("true").await;
    assert!(
        text(&output.stderr).contains("HOST IDENTIFICATION HAS CHANGED"),
        "{output:?}"
    );
    bench.node.clear_faults(None).unwrap();
    assert!(bench.run("true").await.status.success());
}

#[tokio::test]
async fn a_refusing_node_opens_again_on_the_same_port() {
    let bench = Bench::new();
    bench.node.set_fault(Fault::RefuseSsh).unwrap();
    while bench.connect().await.is_ok() {
        tokio::task::yield_now().await;
    }
    bench.node.clear_faults(None).unwrap();
    while bench.connect().await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(bench.run("true").await.status.success());
}

#[tokio::test]
async fn a_frozen_node_accepts_and_says_nothing_until_it_thaws() {
    let bench = Bench::new();
    bench.node.set_fault(Fault::FrozenSsh).unwrap();
    let frozen_seen = || async {
        let mut stream = bench.connect().await.unwrap();
        let mut banner = [0; 4];
        let read = stream.read_exact(&mut banner);
        tokio::time::timeout(Duration::from_millis(200), read)
            .await
            .is_err()
    };
    while !frozen_seen().await {}
    let mut stream = bench.connect().await.unwrap();
    bench.node.clear_faults(None).unwrap();
    let mut banner = [0; 4];
    stream.read_exact(&mut banner).await.unwrap();
    assert_eq!(&banner, b"SSH-");
}

#[tokio::test]
async fn a_slow_node_takes_its_time_for_each_answer() {
    let bench = Bench::new();
    bench.node.set_fault(Fault::SlowSsh { ms: 120 }).unwrap();
    tokio::time::sleep(LOOK_EVERY * 3).await;
    let started = std::time::Instant::now();
    assert!(bench.run("true").await.status.success());
    assert!(
        started.elapsed() > Duration::from_millis(600),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_reboot_drops_connections_and_the_node_comes_back() {
    let bench = Bench::new();
    let mut child = bench
        .ssh("echo up; sleep 60")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut up = [0; 3];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut up)
        .await
        .unwrap();
    let before = bench.node.state().unwrap().boot_id;
    bench.node.set_fault(Fault::Reboot { away_s: 1 }).unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(255));
    while bench.connect().await.is_ok() {
        tokio::task::yield_now().await;
    }
    while bench.connect().await.is_err() {
        tokio::task::yield_now().await;
    }
    let output = bench
        .run("cat \"$HOST_PROC/sys/kernel/random/boot_id\"")
        .await;
    assert_ne!(text(&output.stdout).trim(), before.to_string());
    assert_eq!(
        text(&output.stdout).trim(),
        bench.node.state().unwrap().boot_id.to_string()
    );
}

#[tokio::test]
async fn stopping_closes_the_port_and_every_connection() {
    let bench = Bench::new();
    let mut ssh = bench.ssh("echo up; exec cat");
    let mut child = ssh
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut up = [0; 3];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut up)
        .await
        .unwrap();
    let address = bench.server.address();
    bench.server.stop().await;
    assert_eq!(child.wait().await.unwrap().code(), Some(255));
    assert!(TcpStream::connect(address).await.is_err());
}
