//! WAV: RIFF chunks, and samples of 8 to 32 bits or floats.
//!
//! A server that streams does not know the length beforehand and writes 0 or 0xFFFFFFFF; then the data goes on to
//! the end of the file.

use super::Sound;

/// Format tags of `fmt `.
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;

/// How samples are laid out.
#[derive(Debug, Clone, Copy)]
struct Layout {
    tag: u16,
    rate: u32,
    /// Bytes of one sample of all channels.
    frame: u16,
    bits: u16,
}

/// `None` when it is no WAV file, or one whose samples cannot be read.
pub(super) fn read(file: &[u8]) -> Option<Sound> {
    if file.get(..4)? != b"RIFF" || file.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut rest = file.get(12..)?;
    let mut layout = None;
    while let (Some(id), Some(length)) = (rest.get(..4), u32_at(rest, 4)) {
        let length = usize::try_from(length).ok()?;
        let body = rest.get(8..)?;
        match id {
            b"fmt " => layout = Some(read_layout(body)?),
            b"data" => {
                return measure(
                    layout?,
                    body.get(..length).filter(|_| length > 0).unwrap_or(body),
                );
            }
            _ => {}
        }
        // Chunks begin at even offsets.
        rest = body.get(length.checked_add(length % 2)?..)?;
    }
    None
}

fn read_layout(chunk: &[u8]) -> Option<Layout> {
    let tag = match u16_at(chunk, 0)? {
        // The real tag is the beginning of the sub-format's GUID.
        EXTENSIBLE => u16_at(chunk, 24)?,
        tag => tag,
    };
    let layout = Layout {
        tag,
        rate: u32_at(chunk, 4)?,
        frame: u16_at(chunk, 12)?,
        bits: u16_at(chunk, 14)?,
    };
    let known = matches!(
        (tag, layout.bits),
        (PCM, 8 | 16 | 24 | 32) | (FLOAT, 32 | 64)
    );
    (known && layout.rate > 0 && layout.frame > 0).then_some(layout)
}

fn measure(layout: Layout, data: &[u8]) -> Option<Sound> {
    let frames = data.len() / usize::from(layout.frame);
    let width = usize::from(layout.bits / 8);
    let samples = data
        .chunks_exact(width)
        .filter_map(|raw| sample(layout, raw));
    let (count, energy) = samples.fold((0.0, 0.0), |(n, sum), x: f64| (n + 1.0, sum + x * x));
    let frames = f64::from(u32::try_from(frames).ok()?);
    Some(Sound {
        format: "WAV",
        seconds: frames / f64::from(layout.rate),
        loudness: Some(if count > 0.0 {
            (energy / count).sqrt()
        } else {
            0.0
        }),
    })
}

/// One sample as a part of full scale; a float that is no number counts as silence.
fn sample(layout: Layout, raw: &[u8]) -> Option<f64> {
    let value = match (layout.tag, raw) {
        (PCM, [a]) => (f64::from(*a) - 128.0) / 128.0,
        (PCM, [a, b]) => f64::from(i16::from_le_bytes([*a, *b])) / 32_768.0,
        (PCM, [a, b, c]) => f64::from(i32::from_le_bytes([0, *a, *b, *c])) / 2_147_483_648.0,
        (PCM, [a, b, c, d]) => f64::from(i32::from_le_bytes([*a, *b, *c, *d])) / 2_147_483_648.0,
        (FLOAT, [a, b, c, d]) => f64::from(f32::from_le_bytes([*a, *b, *c, *d])),
        (FLOAT, raw) => f64::from_le_bytes(raw.try_into().ok()?),
        _ => return None,
    };
    Some(if value.is_finite() {
        value.clamp(-1.0, 1.0)
    } else {
        0.0
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let raw = bytes.get(at..at + 2)?;
    Some(u16::from_le_bytes(raw.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let raw = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(raw.try_into().ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A mono file, with the sizes that `sizes` gives for the whole and the data.
    fn file(tag: u16, rate: u32, bits: u16, data: &[u8], sizes: fn(u32) -> u32) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap();
        let mut out = b"RIFF".to_vec();
        out.extend(sizes(length + 36).to_le_bytes());
        out.extend(b"WAVEfmt ");
        out.extend(16_u32.to_le_bytes());
        out.extend([tag.to_le_bytes(), 1_u16.to_le_bytes()].concat());
        out.extend(
            [
                rate.to_le_bytes(),
                (rate * u32::from(bits / 8)).to_le_bytes(),
            ]
            .concat(),
        );
        out.extend([(bits / 8).to_le_bytes(), bits.to_le_bytes()].concat());
        // An odd chunk before the data, with its pad byte.
        out.extend(b"LIST\x03\0\0\0abc\0data");
        out.extend(sizes(length).to_le_bytes());
        out.extend(data);
        out
    }

    pub(in super::super) fn pcm16(rate: u32, samples: &[i16]) -> Vec<u8> {
        let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        file(PCM, rate, 16, &data, |n| n)
    }

    #[test]
    fn every_sample_format_gives_the_same_loudness() {
        // Half of full scale, one second at 8 kHz.
        let repeat = |raw: &[u8]| raw.repeat(8000);
        for (tag, bits, data) in [
            (PCM, 8, repeat(&[192])),
            (PCM, 16, repeat(&16_384_i16.to_le_bytes())),
            (PCM, 24, repeat(&[0, 0, 0x40])),
            (PCM, 32, repeat(&(1_i32 << 30).to_le_bytes())),
            (FLOAT, 32, repeat(&0.5_f32.to_le_bytes())),
            (FLOAT, 64, repeat(&0.5_f64.to_le_bytes())),
        ] {
            let sound = read(&file(tag, 8000, bits, &data, |n| n)).unwrap();
            assert!((sound.seconds - 1.0).abs() < 1e-9, "{tag} {bits}");
            assert!((sound.loudness.unwrap() - 0.5).abs() < 1e-6, "{tag} {bits}");
        }
    }

    #[test]
    fn a_streamed_file_goes_on_to_its_end() {
        let data = 9000_i16.to_le_bytes().repeat(8000);
        for sizes in [(|_| 0xFFFF_FFFF) as fn(u32) -> u32, |_| 0] {
            let sound = read(&file(PCM, 16_000, 16, &data, sizes)).unwrap();
            assert!((sound.seconds - 0.5).abs() < 1e-9);
        }
    }

    #[test]
    fn what_is_no_wav_is_none() {
        let good = pcm16(8000, &[1; 100]);
        for file in [
            &b""[..],
            b"RIFF",
            &good[..30],
            b"OggS0000WAVE",
            &file(7, 8000, 8, &[1; 9], |n| n),
        ] {
            assert_eq!(read(file), None, "{file:?}");
        }
    }

    proptest! {
        #[test]
        fn length_and_loudness_follow_from_the_samples(rate in 4000..96_000_u32, samples in prop::collection::vec(any::<i16>(), 1..400)) {
            let sound = read(&pcm16(rate, &samples)).unwrap();
            let count = f64::from(u32::try_from(samples.len()).unwrap());
            prop_assert!((sound.seconds - count / f64::from(rate)).abs() < 1e-9);
            prop_assert!((0.0..=1.0).contains(&sound.loudness.unwrap()));
        }

        #[test]
        fn no_bytes_break_it(mut bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0..120_usize) {
            let mut file = pcm16(8000, &[1; 20]);
            file.truncate(cut);
            file.append(&mut bytes);
            if let Some(sound) = read(&file) {
                prop_assert!(sound.seconds.is_finite() && sound.seconds >= 0.0);
            }
        }
    }
}
