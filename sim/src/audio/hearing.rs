//! What a simulated transcriber hears.

use std::f64::consts::TAU;
use std::fmt::Write as _;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::voice::{FIRST, STEP, TONE_S};
use super::{Sound, wav};

/// Pauses this long divide the words of a simulated voice.
const WORD_PAUSE_S: f64 = 0.015;
/// Pauses this long divide the words of anybody else.
const FOREIGN_PAUSE_S: f64 = 0.12;
/// The share of a tone among all sixteen by which it is told from speech and noise.
const CLEAR: f64 = 0.6;

/// Recordings that are known by the SHA-256 of their samples as 16-bit PCM: those that Spark Control sends to see
/// whether a transcriber works.
const KNOWN: [(&str, &str); 2] = [
    (
        "b26659a0e15026e113f539bebeaf23a3a9c49f0b10fee23a4efec52834ed5f41",
        "The quick brown fox jumps over the lazy dog.",
    ),
    (
        "0bf83e774d715b5377056d648ba24a061071afe4a3d3d999dfe6eacfe47b73ed",
        "Good morning, how are you today? I am very well, thank you.",
    ),
];

/// A word and when it was said, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    /// As written.
    pub(crate) text: String,
    /// When it begins.
    pub(crate) start: f64,
    /// When it ends.
    pub(crate) end: f64,
}

/// The words of a sound; none for silence.
pub(crate) fn hear(sound: &Sound) -> Vec<Word> {
    let parts = sound.loud_parts(WORD_PAUSE_S);
    if parts.is_empty() {
        return Vec::new();
    }
    if let Some(words) = spoken_by_us(sound, &parts) {
        return words;
    }
    let told = sound.comment.as_deref().filter(|text| !text.is_empty());
    match known(sound).or(told) {
        Some(text) => spread(text, sound, &parts),
        None => guessed(sound),
    }
}

/// What a known recording says.
fn known(sound: &Sound) -> Option<&'static str> {
    let hash = hex(&wav::pcm(sound));
    let found = KNOWN.iter().find(|(known, _)| *known == hash);
    found.map(|(_, text)| *text)
}

fn hex(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut out, byte| {
        // Writing to a string does not fail.
        write!(out, "{byte:02x}").ok();
        out
    })
}

/// The words in one line.
pub(crate) fn text(words: &[Word]) -> String {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    texts.join(" ")
}

/// Sentences: words up to a full stop or a long pause.
pub(crate) fn sentences(words: &[Word]) -> Vec<&[Word]> {
    let ends = |pair: &[Word]| match pair {
        [a, b] => a.text.ends_with(['.', '!', '?']) || b.start - a.end > 0.8,
        _ => false,
    };
    let mut all = Vec::new();
    let mut begin = 0;
    for (index, pair) in words.windows(2).enumerate() {
        if ends(pair) {
            all.push(&words[begin..=index]);
            begin = index + 1;
        }
    }
    all.extend(words.get(begin..).filter(|rest| !rest.is_empty()));
    all
}

/// The words when every part is tones of ours.
fn spoken_by_us(sound: &Sound, parts: &[Range<usize>]) -> Option<Vec<Word>> {
    let word = |part: &Range<usize>| {
        Some(Word {
            text: decoded(sound, part)?,
            start: sound.time_of(part.start),
            end: sound.time_of(part.end),
        })
    };
    parts.iter().map(word).collect()
}

fn decoded(sound: &Sound, part: &Range<usize>) -> Option<String> {
    let length = sound.time_of(part.len());
    let (count, off) = whole_tones(length);
    if count == 0 || count % 2 == 1 || off > 0.4 {
        return None;
    }
    let nibbles: Option<Vec<u8>> = (0..count)
        .map(|number| {
            // The middle of the tone: its edges belong to its neighbours.
            let middle = length * (f64::from(number) + 0.5) / f64::from(count);
            let from = part.start + sound.sample_at(middle - TONE_S / 3.0);
            let until = part.start + sound.sample_at(middle + TONE_S / 3.0);
            tone(sound.samples.get(from..until)?, sound.rate)
        })
        .collect();
    let bytes = nibbles?.chunks_exact(2).map(|p| p[0] << 4 | p[1]).collect();
    let text = String::from_utf8(bytes).ok()?;
    (!text.chars().any(char::is_control)).then_some(text)
}

/// How many tones take `seconds`, and by which share of one the count is off.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and the cast saturates"
)]
fn whole_tones(seconds: f64) -> (u32, f64) {
    let tones = seconds / TONE_S;
    (tones.round() as u32, (tones - tones.round()).abs())
}

