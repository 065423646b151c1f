//! The simulated voices: text as tones over a hum of the voice's own pitch.
//!
//! Each byte of a word is two tones of 30 ms, one of sixteen frequencies each, so that a letter takes as long as
//! in speech. Words are divided by short pauses. The hum under them is what tells one voice from another.

use std::f64::consts::TAU;

use super::Sound;

/// Seconds of one tone.
pub(super) const TONE_S: f64 = 0.03;
/// Seconds between two words at speed 1.
const PAUSE_S: f64 = 0.09;
/// The frequencies: `FIRST + n * STEP` Hz.
pub(super) const FIRST: f64 = 700.0;
pub(super) const STEP: f64 = 100.0;
/// Seconds over which a word begins and ends, so that it does not click.
const EDGE_S: f64 = 0.002;

/// How one voice speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Voice {
    /// Pitch in Hz, 80 to 320.
    pub(crate) pitch: f64,
    /// 1 is usual; larger means shorter pauses.
    pub(crate) speed: f64,
}

impl Voice {
    /// The voice with this name: the same every time, women's (`af_…`, `bf_…`) higher than men's.
    pub(crate) fn named(name: &str, speed: f64) -> Self {
        let sum = name
            .bytes()
            .fold(7_u32, |sum, b| (sum * 31 + u32::from(b)) % 9973);
        let deep = name.as_bytes().get(1) == Some(&b'm');
        let base = if deep { 95.0 } else { 195.0 };
        Self {
            pitch: base + f64::from(sum % 40),
            speed: speed.clamp(0.25, 4.0),
        }
    }

    /// Says `text`, at `rate` samples a second.
    pub(crate) fn say(self, text: &str, rate: u32) -> Sound {
        let mut sound = Sound {
            rate,
            ..Sound::default()
        };
        self.pause(&mut sound);
        for word in text.split_whitespace() {
            self.word(&mut sound, word);
            self.pause(&mut sound);
        }
        sound
    }

    fn pause(self, sound: &mut Sound) {
        let end = sound.samples.len() + sound.sample_at(PAUSE_S / self.speed);
        sound.samples.resize(end, 0.0);
    }

    fn word(self, sound: &mut Sound, word: &str) {
        let start = sound.samples.len();
        let nibbles = word.bytes().flat_map(|b| [b >> 4, b & 15]);
        for (nibble, number) in nibbles.zip(1_u32..) {
            let frequency = FIRST + f64::from(nibble) * STEP;
            let end = start + sound.sample_at(TONE_S * f64::from(number));
            while sound.samples.len() < end {
                let at = sound.time_of(sound.samples.len() - start);
                sound.samples.push(self.sample(frequency, at));
            }
        }
        let edge = sound.sample_at(EDGE_S).max(1);
        let length = sound.samples.len() - start;
        for (index, sample) in sound.samples.iter_mut().skip(start).enumerate() {
            let near = index.min(length - 1 - index).min(edge);
            *sample *= fraction(near, edge);
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a sample needs no double precision"
    )]
    fn sample(self, frequency: f64, at: f64) -> f32 {
        let hum = 0.3 * (TAU * self.pitch * at).sin();
        (hum + 0.25 * (TAU * frequency * at).sin()) as f32
    }
}

/// `part / whole` of a fade.
#[expect(clippy::cast_precision_loss, reason = "some dozen samples")]
fn fraction(part: usize, whole: usize) -> f32 {
    part as f32 / whole as f32
}

#[cfg(test)]
mod tests {
    use super::Voice;

    #[test]
    fn a_voice_is_its_own_and_speaks_at_the_pace_of_speech() {
        let bella = Voice::named("af_bella", 1.0);
        assert_eq!(bella, Voice::named("af_bella", 1.0));
        assert!(bella.pitch > Voice::named("am_adam", 1.0).pitch * 1.3);
        let seconds = bella.say("Hello there, this works.", 24_000).seconds();
        assert!((1.2..2.5).contains(&seconds), "{seconds}");
        let fast = Voice::named("af_bella", 3.0).say("Hello there, this works.", 24_000);
        assert!(fast.seconds() < seconds);
    }
}
