//! Launch commands: the exact `docker run` of every rank of a unit.
//!
//! A unit is one container a rank. The shape is the one of spark-domain 2.2 and 2.3: the entry point is always
//! replaced (images differ in theirs), no `--rm` (a crash in the first seconds would take its log along), no
//! restart policy (a second try after a memory failure makes it worse), and labels that let any later daemon
//! find the unit again.

use serde::{Deserialize, Serialize};

use crate::shell::{RawArg, Remote};

mod argv;
mod fabric;
mod facts;
mod peers;

pub(crate) use argv::served_name;
pub use argv::{Placed, Placement, container_name, rank_argv, spec_digest};
pub use fabric::{Fabric, common_fabric};
pub use facts::{FabricLink, ImageFacts, NodeFacts, facts_command, read_facts};
pub use peers::{Peer, Ping, Reach, peers, ping_words};

/// The port on which the ranks of a unit meet (the community's scripts use the same one).
pub const MASTER_PORT: u16 = 29_501;

/// Why a launch command cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    #[error("a word of the launch command is not allowed")]
    Word(#[from] crate::shell::InvalidArg),
    #[error("{0:?} is not a name for a container")]
    Name(String),
    #[error("rank {0} has no node")]
    NoSuchRank(u32),
    #[error("the nodes share no network between their fabric ports")]
    NoFabric,
    #[error("the stored command is not a `docker run`")]
    NotDockerRun,
    #[error("the command does not split back to its own words")]
    RoundTrip,
}

/// A `docker run` as words. In the journal it is a list of strings, and it is checked again when read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct DockerRun {
    /// The words after `docker run`.
    words: Vec<RawArg>,
}

impl DockerRun {
    /// The command on the node.
    pub fn remote(&self) -> Remote {
        Remote::command("docker").lit("run").args(&self.words)
    }

    /// All words, `docker` and `run` first.
    pub fn argv(&self) -> Vec<String> {
        self.remote().argv()
    }
}

impl TryFrom<Vec<String>> for DockerRun {
    type Error = LaunchError;

    fn try_from(argv: Vec<String>) -> Result<Self, LaunchError> {
        let [docker, run, rest @ ..] = argv.as_slice() else {
            return Err(LaunchError::NotDockerRun);
        };
        if docker != "docker" || run != "run" {
            return Err(LaunchError::NotDockerRun);
        }
        let words = rest
            .iter()
            .map(|w| RawArg::checked(w))
            .collect::<Result<_, _>>()?;
        let run = Self { words };
        verify_round_trip(&run.remote())?;
        Ok(run)
    }
}

impl From<DockerRun> for Vec<String> {
    fn from(run: DockerRun) -> Self {
        run.argv()
    }
}

/// Checks that the command, as it is shown and pasted, splits back to exactly its argument vector.
pub fn verify_round_trip(remote: &Remote) -> Result<(), LaunchError> {
    match shlex::split(&remote.display()) {
        Some(words) if words == remote.argv() => Ok(()),
        _ => Err(LaunchError::RoundTrip),
    }
}

#[cfg(test)]
mod tests;
