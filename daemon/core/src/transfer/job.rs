//! Jobs that run on a node by themselves: how they begin, how they are, how they are ended.
//!
//! A job has a folder, `~/.cache/spark-control/jobs/NAME`, readable by the login user alone: the text that runs,
//! its process id with start time and boot id (so that no other process is ever taken for it), its status, and
//! what it said. The token travels in the environment; it is in no file and on no command line.

use spark_ipc::id::{ImageRef, RepoId};
use spark_ipc::text::clean_line;

use crate::shell::{Arg, EnvName, EnvValue, InvalidArg, RawArg, Remote};

use super::words::{InvalidWord, JobName, Selection, Target};

macro_rules! detached {
    ($($body:literal),+) => {
        concat!(
            include_str!("scripts/begin.sh"),
            include_str!("scripts/wait.sh"),
            $(include_str!($body),)+
            include_str!("scripts/launch.sh"),
        )
    };
}

const DOWNLOAD: &str = detached!("scripts/runner.sh", "scripts/download.sh");
const VERIFY: &str = detached!("scripts/runner.sh", "scripts/verify.sh");
const COPY: &str = detached!("scripts/copy.sh");
const PULL: &str = detached!("scripts/pull.sh");
const IMAGE_COPY: &str = detached!("scripts/image_copy.sh");

/// What the Hugging Face client is given beside its words.
#[derive(Debug, Clone, Default)]
pub struct HubAccess {
    /// Used where the setting has one; otherwise the node's own token is.
    pub token: Option<EnvValue>,
    /// All cores and the whole line: not while the node serves a model.
    pub fast: bool,
}

/// Begins a download, or finds it at work.
pub fn download(job: &JobName, what: &Selection, access: &HubAccess) -> Result<Remote, InvalidArg> {
    let remote = Remote::script("download", DOWNLOAD)
        .arg(raw(job.as_str())?)
        .arg(&what.repo);
    let remote = selected(remote, what)?;
    Ok(with_access(remote, access).timeout(60))
}

/// Begins to compare every file with the Hub's checksums, or finds it at work. Slow: every byte is read. Where the
/// client is too old for it, the blobs are compared with the checksums that they are named by.
pub fn verify(job: &JobName, what: &Selection, access: &HubAccess) -> Result<Remote, InvalidArg> {
    let revision = what.revision.as_ref().map_or("", |r| r.as_str());
    let remote = Remote::script("verify", VERIFY)
        .arg(raw(job.as_str())?)
        .arg(&what.repo)
        .arg(raw(revision)?)
        .arg(raw(&what.repo.cache_folder())?);
    Ok(with_access(remote, access).timeout(60))
}

/// Begins a copy of a model from this node to another, or finds it at work.
pub fn copy(job: &JobName, repo: &RepoId, target: &Target) -> Result<Remote, InvalidWord> {
    let remote = Remote::script("copy", COPY)
        .arg(name(job)?)
        .arg(folder(repo)?)
        .args(target.login()?)
        .arg(target.hub()?);
    Ok(remote.timeout(60))
}

/// Begins a pull of an image, or finds it at work.
pub fn pull(job: &JobName, image: &ImageRef) -> Result<Remote, InvalidWord> {
    let remote = Remote::script("pull", PULL).arg(name(job)?).arg(image);
    Ok(remote.timeout(60))
}

/// Begins to copy an image from this node to another, or finds it at work.
pub fn image_copy(job: &JobName, image: &ImageRef, target: &Target) -> Result<Remote, InvalidWord> {
    let remote = Remote::script("image-copy", IMAGE_COPY)
        .arg(name(job)?)
        .arg(image)
        .args(target.login()?);
    Ok(remote.timeout(60))
}

/// Looks at a job; with `repo`, at the bytes of that model too.
pub fn follow(job: &JobName, repo: Option<&RepoId>) -> Result<Remote, InvalidWord> {
    let remote = Remote::script("follow", include_str!("scripts/follow.sh")).arg(name(job)?);
    let remote = match repo {
        Some(repo) => remote.arg(folder(repo)?),
        None => remote,
    };
    Ok(remote.timeout(30))
}

/// Ends a job: its process group, and the container that it may run in.
pub fn cancel(job: &JobName) -> Result<Remote, InvalidWord> {
    let remote = Remote::script("cancel", include_str!("scripts/cancel.sh")).arg(name(job)?);
    Ok(remote.timeout(40))
}

/// Removes the folder of a job that has ended.
pub fn clean(job: &JobName) -> Result<Remote, InvalidWord> {
    let remote = Remote::script("clean", include_str!("scripts/clean.sh")).arg(name(job)?);
    Ok(remote.timeout(30))
}

