//! The output of containers: written as Docker's `json-file` driver does, and `docker logs`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::container::{Container, ContainerId};
use super::flags::Parsed;
use super::store::{Store, daemon};
use super::values;
use crate::node::{Node, NodeError};
use crate::tools::{Outcome, Refusal, console};

/// How often a follower looks for new lines.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One line of output, in the driver's own format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    log: String,
    stream: String,
    time: Timestamp,
}

/// Appends to a container's log, and rotates it by `max-size` and `max-file`.
#[derive(Debug)]
pub(super) struct Writer {
    node: Node,
    path: PathBuf,
    file: File,
    size: u64,
    max_size: u64,
    max_file: u32,
}

impl Writer {
    pub(super) fn open(store: &Store, container: &Container) -> Result<Self, NodeError> {
        let path = store.log(&container.id);
        let file = append(&path)?;
        let option = |name: &str| container.spec.log_options.get(name);
        let max_size = option("max-size").and_then(|size| values::bytes(size).ok());
        Ok(Self {
            node: store.node.clone(),
            size: file.metadata().map_or(0, |meta| meta.len()),
            file,
            path,
            max_size: max_size
                .and_then(|size| u64::try_from(size).ok())
                .unwrap_or(u64::MAX),
            max_file: option("max-file")
                .and_then(|n| n.parse().ok())
                .unwrap_or(1)
                .max(1),
        })
    }

    /// Keeps one line. A full disk loses output and stops nobody.
    pub(super) fn write(&mut self, stream: &str, text: &str) {
        let entry = Entry {
            log: text.to_owned(),
            stream: stream.to_owned(),
            time: self.node.now(),
        };
        let Ok(mut line) = serde_json::to_vec(&entry) else {
            return;
        };
        line.push(b'\n');
        let length = u64::try_from(line.len()).unwrap_or(0);
        if self.size > 0 && self.size + length > self.max_size {
            self.rotate();
        }
        if self.file.write_all(&line).is_ok() {
            self.size += length;
        }
    }

    fn rotate(&mut self) {
        for number in (1..self.max_file).rev() {
            fs::rename(
                numbered(&self.path, number - 1),
                numbered(&self.path, number),
            )
            .ok();
        }
        if self.max_file == 1 {
            fs::remove_file(&self.path).ok();
        }
        if let Ok(file) = append(&self.path) {
            self.file = file;
            self.size = 0;
        }
    }
}

fn append(path: &Path) -> Result<File, NodeError> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(NodeError::io("open", path))
}

/// `log.jsonl`, `log.jsonl.1`, …: the older the higher.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    PathBuf::from(format!("{}.{number}", path.display()))
}

/// `docker logs`.
pub(super) fn logs(store: &Store, parsed: &Parsed) -> Outcome {
    let name = parsed
        .operands
        .first()
        .map(String::as_str)
        .unwrap_or_default();
    let container = store.find(name)?;
    if container.spec.log_driver == "none" {
        return Err(daemon("configured logging driver does not support reading"));
    }
    let now = store.node.now();
    let moment = |option: &str| {
        parsed
            .last(option)
            .map(|text| instant(text, now))
            .transpose()
    };
    let view = View {
        since: moment("since")?,
        until: moment("until")?,
        timestamps: parsed.on("timestamps"),
    };
    let path = store.log(&container.id);
    let mut reader = BufReader::new(open(&path));
    let mut entries = older(&path);
    entries.extend(read(&mut reader));
    entries.retain(|entry| view.shows(entry));
    let tail = tail(parsed)?.unwrap_or(entries.len());
    for entry in entries.iter().skip(entries.len().saturating_sub(tail)) {
        view.print(entry);
    }
    if parsed.on("follow") {
        follow(store, &container.id, reader, &view);
    }
    Ok(0)
}

/// Prints a container's output from its beginning until it has ended.
pub(super) fn attach(store: &Store, id: &ContainerId) {
    let reader = BufReader::new(open(&store.log(id)));
    follow(store, id, reader, &View::default());
}

fn follow(store: &Store, id: &ContainerId, mut reader: BufReader<Maybe>, view: &View) {
    loop {
        // Asked before reading: what was written until it ended is read after.
        let live =
            matches!(store.load(id), Ok(Some(container)) if container.state.status.is_live());
        for entry in read(&mut reader).iter().filter(|entry| view.shows(entry)) {
            view.print(entry);
        }
        let path = store.log(id);
        if replaced(reader.get_ref().0.as_ref(), &path) {
            reader = BufReader::new(open(&path));
        } else if live {
            thread::sleep(LOOK_EVERY);
        } else {
            break;
        }
    }
}

