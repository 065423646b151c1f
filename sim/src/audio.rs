//! Sound as the simulated speech services make and hear it.
//!
//! A real transcriber is not part of a simulator, yet its answer must depend on what it is given. So the
//! simulated voices carry their text as tones ([`voice`]), and a listener reads them back ([`hearing`]): what
//! one service says another one understands. A recording from elsewhere is heard by its comment (`ICMT` of a
//! WAV's `LIST INFO`), and one without a comment as made-up words, one for each burst of sound. Silence is
//! heard as nothing, whatever its comment says. Who speaks when ([`turns`]) is told from the pitch, which
//! works for tones and for people.

use std::ops::Range;

pub(crate) mod hearing;
pub(crate) mod turns;
pub(crate) mod voice;
pub(crate) mod wav;

/// Seconds over which loudness is measured.
const FRAME_S: f64 = 0.0025;
/// The loudness (root mean square, full scale 1) under which nothing is heard.
const SILENCE: f32 = 0.004;

/// One channel of samples between -1 and 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sound {
    /// Samples a second.
    pub(crate) rate: u32,
    /// The samples.
    pub(crate) samples: Vec<f32>,
    /// What the file says about itself.
    pub(crate) comment: Option<String>,
}

impl Sound {
    /// Its length in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.time_of(self.samples.len())
    }

    /// The time of a sample in seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a recording has far fewer than 2^52 samples"
    )]
    pub(crate) fn time_of(&self, sample: usize) -> f64 {
        sample as f64 / f64::from(self.rate.max(1))
    }

    /// The sample at a time.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "times are positive, and the cast saturates"
    )]
    pub(crate) fn sample_at(&self, seconds: f64) -> usize {
        (seconds * f64::from(self.rate)).round() as usize
    }

    /// The parts in which something is heard; pauses shorter than `pause_s` do not divide one.
    pub(crate) fn loud_parts(&self, pause_s: f64) -> Vec<Range<usize>> {
        let frame = self.sample_at(FRAME_S).max(1);
        let peak = self.samples.chunks(frame).map(loudness).fold(0.0, f32::max);
        let floor = SILENCE.max(peak * 0.1);
        let pause = self.sample_at(pause_s);
        let mut parts: Vec<Range<usize>> = Vec::new();
        for (index, chunk) in self.samples.chunks(frame).enumerate() {
            if loudness(chunk) < floor {
                continue;
            }
            let (start, end) = (index * frame, index * frame + chunk.len());
            match parts.last_mut() {
                Some(last) if start.saturating_sub(last.end) < pause => last.end = end,
                _ => parts.push(start..end),
            }
        }
        parts
    }
}

/// Root mean square.
#[expect(
    clippy::cast_precision_loss,
    reason = "a frame has some hundred samples"
)]
fn loudness(samples: &[f32]) -> f32 {
    let sum: f32 = samples.iter().map(|x| x * x).sum();
    (sum / samples.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::Sound;

    #[test]
    fn loud_parts_are_divided_by_pauses_only() {
        let mut samples = vec![0.0; 1600];
        samples.extend(vec![0.5; 1600]);
        samples.extend(vec![0.0; 320]);
        samples.extend(vec![0.5; 1600]);
        samples.extend(vec![0.0; 4800]);
        samples.extend(vec![0.5; 800]);
        let sound = Sound {
            rate: 16_000,
            samples,
            comment: None,
        };
        assert_eq!(sound.loud_parts(0.1), [1600..5120, 9920..10_720]);
        assert_eq!(sound.loud_parts(0.01).len(), 3);
        let silent = Sound {
            rate: 16_000,
            samples: vec![0.001; 16_000],
            comment: None,
        };
        assert!(silent.loud_parts(0.1).is_empty());
    }
}