/// Whether one node can log in to another by itself; nothing is written.
pub fn reach(target: &Target) -> Result<Remote, InvalidWord> {
    let remote = Remote::script("reach", include_str!("scripts/reach.sh")).args(target.login()?);
    Ok(remote.timeout(20))
}

/// The words of a selection after its repository.
pub(super) fn selected(remote: Remote, what: &Selection) -> Result<Remote, InvalidArg> {
    let revision = what.revision.as_ref().map_or("", |r| r.as_str());
    let mut remote = remote.arg(raw(revision)?);
    for pattern in &what.include {
        remote = remote.opt("--include", raw(pattern.as_str())?);
    }
    for pattern in &what.exclude {
        remote = remote.opt("--exclude", raw(pattern.as_str())?);
    }
    Ok(remote)
}

pub(super) fn with_access(mut remote: Remote, access: &HubAccess) -> Remote {
    if let (Some(token), Ok(variable)) = (&access.token, EnvName::checked("HF_TOKEN")) {
        remote = remote.secret(variable, token.clone());
    }
    let fast = EnvName::checked("HF_XET_HIGH_PERFORMANCE");
    match (access.fast, fast, EnvValue::checked("1")) {
        (true, Ok(variable), Ok(one)) => remote.env(variable, one),
        _ => remote,
    }
}

fn raw(text: &str) -> Result<Arg, InvalidArg> {
    RawArg::checked(text).map(Arg::from)
}

fn as_word(error: InvalidArg) -> InvalidWord {
    InvalidWord {
        kind: error.kind,
        value: error.value,
        rule: error.rule,
    }
}

fn name(job: &JobName) -> Result<Arg, InvalidWord> {
    raw(job.as_str()).map_err(as_word)
}

/// The folder of a repository in the cache, as a word.
pub(super) fn folder(repo: &RepoId) -> Result<Arg, InvalidWord> {
    raw(&repo.cache_folder()).map_err(as_word)
}

/// How a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It never began.
    Absent,
    Running,
    /// It ended with this status; 143 after a cancel.
    Ended(i32),
    /// The node restarted under it.
    Restarted,
    /// Its process is gone and left no status: it was killed.
    Gone,
}

/// One look at a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub state: JobState,
    /// Bytes of the model in the cache, with unfinished files of this job.
    pub bytes: Option<u64>,
    /// Room on the disk of the cache.
    pub free_bytes: Option<u64>,
    /// Bytes that went through the pipe to another node.
    pub copied_bytes: Option<u64>,
    /// Layers of an image.
    pub layers: Option<Layers>,
    /// The last lines that it said, cleaned.
    pub log: Vec<String>,
}

/// How many layers of an image there are, and how far they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layers {
    pub total: u64,
    /// Downloaded and unpacked.
    pub done: u64,
}

/// Reads the answer of [`follow`]; an answer that was cut says nothing.
pub fn read(output: &str) -> Result<Seen, String> {
    let mut seen = Seen {
        state: JobState::Absent,
        bytes: None,
        free_bytes: None,
        copied_bytes: None,
        layers: None,
        log: Vec::new(),
    };
    let mut ended = false;
    for line in output.lines() {
        match line.split('\t').collect::<Vec<_>>().as_slice() {
            ["state", state] => seen.state = named_state(state).ok_or_else(|| unread(line))?,
            ["state", "ended", status] => {
                let status = status
                    .trim()
                    .parse()
                    .map_err(|_not_a_number| unread(line))?;
                seen.state = JobState::Ended(status);
            }
            ["bytes", n] => seen.bytes = n.parse().ok(),
            ["free", n] => seen.free_bytes = n.parse().ok(),
            ["copied", n] => seen.copied_bytes = n.parse().ok(),
            ["layers", total, done, _] => {
                seen.layers = total
                    .parse()
                    .ok()
                    .zip(done.parse().ok())
                    .map(|(total, done)| Layers { total, done });
            }
            ["log", text @ ..] => seen.log.push(clean_line(&text.join(" "), 600)),
            ["end"] => ended = true,
            _ => {}
        }
    }
    if ended {
        Ok(seen)
    } else {
        Err("the node's answer about the job was cut".to_owned())
    }
}

fn named_state(word: &str) -> Option<JobState> {
    Some(match word {
        "absent" => JobState::Absent,
        "running" => JobState::Running,
        "restarted" => JobState::Restarted,
        "gone" => JobState::Gone,
        _ => return None,
    })
}

fn unread(line: &str) -> String {
    format!(
        "the state of the job cannot be read: {:?}",
        clean_line(line, 120)
    )
}

#[cfg(test)]
mod tests;
