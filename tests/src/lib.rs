//! Harnesses for the end-to-end tests: each starts something real and ends it when dropped.

#![expect(
    clippy::print_stderr,
    reason = "a harness tells what went wrong where the test runner shows it"
)]

pub mod bench;
pub mod browser;
pub mod daemon;
pub mod demo;
pub mod fleet;
pub mod matrix;
pub mod place;
pub mod programs;
pub mod receiver;
pub mod sshd;
pub mod tmux;
pub mod wire;
