//! The one sink: running a `Remote` through a connection, and saying only what is known of its end.

use std::sync::Arc;
use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, Sig};
use spark_core::shell::{EXEC, Framing, Nonce, Remote};
use spark_ipc::model::node::LinkCause;
use spark_ipc::text::clean_line;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::session::Session;
use super::{Followed, Limits, Outcome};

mod capture;
mod lines;

use capture::Capture;
use lines::LineFeed;

/// How long the node gets to end a command that was told to, and to close the channel after its end.
const GRACE: Duration = Duration::from_secs(2);

/// `timeout`'s word for "ended since the time was up".
const TIMED_OUT: u8 = 124;

/// Runs a rendered command to its end, its deadline, or until `cancel`.
pub(super) async fn run(
    session: Arc<Session>,
    command: Rendered,
    limits: Limits,
    cancel: CancellationToken,
) -> Outcome {
    let deadline = Instant::now() + limits.deadline;
    let mut channel = match open(&session, deadline).await {
        Ok(channel) => channel,
        Err(cause) => return Outcome::Refused(cause),
    };
    let mut capture = Capture::new(&command.nonce, limits);
    let talk = async {
        begin(&channel, command.text).await?;
        read(&mut channel, &mut capture).await;
        Ok::<(), russh::Error>(())
    };
    let stopped = tokio::select! {
        done = timeout_at(deadline, talk) => done.is_err(),
        () = cancel.cancelled() => true,
        () = session.ending.wait() => false,
    };
    let mut answered = true;
    if stopped {
        answered = stop(&mut channel, &mut capture).await;
    } else if session.ending.has_come() {
        // What had arrived before the end is still in the channel.
        drop(timeout(GRACE, read(&mut channel, &mut capture)).await);
    }
    drop(timeout(GRACE, channel.close()).await);
    conclude(capture, &session, stopped, answered, command.limited)
}

/// A command as it is sent.
#[derive(Debug)]
pub(super) struct Rendered {
    nonce: Nonce,
    text: String,
    /// Whether the node ends it by itself after some time.
    limited: bool,
}

impl Rendered {
    pub(super) fn new(remote: &Remote) -> Self {
        let nonce = Nonce::new(rand::random());
        let text = remote.render(&nonce);
        Self {
            nonce,
            text,
            limited: remote.timeout_seconds() > 0,
        }
    }
}

/// Opens a channel. A server that has just been told of closed channels may still count them, so a refusal is
/// tried again some times; nothing has been sent by then.
async fn open(session: &Session, deadline: Instant) -> Result<Channel<Msg>, LinkCause> {
    let mut pause = Duration::from_millis(10);
    loop {
        match timeout_at(deadline, session.handle.channel_open_session()).await {
            Ok(Ok(channel)) => return Ok(channel),
            Ok(Err(russh::Error::ChannelOpenFailure(_))) if pause < GRACE => {
                sleep_until(deadline.min(Instant::now() + pause)).await;
                pause *= 2;
            }
            Ok(Err(russh::Error::ChannelOpenFailure(_))) => return Err(LinkCause::Protocol),
            Ok(Err(_)) => return Err(LinkCause::Lost),
            Err(_) => return Err(LinkCause::TimedOut),
        }
    }
}

async fn begin(channel: &Channel<Msg>, text: String) -> Result<(), russh::Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one sink, and EXEC is constant"
    )]
    channel.exec(false, EXEC).await?;
    channel.data_bytes(text).await?;
    channel.eof().await
}

/// Reads until the channel closes, or until the end marker and a moment for what comes after it.
async fn read(channel: &mut Channel<Msg>, capture: &mut Capture) {
    while capture.status().is_none() {
        match channel.wait().await {
            Some(message) => capture.take(message),
            None => return,
        }
    }
    let rest = async {
        while let Some(message) = channel.wait().await {
            capture.take(message);
        }
    };
    // A child that was left behind may hold the channel open for ever.
    drop(timeout(GRACE, rest).await);
}

/// Ends the command. Whether the node said that it did.
async fn stop(channel: &mut Channel<Msg>, capture: &mut Capture) -> bool {
    let ending = async {
        channel.signal(Sig::TERM).await?;
        read(channel, capture).await;
        Ok::<(), russh::Error>(())
    };
    matches!(timeout(GRACE, ending).await, Ok(Ok(()))) && capture.has_ended()
}

fn conclude(
    capture: Capture,
    session: &Session,
    stopped: bool,
    answered: bool,
    limited: bool,
) -> Outcome {
    match capture.status() {
        Some(_) if stopped => Outcome::TimedOut,
        Some(TIMED_OUT) if limited => Outcome::TimedOut,
        Some(status) => capture.exited(status),
        None if stopped && answered => Outcome::TimedOut,
        None if session.ending.has_come() => Outcome::Lost {
            cause: session.ending.reason(),
        },
        None if stopped => Outcome::Lost {
            cause: "the node did not answer in time".to_owned(),
        },
        None => Outcome::Lost {
            cause: capture.complaint(),
        },
    }
}

/// Runs a rendered command and sends its lines until it ends or `cancel`. Never waits for a slow reader: the
/// connection is shared, and a channel that is not read stops all others.
pub(super) async fn follow(
    session: Arc<Session>,
    command: Rendered,
    events: mpsc::Sender<Followed>,
    cancel: CancellationToken,
) {
    let begun = async {
        let channel = open(&session, Instant::now() + Duration::from_secs(15))
            .await
            .ok()?;
        begin(&channel, command.text).await.ok()?;
        Some(channel)
    };
    let mut status = None;
    if let Some(mut channel) = begun.await {
        let mut framing = Framing::new(&command.nonce);
        let mut feed = LineFeed::new(events.clone());
        let talk = pump(&mut channel, &mut framing, &mut feed);
        let cancelled = tokio::select! {
            () = talk => false,
            () = session.ending.wait() => false,
            () = cancel.cancelled() => true,
        };
        if cancelled {
            drop(timeout(GRACE, channel.signal(Sig::TERM)).await);
        }
        drop(timeout(GRACE, channel.close()).await);
        feed.finish();
        status = framing.status().map(i32::from);
    }
    tokio::select! {
        sent = events.send(Followed::Ended(status)) => drop(sent),
        () = cancel.cancelled() => {}
    }
}

async fn pump(channel: &mut Channel<Msg>, framing: &mut Framing, feed: &mut LineFeed) {
    let mut out = Vec::new();
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                framing.push(&data, &mut out);
                feed.out.push(&out);
                out.clear();
                if framing.holds_line_end() {
                    feed.out.line_end_is_due();
                }
                if framing.status().is_some() {
                    feed.flush();
                    return;
                }
            }
            ChannelMsg::ExtendedData { data, .. } if framing.begun() => feed.err.push(&data),
            _ => {}
        }
        feed.flush();
    }
}

/// The first line of `bytes`, cleaned.
fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    clean_line(text.trim_start().lines().next().unwrap_or_default(), 200)
}
