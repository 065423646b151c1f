//! Who speaks when: loud parts, told apart by their pitch.

use super::Sound;

/// Pauses this long divide two turns.
const PAUSE_S: f64 = 0.25;
/// A part shorter than this is a click.
const SHORTEST_S: f64 = 0.08;
/// Pitches within this ratio are one voice.
const SAME: f64 = 1.35;
/// Sortformer tells at most four speakers apart.
const MOST: usize = 4;
/// Pitches of human voices in Hz.
const PITCHES: std::ops::RangeInclusive<u32> = 70..=340;

/// A stretch of speech by one speaker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Turn {
    /// Counted from 0 in the order of appearance.
    pub(crate) speaker: usize,
    /// Seconds.
    pub(crate) start: f64,
    /// Seconds.
    pub(crate) end: f64,
}

/// The turns of a sound, in order.
pub(crate) fn turns(sound: &Sound) -> Vec<Turn> {
    let mut voices: Vec<f64> = Vec::new();
    let mut turns: Vec<Turn> = Vec::new();
    for part in sound.loud_parts(PAUSE_S) {
        if sound.time_of(part.len()) < SHORTEST_S {
            continue;
        }
        let samples = sound.samples.get(part.clone()).unwrap_or_default();
        let turn = Turn {
            speaker: recognise(&mut voices, pitch(samples, sound.rate)),
            start: sound.time_of(part.start),
            end: sound.time_of(part.end),
        };
        turns.push(turn);
    }
    turns
}

/// The number of the voice with this pitch; a new one while there is room.
fn recognise(voices: &mut Vec<f64>, pitch: f64) -> usize {
    let apart = |voice: &f64| (voice / pitch).max(pitch / voice);
    let nearest = voices
        .iter()
        .enumerate()
        .min_by(|a, b| apart(a.1).total_cmp(&apart(b.1)));
    match nearest {
        Some((index, voice)) if apart(voice) < SAME || voices.len() == MOST => index,
        _ => {
            voices.push(pitch);
            voices.len() - 1
        }
    }
}

/// The pitch in Hz, by autocorrelation of what is below the tones of words.
fn pitch(samples: &[f32], rate: u32) -> f64 {
    let rate = usize::try_from(rate).unwrap_or(16_000);
    let samples = smoothed(samples, rate / 500);
    let span = &samples[..samples.len().min(rate / 2)];
    let score = |hertz: u32| correlation(span, rate / hertz as usize);
    let best = PITCHES.map(score).fold(f32::MIN, f32::max);
    // Multiples of the period match as well: the highest pitch that is nearly the best is the voice's.
    let found = PITCHES.rev().find(|hertz| score(*hertz) >= best * 0.92);
    f64::from(found.unwrap_or(*PITCHES.start()))
}

/// A moving mean over `width` samples.
#[expect(clippy::cast_precision_loss, reason = "some dozen samples")]
fn smoothed(samples: &[f32], width: usize) -> Vec<f32> {
    let width = width.max(1);
    let mean = |window: &[f32]| window.iter().sum::<f32>() / width as f32;
    samples.windows(width).step_by(2).map(mean).collect()
}

/// How alike the samples are to themselves `lag` samples later (two of which are one here).
fn correlation(samples: &[f32], lag: usize) -> f32 {
    let lag = lag / 2;
    let Some(later) = samples.get(lag..) else {
        return 0.0;
    };
    let product: f32 = samples.iter().zip(later).map(|(a, b)| a * b).sum();
    let energy: f32 = later.iter().map(|x| x * x).sum();
    product / energy.max(f32::EPSILON)
}

#[cfg(test)]
mod tests {
    use super::super::voice::Voice;
    use super::*;

    fn dialogue(voices: &[&str]) -> Sound {
        let mut sound = Sound {
            rate: 16_000,
            ..Sound::default()
        };
        for voice in voices {
            let part = Voice::named(voice, 1.0).say("Good morning to you", 16_000);
            sound.samples.extend(part.samples);
            sound.samples.extend(vec![0.0; 8000]);
        }
        sound
    }

    #[test]
    fn two_voices_are_two_speakers_and_come_back() {
        let turns = turns(&dialogue(&["af_heart", "am_adam", "af_heart"]));
        let who: Vec<usize> = turns.iter().map(|turn| turn.speaker).collect();
        assert_eq!(who, [0, 1, 0]);
        assert!(turns.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }

    #[test]
    fn one_voice_is_one_speaker_and_silence_is_nobody() {
        let one = turns(&dialogue(&["bf_emma", "bf_emma"]));
        assert!(one.len() == 2 && one.iter().all(|turn| turn.speaker == 0));
        let silent = Sound {
            rate: 16_000,
            samples: vec![0.0; 16_000],
            comment: None,
        };
        assert_eq!(turns(&silent), []);
    }
}
