//! The doors: how connections come in, from whom, and how long they may do nothing.
//!
//! Both doors serve the same router with hyper's HTTP/1 server and a timer. `axum::serve` has no limit on
//! the time that a request head may take, sets no `TCP_NODELAY`, and waits for event streams for ever when
//! it shuts down; the loop here has a deadline for each of these.

mod connection;
mod lock;
pub mod socket;
mod stall;
pub mod tcp;

use std::net::SocketAddr;
use std::time::Duration;

/// Who is at the other end; the doors put it into the extensions of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Somebody on the network, and the address of ours that they came to.
    Tcp {
        remote: SocketAddr,
        local: Option<SocketAddr>,
    },
    /// A local process that the file mode let in; its effective uid when it connected.
    Socket { uid: Option<u32> },
}

/// What a door puts up with.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open connections; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Open connections from one address; further ones are closed at once.
    pub connections_per_peer: usize,
    /// From the connection, or from the last answer, to the end of the next request's head.
    pub header_read: Duration,
    /// How long a client may take none of the bytes that wait for it.
    pub write_stall: Duration,
    /// How long open requests may go on after the shutdown began.
    pub drain: Duration,
}

impl Limits {
    /// Of the TCP door: as many connections as files can be open, less what SSH and SQLite need.
    pub fn tcp() -> Self {
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let spare = files
            .unwrap_or(u64::MAX)
            .saturating_sub(128)
            .clamp(64, 4096);
        Self {
            connections: usize::try_from(spare).unwrap_or(64),
            connections_per_peer: 256,
            header_read: Duration::from_secs(10),
            write_stall: Duration::from_secs(60),
            drain: Duration::from_secs(5),
        }
    }

    /// Of the socket: every client is of this machine.
    pub fn socket() -> Self {
        Self {
            connections: 64,
            connections_per_peer: 64,
            ..Self::tcp()
        }
    }
}
