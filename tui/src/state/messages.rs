//! What was said to the operator: a toast for the moment, a log to look back.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::paint::Tone;
use crate::trouble::Trouble;

/// How many are kept.
const KEPT: usize = 200;
/// How long a toast of good news stands; bad news stands until a key is pressed.
const TOAST: Duration = Duration::from_secs(4);

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub at: Instant,
    pub tone: Tone,
    pub text: String,
}

/// All messages, and whether the last one is shown as a toast.
#[derive(Debug, Clone, Default)]
pub struct Messages {
    all: VecDeque<Message>,
    toast: bool,
}

impl Messages {
    pub fn say(&mut self, at: Instant, tone: Tone, text: impl Into<String>) {
        if self.all.len() == KEPT {
            self.all.pop_front();
        }
        let text = text.into();
        self.all.push_back(Message { at, tone, text });
        self.toast = true;
    }

    /// Tells of a failed call, in full.
    pub fn tell(&mut self, at: Instant, what: &str, trouble: &Trouble) {
        let mut text = format!("{what}: {}", trouble.message);
        if let Some(hint) = &trouble.hint {
            text = format!("{text} ({hint})");
        }
        if let Some(id) = &trouble.request_id {
            text = format!("{text} [request {id}]");
        }
        self.say(at, Tone::Bad, text);
    }

    /// The one to show now.
    pub fn toast(&self, now: Instant) -> Option<&Message> {
        let last = self.all.back().filter(|_| self.toast)?;
        let stands = last.tone == Tone::Bad || now.saturating_duration_since(last.at) < TOAST;
        stands.then_some(last)
    }

    /// Takes the toast away.
    pub fn dismiss(&mut self) {
        self.toast = false;
    }

    /// Newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Message> {
        self.all.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_news_fade_and_bad_news_stay() {
        let start = Instant::now();
        let later = start + Duration::from_secs(5);
        let mut messages = Messages::default();
        messages.say(start, Tone::Good, "done");
        assert!(messages.toast(start).is_some());
        assert!(messages.toast(later).is_none());
        messages.say(start, Tone::Bad, "failed");
        assert!(messages.toast(later).is_some());
        messages.dismiss();
        assert!(messages.toast(start).is_none());
        assert_eq!(messages.newest_first().count(), 2);
    }

    #[test]
    fn the_log_is_bounded() {
        let mut messages = Messages::default();
        for i in 0..500 {
            messages.say(Instant::now(), Tone::Plain, i.to_string());
        }
        assert_eq!(messages.newest_first().count(), KEPT);
        assert_eq!(messages.newest_first().next().unwrap().text, "499");
    }
}