/// Which lines are shown, and how.
#[derive(Debug, Default)]
struct View {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    timestamps: bool,
}

impl View {
    fn shows(&self, entry: &Entry) -> bool {
        self.since.is_none_or(|since| entry.time >= since)
            && self.until.is_none_or(|until| entry.time <= until)
    }

    fn print(&self, entry: &Entry) {
        let mut text = entry.log.clone();
        if self.timestamps {
            text.insert_str(0, &format!("{:.9} ", entry.time));
        }
        if entry.stream == "stderr" {
            std::io::stderr().write_all(text.as_bytes()).ok();
        } else {
            console::print(&text);
        }
    }
}

fn tail(parsed: &Parsed) -> Result<Option<usize>, Refusal> {
    match parsed.last("tail") {
        None | Some("all") => Ok(None),
        // Docker takes a negative number for all lines.
        Some(text) if text.parse::<i64>().is_ok_and(|n| n < 0) => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|_e| daemon(format!("invalid value for \"tail\": {text}"))),
    }
}

/// A moment: RFC 3339, seconds since 1970, or how long ago (`42m`, `1h30m`).
fn instant(text: &str, now: Timestamp) -> Result<Timestamp, Refusal> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| {
        Timestamp::UNIX_EPOCH
            .checked_add(jiff::SignedDuration::try_from_secs_f64(seconds).ok()?)
            .ok()
    });
    let bad = || {
        Refusal::new(
            1,
            format!(
                "invalid value for \"since\": failed to parse value as time or duration: \"{text}\""
            ),
        )
    };
    let date = || format!("{text}T00:00:00Z").parse().ok();
    text.parse()
        .ok()
        .or(seconds)
        .or_else(date)
        .or_else(|| now.checked_sub(ago(text)?).ok())
        .ok_or_else(bad)
}

fn ago(text: &str) -> Option<jiff::SignedDuration> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, left) = after.split_at_checked(letters)?;
        let scale = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * scale;
        rest = left;
    }
    jiff::SignedDuration::try_from_secs_f64(total).ok()
}

/// A file that may be missing: it reads as empty.
#[derive(Debug)]
struct Maybe(Option<File>);

impl std::io::Read for Maybe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.as_mut().map_or(Ok(0), |file| file.read(buffer))
    }
}

impl std::io::Seek for Maybe {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.0.as_mut().map_or(Ok(0), |file| file.seek(to))
    }
}

fn open(path: &Path) -> Maybe {
    Maybe(File::open(path).ok())
}

/// Whole lines that are there now. A line that is being written is left for the next time.
fn read(reader: &mut BufReader<Maybe>) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        if !line.ends_with('\n') {
            let back = i64::try_from(line.len()).unwrap_or(0);
            reader.seek_relative(-back).ok();
            break;
        }
        entries.extend(serde_json::from_str(&line).ok());
        line.clear();
    }
    entries
}

fn older(path: &Path) -> Vec<Entry> {
    let mut files: Vec<PathBuf> = (1..100)
        .map(|n| numbered(path, n))
        .take_while(|path| path.exists())
        .collect();
    files.reverse();
    files
        .iter()
        .flat_map(|path| read(&mut BufReader::new(open(path))))
        .collect()
}

/// Whether the log was rotated since `file` was opened, or appeared since.
fn replaced(file: Option<&File>, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(now) = fs::metadata(path) else {
        return false;
    };
    file.and_then(|file| file.metadata().ok())
        .is_none_or(|then| then.ino() != now.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_every_spelling() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        for (text, want) in [
            ("10m", "2026-11-23T11:50:00Z"),
            ("1h30m", "2026-11-23T10:30:00Z"),
            ("2026-11-23T01:02:03Z", "2026-11-23T01:02:03Z"),
            ("2026-11-22", "2026-11-22T00:00:00Z"),
            ("0", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(instant(text, now).unwrap().to_string(), want, "{text}");
        }
        assert!(instant("zz", now).is_err());
    }

    #[test]
    fn half_a_line_waits_for_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.jsonl");
        let line = "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T12:00:00Z\"}\n";
        fs::write(&path, format!("{line}{}", line.get(..10).unwrap())).unwrap();
        let mut reader = BufReader::new(open(&path));
        assert_eq!(read(&mut reader).len(), 1);
        append(&path)
            .unwrap()
            .write_all(&line.as_bytes()[10..])
            .unwrap();
        assert_eq!(read(&mut reader).len(), 1);
    }
}
