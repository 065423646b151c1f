//! What speaking services share: sound from text, with what is wrong with them, in the form that was asked for.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::host::ServiceHost;
use crate::audio::{Sound, voice::Voice, wav};
use crate::engine::EngineFault;

/// `text` as `voice` says it on `host`.
pub(super) fn spoken(host: &dyn ServiceHost, voice: Voice, text: &str, rate: u32) -> Sound {
    let mut sound = match host.fault() {
        Some(EngineFault::Empty) => Sound {
            rate,
            ..Sound::default()
        },
        Some(EngineFault::Garbage) => voice.say("▁ ▁ ▁", rate),
        _ => voice.say(text, rate),
    };
    if host.fault() == Some(EngineFault::Silent) {
        sound.samples.fill(0.0);
    }
    sound
}

/// The names of a service's models; others when a fault says so.
pub(super) fn names<'a>(
    host: &dyn ServiceHost,
    names: &'a [&'a str],
) -> impl Iterator<Item = &'a str> + use<'a> {
    let wrong = host.fault() == Some(EngineFault::WrongName);
    let other = wrong.then_some("some-other-model");
    let right = if wrong { &[] } else { names };
    right.iter().copied().chain(other)
}

/// The sound as `format`, with its media type; a streamed WAV does not know its length. Formats that need an
/// encoder are made by the machine's `ffmpeg`; `None` without one.
pub(super) async fn encoded(
    sound: &Sound,
    format: &str,
    streamed: bool,
) -> Option<(&'static str, Vec<u8>)> {
    let kind = match format {
        "wav" => "audio/wav",
        "pcm" => return Some(("audio/pcm", wav::pcm(sound))),
        "mp3" => "audio/mpeg",
        "opus" => "audio/opus",
        "flac" => "audio/flac",
        "aac" => "audio/aac",
        _ => return None,
    };
    let mut file = wav::write(sound);
    if format != "wav" {
        let muxer = match format {
            "aac" => "adts",
            other => other,
        };
        return Some((kind, convert(file, muxer).await?));
    }
    if streamed && let Some(lengths) = file.get_mut(4..8) {
        lengths.fill(0xFF);
        if let Some(data) = file.get_mut(40..44) {
            data.fill(0xFF);
        }
    }
    Some((kind, file))
}

async fn convert(file: Vec<u8>, muxer: &str) -> Option<Vec<u8>> {
    let mut child = Command::new("/usr/bin/ffmpeg")
        .args(["-v", "quiet", "-f", "wav", "-i", "-", "-f", muxer, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    let (sent, ended) = tokio::join!(
        async move { stdin.write_all(&file).await },
        child.wait_with_output()
    );
    let output = ended.ok()?;
    (sent.is_ok() && output.status.success()).then_some(output.stdout)
}
