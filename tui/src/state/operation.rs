//! The operation that is followed, and its log.

use std::collections::VecDeque;

use spark_ipc::id::OperationId;
use spark_ipc::model::operation::{LogLine, Operation, OperationEvent};

/// Lines of the log that are kept.
pub const KEPT: usize = 2000;

/// An operation as its own stream tells it.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    pub operation: Option<Box<Operation>>,
    pub log: VecDeque<LogLine>,
    /// How many lines the view is scrolled back from the newest; 0 follows.
    pub back: usize,
    /// Lines that came while the view was scrolled back.
    pub unseen: usize,
    /// Lines that were dropped, by us or before us.
    pub dropped: u64,
    /// Sequence number of the last event.
    pub seen: Option<u64>,
}

impl Followed {
    /// Begins with another operation.
    pub fn begin(&mut self, operation: Operation) {
        *self = Self {
            operation: Some(Box::new(operation)),
            ..Self::default()
        };
    }

    pub fn id(&self) -> Option<&OperationId> {
        self.operation.as_ref().map(|o| &o.id)
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.operation.as_ref().is_some_and(|o| !o.state.is_final())
    }

    /// Takes a newer state of the same operation in.
    pub fn refresh(&mut self, operation: &Operation) {
        if let Some(mine) = &mut self.operation
            && mine.id == operation.id
            && operation.seq >= mine.seq
        {
            **mine = operation.clone();
        }
    }

    /// Takes an event of the stream in.
    pub fn apply(&mut self, sequence: Option<u64>, event: OperationEvent) {
        if sequence.is_some() && sequence <= self.seen {
            return;
        }
        self.seen = sequence.or(self.seen);
        match event {
            OperationEvent::Operation { operation } => self.refresh(&operation),
            OperationEvent::Log { line } => self.push(line),
            OperationEvent::Lagged { missed } => self.dropped += missed,
        }
    }

    fn push(&mut self, line: LogLine) {
        self.log.push_back(line);
        let full = self.log.len() > KEPT;
        if full {
            self.log.pop_front();
            self.dropped += 1;
        }
        if self.back > 0 {
            self.unseen += 1;
            self.back = (self.back + 1).min(self.log.len());
        }
    }

    /// Scrolls by `by` lines, towards the newest when positive.
    pub fn scroll(&mut self, by: isize) {
        let most = self.log.len().saturating_sub(1);
        self.back = self
            .back
            .saturating_add_signed(by.saturating_neg())
            .min(most);
        if self.back == 0 {
            self.unseen = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use spark_ipc::model::operation::OperationState;

    fn followed(lines: u64) -> Followed {
        let mut followed = Followed::default();
        followed.begin(fixture::swap(OperationState::Running));
        (1..=lines).for_each(|n| log(&mut followed, n));
        followed
    }

    fn log(followed: &mut Followed, seq: u64) {
        let line = LogLine {
            seq,
            node: None,
            rank: None,
            at: None,
            text: format!("line {seq}"),
        };
        followed.apply(Some(seq), OperationEvent::Log { line });
    }

    #[test]
    fn scrolling_back_pauses_and_the_end_follows_again() {
        let mut followed = followed(50);
        followed.scroll(-10);
        log(&mut followed, 51);
        assert_eq!((followed.back, followed.unseen), (11, 1));
        followed.scroll(isize::MAX);
        assert_eq!((followed.back, followed.unseen), (0, 0));
        followed.scroll(isize::MIN);
        assert_eq!(followed.back, 50, "the oldest line stays in view");
    }

    #[test]
    fn a_resumed_stream_repeats_nothing() {
        let mut followed = followed(3);
        log(&mut followed, 2);
        assert_eq!(followed.log.len(), 3);
    }

    #[test]
    fn the_log_is_bounded_and_says_what_it_dropped() {
        let followed = followed(KEPT as u64 + 5);
        assert_eq!((followed.log.len(), followed.dropped), (KEPT, 5));
    }

    #[test]
    fn an_older_state_does_not_replace_a_newer_one() {
        let mut followed = followed(0);
        let mut ended = fixture::swap(OperationState::Succeeded);
        ended.seq = 9;
        followed.refresh(&ended);
        followed.refresh(&fixture::swap(OperationState::Running));
        assert!(!followed.is_running());
    }
}
