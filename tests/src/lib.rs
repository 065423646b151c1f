//! Harnesses for the end-to-end tests: each starts something real and ends it when dropped.

pub mod sshd;
