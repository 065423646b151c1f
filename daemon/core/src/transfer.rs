//! Models and images on their way: from the Hub, from node to node, and off the disk.
//!
//! What takes minutes runs on the node by itself, as a *job* with a folder of its own: a lost link or a killed
//! daemon does not end it, and whoever comes later follows it again. How far it is is measured (bytes in the
//! cache against the manifest), since what the clients print changes from version to version. The facts are
//! those of spark-domain 4 and 5.

pub mod damage;
pub mod delete;
pub mod fault;
pub mod image;
pub mod job;
pub mod manifest;
pub mod plan;
pub mod progress;
pub mod relay;
#[cfg(test)]
mod testing;
mod words;

pub use fault::{Fault, FaultId};
pub use job::{JobState, Seen};
pub use words::{FilePattern, InvalidWord, JobName, Revision, Selection, Target};

/// Bytes that stay free on a disk unless a setting says otherwise: what `hf` itself and an engine's caches
/// need around a model (spark-domain 5.1).
pub const RESERVE_BYTES: u64 = 50_000_000_000;

/// Seconds without a new byte after which a transfer counts as stalled (spark-domain 5.1).
pub const STALL_S: f64 = 120.0;