/// Which of the sixteen tones this is, if clearly one.
fn tone(samples: &[f32], rate: u32) -> Option<u8> {
    let powers: Vec<f64> = (0..16_u8)
        .map(|n| power(samples, FIRST + f64::from(n) * STEP, rate))
        .collect();
    let total: f64 = powers.iter().sum();
    let strongest = powers
        .iter()
        .zip(0_u8..)
        .max_by(|a, b| a.0.total_cmp(b.0))?;
    // A neighbour shares the power of a short tone, so it is not counted against it.
    let near = |n: u8| powers.get(usize::from(n)).copied().unwrap_or(0.0);
    let around = near(strongest.1.wrapping_sub(1)) + near(strongest.1.wrapping_add(1));
    (total > 0.0 && (strongest.0 + around) / total > CLEAR).then_some(strongest.1)
}

/// The power at one frequency, through a window that keeps the neighbours quiet.
fn power(samples: &[f32], frequency: f64, rate: u32) -> f64 {
    let turn = TAU * frequency / f64::from(rate);
    let length = f64::from(u32::try_from(samples.len()).unwrap_or(u32::MAX));
    let (mut re, mut im) = (0.0, 0.0);
    for (sample, at) in samples.iter().zip(0_u32..) {
        let at = f64::from(at);
        let window = 0.5 - 0.5 * (TAU * (at + 0.5) / length).cos();
        let value = f64::from(*sample) * window;
        re += value * (turn * at).cos();
        im += value * (turn * at).sin();
    }
    re * re + im * im
}

/// A known text, its words timed by their length.
fn spread(text: &str, sound: &Sound, parts: &[Range<usize>]) -> Vec<Word> {
    let start = parts.first().map_or(0.0, |part| sound.time_of(part.start));
    let end = parts.last().map_or(0.0, |part| sound.time_of(part.end));
    let letters = |text: &str| f64::from(u32::try_from(text.chars().count()).unwrap_or(0)) + 1.0;
    let all: f64 = text.split_whitespace().map(letters).sum();
    let mut at = start;
    let timed = text.split_whitespace().map(|word| {
        let begin = at;
        at += (end - start) * letters(word) / all;
        Word {
            text: word.to_owned(),
            start: begin,
            end: at,
        }
    });
    timed.collect()
}

/// Words for sounds that nobody described: the same sound gives the same ones.
fn guessed(sound: &Sound) -> Vec<Word> {
    const HEARD: [&str; 12] = [
        "and", "so", "the", "well", "then", "that", "right", "there", "now", "again", "yes", "here",
    ];
    let word = |part: Range<usize>| {
        let piece = Sound {
            rate: sound.rate,
            samples: sound.samples.get(part.clone()).unwrap_or_default().to_vec(),
            comment: None,
        };
        let hash = Sha256::digest(wav::pcm(&piece));
        Word {
            text: HEARD[usize::from(hash[0]) % HEARD.len()].to_owned(),
            start: sound.time_of(part.start),
            end: sound.time_of(part.end),
        }
    };
    let parts = sound.loud_parts(FOREIGN_PAUSE_S);
    parts.into_iter().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::super::voice::Voice;
    use super::*;

    #[test]
    fn what_a_voice_says_is_heard_at_every_usual_rate() {
        let said = "Hello there. Über 12 Sparks, isn't it?";
        for (voice, rate) in [("af_heart", 24_000), ("am_adam", 16_000), ("x", 22_050)] {
            let sound = Voice::named(voice, 1.0).say(said, rate);
            let file = wav::read(&wav::write(&sound)).unwrap();
            let words = hear(&file);
            assert_eq!(text(&words), said, "{voice} {rate}");
            assert!(words.windows(2).all(|w| w[0].end <= w[1].start));
            assert_eq!(sentences(&words).len(), 2);
        }
    }

    #[test]
    fn a_recording_is_heard_by_its_comment_unless_it_is_silent() {
        let noise = |level: f32| Sound {
            rate: 16_000,
            samples: (0..16_000_u16)
                .map(|n| level * f32::from(n % 97) / 97.0)
                .collect(),
            comment: Some("the quick fox".to_owned()),
        };
        let words = hear(&noise(0.8));
        assert_eq!(text(&words), "the quick fox");
        assert!(words[2].end <= 1.0 && words[0].start < words[1].start);
        assert_eq!(hear(&noise(0.0)), []);
    }

    #[test]
    fn a_sound_without_a_comment_gives_some_words_of_its_own() {
        let bursts = |step: u16| Sound {
            rate: 16_000,
            samples: (0..32_000_u16)
                .map(|n| f32::from((n / 8000 + 1) % 2) * f32::from(n % step) / f32::from(step))
                .collect(),
            comment: None,
        };
        assert_eq!(hear(&bursts(97)).len(), 2);
        assert_eq!(hear(&bursts(97)), hear(&bursts(97)));
    }
}
