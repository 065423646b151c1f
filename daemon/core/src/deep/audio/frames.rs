//! Length of MP3, Ogg and FLAC files, from their frames and headers. Loudness would need a decoder.

use super::Sound;

/// `None` when it is none of them.
pub(super) fn read(file: &[u8]) -> Option<Sound> {
    let (format, seconds) = if file.starts_with(b"OggS") {
        ("Ogg", ogg(file)?)
    } else if file.starts_with(b"fLaC") {
        ("FLAC", flac(file)?)
    } else {
        ("MP3", mp3(file)?)
    };
    Some(Sound {
        format,
        seconds,
        loudness: None,
    })
}

/// Sum over all frames of MPEG 1, 2 and 2.5, layer III, behind an `ID3v2` tag if there is one.
fn mp3(file: &[u8]) -> Option<f64> {
    let mut rest = file.get(id3_length(file)..)?;
    let mut seconds = 0.0;
    while let Some(header) = rest.first_chunk::<4>() {
        let Some((length, duration)) = mp3_frame(*header) else {
            break;
        };
        seconds += duration;
        rest = rest.get(length..).unwrap_or_default();
    }
    (seconds > 0.0).then_some(seconds)
}

fn id3_length(file: &[u8]) -> usize {
    match file.first_chunk::<10>() {
        // Seven bits a byte.
        Some([b'I', b'D', b'3', _, _, _, a, b, c, d]) => {
            let size = [a, b, c, d]
                .iter()
                .fold(0_usize, |n, byte| (n << 7) | usize::from(**byte & 0x7F));
            size + 10
        }
        _ => 0,
    }
}

/// Bytes and seconds of the frame with this header (ISO 11172-3, 13818-3).
fn mp3_frame([a, b, c, _]: [u8; 4]) -> Option<(usize, f64)> {
    const KBIT_1: [u32; 15] = [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ];
    const KBIT_2: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let layer_3 = (b >> 1) & 3 == 1;
    if a != 0xFF || b & 0xE0 != 0xE0 || !layer_3 {
        return None;
    }
    let (kbits, divisor, samples) = match (b >> 3) & 3 {
        3 => (KBIT_1, 1, 1152),
        2 => (KBIT_2, 2, 576),
        0 => (KBIT_2, 4, 576),
        _ => return None,
    };
    let kbit = *kbits.get(usize::from(c >> 4)).filter(|k| **k > 0)?;
    let rate = [44_100, 48_000, 32_000].get(usize::from((c >> 2) & 3))? / divisor;
    let padding = u32::from((c >> 1) & 1);
    let length = samples / 8 * kbit * 1000 / rate + padding;
    Some((
        usize::try_from(length).ok()?,
        f64::from(samples) / f64::from(rate),
    ))
}

/// The last page says how many samples there are; Opus always counts at 48 kHz.
fn ogg(file: &[u8]) -> Option<f64> {
    let last = file.windows(4).rposition(|w| w == b"OggS")?;
    let granule = u64::from_le_bytes(file.get(last + 6..last + 14)?.try_into().ok()?);
    let find = |mark: &[u8]| file.windows(mark.len()).position(|w| w == mark);
    let rate = if find(b"OpusHead").is_some() {
        48_000
    } else {
        let at = find(b"\x01vorbis")?;
        u32::from_le_bytes(file.get(at + 12..at + 16)?.try_into().ok()?)
    };
    // -1 marks a page on which no packet ends.
    let samples = u32::try_from(granule).ok()?;
    (rate > 0).then(|| f64::from(samples) / f64::from(rate))
}

/// STREAMINFO: 20 bits of rate, 3 of channels, 5 of depth, 36 of samples (RFC 9639).
fn flac(file: &[u8]) -> Option<f64> {
    let bits = u64::from_be_bytes(file.get(18..26)?.try_into().ok()?);
    let rate = u32::try_from(bits >> 44).ok().filter(|rate| *rate > 0)?;
    let samples = u32::try_from(bits & 0xF_FFFF_FFFF).ok()?;
    Some(f64::from(samples) / f64::from(rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mp3_file(frames: usize) -> Vec<u8> {
        // MPEG 1, layer III, 128 kbit/s, 44.1 kHz: 417 bytes, 26.1 ms.
        let mut frame = vec![0xFF, 0xFB, 0x90, 0x00];
        frame.resize(417, 0);
        frame.repeat(frames)
    }

    #[track_caller]
    fn check(file: &[u8], format: &str, seconds: f64) {
        let sound = read(file).unwrap();
        assert_eq!(sound.format, format);
        assert!((sound.seconds - seconds).abs() < 1e-3, "{sound:?}");
    }

    #[test]
    fn lengths_are_read() {
        check(&mp3_file(100), "MP3", 100.0 * 1152.0 / 44_100.0);
        let tagged = [&b"ID3\x04\0\0\0\0\0\x05tags!"[..], &mp3_file(10)].concat();
        check(&tagged, "MP3", 10.0 * 1152.0 / 44_100.0);
        let mut opus = b"OggS\0\x02\0\0\0\0\0\0\0\0________OpusHead".to_vec();
        opus.extend([&b"OggS\0\x04"[..], &96_000_u64.to_le_bytes(), &[0; 20]].concat());
        check(&opus, "Ogg", 2.0);
        let mut flac = b"fLaC\0\0\0\x22".to_vec();
        flac.extend([0; 10]);
        flac.extend(((24_000_u64 << 44) | (0xF << 36) | 0x8CA0).to_be_bytes());
        check(&flac, "FLAC", 1.5);
    }

    #[test]
    fn other_files_are_none() {
        for file in [
            &b""[..],
            b"hello world",
            b"OggS",
            b"fLaC",
            &[0xFF, 0xE0, 0, 0],
            b"ID3",
        ] {
            assert_eq!(read(file), None, "{file:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(start in 0..4_usize, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mark: &[u8] = [&b"OggS"[..], b"fLaC", b"ID3", &[0xFF, 0xFB, 0x90, 0]][start];
            if let Some(sound) = read(&[mark, &bytes].concat()) {
                prop_assert!(sound.seconds.is_finite() && sound.seconds >= 0.0);
            }
        }
    }
}
