//! Everything that can happen to the terminal client, in one type, on one queue, in one order.

use crossterm::event::KeyEvent;
use spark_ipc::id::{OperationId, RepoId};
use spark_ipc::model::event::Event;
use spark_ipc::model::operation::{Operation, OperationEvent};
use spark_ipc::model::preflight::Preflight;
use spark_ipc::version::VersionInfo;

use crate::state::act::{Act, Look};
use crate::state::page::{Content, Topic};
use crate::trouble::Trouble;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Msg {
    Key(KeyEvent),
    Paste(String),
    /// Columns and rows.
    Resize(u16, u16),
    /// Time has passed.
    Tick,
    Link(LinkMsg),
    Event(Box<Event>),
    /// The answer to a preflight.
    Preflight {
        repo: RepoId,
        answer: Result<Box<Preflight>, Trouble>,
    },
    /// What an act would come to.
    Looked {
        act: Box<Act>,
        answer: Result<Look, Trouble>,
    },
    /// The content of a page.
    Page {
        topic: Topic,
        answer: Result<Content, Trouble>,
    },
    /// The answer to a call that starts an operation; `what` names the call.
    Started {
        what: &'static str,
        answer: Result<Box<Operation>, Trouble>,
    },
    /// The answer to any other call.
    Answered {
        what: String,
        answer: Result<(), Trouble>,
    },
    /// News of the operation that is followed.
    Operation {
        id: OperationId,
        sequence: Option<u64>,
        event: OperationEvent,
    },
}

/// News of the connection.
#[derive(Debug, Clone)]
pub enum LinkMsg {
    /// The daemon said who it is; its snapshot follows.
    Hello(Box<VersionInfo>),
    /// The connection was lost, or none could be made.
    Lost(Trouble),
}
