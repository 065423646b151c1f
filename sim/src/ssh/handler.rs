//! One SSH connection: who may come in, and which channels it gets.

use std::collections::HashMap;

use russh::keys::PublicKey;
use russh::server::VerifiedPublicKey;
use russh::server::{Auth, ChannelOpenHandle, Handle, Handler, Msg, PublicKeyOffer, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, Pty, Sig};
use tokio::io::DuplexStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::exec::{Invocation, Running};
use super::{SshError, keys, server_config};
use crate::node::Node;

/// `MaxSessions` of an untouched `sshd_config`.
const MAX_SESSIONS: usize = 10;

/// Serves one connection until it ends or `connection` is cancelled.
pub(super) async fn serve(
    node: Node,
    stream: DuplexStream,
    tasks: TaskTracker,
    connection: CancellationToken,
) -> anyhow::Result<()> {
    let key = host_key(&node)?;
    let handler = Connection {
        node,
        tasks,
        sessions: HashMap::new(),
        alive: connection.clone(),
    };
    let start = russh::server::run_stream(server_config(key), stream, handler);
    if let Some(session) = connection.run_until_cancelled(start).await {
        session?.await?;
    }
    Ok(())
}

fn host_key(node: &Node) -> Result<russh::keys::PrivateKey, SshError> {
    keys::host_key(node, node.faults().host_key())
}

/// The server's side of one connection.
struct Connection {
    node: Node,
    tasks: TaskTracker,
    sessions: HashMap<ChannelId, Slot>,
    alive: CancellationToken,
}

/// One open session channel.
enum Slot {
    /// Opened, with the variables set so far; no command yet.
    Waiting(ChannelWriteHalf<Msg>, Vec<(String, String)>),
    /// A command runs.
    Running(Running),
}

impl Connection {
    /// What `user` with `key` gets.
    fn judge(&self, user: &str, key: &PublicKey) -> Auth {
        if user == self.node.config().user && keys::is_authorized(&self.node, key) {
            Auth::Accept
        } else {
            Auth::reject()
        }
    }

    /// Starts the login shell in `channel`, with a command or to read its input; false when the
    /// channel has no place for one.
    async fn start(&mut self, channel: ChannelId, command: Option<&[u8]>, session: Handle) -> bool {
        let (writer, variables) = match self.sessions.remove(&channel) {
            Some(Slot::Waiting(writer, variables)) => (writer, variables),
            Some(running) => {
                self.sessions.insert(channel, running);
                return false;
            }
            None => return false,
        };
        let invocation = Invocation {
            node: self.node.clone(),
            command: command.map(<[u8]>::to_vec),
            variables,
        };
        let alive = self.alive.child_token();
        match invocation.start(writer, session, &self.tasks, alive).await {
            Ok(running) => {
                self.sessions.insert(channel, Slot::Running(running));
                true
            }
            Err(error) => {
                tracing::warn!(%error, "cannot start a session");
                false
            }
        }
    }
}

/// Tells the client whether a request was granted.
fn answer(session: &mut Session, channel: ChannelId, granted: bool) -> Result<(), russh::Error> {
    if granted {
        session.channel_success(channel)
    } else {
        session.channel_failure(channel)
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, offer.public_key))
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.sessions
            .retain(|_, slot| !matches!(slot, Slot::Running(running) if running.is_over()));
        if self.sessions.len() >= MAX_SESSIONS {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        }
        let id = channel.id();
        // The read half would be a second copy of what `data` gets.
        let (_, writer) = channel.split();
        self.sessions.insert(id, Slot::Waiting(writer, Vec::new()));
        reply.accept().await;
        Ok(())
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        // `AcceptEnv LANG LC_*`, as Ubuntu ships it.
        let accepted = name == "LANG" || name.starts_with("LC_");
        if let (true, Some(Slot::Waiting(_, variables))) =
            (accepted, self.sessions.get_mut(&channel))
        {
            variables.push((name.to_owned(), value.to_owned()));
        }
        answer(session, channel, accepted)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let started = self.start(channel, Some(command), session.handle()).await;
        answer(session, channel, started)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let started = self.start(channel, None, session.handle()).await;
        answer(session, channel, started)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(Slot::Running(running)) = self.sessions.get(&channel) {
            running.input(data).await;
        }
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(Slot::Running(running)) = self.sessions.get_mut(&channel) {
            running.end_of_input();
        }
        Ok(())
    }

    async fn signal(
        &mut self,
        channel: ChannelId,
        signal: Sig,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(Slot::Running(running)) = self.sessions.get(&channel) {
            running.signal(&signal);
        }
        Ok(())
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        // Dropping it closes the pipes of the command; the command itself goes on.
        self.sessions.remove(&channel);
        Ok(())
    }
}
