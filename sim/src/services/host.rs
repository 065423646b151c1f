//! What a service needs from the node and container around it, beyond what an engine needs.

use std::path::PathBuf;

use crate::engine::{EngineHost, MemoryClaim, OutOfMemory};

/// The node and container around one service.
pub(crate) trait ServiceHost: EngineHost {
    /// Where a path of the container lies on the node; `None` when nothing is mounted there, so that it ends
    /// with the container.
    fn folder(&self, path: &str) -> Option<PathBuf>;

    /// Registers a process that holds `bytes` outside the GPU. Dropping the claim gives them back.
    fn claim_ram(&self, process: &str, bytes: u64) -> Result<Box<dyn MemoryClaim>, OutOfMemory>;

    /// Bytes that are free on the node's disk.
    fn disk_free(&self) -> u64;
}
