//! The answer of the engine, on its way to the client.
//!
//! It holds the pass through the gate, so a swap that drains waits for the last byte; when the client
//! goes, hyper drops it, and the connection to the engine with it. An event stream that the engine breaks
//! off ends with an error event: the client's parser must not take it for whole.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::refusal::Refusal;
use super::traffic::Passing;
use crate::gate::Pass;

/// What closes a stream of completions.
const DONE: &[u8] = b"[DONE]";

/// How an event stream ended.
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// A body that passes another on.
pub(super) struct Relay {
    upstream: reqwest::Body,
    idle: Pin<Box<Sleep>>,
    limit: Duration,
    /// For an event stream: the last bytes that are not white space.
    tail: Option<Vec<u8>>,
    ended: bool,
    passing: Passing,
    _pass: Pass,
}

impl Relay {
    /// Passes `upstream` on. `limit` is the longest time without a byte of it.
    pub(super) fn new(
        upstream: reqwest::Body,
        events: bool,
        limit: Duration,
        passing: Passing,
        pass: Pass,
    ) -> Self {
        let idle = Box::pin(tokio::time::sleep(limit));
        let tail = events.then(Vec::new);
        Self {
            upstream,
            idle,
            limit,
            tail,
            ended: false,
            passing,
            _pass: pass,
        }
    }

    fn pass_on(&mut self, bytes: &Bytes) {
        let deadline = Instant::now() + self.limit;
        self.idle.as_mut().reset(deadline);
        if let Some(tail) = &mut self.tail {
            let from = bytes.len().saturating_sub(64);
            tail.extend(
                bytes
                    .iter()
                    .skip(from)
                    .filter(|byte| !byte.is_ascii_whitespace()),
            );
            let surplus = tail.len().saturating_sub(DONE.len());
            tail.drain(..surplus);
        }
    }

    /// The engine ended: well, or with `cause`, or in the middle of a stream.
    fn end(&mut self, cause: Option<Failed>) -> Option<Result<Frame<Bytes>, Failed>> {
        self.ended = true;
        match (&self.tail, cause) {
            (Some(tail), None) if tail == DONE => None,
            (None, None) => None,
            (Some(_), cause) => {
                self.passing.failed();
                let detail =
                    cause.map_or_else(|| "its stream ended early".to_owned(), |e| chain(&*e));
                let event = format!("\n\ndata: {}\n\n", Refusal::upstream(&detail).body());
                Some(Ok(Frame::data(event.into())))
            }
            (None, Some(cause)) => {
                self.passing.failed();
                Some(Err(cause))
            }
        }
    }
}

/// An error and its causes, on one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

impl Body for Relay {
    type Data = Bytes;
    type Error = Failed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failed>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.upstream).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(bytes) = frame.data_ref() {
                    let bytes = bytes.clone();
                    self.pass_on(&bytes);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(self.end(Some(error.into()))),
            Poll::Ready(None) => Poll::Ready(self.end(None)),
            Poll::Pending if self.idle.as_mut().poll(cx).is_ready() => {
                let silent = format!("the engine was silent for {} s", self.limit.as_secs());
                Poll::Ready(self.end(Some(silent.into())))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        if self.tail.is_some() {
            SizeHint::default()
        } else {
            self.upstream.size_hint()
        }
    }
}
