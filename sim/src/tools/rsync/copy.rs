//! The copy itself: entry by entry, and what breaks it.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::options::{Options, Switch};
use super::progress::Progress;
use super::tree::{self, Entry, Kind};
use super::{End, unexpected};
use crate::node::Node;
use crate::tools::console;
use crate::tools::ssh::Session;
use crate::transfer::{self, Pace, Room};

/// Bytes per second of one stream over the fabric: what one core can encrypt.
const FABRIC: u64 = 650_000_000;

/// Bytes per second over the ordinary network.
const LAN: u64 = 280_000_000;

const PARTIAL: &str = "some files/attrs were not transferred (see previous errors)";

/// A copy from one folder to another.
pub(super) struct Copy<'a> {
    source: PathBuf,
    target: PathBuf,
    options: &'a Options,
    session: Option<&'a Session>,
    pace: Pace,
    room: Room,
    owner: Node,
    /// The file that is growing: its temporary name and its own.
    growing: Option<(PathBuf, PathBuf)>,
    failed: bool,
}

impl<'a> Copy<'a> {
    pub(super) fn new(
        source: PathBuf,
        target: PathBuf,
        owner: Node,
        options: &'a Options,
        session: Option<&'a Session>,
    ) -> Self {
        let rate = match session {
            Some(session) if !session.is_over_fabric() => LAN,
            _ => FABRIC,
        };
        Self {
            source,
            target,
            options,
            session,
            pace: Pace::new(&owner, rate),
            room: Room::of(&owner),
            owner,
            growing: None,
            failed: false,
        }
    }

    /// Copies everything.
    pub(super) async fn run(&mut self) -> Result<(), End> {
        let entries = tree::list(&self.source, self.options).map_err(|error| {
            let said = format!(
                "rsync: [sender] opendir \"{}\" failed: {error}",
                self.source.display()
            );
            End::new(23, PARTIAL, said)
        })?;
        let size = |entry: &Entry| match entry.kind {
            Kind::File { size } => size,
            _ => 0,
        };
        let total = entries.iter().map(size).sum();
        let mut progress = Progress::new(self.options.is(Switch::Progress), total, entries.len());
        for entry in &entries {
            let new = self.entry(entry, &mut progress).await?;
            progress.entry(new);
        }
        if self.options.is(Switch::Delete) {
            self.delete(&entries);
        }
        progress.end();
        if self.failed {
            return Err(End::new(23, PARTIAL, ""));
        }
        Ok(())
    }

    /// What stays of a file that was cut: its part under its own name, or nothing.
    pub(super) fn leave(&mut self) {
        let Some((temporary, own)) = self.growing.take() else {
            return;
        };
        if self.options.is(Switch::Partial) {
            fs::rename(&temporary, &own).ok();
        } else {
            fs::remove_file(&temporary).ok();
        }
    }

    /// Whether it was sent; false when the other side has it, or could not take it.
    async fn entry(&mut self, entry: &Entry, progress: &mut Progress) -> Result<bool, End> {
        let place = join(&self.target, &entry.path);
        if self.options.is(Switch::DryRun) {
            return Ok(false);
        }
        self.alive(progress)?;
        let made = match &entry.kind {
            Kind::Folder => fs::create_dir_all(&place).map(|()| false),
            Kind::Link(to) => link(to, &place),
            Kind::File { size } => {
                return self
                    .file(&join(&self.source, &entry.path), &place, *size, progress)
                    .await;
            }
        };
        made.or_else(|error| self.refused("mkdir", &place, &error))
    }

    async fn file(
        &mut self,
        from: &Path,
        place: &Path,
        size: u64,
        progress: &mut Progress,
    ) -> Result<bool, End> {
        if self.has(from, place, size) {
            return Ok(false);
        }
        let temporary = self.temporary(place);
        if let Err(error) = self
            .writable(place)
            .and_then(|()| transfer::grow(&temporary, 0))
        {
            return self.refused("mkstemp", &temporary, &error);
        }
        self.growing = Some((temporary.clone(), place.to_owned()));
        let mut sent = 0;
        while sent < size {
            self.alive(progress)?;
            let given = self.pace.take();
            let flows = self.session.is_none_or(Session::flows);
            let bytes = given.min(size - sent);
            self.pace
                .put_back(if flows { given - bytes } else { given });
            if bytes == 0 || !flows {
                tokio::time::sleep(transfer::STEP).await;
                continue;
            }
            self.room
                .take(bytes)
                .and_then(|()| transfer::grow(&temporary, sent + bytes))
                .map_err(|error| cannot_write(place, &error))?;
            sent += bytes;
            progress.sent(bytes);
            if sent < size {
                tokio::time::sleep(transfer::STEP).await;
            }
        }
        self.finish(from, &temporary, place)
            .map_err(|error| cannot_write(place, &error))?;
        Ok(true)
    }

