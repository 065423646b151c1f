//! The connection to a node: one for each, kept, and one way to run something through it.
//!
//! A [`Link`] keeps an SSH connection to its node and publishes what state it is in. Everything that is run
//! goes through [`Exec::run`] or [`Exec::follow`], which take a `Remote` and nothing else, so that no value
//! can reach a shell unquoted. A command whose end was not seen is [`Outcome::Lost`], never a success and
//! never a failure: it may have been done.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::BoxFuture;
use spark_core::shell::Remote;
use spark_ipc::model::node::LinkCause;
use tokio::sync::mpsc;
use tokio_util::sync::DropGuard;

mod connect;
mod exec;
mod host_keys;
pub mod key;
mod link;
mod session;

pub use connect::{Endpoint, Failure, Stage, Stages};
pub use host_keys::{HostKeys, KnownHostsError, Shown};
pub use key::ClientKey;
pub use link::{Credentials, Link, Options, Policy, TrustError};

/// Running things on one node. Implemented by [`Link`], and by fakes in tests.
pub trait Exec: Send + Sync {
    /// Runs `remote` to its end. Dropping the future ends the command on the node, if that still answers.
    fn run<'a>(&'a self, remote: &'a Remote, limits: Limits) -> BoxFuture<'a, Outcome>;

    /// Runs `remote` and gives its lines as they come, e.g. of `docker logs -f`. Dropping [`Lines`] ends it.
    fn follow<'a>(&'a self, remote: &'a Remote) -> BoxFuture<'a, Result<Lines, LinkCause>>;
}

/// How long a command may take here, and how much of what it says is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub deadline: Duration,
    /// Bytes; what comes beyond is read and dropped.
    pub max_stdout: usize,
    pub max_stderr: usize,
}

impl Limits {
    /// A deadline, 4 MiB of output and 64 KiB of error output.
    pub fn within(deadline: Duration) -> Self {
        Self {
            deadline,
            max_stdout: 4 << 20,
            max_stderr: 64 << 10,
        }
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ended, and this is what it said. Invalid UTF-8 is replaced; nothing else is cleaned.
    Exited {
        status: i32,
        stdout: String,
        stderr: String,
        /// Whether a limit of [`Limits`] cut one of the two.
        truncated: bool,
    },
    /// It was ended since its time was up, by its own limit or by [`Limits::deadline`].
    TimedOut,
    /// The node stopped answering, or did not tell the end: whether it was done is unknown.
    Lost { cause: String },
    /// It was not begun: there is no connection, for this reason.
    Refused(LinkCause),
}

/// One thing that a followed command told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// A line of either output, without its end, cleaned, at most 8000 characters.
    Line(String),
    /// So many lines were dropped here, since the reader was slow.
    Dropped(u64),
    /// The command ended with this status; `None`: the link broke. Nothing comes after it.
    Ended(Option<i32>),
}

/// The lines of a followed command.
#[derive(Debug)]
pub struct Lines {
    events: mpsc::Receiver<Followed>,
    /// Ends the command when the reader goes away.
    _guard: Option<DropGuard>,
}

impl Lines {
    fn new(events: mpsc::Receiver<Followed>, guard: DropGuard) -> Self {
        Self {
            events,
            _guard: Some(guard),
        }
    }

    /// Lines from elsewhere, for fakes.
    pub fn from_channel(events: mpsc::Receiver<Followed>) -> Self {
        Self {
            events,
            _guard: None,
        }
    }

    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Option<Followed> {
        self.events.recv().await
    }
}

impl Stream for Lines {
    type Item = Followed;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Followed>> {
        self.events.poll_recv(cx)
    }
}
