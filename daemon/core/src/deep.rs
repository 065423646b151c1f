//! Deep health: is the answer right?
//!
//! A port that listens and a health route that says 200 are no proof: an engine with a broken kernel answers fast
//! and nonsense, a speech server may return silence. So every kind of target has questions whose right answer is
//! known ([`questions`]), and a judge for each that looks at what came back and at nothing else. The daemon only
//! asks; what it means is decided here (probe definitions: spark-domain 6.5).

mod audio;
mod book;
mod chat;
mod multipart;
mod question;
mod ranking;
mod speakers;
mod target;
mod vectors;
mod words;

pub use book::{Book, HISTORY, Key};
pub use chat::Transcript;
pub use question::{Body, Patience, Question, Reply, Retry, questions, voices_path, with_voice};
pub use target::{Target, from_service, from_unit, kind_of};

use spark_ipc::id::NodeId;
use spark_ipc::model::deep::{DeepCheck, DeepLevel, DeepState};
use spark_ipc::model::operation::Advice;
use spark_ipc::text::clean_line;

use crate::advice::{Evidence, first_cause};

/// A recording of [`SPOKEN`]: 16 kHz, mono, 16 bits, 2.8 s.
pub const WORDS_WAV: &[u8] = include_bytes!("../data/audio/words.wav");
/// A recording of two speakers, one after the other, 4.6 s.
pub const VOICES_WAV: &[u8] = include_bytes!("../data/audio/voices.wav");
/// What [`WORDS_WAV`] says.
pub const SPOKEN: &str = "The quick brown fox jumps over the lazy dog";

/// What a judge makes of one reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The answer is right; what was seen.
    Right(String),
    /// The answer is wrong.
    Wrong {
        error: String,
        /// Words that the table of causes knows, where the cause is known.
        evidence: Option<String>,
    },
    /// It cannot be told; why.
    Unsure(String),
    /// The target has more to do than it can: nothing bad is known of it.
    Busy(String),
}

impl Verdict {
    fn wrong(error: impl Into<String>) -> Self {
        Self::Wrong {
            error: error.into(),
            evidence: None,
        }
    }

    /// What to do about it, where the cause is known.
    pub fn advice(&self, node: &NodeId) -> Option<Advice> {
        let Self::Wrong {
            evidence: Some(text),
            ..
        } = self
        else {
            return None;
        };
        let evidence = Evidence {
            node: node.clone(),
            rank: None,
            at: None,
            text: text.clone(),
        };
        first_cause(&[evidence], &[])
    }
}

/// How one probe of one target ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    pub state: DeepState,
    /// The level that failed, or the last that was tried.
    pub level: DeepLevel,
    pub latency_ms: f64,
    pub error: Option<String>,
    pub checks: Vec<DeepCheck>,
    pub advice: Option<Advice>,
    /// Length of the vectors of an embedding model.
    pub dimensions: Option<usize>,
}

/// Whether a health route's 200 means that it serves: some speech servers say `"status": "loading"` in it.
pub fn health_says_ready(body: &[u8]) -> Result<(), String> {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let status = ["status", "state"].iter().find_map(|f| value[*f].as_str());
    match status.map(str::to_ascii_lowercase).as_deref() {
        Some(word @ ("loading" | "starting" | "initializing" | "unhealthy" | "error")) => {
            Err(format!("its health route says {word:?}"))
        }
        _ => Ok(()),
    }
}

/// Whether the list of models in `body` has `wanted`; the error names those that it has.
pub fn lists_model(body: &[u8], wanted: &str) -> Result<(), String> {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(models) = value["data"].as_array() else {
        return Err("its list of models cannot be read".to_owned());
    };
    let mut names = models.iter().filter_map(|m| m["id"].as_str());
    if names.any(|name| name == wanted) {
        return Ok(());
    }
    let names: Vec<&str> = models.iter().filter_map(|m| m["id"].as_str()).collect();
    let names = clean_line(&names.join(", "), 120);
    Err(format!("it serves {names}, not {wanted}"))
}

/// A piece of a reply, to be shown.
fn shown(body: &[u8]) -> String {
    clean_line(String::from_utf8_lossy(body).trim(), 120)
}

#[cfg(test)]
mod tests;
