//! Is it speech? Size, header, length and loudness of an audio file.

mod frames;
mod wav;

use serde_json::Value;

use super::{Reply, Verdict, shown};

/// What a speech engine is asked to say: long enough for the limits below in any voice.
pub(super) const TEXT: &str = "Hello, this is a short test of the voice.";

/// Least bytes and seconds of a file that says [`TEXT`].
const MIN_BYTES: usize = 2048;
const MIN_SECONDS: f64 = 0.3;
/// Least loudness (root mean square of full scale): -60 dB is below any voice and above dither.
const MIN_LOUDNESS: f64 = 0.001;

/// What a file tells of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sound {
    format: &'static str,
    seconds: f64,
    /// `None` where it is not known without a decoder.
    loudness: Option<f64>,
}

/// Judges the answer to a wish to say [`TEXT`].
pub(super) fn judge(reply: &Reply<'_>) -> Verdict {
    let kind = reply
        .content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let audio = kind.to_ascii_lowercase().starts_with("audio/");
    if !audio && kind != "application/octet-stream" {
        let kind = super::clean_line(kind, 60);
        return Verdict::wrong(format!(
            "its answer is {kind:?} and no audio: {}",
            shown(reply.body)
        ));
    }
    let size = reply.body.len();
    if size < MIN_BYTES {
        return Verdict::wrong(format!("its audio has {size} bytes only"));
    }
    let Some(sound) = wav::read(reply.body).or_else(|| frames::read(reply.body)) else {
        return Verdict::wrong("its answer has no header of WAV, MP3, Ogg or FLAC");
    };
    let Sound {
        format,
        seconds,
        loudness,
    } = sound;
    if seconds <= MIN_SECONDS {
        return Verdict::wrong(format!("its audio lasts {seconds:.2} s only"));
    }
    match loudness {
        Some(level) if level < MIN_LOUDNESS => Verdict::wrong(format!("{seconds:.1} s of silence")),
        Some(_) => Verdict::Right(format!("{seconds:.1} s of {format}, not silent")),
        None => Verdict::Right(format!("{seconds:.1} s of {format}")),
    }
}

/// The first voice of a list in any of the shapes that are met: names, objects with an id, or NVIDIA's lists by
/// language.
pub(super) fn first_voice(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let voice = find_voice(&value)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+()".contains(c);
    (voice.len() <= 80 && voice.chars().all(plain)).then_some(voice)
}

fn find_voice(value: &Value) -> Option<String> {
    match value {
        Value::Array(rows) => rows.first().and_then(|row| match row {
            Value::String(name) => Some(name.clone()),
            row => ["id", "name", "voice_id"]
                .iter()
                .find_map(|f| row[*f].as_str())
                .map(str::to_owned),
        }),
        Value::Object(fields) => {
            let english = fields.iter().filter(|(key, _)| key.contains("en"));
            let named = fields.get("voices").and_then(find_voice);
            named.or_else(|| {
                english
                    .chain(fields)
                    .find_map(|(_, v)| v.is_object().then(|| find_voice(v))?)
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deep::{VOICES_WAV, WORDS_WAV};

    fn verdict(content_type: &str, body: &[u8]) -> Verdict {
        judge(&Reply {
            content_type,
            ..Reply::ok(body)
        })
    }

    #[track_caller]
    fn wrong(content_type: &str, body: &[u8], word: &str) {
        let verdict = verdict(content_type, body);
        assert!(
            matches!(&verdict, Verdict::Wrong { error, .. } if error.contains(word)),
            "{verdict:?}"
        );
    }

    #[test]
    fn speech_is_long_and_loud_enough() {
        for (file, expected) in [
            (WORDS_WAV, "2.8 s of WAV, not silent"),
            (VOICES_WAV, "4.6 s of WAV, not silent"),
        ] {
            assert_eq!(
                verdict("audio/wav", file),
                Verdict::Right(expected.to_owned())
            );
        }
        let silent = wav::tests::pcm16(16_000, &vec![0; 16_000]);
        wrong("audio/wav", &silent, "silence");
        let short = wav::tests::pcm16(16_000, &[9000; 4000]);
        wrong("audio/x-wav", &short, "0.25 s");
        wrong("audio/wav", &WORDS_WAV[..1000], "1000 bytes");
        wrong("audio/wav", &[7; 5000], "no header");
        wrong("application/json", br#"{"error": "no voice"}"#, "no audio");
    }

    #[test]
    fn a_voice_is_found_in_the_lists_that_are_met() {
        for (body, expected) in [
            (
                r#"{"voices": [{"id": "af_heart", "name": "Heart"}]}"#,
                Some("af_heart"),
            ),
            (r#"{"voices": ["af_sky", "x"]}"#, Some("af_sky")),
            (r#"["alloy"]"#, Some("alloy")),
            (
                r#"{"de-DE": {"voices": ["Magpie-Multilingual.DE-DE.A"]}, "en-US,es-US": {"voices": ["Magpie-Multilingual.EN-US.Aria"]}}"#,
                Some("Magpie-Multilingual.EN-US.Aria"),
            ),
            (r#"{"voices": []}"#, None),
            (r#"{"voices": ["a\r\nb"]}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(first_voice(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }
}
