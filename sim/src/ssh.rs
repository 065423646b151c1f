//! The SSH server in front of a node.
//!
//! It behaves like the OpenSSH of a DGX OS as far as a client without a terminal can tell: public
//! keys only, commands run by the login shell in the user's home, at most ten sessions on a
//! connection, and a command that outlives its connection. The faults that concern the network
//! (slow, frozen, refused, another host key, a reboot) are read from the node while it runs.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::node::{Node, NodeError};

mod exec;
mod gate;
mod handler;
pub mod keys;

use gate::Weather;

/// How often the faults are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Failure to start a node's SSH server.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddrV4,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A key could not be read, made or written.
    #[error("cannot use the key {path}")]
    Key {
        /// Its file.
        path: String,
        /// Why.
        #[source]
        source: russh::keys::ssh_key::Error,
    },
    /// The node could not be read.
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// A running SSH server; ends when [`SshServer::stop`] is called or it is dropped.
#[derive(Debug)]
pub struct SshServer {
    address: SocketAddrV4,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl SshServer {
    /// Starts the server of `node` on its own address; port 0 takes any free one. To be called
    /// within a Tokio runtime.
    pub fn start(node: Node) -> Result<Self, SshError> {
        keys::host_key(&node, false)?;
        let wanted = SocketAddrV4::new(node.config().address, node.config().ssh_port);
        let listener = listen(wanted).map_err(|source| SshError::Listen {
            address: wanted,
            source,
        })?;
        let address = match listener.local_addr() {
            Ok(std::net::SocketAddr::V4(address)) => address,
            _ => wanted,
        };
        let tasks = TaskTracker::new();
        let cancel = CancellationToken::new();
        let weather = Weather::of(&node);
        let (tell, told) = watch::channel(weather);
        tasks.spawn(observe(node.clone(), tell, cancel.clone()));
        let door = Door {
            node,
            address,
            weather: told,
            tasks: tasks.clone(),
            cancel: cancel.clone(),
        };
        tasks.spawn(door.keep(listener));
        Ok(Self {
            address,
            tasks,
            cancel,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// Closes the port and every connection, and waits until that is done. Commands that still run
    /// go on, as with a real `sshd`.
    pub async fn stop(self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// The listening side: open or closed as the node's state says.
struct Door {
    node: Node,
    address: SocketAddrV4,
    weather: watch::Receiver<Weather>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Door {
    async fn keep(mut self, listener: TcpListener) {
        let mut listener = Some(listener);
        let cancel = self.cancel.clone();
        loop {
            let closed = self.weather.borrow_and_update().closed;
            listener = match listener.take() {
                _ if closed => None,
                // The port was closed by a fault; if someone else has it now, try again later.
                None => listen(self.address).ok(),
                open => open,
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                changed = self.weather.changed() => if changed.is_err() { return },
                stream = accept(listener.as_ref()) => self.welcome(stream),
                () = tokio::time::sleep(LOOK_EVERY), if listener.is_none() && !closed => {}
            }
        }
    }

    /// Serves one connection in a task of its own.
    fn welcome(&self, stream: TcpStream) {
        drop(stream.set_nodelay(true));
        let connection = self.cancel.child_token();
        let inner = gate::through(stream, self.weather.clone(), &self.tasks, &connection);
        let node = self.node.clone();
        let tasks = self.tasks.clone();
        self.tasks.spawn(async move {
            let serve = handler::serve(node, inner, tasks, connection.clone());
            if let Err(error) = serve.await {
                tracing::debug!(%error, "connection ended");
            }
            connection.cancel();
        });
    }
}

/// The next connection; never, when the port is closed.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // Out of descriptors, most likely: give some time to close.
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// Tells everyone when a fault changes what the network does.
async fn observe(node: Node, tell: watch::Sender<Weather>, cancel: CancellationToken) {
    while cancel
        .run_until_cancelled(tokio::time::sleep(LOOK_EVERY))
        .await
        .is_some()
    {
        let weather = Weather::of(&node);
        tell.send_if_modified(|current| {
            let changed = *current != weather;
            *current = weather;
            changed
        });
    }
}

/// Listens with `SO_REUSEADDR`, so that a closed port can be opened again at once.
fn listen(address: SocketAddrV4) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address.into())?;
    socket.listen(128)
}

/// A loopback address that nothing on this machine listens on at `port`, for a new node.
///
/// Every test and demo takes its own from 127.16.0.0 to 127.254.255.254, so that many can run at
/// once, each with the ports that a real node would use.
pub fn free_address(port: u16) -> Ipv4Addr {
    loop {
        let [a, b, c] = [16..=254, 0..=255, 1..=254].map(rand::random_range::<u8, _>);
        let address = Ipv4Addr::new(127, a, b, c);
        if std::net::TcpListener::bind((address, port)).is_ok() {
            return address;
        }
    }
}

/// The server as an [`Arc`]-ed configuration for one connection with this host key.
fn server_config(key: russh::keys::PrivateKey) -> Arc<russh::server::Config> {
    Arc::new(russh::server::Config {
        server_id: russh::SshId::Standard("SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13.14".into()),
        methods: (&[russh::MethodKind::PublicKey][..]).into(),
        auth_rejection_time: Duration::from_millis(20),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![key],
        max_auth_attempts: 6,
        inactivity_timeout: None,
        nodelay: true,
        ..russh::server::Config::default()
    })
}

#[cfg(test)]
mod tests;
