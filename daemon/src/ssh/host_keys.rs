//! Which host keys the operator has accepted: a `known_hosts` file that OpenSSH can read too.
//!
//! Lines that are not ours to understand (hashed names, certificate authorities, nonsense) are kept and
//! match nothing, so a key that only they know counts as unknown and is asked about.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use russh::keys::{Algorithm, PublicKey};
use spark_ipc::id::Fingerprint;
use spark_ipc::model::node::{HostKey, HostKeyState};
use tokio::sync::watch;

use super::key::fingerprint;

/// Why the file of host keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KnownHostsError {
    #[error("cannot read the host keys in {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write the host keys to {path}")]
    Write { path: PathBuf, source: io::Error },
}

/// A host key that a node showed, and how it compares with what was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub key: PublicKey,
    pub state: HostKeyState,
    /// The first accepted key of that host and port, when it is another one.
    pub accepted: Option<Fingerprint>,
}

impl Shown {
    /// For the API; `None` only if a fingerprint had an unexpected form.
    pub fn describe(&self) -> Option<HostKey> {
        Some(HostKey {
            state: self.state,
            algorithm: self.key.algorithm().to_string(),
            fingerprint: fingerprint(&self.key).ok()?,
            accepted: self.accepted.clone(),
        })
    }
}

/// The accepted host keys of all nodes.
#[derive(Debug)]
pub struct HostKeys {
    path: PathBuf,
    lines: Mutex<Vec<Line>>,
    /// Counts the changes, so that quarantined links can try again.
    revision: watch::Sender<u64>,
}

#[derive(Debug, Clone)]
struct Line {
    text: String,
    /// `None`: not understood, kept as it is.
    entry: Option<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    hosts: Vec<String>,
    key: PublicKey,
    revoked: bool,
}

impl HostKeys {
    /// Reads the file; one that does not exist is empty, one that cannot be read is an error.
    pub fn load(path: &Path) -> Result<Self, KnownHostsError> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => {
                return Err(KnownHostsError::Read {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        Ok(Self {
            path: path.to_owned(),
            lines: Mutex::new(text.lines().map(Line::read).collect()),
            revision: watch::Sender::new(0),
        })
    }

    /// How `key` of `host:port` compares with what was accepted for exactly that host and port.
    pub fn check(&self, host: &str, port: u16, key: &PublicKey) -> Shown {
        check(&self.lines(), &address(host, port), key)
    }

    /// The types of the keys accepted for `host:port`, for asking the node for one of these first.
    pub fn algorithms(&self, host: &str, port: u16) -> Vec<Algorithm> {
        let address = address(host, port);
        matching(&self.lines(), &address)
            .map(|entry| entry.key.algorithm())
            .collect()
    }

    /// Accepts `key` as the one key of `host:port` and writes the file before it counts.
    pub fn accept(&self, host: &str, port: u16, key: &PublicKey) -> Result<(), KnownHostsError> {
        self.replace(&mut self.lines(), &address(host, port), key)
    }

    /// Accepts `key` only if nothing was accepted for `host:port` before. Of two that come at once one wins.
    pub(super) fn accept_first(
        &self,
        host: &str,
        port: u16,
        key: &PublicKey,
    ) -> Result<Shown, KnownHostsError> {
        let address = address(host, port);
        let mut lines = self.lines();
        if check(&lines, &address, key).state == HostKeyState::Unknown {
            self.replace(&mut lines, &address, key)?;
        }
        Ok(check(&lines, &address, key))
    }

    /// Tells of every change of the accepted keys.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(
        &self,
        lines: &mut Vec<Line>,
        address: &str,
        key: &PublicKey,
    ) -> Result<(), KnownHostsError> {
        let mut next: Vec<Line> = lines
            .iter()
            .filter_map(|line| line.without(address))
            .collect();
        next.push(Line::new(address, key));
        let text: String = next
            .iter()
            .flat_map(|line| [line.text.as_str(), "\n"])
            .collect();
        write_atomically(&self.path, &text).map_err(|source| KnownHostsError::Write {
            path: self.path.clone(),
            source,
        })?;
        *lines = next;
        self.revision.send_modify(|revision| *revision += 1);
        Ok(())
    }
}

impl Line {
    fn read(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            entry: Entry::read(text),
        }
    }

