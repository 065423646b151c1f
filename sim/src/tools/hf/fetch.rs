//! The bytes of a download: several files at once, each partial under a name of its own until it is whole.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

use uuid::Uuid;

use super::Hub;
use super::options::Options;
use crate::cache::hub::{HubError, Request};
use crate::cache::{RepoFile, RepoLayout, repo_dir};
use crate::docker;
use crate::faults::{Fault, HubTrouble};
use crate::node::{Node, NodeError};
use crate::tools::{Env, console};
use crate::transfer::{self, Pace, Room};

/// Why a download did not come to its end.
#[derive(Debug)]
pub(super) enum FetchError {
    /// The Hub refused.
    Hub(HubError),
    /// An exception that the command line does not know.
    Python(String),
}

/// One download that is allowed.
pub(super) struct Fetch<'a> {
    pub(super) node: &'a Node,
    pub(super) env: &'a Env,
    pub(super) hub: &'a Hub,
    pub(super) layout: &'a RepoLayout,
    pub(super) options: &'a Options,
}

/// A file that is coming.
struct Partial<'a> {
    file: &'a RepoFile,
    path: PathBuf,
    size: u64,
}

impl Fetch<'_> {
    /// Brings every file of `wanted` that is not there.
    pub(super) fn run(&self, wanted: &[&RepoFile]) -> Result<(), FetchError> {
        let faults = self.node.faults();
        if faults.root_owned(&self.layout.repo) {
            let folder = repo_dir(&self.hub.shown, &self.layout.repo).join("blobs");
            return Err(denied(&folder));
        }
        self.prepare().map_err(|error| self.unwritten(error))?;
        let (mut queue, mut active) = (Vec::new(), Vec::new());
        for file in wanted.iter().rev() {
            if self.is_there(file) {
                self.layout
                    .link(&self.hub.real, file)
                    .map_err(|error| self.unwritten(error))?;
            } else {
                queue.push(*file);
            }
        }
        self.warn_of_room(&queue);
        let result = self.bring(&mut queue, &mut active, wanted.len());
        // Partial files belong to this process; nobody would go on with them.
        for partial in &active {
            fs::remove_file(&partial.path).ok();
        }
        result?;
        self.leave_to_root()
    }

    fn bring<'f>(
        &self,
        queue: &mut Vec<&'f RepoFile>,
        active: &mut Vec<Partial<'f>>,
        count: usize,
    ) -> Result<(), FetchError> {
        let mut bar = Bar::of(self, count, count - queue.len());
        let total: u64 = queue.iter().map(|file| file.size).sum();
        let mut pace = Pace::new(self.node, transfer::INTERNET);
        let mut room = Room::of(self.node);
        loop {
            thread::sleep(transfer::STEP);
            self.trouble(pace.given(), total)?;
            let given = pace.take();
            let mut left = given.min(self.cut_at(total).saturating_sub(pace.given() - given));
            pace.put_back(given - left);
            loop {
                while active.len() < self.options.workers.max(1) {
                    let Some(file) = queue.pop() else { break };
                    active.push(self.begin(file)?);
                }
                // In turn, so that what one does not need goes to the others.
                for (at, partial) in active.iter_mut().enumerate().rev() {
                    let share = left / u64::try_from(at + 1).unwrap_or(1);
                    left -= self.extend(partial, share, &mut room)?;
                }
                let whole = self.end_whole(active)?;
                bar.advance(whole);
                if whole == 0 || active.is_empty() && queue.is_empty() {
                    break;
                }
            }
            pace.put_back(left);
            if active.is_empty() && queue.is_empty() {
                bar.end();
                return Ok(());
            }
        }
    }

    /// Gives every file that is whole its name; gives how many there were.
    fn end_whole(&self, active: &mut Vec<Partial<'_>>) -> Result<usize, FetchError> {
        let is_whole = |partial: &Partial<'_>| partial.size == partial.file.size;
        let (whole, rest): (Vec<_>, _) = std::mem::take(active).into_iter().partition(is_whole);
        *active = rest;
        for partial in &whole {
            self.end(partial)?;
        }
        Ok(whole.len())
    }

    fn prepare(&self) -> Result<(), NodeError> {
        let manifest = self.options.files.is_empty();
        self.layout
            .announce(&self.hub.real, &self.options.revision, manifest)?;
        let blobs = repo_dir(&self.hub.real, &self.layout.repo).join("blobs");
        fs::create_dir_all(&blobs).map_err(NodeError::io("create", &blobs))?;
        let tag = self.hub.real.join("CACHEDIR.TAG");
        if !tag.exists() {
            fs::write(&tag, "Signature: 8a477f597d28d172789f06886806bc55\n")
                .map_err(NodeError::io("write", &tag))?;
        }
        Ok(())
    }

    fn begin<'f>(&self, file: &'f RepoFile) -> Result<Partial<'f>, FetchError> {
        let request = Request {
            repo: &self.layout.repo,
            revision: &self.options.revision,
            token: None,
        };
        if self.node.faults().hub(&self.layout.repo) == Some(HubTrouble::EntryNotFound) {
            request
                .open(self.node, self.layout, file)
                .map_err(FetchError::Hub)?;
        }
        let lock = repo_dir(&self.hub.real.join(".locks"), &self.layout.repo)
            .join(format!("{}.lock", file.blob));
        let suffix = Uuid::new_v4().simple().to_string();
        let name = format!(
            "{}.{}.incomplete",
            file.blob,
            suffix.get(..8).unwrap_or(&suffix)
        );
        let path = self
            .layout
            .blob_path(&self.hub.real, file)
            .with_file_name(name);
        let locked = lock.parent().map_or(Ok(()), fs::create_dir_all);
        locked
            .and_then(|()| transfer::grow(&lock, 0))
            .and_then(|()| transfer::grow(&path, 0))
            .map_err(|error| self.os_error(&error))?;
        Ok(Partial {
            file,
            path,
            size: 0,
        })
    }

    fn extend(
        &self,
        partial: &mut Partial<'_>,
        share: u64,
        room: &mut Room,
    ) -> Result<u64, FetchError> {
        let bytes = share.min(partial.file.size - partial.size);
        room.take(bytes)
            .and_then(|()| transfer::grow(&partial.path, partial.size + bytes))
            .map_err(|error| self.os_error(&error))?;
        partial.size += bytes;
        Ok(bytes)
    }

    fn end(&self, partial: &Partial<'_>) -> Result<(), FetchError> {
        self.layout
            .finish(&self.hub.real, partial.file, &partial.path)
            .map_err(|error| self.unwritten(error))
    }

    /// Bytes after which the connection is reset, if it is.
    fn cut_at(&self, total: u64) -> u64 {
        match self.node.faults().hub(&self.layout.repo) {
            Some(HubTrouble::Reset) => total / 2,
            _ => u64::MAX,
        }
    }

    /// What breaks a download that has begun.
    fn trouble(&self, given: u64, total: u64) -> Result<(), FetchError> {
        let faults = self.node.faults();
        if faults.no_internet() {
            return Err(FetchError::Python(
                "httpx.ConnectError: [Errno -3] Temporary failure in name resolution".to_owned(),
            ));
        }
        match faults.hub(&self.layout.repo) {
            Some(HubTrouble::Reset) if given >= self.cut_at(total) => Err(FetchError::Python(
                "httpx.ReadError: [Errno 104] Connection reset by peer".to_owned(),
            )),
            Some(HubTrouble::RateLimited) if given > 0 => {
                Err(FetchError::Hub(HubError::Status(429)))
            }
            _ => Ok(()),
        }
    }

    fn is_there(&self, file: &RepoFile) -> bool {
        let blob = self.layout.blob_path(&self.hub.real, file);
        fs::metadata(blob).is_ok_and(|meta| meta.len() == file.size)
    }

    fn warn_of_room(&self, queue: &[&RepoFile]) {
        let free = self.node.disk().free;
        let largest = queue.iter().map(|file| file.size).max().unwrap_or(0);
        if largest > free {
            let mb = |bytes: u64| format!("{}.{:02} MB", bytes / 1_000_000, bytes / 10_000 % 100);
            console::err(&format!(
                "UserWarning: Not enough free disk space to download the file. The expected file size is: {}. The \
                 target location {} only has {} free disk space.",
                mb(largest),
                self.hub.shown.display(),
                mb(free)
            ));
        }
    }

    /// A container without a user of its own leaves files behind that are root's.
    fn leave_to_root(&self) -> Result<(), FetchError> {
        if docker::vllm::runs_as_root(self.node, self.env) {
            let fault = Fault::RootOwned {
                repo: self.layout.repo.clone(),
            };
            self.node
                .set_fault(fault)
                .map_err(|error| self.unwritten(error))?;
        }
        Ok(())
    }

    fn unwritten(&self, error: NodeError) -> FetchError {
        match error {
            NodeError::Io { source, .. } => self.os_error(&source),
            other => FetchError::Python(format!("RuntimeError: {other}")),
        }
    }

    fn os_error(&self, error: &io::Error) -> FetchError {
        let folder = repo_dir(&self.hub.shown, &self.layout.repo);
        let xet = self.env.get("HF_HUB_DISABLE_XET").is_none();
        match error.kind() {
            io::ErrorKind::PermissionDenied => denied(&folder),
            io::ErrorKind::StorageFull if xet => FetchError::Python(
                "RuntimeError: Data processing error: File reconstruction error: IO Error: No space left on device \
                 (os error 28)"
                    .to_owned(),
            ),
            io::ErrorKind::StorageFull => {
                FetchError::Python("OSError: [Errno 28] No space left on device".to_owned())
            }
            _ => FetchError::Python(format!("OSError: {error}: '{}'", folder.display())),
        }
    }
}

fn denied(path: &Path) -> FetchError {
    FetchError::Python(format!(
        "PermissionError: [Errno 13] Permission denied: '{}'",
        path.display()
    ))
}

/// The progress bar over files, on standard error.
struct Bar {
    shown: bool,
    total: usize,
    done: usize,
}

impl Bar {
    fn of(fetch: &Fetch<'_>, total: usize, done: usize) -> Self {
        let off = fetch
            .env
            .get("HF_HUB_DISABLE_PROGRESS_BARS")
            .is_some_and(|value| value != "0");
        let mut bar = Self {
            shown: !off && !fetch.options.quiet,
            total,
            done,
        };
        bar.advance(0);
        bar
    }

    fn advance(&mut self, files: usize) {
        self.done += files;
        if !self.shown {
            return;
        }
        let percent = self.done * 100 / self.total.max(1);
        let full = percent / 10;
        let text = format!(
            "\rFetching {} files: {percent:3}%|{:<10}| {}/{} [00:00<?, ?it/s]",
            self.total,
            "█".repeat(full),
            self.done,
            self.total
        );
        let mut stderr = io::stderr();
        stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush())
            .ok();
    }

    fn end(&self) {
        if self.shown {
            console::err("");
        }
    }
}
