//! Telling a command's output from what the login shell's start-up files say, and its end from a cut.

use std::fmt;

/// A number used once, that marks the begin and the end of one command's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// From sixteen random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(random)))
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Takes the standard output of [`super::EXEC`] in pieces of any size and gives back the command's own.
///
/// What comes before the begin marker is noise of start-up files and is dropped. A stream that ends without
/// the end marker has no [`Framing::status`]: what became of the command is then unknown.
#[derive(Debug)]
pub struct Framing {
    begin: Vec<u8>,
    end: Vec<u8>,
    /// Bytes not yet given out, since they may be part of a marker.
    held: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Inside,
    Status,
    Done(u8),
    Malformed,
}

impl Framing {
    pub fn new(nonce: &Nonce) -> Self {
        Self {
            begin: format!("@@{nonce}:begin\n").into_bytes(),
            end: format!("\n@@{nonce}:end ").into_bytes(),
            held: Vec::new(),
            state: State::Before,
        }
    }

    /// Whether the command has begun.
    pub fn begun(&self) -> bool {
        self.state != State::Before
    }

    /// The exit status; `None` while, or if, the end marker has not come.
    pub fn status(&self) -> Option<u8> {
        match self.state {
            State::Done(status) => Some(status),
            _ => None,
        }
    }

    /// Whether the command's output is at a line end that is held back, since the end marker begins with one.
    pub fn holds_line_end(&self) -> bool {
        self.state == State::Inside && self.held.first() == Some(&b'\n')
    }

    /// Adds what of `bytes` (and of what was held back) belongs to the command to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.held.extend_from_slice(bytes);
        if self.state == State::Before {
            self.skip_noise();
        }
        if self.state == State::Inside {
            self.copy_output(out);
        }
        if self.state == State::Status {
            self.read_status();
        }
        if matches!(self.state, State::Done(_) | State::Malformed) {
            self.held.clear();
        }
    }

    fn skip_noise(&mut self) {
        if let Some(at) = find(&self.held, &self.begin) {
            self.held.drain(..at + self.begin.len());
            self.state = State::Inside;
        } else {
            let keep = partial(&self.held, &self.begin);
            self.held.drain(..self.held.len() - keep);
        }
    }

    fn copy_output(&mut self, out: &mut Vec<u8>) {
        if let Some(at) = find(&self.held, &self.end) {
            out.extend(self.held.drain(..at));
            self.held.drain(..self.end.len());
            self.state = State::Status;
        } else {
            let keep = partial(&self.held, &self.end);
            out.extend(self.held.drain(..self.held.len() - keep));
        }
    }

    fn read_status(&mut self) {
        let Some(line_end) = self.held.iter().position(|b| *b == b'\n') else {
            if self.held.len() > 3 {
                self.state = State::Malformed;
            }
            return;
        };
        let digits = self.held.get(..line_end).unwrap_or_default();
        let status = std::str::from_utf8(digits)
            .ok()
            .and_then(|d| d.parse().ok());
        self.state = status.map_or(State::Malformed, State::Done);
    }
}

fn find(text: &[u8], marker: &[u8]) -> Option<usize> {
    text.windows(marker.len()).position(|w| w == marker)
}

/// How many bytes at the end of `text` may be the start of `marker`.
fn partial(text: &[u8], marker: &[u8]) -> usize {
    let longest = text.len().min(marker.len() - 1);
    (0..=longest)
        .rev()
        .find(|n| text.ends_with(marker.get(..*n).unwrap_or_default()))
        .unwrap_or(0)
}
