//! Server-sent events, read piece by piece.
//!
//! The splitter takes bytes in any chunking and gives the same events; it keeps at most one event, and
//! an event may be at most [`MAX_EVENT_BYTES`].

/// Longest event that is read; a longer one is an error of the stream.
pub const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SseEvent {
    /// The last `id:` line.
    pub id: Option<String>,
    /// The `event:` line; `message` when there was none.
    pub name: String,
    /// The `data:` lines, joined by line ends.
    pub data: String,
}

/// An event grew over [`MAX_EVENT_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is over {MAX_EVENT_BYTES} bytes")]
pub struct EventTooLarge;

/// Splits a byte stream into events.
#[derive(Debug, Default)]
pub struct Splitter {
    line: Vec<u8>,
    event: SseEvent,
    has_data: bool,
}

impl Splitter {
    /// The events that are complete after `chunk`.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<SseEvent>, EventTooLarge> {
        let mut events = Vec::new();
        for piece in chunk.split_inclusive(|b| *b == b'\n') {
            if self.line.len() + self.event.data.len() + piece.len() > MAX_EVENT_BYTES {
                return Err(EventTooLarge);
            }
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                let text = String::from_utf8_lossy(&line);
                events.extend(self.take_line(text.trim_end_matches(['\n', '\r'])));
            }
        }
        Ok(events)
    }

    fn take_line(&mut self, line: &str) -> Option<SseEvent> {
        if line.is_empty() {
            let mut event = std::mem::take(&mut self.event);
            if event.name.is_empty() {
                event.name.push_str("message");
            }
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            "event" => value.clone_into(&mut self.event.name),
            "id" => self.event.id = Some(value.to_owned()),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &str =
        ": hello\n\nevent: nodes\nid: 7\ndata: {\"a\":1}\n\ndata: x\r\ndata: y\r\n\r\nevent: e\n\n";

    fn expected() -> Vec<SseEvent> {
        vec![
            SseEvent {
                id: Some("7".into()),
                name: "nodes".into(),
                data: "{\"a\":1}".into(),
            },
            SseEvent {
                id: None,
                name: "message".into(),
                data: "x\ny".into(),
            },
        ]
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_events(cuts in proptest::collection::vec(0..STREAM.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            cuts.push(STREAM.len());
            let mut splitter = Splitter::default();
            let mut events = Vec::new();
            let mut from = 0;
            for to in cuts {
                events.extend(splitter.push(&STREAM.as_bytes()[from..to]).unwrap());
                from = to;
            }
            prop_assert_eq!(events, expected());
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut splitter = Splitter::default();
        let chunk = vec![b'x'; 1024 * 1024];
        assert!((0..9).any(|_| splitter.push(&chunk).is_err()));
    }
}