    fn new(address: &str, key: &PublicKey) -> Self {
        let text = format!("{address} {}", bare(key));
        Self::read(&text)
    }

    /// This line without `address`; `None` when nothing is left. A revocation stays.
    fn without(&self, address: &str) -> Option<Self> {
        let Some(entry) = &self.entry else {
            return Some(self.clone());
        };
        if entry.revoked || !entry.hosts.iter().any(|host| host == address) {
            return Some(self.clone());
        }
        let rest: Vec<&str> = entry
            .hosts
            .iter()
            .map(String::as_str)
            .filter(|host| *host != address)
            .collect();
        (!rest.is_empty()).then(|| Self::new(&rest.join(","), &entry.key))
    }
}

impl Entry {
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace().peekable();
        let revoked = words.next_if(|word| *word == "@revoked").is_some();
        let hosts = words.next()?;
        if hosts.starts_with(['#', '@', '|']) {
            return None;
        }
        let key = format!("{} {}", words.next()?, words.next()?);
        Some(Self {
            hosts: hosts.split(',').map(str::to_ascii_lowercase).collect(),
            key: PublicKey::from_openssh(&key).ok()?,
            revoked,
        })
    }

    fn matches(&self, address: &str) -> bool {
        let refused = self
            .hosts
            .iter()
            .filter_map(|host| host.strip_prefix('!'))
            .any(|pattern| glob(pattern.as_bytes(), address.as_bytes()));
        !refused
            && self
                .hosts
                .iter()
                .any(|host| glob(host.as_bytes(), address.as_bytes()))
    }
}

fn matching<'a>(lines: &'a [Line], address: &'a str) -> impl Iterator<Item = &'a Entry> {
    lines
        .iter()
        .filter_map(|line| line.entry.as_ref())
        .filter(|entry| entry.matches(address))
}

fn check(lines: &[Line], address: &str, key: &PublicKey) -> Shown {
    let same = |entry: &&Entry| entry.key.key_data() == key.key_data();
    let revoked = matching(lines, address)
        .filter(same)
        .any(|entry| entry.revoked);
    let mut accepted = matching(lines, address)
        .filter(|entry| !entry.revoked)
        .peekable();
    let first = accepted
        .peek()
        .and_then(|entry| fingerprint(&entry.key).ok());
    let known = first.is_some();
    let state = match (revoked, accepted.any(|entry| same(&entry)), known) {
        (true, ..) | (false, false, true) => HostKeyState::Changed,
        (false, true, _) => HostKeyState::Accepted,
        (false, false, false) => HostKeyState::Unknown,
    };
    let accepted = first.filter(|_| state == HostKeyState::Changed);
    Shown {
        key: key.clone(),
        state,
        accepted,
    }
}

/// A host and port as `known_hosts` writes them.
fn address(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == 22 {
        host
    } else {
        format!("[{host}]:{port}")
    }
}

fn bare(key: &PublicKey) -> String {
    let line = key.to_openssh().unwrap_or_default();
    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Whether `text` fits `pattern`, where `*` is any run of characters and `?` any one.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((b'*', after)), rest) => {
            glob(after, text) || rest.is_some_and(|(_, rest)| glob(pattern, rest))
        }
        (Some((b'?', after)), Some((_, rest))) => glob(after, rest),
        (Some((a, after)), Some((b, rest))) => a == b && glob(after, rest),
        (Some(_), None) => false,
    }
}

/// Replaces the file so that after a crash either the old or the new text is there.
fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
