//! What stands between a client's TCP connection and the SSH protocol: the state of the network
//! and of the box.
//!
//! A frozen node's kernel still accepts connections while its `sshd` gets no turn, so the bytes
//! stop here, before the banner or in the middle of anything, and go on when it thaws.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::node::Node;

/// Bytes that may lie between the connection and the protocol.
const BUFFER: usize = 64 * 1024;

/// What the faults make of the network right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weather {
    /// The port is closed.
    pub(super) closed: bool,
    /// Which boot of the node this is: connections of an earlier one are gone.
    pub(super) boot_id: Uuid,
    /// Nothing moves.
    pub(super) frozen: bool,
    /// Time that passes before each answer.
    pub(super) delay: Duration,
}

impl Weather {
    pub(super) fn of(node: &Node) -> Self {
        let faults = node.faults();
        // A state that cannot be read is that of a node which is being deleted.
        let (boot_id, off) = node.state().map_or((Uuid::nil(), true), |state| {
            (state.boot_id, state.booted_at > Timestamp::now())
        });
        Self {
            closed: off || faults.refuse_ssh(),
            boot_id,
            frozen: faults.frozen_ssh(),
            delay: faults.slow_ssh().unwrap_or_default(),
        }
    }
}

/// Puts the weather before `stream`, and gives the side that the protocol talks to.
pub(super) fn through(
    stream: TcpStream,
    weather: watch::Receiver<Weather>,
    tasks: &TaskTracker,
    connection: &CancellationToken,
) -> DuplexStream {
    let (inner, outer) = tokio::io::duplex(BUFFER);
    let (from_client, to_client) = stream.into_split();
    let (from_server, to_server) = tokio::io::split(outer);
    let asked = Arc::new(AtomicBool::new(true));
    let inward = Pump {
        weather: weather.clone(),
        asked: Arc::clone(&asked),
        answers: false,
    };
    let outward = Pump {
        weather,
        asked,
        answers: true,
    };
    tasks.spawn(within(
        connection.clone(),
        inward.run(from_client, to_server),
    ));
    tasks.spawn(within(
        connection.clone(),
        outward.run(from_server, to_client),
    ));
    inner
}

/// Runs `work`, and ends the connection when it is done; or ends it when the connection does.
async fn within(connection: CancellationToken, work: impl Future<Output = std::io::Result<()>>) {
    if let Some(Err(error)) = connection.run_until_cancelled(work).await {
        tracing::trace!(%error, "pump ended");
        connection.cancel();
    }
}

/// Carries the bytes of one direction.
struct Pump {
    weather: watch::Receiver<Weather>,
    /// Whether the client has sent something since the last answer.
    asked: Arc<AtomicBool>,
    /// Whether this direction is the one that answers.
    answers: bool,
}

impl Pump {
    async fn run(
        mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        let boot_id = self.weather.borrow().boot_id;
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = tokio::select! {
                count = from.read(&mut buffer) => count?,
                () = off(self.weather.clone(), boot_id) => return Err(std::io::ErrorKind::HostUnreachable.into()),
            };
            if count == 0 {
                return to.shutdown().await;
            }
            self.pass().await;
            to.write_all(buffer.get(..count).unwrap_or_default())
                .await?;
        }
    }

    /// Waits until bytes may pass.
    async fn pass(&mut self) {
        if self.answers {
            let delay = self.weather.borrow().delay;
            if self.asked.swap(false, Ordering::Relaxed) && !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
        } else {
            self.asked.store(true, Ordering::Relaxed);
        }
        // An error means that the server ends, and then nothing is held back.
        drop(self.weather.wait_for(|weather| !weather.frozen).await);
    }
}

/// Ends when the node loses its power.
async fn off(mut weather: watch::Receiver<Weather>, boot_id: Uuid) {
    let rebooted = weather.wait_for(|weather| weather.boot_id != boot_id);
    if rebooted.await.is_err() {
        std::future::pending::<()>().await;
    }
}
