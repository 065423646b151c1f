//! From an upload to the words in it, and the shapes in which transcribers give them.

use std::fmt::Write as _;

use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::{Value, json};

use crate::audio::{
    Sound,
    hearing::{self, Word},
    wav,
};
use crate::engine::EngineFault;

/// What was heard in one upload.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Transcript {
    /// The words, timed.
    pub(crate) words: Vec<Word>,
    /// Length of the sound in seconds.
    pub(crate) seconds: f64,
}

impl Transcript {
    /// Listens to a WAV file; `fault` is what is wrong with the listener.
    pub(crate) fn of(file: &[u8], fault: Option<&EngineFault>) -> Result<Self, wav::WavError> {
        let sound: Sound = wav::read(file)?;
        let mut words = hearing::hear(&sound);
        match fault {
            Some(EngineFault::Empty) => words.clear(),
            Some(EngineFault::Garbage) => {
                for word in &mut words {
                    "▁".clone_into(&mut word.text);
                }
            }
            _ => {}
        }
        Ok(Self {
            words,
            seconds: sound.seconds(),
        })
    }

    /// All of it in one line.
    pub(crate) fn text(&self) -> String {
        hearing::text(&self.words)
    }

    /// Words as `OpenAI` gives them.
    pub(crate) fn word_list(&self) -> Vec<Value> {
        let word = |w: &Word| json!({"word": w.text, "start": round(w.start), "end": round(w.end)});
        self.words.iter().map(word).collect()
    }

    /// Sentences as `OpenAI` gives them.
    pub(crate) fn segment_list(&self) -> Vec<Value> {
        let segment = |(id, words): (usize, &[Word])| {
            json!({
                "id": id, "seek": 0, "start": round(start(words)), "end": round(end(words)),
                "text": format!(" {}", hearing::text(words)), "tokens": [], "temperature": 0.0,
                "avg_logprob": -0.21, "compression_ratio": 1.1, "no_speech_prob": 0.01,
            })
        };
        let sentences = hearing::sentences(&self.words);
        sentences.into_iter().enumerate().map(segment).collect()
    }

    /// Subtitles of `SubRip`.
    pub(crate) fn srt(&self) -> String {
        self.cues(String::new(), ',', true)
    }

    /// Subtitles of the web.
    pub(crate) fn vtt(&self) -> String {
        self.cues("WEBVTT\n\n".to_owned(), '.', false)
    }

    fn cues(&self, mut out: String, point: char, numbered: bool) -> String {
        for (number, words) in (1..).zip(hearing::sentences(&self.words)) {
            if numbered {
                writeln!(out, "{number}").ok();
            }
            let (from, to) = (
                clock(start(words), point),
                clock(end(words).max(start(words) + 0.001), point),
            );
            let text = hearing::text(words);
            write!(out, "{from} --> {to}\n{text}\n\n").ok();
        }
        out
    }
}

fn start(words: &[Word]) -> f64 {
    words.first().map_or(0.0, |word| word.start)
}

fn end(words: &[Word]) -> f64 {
    words.last().map_or(0.0, |word| word.end)
}

/// Seconds with three decimals.
pub(crate) fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// `HH:MM:SS,mmm`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are positive, and the cast saturates"
)]
fn clock(seconds: f64, point: char) -> String {
    let ms = (seconds * 1000.0).round() as u64;
    let (hours, minutes, rest) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
    format!(
        "{hours:02}:{minutes:02}:{:02}{point}{:03}",
        rest / 1000,
        rest % 1000
    )
}

/// Text with the header that transcribers give it.
pub(crate) fn plain(kind: &'static str, text: String) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::voice::Voice;

    fn heard(fault: Option<&EngineFault>) -> Transcript {
        let sound = Voice::named("af_sky", 1.0).say("First one. Then two.", 16_000);
        Transcript::of(&wav::write(&sound), fault).unwrap()
    }

    #[test]
    fn sentences_become_segments_and_cues() {
        let transcript = heard(None);
        assert_eq!(transcript.text(), "First one. Then two.");
        assert_eq!(transcript.word_list().len(), 4);
        assert_eq!(transcript.segment_list()[1]["text"], " Then two.");
        let srt = transcript.srt();
        assert!(
            srt.starts_with("1\n00:00:00,0") && srt.contains("\n\n2\n"),
            "{srt}"
        );
        assert!(transcript.vtt().starts_with("WEBVTT\n\n00:00:00.0"));
        assert_eq!(clock(3661.2345, ','), "01:01:01,235");
    }

    #[test]
    fn a_listener_that_is_not_well_hears_nothing_or_nonsense() {
        assert_eq!(heard(Some(&EngineFault::Empty)).text(), "");
        assert!(!heard(Some(&EngineFault::Garbage)).text().contains("one"));
        assert!(Transcript::of(b"ID3\x04", None).is_err());
    }
}
