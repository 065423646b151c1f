//! Lines out of byte pieces, handed to a reader who may be slow.

use spark_ipc::text::clean_line;
use tokio::sync::mpsc;

use crate::ssh::Followed;

/// Bytes of one line that are kept, and characters that are shown of it.
const MAX_LINE: usize = 32 << 10;
const MAX_SHOWN: usize = 8000;

/// Both outputs of a followed command.
#[derive(Debug)]
pub(super) struct LineFeed {
    pub(super) out: Splitter,
    pub(super) err: Splitter,
    events: mpsc::Sender<Followed>,
    dropped: u64,
}

impl LineFeed {
    pub(super) fn new(events: mpsc::Sender<Followed>) -> Self {
        Self {
            out: Splitter::default(),
            err: Splitter::default(),
            events,
            dropped: 0,
        }
    }

    /// Sends the lines that are complete; counts those for which there is no room.
    pub(super) fn flush(&mut self) {
        let lines: Vec<String> = self
            .err
            .lines
            .drain(..)
            .chain(self.out.lines.drain(..))
            .collect();
        for line in lines {
            self.send(line);
        }
    }

    /// Sends what is left, complete or not.
    pub(super) fn finish(&mut self) {
        self.out.end_line();
        self.err.end_line();
        self.flush();
    }

    fn send(&mut self, line: String) {
        if self.dropped > 0 {
            if self
                .events
                .try_send(Followed::Dropped(self.dropped))
                .is_err()
            {
                self.dropped += 1;
                return;
            }
            self.dropped = 0;
        }
        if self.events.try_send(Followed::Line(line)).is_err() {
            self.dropped += 1;
        }
    }
}

/// Cuts one output into lines.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    lines: Vec<String>,
    partial: Vec<u8>,
    /// The line was given out already; its end is still to come.
    end_given: bool,
}

impl Splitter {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for (number, piece) in bytes.split(|b| *b == b'\n').enumerate() {
            if number > 0 {
                self.line_end();
            }
            let room = MAX_LINE.saturating_sub(self.partial.len());
            self.partial
                .extend_from_slice(piece.get(..room).unwrap_or(piece));
        }
    }

    /// The line's end is known but held back: the line can be given out.
    pub(super) fn line_end_is_due(&mut self) {
        if !self.end_given {
            self.line_end();
            self.end_given = true;
        }
    }

    fn line_end(&mut self) {
        if std::mem::take(&mut self.end_given) {
            return;
        }
        let text = String::from_utf8_lossy(&self.partial);
        self.lines
            .push(clean_line(text.trim_end_matches('\r'), MAX_SHOWN));
        self.partial.clear();
    }

    fn end_line(&mut self) {
        if !self.partial.is_empty() {
            self.line_end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(events: &mut mpsc::Receiver<Followed>) -> Vec<Followed> {
        std::iter::from_fn(|| events.try_recv().ok()).collect()
    }

    #[test]
    fn lines_are_whole_whatever_the_pieces() {
        let (sender, mut events) = mpsc::channel(16);
        let mut feed = LineFeed::new(sender);
        for piece in ["a", "b\nc", "\n\n", "\u{1b}[31md"] {
            feed.out.push(piece.as_bytes());
        }
        feed.finish();
        let lines = ["ab", "c", "", "d"].map(|l| Followed::Line(l.to_owned()));
        assert_eq!(received(&mut events), lines);
    }

    #[test]
    fn a_line_whose_end_is_held_back_is_given_once() {
        let (sender, mut events) = mpsc::channel(16);
        let mut feed = LineFeed::new(sender);
        feed.out.push(b"one");
        feed.out.line_end_is_due();
        feed.flush();
        assert_eq!(received(&mut events), [Followed::Line("one".to_owned())]);
        feed.out.push(b"\ntwo");
        feed.out.line_end_is_due();
        feed.finish();
        assert_eq!(received(&mut events), [Followed::Line("two".to_owned())]);
    }

    #[test]
    fn a_slow_reader_learns_how_many_lines_it_missed() {
        let (sender, mut events) = mpsc::channel(2);
        let mut feed = LineFeed::new(sender);
        feed.out.push(b"1\n2\n3\n4\n");
        feed.flush();
        assert_eq!(received(&mut events).len(), 2);
        feed.out.push(b"5\n");
        feed.flush();
        let rest = [Followed::Dropped(2), Followed::Line("5".to_owned())];
        assert_eq!(received(&mut events), rest);
    }

    #[test]
    fn a_line_without_end_does_not_grow_without_end() {
        let mut splitter = Splitter::default();
        (0..100).for_each(|_| splitter.push(&[b'x'; 4096]));
        assert_eq!(splitter.partial.len(), MAX_LINE);
    }
}
