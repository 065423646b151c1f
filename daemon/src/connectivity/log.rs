//! The file of the connectivity log: JSON lines that are appended, and now and then the whole anew.
//!
//! Appending rather than replacing the file each time, because a transition is some 200 bytes and the log up to two
//! megabytes, and a node that flaps would write all of them every second. An entry is synced before it is shown; the
//! marks that the daemon runs are not, since a lost one makes a gap longer, which is true enough. When there are
//! many lines more than needed the file is replaced by write, fsync and rename, so a crash leaves the old or the
//! new one whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use spark_core::connectivity::{MAX_ENTRIES, Record, read};

use crate::files;

/// Lines beyond those that were needed after which the file is made anew.
const SURPLUS: usize = 4000;
/// A log of ours has a tenth of this at most. What has more, or is a device, would fill the memory.
const MAX_BYTES: u64 = 64 << 20;

/// The file, and how it stands.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    /// Open for appending.
    file: Option<File>,
    /// Lines when it was last written whole, and now.
    base: usize,
    lines: usize,
    /// A write failed: what the file ends in is not known.
    spoilt: bool,
    /// What is there is no file of ours to write.
    foreign: bool,
}

/// What a file held.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) records: Vec<Record>,
    /// What was wrong with it.
    pub(super) warning: Option<String>,
}

impl Log {
    /// Reads the file. A torn last line is dropped; a file that holds something else is set aside, and what could
    /// be read of it goes into a new one. A file that cannot be read is left alone, and told.
    pub(super) fn open(path: PathBuf) -> (Self, Opened) {
        let mut log = Self::broken(path);
        let shape = std::fs::metadata(&log.path);
        if shape.is_ok_and(|it| !it.is_file() || it.len() > MAX_BYTES) {
            log.foreign = true;
            let warning = log.is_foreign().to_string();
            return (
                log,
                Opened {
                    warning: Some(warning),
                    ..Opened::default()
                },
            );
        }
        let bytes = match std::fs::read(&log.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return (log, Opened::default());
            }
            Err(error) => {
                let warning = format!("{} cannot be read: {error}", log.path.display());
                return (
                    log,
                    Opened {
                        warning: Some(warning),
                        ..Opened::default()
                    },
                );
            }
        };
        let found = read(&bytes);
        let mut opened = Opened {
            records: found.records,
            warning: None,
        };
        if found.broken > 0 {
            let kept = opened.records.len();
            opened.warning = Some(match files::set_aside(&log.path) {
                Ok(aside) => format!(
                    "{} was broken and is set aside as {}; {kept} of its lines could be read",
                    log.path.display(),
                    aside.display()
                ),
                Err(error) => format!("{} is broken: {error}", log.path.display()),
            });
            return (log, opened);
        }
        log.lines = opened.records.len();
        log.base = log.lines.min(MAX_ENTRIES);
        // The next line must begin at the end of the last whole one; else the file is made anew.
        log.spoilt = found.whole < bytes.len();
        (log, opened)
    }

    /// One whose state is not known: its next write makes it anew.
    pub(super) fn broken(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            base: 0,
            lines: 0,
            spoilt: true,
            foreign: false,
        }
    }

    fn is_foreign(&self) -> io::Error {
        let path = self.path.display();
        io::Error::other(format!("{path} is no log of ours, and is left as it is"))
    }

    /// Whether the next write should be of everything.
    pub(super) fn wants_rewriting(&self) -> bool {
        self.spoilt || self.lines > self.base + SURPLUS
    }

    /// Adds lines; entries and facts are on the disk when it returns.
    pub(super) fn append(&mut self, records: &[Record]) -> io::Result<()> {
        let result = self.try_append(records);
        if result.is_err() {
            // Half a line may be there.
            self.spoilt = true;
            self.file = None;
        }
        result
    }

    fn try_append(&mut self, records: &[Record]) -> io::Result<()> {
        if self.foreign {
            return Err(self.is_foreign());
        }
        let text: String = records.iter().map(Record::line).collect();
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let file = OpenOptions::new()
                    .append(true)
                    .create(true)
                    .mode(0o600)
                    .open(&self.path)?;
                none.insert(file)
            }
        };
        file.write_all(text.as_bytes())?;
        let only_marks = records.iter().all(|r| matches!(r, Record::Alive { .. }));
        if !only_marks {
            file.sync_data()?;
        }
        self.lines += records.len();
        Ok(())
    }

    /// Makes the file anew from `records`.
    pub(super) fn rewrite(&mut self, records: &[Record]) -> io::Result<()> {
        if self.foreign {
            return Err(self.is_foreign());
        }
        let text: String = records.iter().map(Record::line).collect();
        self.file = None;
        files::replace(&self.path, text.as_bytes())?;
        self.base = records.len();
        self.lines = records.len();
        self.spoilt = false;
        Ok(())
    }
}
