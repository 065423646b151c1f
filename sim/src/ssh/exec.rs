//! One remote command: a real shell with pipes to the channel.
//!
//! As with OpenSSH, a command without a terminal is not killed when its channel or connection
//! goes: its pipes are closed, and what happens then is its own affair. The session ends when the
//! shell has ended and every process that inherited its output has closed it.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};

use russh::server::{Handle, Msg};
use russh::{ChannelId, ChannelWriteHalf, Sig};
use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::node::{Node, process, sshd_environment};

/// Packets of input that may wait for a command that does not read. Behind them the whole
/// connection waits, which OpenSSH would keep to the one channel.
const INPUT_PACKETS: usize = 2048;

/// What is to be run.
pub(super) struct Invocation {
    pub(super) node: Node,
    /// The command line for the login shell; none makes it read its input.
    pub(super) command: Option<Vec<u8>>,
    /// Variables that the client set.
    pub(super) variables: Vec<(String, String)>,
}

/// A command that runs, from the connection's side.
pub(super) struct Running {
    leader: Option<u32>,
    input: Option<mpsc::Sender<Vec<u8>>>,
    /// Carries its output; ended when the session has.
    carrier: JoinHandle<()>,
    /// Closes the pipes when the channel goes.
    _pipes: DropGuard,
}

impl Invocation {
    /// Starts the shell and the tasks that carry its bytes.
    pub(super) async fn start(
        self,
        channel: ChannelWriteHalf<Msg>,
        session: Handle,
        tasks: &TaskTracker,
        alive: CancellationToken,
    ) -> io::Result<Running> {
        let node = self.node.clone();
        let refreshed = tokio::task::spawn_blocking(move || node.refresh_root()).await;
        if let Ok(Err(error)) = refreshed {
            tracing::warn!(%error, "cannot refresh the node's files");
        }
        let mut child = self.shell().spawn()?;
        let (input, queue) = mpsc::channel(INPUT_PACKETS);
        if let Some(stdin) = child.stdin.take() {
            tasks.spawn(feed(stdin, queue, alive.clone()));
        }
        let (leader, pipes) = (child.id(), alive.clone().drop_guard());
        let carrier = tasks.spawn(async move {
            // Cancelled: the pipes close here, and the child is left to itself.
            alive
                .run_until_cancelled(carry(child, channel, session))
                .await;
        });
        Ok(Running {
            leader,
            input: Some(input),
            carrier,
            _pipes: pipes,
        })
    }

    fn shell(&self) -> Command {
        let config = self.node.config();
        let mut command = Command::new(&config.login_shell);
        if let Some(line) = &self.command {
            command.arg("-c").arg(OsString::from_vec(line.clone()));
        }
        command
            .env_clear()
            .envs(sshd_environment(&self.node))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.node.home())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(false);
        command
    }
}

impl Running {
    /// Whether the session is over. The client's answer to our closing of the channel is not told to
    /// the handler, so this is what tells that its place is free.
    pub(super) fn is_over(&self) -> bool {
        self.carrier.is_finished()
    }

    /// Gives `data` to the command's standard input; lost when it reads no more.
    pub(super) async fn input(&self, data: &[u8]) {
        if let Some(input) = &self.input {
            drop(input.send(data.to_vec()).await);
        }
    }

    /// The client sends no more.
    pub(super) fn end_of_input(&mut self) {
        self.input = None;
    }

    /// Sends a signal to the command and everything it started in its process group.
    pub(super) fn signal(&self, signal: &Sig) {
        if let (Some(leader), Some(signal)) = (self.leader, by_name(signal)) {
            process::signal_group(leader, signal);
        }
    }
}

/// Writes what arrives to the command until it ends.
async fn feed(mut stdin: ChildStdin, mut queue: mpsc::Receiver<Vec<u8>>, alive: CancellationToken) {
    while let Some(Some(data)) = alive.run_until_cancelled(queue.recv()).await {
        let write = alive.run_until_cancelled(stdin.write_all(&data));
        if !matches!(write.await, Some(Ok(()))) {
            return;
        }
    }
}

/// Carries output to the client, then tells how the command ended.
async fn carry(mut child: Child, channel: ChannelWriteHalf<Msg>, session: Handle) {
    let stdout = child.stdout.take();
    let stderr = child.stderr.take();
    let ended = async {
        match child.wait().await {
            Ok(status) => report(status, channel.id(), &session).await,
            Err(error) => tracing::warn!(%error, "cannot wait for a command"),
        }
    };
    tokio::join!(
        copy(stdout, channel.make_writer()),
        copy(stderr, channel.make_writer_ext(Some(1))),
        ended
    );
    // Failures here mean that the client is gone already.
    drop(channel.eof().await);
    drop(channel.close().await);
}

/// Copies until the end of `from`; a client that takes no more ends it too.
async fn copy(from: Option<impl AsyncRead + Unpin>, mut to: impl AsyncWrite + Unpin) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 32 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        let Some(data) = buffer.get(..count).filter(|data| !data.is_empty()) else {
            return;
        };
        if to.write_all(data).await.is_err() {
            return;
        }
    }
}

/// Sends the exit status, or the signal that ended the command. A client that is gone needs none.
async fn report(status: ExitStatus, id: ChannelId, session: &Handle) {
    let sent = if let Some(name) = status.signal().and_then(name_of) {
        let core = status.core_dumped();
        session
            .exit_signal_request(id, name, core, String::new(), String::new())
            .await
    } else {
        // What `sshd` says of a signal without a name in RFC 4254.
        let code = status.code().and_then(|code| u32::try_from(code).ok());
        session.exit_status_request(id, code.unwrap_or(255)).await
    };
    sent.unwrap_or_default();
}

/// The name of a signal by its number, where the protocol has one.
fn name_of(number: i32) -> Option<Sig> {
    let signal = Signal::from_named_raw(number)?;
    Some(match signal {
        Signal::ABORT => Sig::ABRT,
        Signal::ALARM => Sig::ALRM,
        Signal::FPE => Sig::FPE,
        Signal::HUP => Sig::HUP,
        Signal::ILL => Sig::ILL,
        Signal::INT => Sig::INT,
        Signal::KILL => Sig::KILL,
        Signal::PIPE => Sig::PIPE,
        Signal::QUIT => Sig::QUIT,
        Signal::SEGV => Sig::SEGV,
        Signal::TERM => Sig::TERM,
        Signal::USR1 => Sig::USR1,
        Signal::USR2 => Sig::Custom("USR2".to_owned()),
        _ => return None,
    })
}

/// The signal that a client may ask for by its name, as in RFC 4254.
fn by_name(signal: &Sig) -> Option<Signal> {
    Some(match signal {
        Sig::ABRT => Signal::ABORT,
        Sig::ALRM => Signal::ALARM,
        Sig::FPE => Signal::FPE,
        Sig::HUP => Signal::HUP,
        Sig::ILL => Signal::ILL,
        Sig::INT => Signal::INT,
        Sig::KILL => Signal::KILL,
        Sig::PIPE => Signal::PIPE,
        Sig::QUIT => Signal::QUIT,
        Sig::SEGV => Signal::SEGV,
        Sig::TERM => Signal::TERM,
        Sig::USR1 => Signal::USR1,
        Sig::Custom(name) if name == "USR2" => Signal::USR2,
        Sig::Custom(_) => return None,
    })
}