    fn finish(&mut self, from: &Path, temporary: &Path, place: &Path) -> io::Result<()> {
        transfer::copy_sparse(from, temporary)?;
        let meta = fs::metadata(from)?;
        fs::File::options()
            .write(true)
            .open(temporary)?
            .set_modified(meta.modified()?)?;
        fs::set_permissions(temporary, meta.permissions())?;
        fs::rename(temporary, place)?;
        self.growing = None;
        Ok(())
    }

    /// Whether the other side has the file, by what rsync looks at.
    fn has(&self, from: &Path, place: &Path, size: u64) -> bool {
        let (Ok(theirs), Ok(ours)) = (fs::symlink_metadata(place), fs::metadata(from)) else {
            return false;
        };
        let same_time = || theirs.modified().ok() == ours.modified().ok();
        theirs.is_file()
            && theirs.len() == size
            && (self.options.is(Switch::SizeOnly) || same_time())
    }

    fn temporary(&self, place: &Path) -> PathBuf {
        if self.options.is(Switch::Inplace) {
            return place.to_owned();
        }
        let suffix = Uuid::new_v4().simple().to_string();
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        place.with_file_name(format!(".{name}.{}", suffix.get(..6).unwrap_or(&suffix)))
    }

    /// The fault that gives a model to root counts for root's own simulator too.
    fn writable(&self, place: &Path) -> io::Result<()> {
        let text = place.to_string_lossy();
        let repos = self.owner.faults();
        let foreign = repos.root_owned_repos().any(|repo| {
            let folder = crate::cache::repo_dir(Path::new(""), repo);
            text.contains(&*folder.to_string_lossy())
        });
        if foreign {
            Err(io::ErrorKind::PermissionDenied.into())
        } else {
            Ok(())
        }
    }

    /// The end of the connection, when it has come.
    fn alive(&self, progress: &Progress) -> Result<(), End> {
        let Some(why) = self.session.and_then(Session::lost) else {
            return Ok(());
        };
        let received = progress.bytes() / 4_000_000;
        Err(End::new(
            255,
            "unexplained error",
            format!("{why}\n{}", unexpected(received)),
        ))
    }

    /// Says that one file could not be made, and goes on with the others.
    fn refused(&mut self, what: &str, place: &Path, error: &io::Error) -> Result<bool, End> {
        let why = match error.kind() {
            io::ErrorKind::PermissionDenied => "Permission denied (13)",
            io::ErrorKind::StorageFull => return Err(cannot_write(place, error)),
            _ => "Input/output error (5)",
        };
        console::err(&format!(
            "rsync: [receiver] {what} \"{}\" failed: {why}",
            place.display()
        ));
        self.failed = true;
        Ok(false)
    }

    fn delete(&self, entries: &[Entry]) {
        let Ok(theirs) = tree::list(&self.target, self.options) else {
            return;
        };
        for extra in theirs
            .iter()
            .rev()
            .filter(|e| entries.iter().all(|known| known.path != e.path))
        {
            let place = join(&self.target, &extra.path);
            let gone = if extra.kind == Kind::Folder {
                fs::remove_dir(&place)
            } else {
                fs::remove_file(&place)
            };
            gone.ok();
        }
    }
}

fn cannot_write(place: &Path, error: &io::Error) -> End {
    let why = match error.kind() {
        io::ErrorKind::StorageFull => "No space left on device (28)".to_owned(),
        io::ErrorKind::PermissionDenied => "Permission denied (13)".to_owned(),
        _ => error.to_string(),
    };
    End::new(
        11,
        "error in file IO",
        format!(
            "rsync: [receiver] write failed on \"{}\": {why}",
            place.display()
        ),
    )
}

/// Makes `place` a link to `to`; whether it was none before.
fn link(to: &Path, place: &Path) -> io::Result<bool> {
    if fs::read_link(place).is_ok_and(|current| current == to) {
        return Ok(false);
    }
    if fs::symlink_metadata(place).is_ok() {
        fs::remove_file(place)?;
    }
    symlink(to, place).map(|()| true)
}

/// A path below a folder; the folder itself for the empty one, without a slash at its end.
fn join(folder: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() {
        return folder.to_owned();
    }
    folder.join(below)
}
