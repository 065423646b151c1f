//! The events of one operation: a bounded ring with sequence numbers, and readers that can resume.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use spark_ipc::model::operation::{LogLine, Operation, OperationEvent};
use tokio::sync::watch;

/// Events that are kept for readers that come late or were cut off.
const KEPT: usize = 4000;

/// The feed of one operation; cheap to clone. Operation states are coalesced: only the newest is kept.
#[derive(Debug, Clone)]
pub struct Feed {
    // Guards the ring; held for a push or a copy, never across an await.
    ring: Arc<Mutex<Ring>>,
    newest: watch::Sender<u64>,
    ended: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Ring {
    next: u64,
    dropped_before: u64,
    operation: Option<(u64, Box<Operation>)>,
    lines: VecDeque<LogLine>,
}

impl Default for Feed {
    fn default() -> Self {
        let ring = Ring {
            next: 1,
            dropped_before: 1,
            ..Ring::default()
        };
        Self {
            ring: Arc::new(Mutex::new(ring)),
            newest: watch::Sender::new(0),
            ended: watch::Sender::new(false),
        }
    }
}

impl Feed {
    /// Publishes the operation's state; returns its sequence number.
    pub fn operation(&self, mut operation: Operation) -> u64 {
        let ended = operation.state.is_final();
        let seq = self.push(|ring, seq| {
            operation.seq = seq;
            // The end is the last word, whoever is late with an older one.
            if ring
                .operation
                .as_ref()
                .is_none_or(|(_, known)| !known.state.is_final())
            {
                ring.operation = Some((seq, Box::new(operation)));
            }
        });
        if ended {
            self.ended.send_replace(true);
        }
        seq
    }

    /// Publishes one line of a log.
    pub fn line(&self, mut line: LogLine) {
        self.push(|ring, seq| {
            line.seq = seq;
            ring.lines.push_back(line);
            if ring.lines.len() > KEPT
                && let Some(old) = ring.lines.pop_front()
            {
                ring.dropped_before = old.seq + 1;
            }
        });
    }

    /// A reader of everything after sequence number `after` (all that is kept, when `None`). A number that
    /// this feed has not reached is of an earlier run of the daemon: everything is new to that reader.
    pub fn reader(&self, after: Option<u64>) -> FeedReader {
        let next = self
            .ring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next;
        let after = after.filter(|seq| *seq < next);
        FeedReader {
            feed: self.clone(),
            newest: self.newest.subscribe(),
            after: after.unwrap_or(0),
        }
    }

    fn push(&self, write: impl FnOnce(&mut Ring, u64)) -> u64 {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = ring.next;
        ring.next += 1;
        write(&mut ring, seq);
        drop(ring);
        self.newest.send_replace(seq);
        seq
    }
}

/// Reads a feed from a place on. It may be dropped and made anew with the last number it saw.
#[derive(Debug)]
pub struct FeedReader {
    feed: Feed,
    newest: watch::Receiver<u64>,
    after: u64,
}

impl FeedReader {
    /// The next events with their sequence numbers, in order; `None` when the operation has ended and
    /// all was read. Cancel-safe.
    pub async fn next(&mut self) -> Option<Vec<(u64, OperationEvent)>> {
        loop {
            let ended = *self.feed.ended.borrow();
            let events = self.take();
            if !events.is_empty() {
                return Some(events);
            }
            if ended || self.newest.changed().await.is_err() {
                return None;
            }
        }
    }

    fn take(&mut self) -> Vec<(u64, OperationEvent)> {
        let _seen = self.newest.borrow_and_update();
        let ring = self
            .feed
            .ring
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut events = Vec::new();
        if self.after > 0 && self.after + 1 < ring.dropped_before {
            let missed = ring.dropped_before - self.after - 1;
            events.push((ring.dropped_before - 1, OperationEvent::Lagged { missed }));
        }
        let from = ring.lines.partition_point(|line| line.seq <= self.after);
        let lines = ring.lines.range(from..);
        events.extend(lines.map(|line| (line.seq, OperationEvent::Log { line: line.clone() })));
        if let Some((seq, operation)) = &ring.operation
            && *seq > self.after
        {
            events.push((
                *seq,
                OperationEvent::Operation {
                    operation: operation.clone(),
                },
            ));
            events.sort_by_key(|(seq, _)| *seq);
        }
        drop(ring);
        if let Some((last, _)) = events.last() {
            self.after = *last;
        }
        events
    }
}
