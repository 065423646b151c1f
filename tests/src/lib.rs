//! Harnesses for the end-to-end tests: each starts something real and ends it when dropped.

pub mod bench;
pub mod daemon;
pub mod fleet;
pub mod programs;
pub mod sshd;
