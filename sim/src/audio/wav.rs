//! WAV files: read as tolerantly as a decoder does, written as plain 16-bit PCM.

use super::Sound;

/// Why bytes are no sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WavError {
    /// Not RIFF, or no format and data in it.
    #[error("not a RIFF/WAVE file")]
    NotWav,
    /// A coding that is not PCM or float.
    #[error("unsupported WAV encoding {0}")]
    Encoding(u16),
}

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;

/// The `fmt ` chunk.
#[derive(Clone, Copy)]
struct Format {
    coding: u16,
    channels: u16,
    rate: u32,
    bits: u16,
}

/// Reads a file; of several channels the mean. A length that a stream could not know (0xFFFFFFFF) means "to the
/// end".
pub(crate) fn read(bytes: &[u8]) -> Result<Sound, WavError> {
    let head = bytes.get(..12).ok_or(WavError::NotWav)?;
    if !head.starts_with(b"RIFF") || !head.ends_with(b"WAVE") {
        return Err(WavError::NotWav);
    }
    let (mut format, mut data, mut comment) = (None, None, None);
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((name, length)) = chunk_head(rest) {
        let body = rest.get(8..).unwrap_or_default();
        let body = body.get(..length).unwrap_or(body);
        match &name {
            b"fmt " => format = Some(read_format(body)?),
            b"data" => data = Some(body),
            b"LIST" => comment = read_comment(body),
            _ => {}
        }
        rest = rest.get(8 + length + length % 2..).unwrap_or_default();
    }
    let (format, data) = format.zip(data).ok_or(WavError::NotWav)?;
    Ok(Sound {
        rate: format.rate,
        samples: samples(format, data)?,
        comment,
    })
}

/// Name and length of the chunk that begins here.
fn chunk_head(bytes: &[u8]) -> Option<([u8; 4], usize)> {
    let name = *bytes.first_chunk::<4>()?;
    let length = bytes.get(4..)?.first_chunk::<4>()?;
    Some((name, usize::try_from(u32::from_le_bytes(*length)).ok()?))
}

fn read_format(body: &[u8]) -> Result<Format, WavError> {
    let short = |at: usize| {
        let pair = body.get(at..)?.first_chunk::<2>()?;
        Some(u16::from_le_bytes(*pair))
    };
    let read = || {
        let rate = u32::from(short(4)?) | u32::from(short(6)?) << 16;
        let coding = match short(0)? {
            // The real coding is the beginning of the GUID.
            EXTENSIBLE => short(24)?,
            coding => coding,
        };
        Some(Format {
            coding,
            channels: short(2)?.max(1),
            rate: rate.max(1),
            bits: short(14)?,
        })
    };
    read().ok_or(WavError::NotWav)
}

/// `ICMT` of a `LIST INFO`.
fn read_comment(body: &[u8]) -> Option<String> {
    let mut rest = body.strip_prefix(b"INFO")?;
    while let Some((name, length)) = chunk_head(rest) {
        let text = rest.get(8..8 + length)?;
        if &name == b"ICMT" {
            let text = String::from_utf8_lossy(text);
            return Some(text.trim_end_matches('\0').trim().to_owned());
        }
        rest = rest.get(8 + length + length % 2..)?;
    }
    None
}

fn samples(format: Format, data: &[u8]) -> Result<Vec<f32>, WavError> {
    let one: fn(&[u8]) -> f32 = match (format.coding, format.bits) {
        (PCM, 8) => |b| (f32::from(b[0]) - 128.0) / 128.0,
        (PCM, 16) => |b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0,
        (PCM, 24) => |b| f32::from(i16::from_le_bytes([b[1], b[2]])) / 32_768.0,
        (PCM, 32) => |b| f32::from(i16::from_le_bytes([b[2], b[3]])) / 32_768.0,
        (FLOAT, 32) => |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
        (other, _) => return Err(WavError::Encoding(other)),
    };
    let width = usize::from(format.bits / 8);
    let frame = width * usize::from(format.channels);
    let mean =
        |frame: &[u8]| frame.chunks_exact(width).map(one).sum::<f32>() / f32::from(format.channels);
    Ok(data.chunks_exact(frame).map(mean).collect())
}

/// The samples as 16-bit PCM without a header.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
pub(crate) fn pcm(sound: &Sound) -> Vec<u8> {
    let one = |x: &f32| ((x * 32_768.0).round() as i16).to_le_bytes();
    sound.samples.iter().flat_map(one).collect()
}

/// A whole file, with the comment in it when there is one.
pub(crate) fn write(sound: &Sound) -> Vec<u8> {
    let mut body = b"WAVE".to_vec();
    let mut format = Vec::new();
    for short in [PCM, 1] {
        format.extend(short.to_le_bytes());
    }
    for long in [sound.rate, sound.rate * 2] {
        format.extend(long.to_le_bytes());
    }
    for short in [2_u16, 16] {
        format.extend(short.to_le_bytes());
    }
    chunk(&mut body, *b"fmt ", &format);
    if let Some(comment) = &sound.comment {
        let mut list = b"INFO".to_vec();
        chunk(&mut list, *b"ICMT", format!("{comment}\0").as_bytes());
        chunk(&mut body, *b"LIST", &list);
    }
    chunk(&mut body, *b"data", &pcm(sound));
    let mut file = Vec::with_capacity(body.len() + 8);
    chunk(&mut file, *b"RIFF", &body);
    file
}

fn chunk(out: &mut Vec<u8>, name: [u8; 4], body: &[u8]) {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    out.extend(name);
    out.extend(length.to_le_bytes());
    out.extend(body);
    if !body.len().is_multiple_of(2) {
        out.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Sound {
        Sound {
            rate: 16_000,
            samples: vec![0.0, 0.5, -0.5],
            comment: Some("two words".to_owned()),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let back = read(&write(&sound())).unwrap();
        assert_eq!((back.rate, back.comment), (16_000, sound().comment));
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-3;
        assert!(back.samples.iter().zip(&sound().samples).all(near));
        assert_eq!(back.samples.len(), 3);
    }

    #[test]
    fn a_stream_without_a_length_is_read_to_its_end() {
        let mut file = write(&Sound {
            comment: None,
            ..sound()
        });
        file[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(read(&file).unwrap().samples.len(), 3);
    }

    #[test]
    fn channels_are_mixed_and_other_codings_are_refused() {
        let mut file = write(&sound());
        file[22] = 2;
        assert_eq!(read(&file).unwrap().samples.len(), 1);
        file[20] = 85;
        assert_eq!(read(&file), Err(WavError::Encoding(85)));
        for junk in [&b""[..], b"ID3\x04", b"RIFF\0\0\0\0WAVE"] {
            assert_eq!(read(junk), Err(WavError::NotWav));
        }
    }
}
