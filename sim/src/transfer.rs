//! How fast bytes come to a node, and when they no longer do.
//!
//! Every transfer (from the Hub, from a registry, from another node) is a real process that makes real files
//! longer. What limits it is the same for all: a rate, faults that slow or stop it, and room on the disk.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::SeekFrom as HoleSeek;

use crate::node::Node;

/// How often a transfer makes a step.
pub(crate) const STEP: Duration = Duration::from_millis(40);

/// Bytes per second from the internet: a good line at home.
pub(crate) const INTERNET: u64 = 95_000_000;

/// Bytes of one run of data that are copied; weight files of a cache have none longer than their header.
const LONGEST_RUN: u64 = 64 << 20;

/// The rate of one transfer.
#[derive(Debug)]
pub(crate) struct Pace {
    node: Node,
    /// Bytes per second at speed 1.
    usual: u64,
    last: Instant,
    given: u64,
}

impl Pace {
    /// A transfer that starts now and moves `usual` bytes per second at speed 1.
    pub(crate) fn new(node: &Node, usual: u64) -> Self {
        Self {
            node: node.clone(),
            usual,
            last: Instant::now(),
            given: 0,
        }
    }

    /// Bytes that may pass for the time since the last call; 0 while it is stalled.
    pub(crate) fn take(&mut self) -> u64 {
        let faults = self.node.faults();
        let now = Instant::now();
        let elapsed = now.duration_since(self.last).as_secs_f64();
        self.last = now;
        let bytes = match faults.transfer_rate() {
            Some(exact) => scaled(exact, elapsed),
            None => scaled(self.usual, elapsed * self.node.config().speed),
        };
        let limit = faults.stall_after().unwrap_or(u64::MAX);
        let bytes = bytes.min(limit.saturating_sub(self.given));
        self.given += bytes;
        bytes
    }

    /// Takes back what was given and not used.
    pub(crate) fn put_back(&mut self, bytes: u64) {
        self.given -= bytes;
    }

    /// Bytes given so far.
    pub(crate) fn given(&self) -> u64 {
        self.given
    }
}

/// What a transfer may still write to the disk of a node.
#[derive(Debug)]
pub(crate) struct Room {
    node: Node,
    written: u64,
}

impl Room {
    pub(crate) fn of(node: &Node) -> Self {
        Self {
            node: node.clone(),
            written: 0,
        }
    }

    /// Takes `bytes` of the room. The error is that of a write to a full disk.
    pub(crate) fn take(&mut self, bytes: u64) -> io::Result<()> {
        let free = match self.node.faults().disk_free_bytes() {
            // The fault says what is free and knows nothing of what we wrote.
            Some(free) => free.saturating_sub(self.written),
            None => self.node.disk().free,
        };
        if bytes > free {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.written += bytes;
        Ok(())
    }
}

/// Copies what a sparse file holds into `target`, which gets the same length.
pub(crate) fn copy_sparse(source: &Path, target: &Path) -> io::Result<()> {
    let mut from = File::open(source)?;
    let size = from.metadata()?.len();
    let mut to = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(target)?;
    to.set_len(size)?;
    let mut at = 0;
    while at < size {
        let Ok(start) = rustix::fs::seek(&from, HoleSeek::Data(at)) else {
            break;
        };
        let end = rustix::fs::seek(&from, HoleSeek::Hole(start))?.min(size);
        from.seek(SeekFrom::Start(start))?;
        to.seek(SeekFrom::Start(start))?;
        io::copy(&mut (&from).take((end - start).min(LONGEST_RUN)), &mut to)?;
        at = end.max(start + 1);
    }
    to.flush()
}

/// Makes `path` `size` bytes long, without content.
pub(crate) fn grow(path: &Path, size: u64) -> io::Result<()> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?
        .set_len(size)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a positive number of bytes far below 2^53"
)]
fn scaled(bytes: u64, factor: f64) -> u64 {
    (bytes as f64 * factor.clamp(0.0, 1e6)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeConfig;
    use crate::faults::Fault;

    fn node() -> (tempfile::TempDir, Node) {
        let dir = tempfile::tempdir().unwrap();
        let node = Node::create(&dir.path().join("n"), NodeConfig::default()).unwrap();
        (dir, node)
    }

    #[test]
    fn a_stalled_transfer_gives_what_the_fault_lets_through() {
        let (_dir, node) = node();
        node.set_fault(Fault::Stall { after_bytes: 1000 }).unwrap();
        let mut pace = Pace::new(&node, 1 << 50);
        while pace.given() < 1000 {
            pace.take();
        }
        assert_eq!(pace.take(), 0);
    }

    #[test]
    fn a_full_disk_takes_what_there_is_room_for() {
        let (_dir, node) = node();
        node.set_fault(Fault::FullDisk { free_bytes: 100 }).unwrap();
        let mut room = Room::of(&node);
        room.take(60).unwrap();
        let error = room.take(60).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_sparse_copy_has_the_data_and_the_holes() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&a, b"head").unwrap();
        grow(&a, 3 << 30).unwrap();
        copy_sparse(&a, &b).unwrap();
        let copy = std::fs::metadata(&b).unwrap();
        assert_eq!(copy.len(), 3 << 30);
        assert!(std::os::unix::fs::MetadataExt::blocks(&copy) * 512 < 1 << 20);
        let mut head = [0; 4];
        File::open(&b).unwrap().read_exact(&mut head).unwrap();
        assert_eq!(&head, b"head");
    }
}
