//! The kinds of jobs, a module each, and what several of them share: [`detached`] and [`verify`].

pub(super) mod copy;
pub(super) mod delete;
pub(super) mod detached;
pub(super) mod download;
pub(super) mod image_copy;
pub(super) mod image_pull;
pub(super) mod image_remove;
mod relay;
pub(super) mod service;
pub(super) mod verification;
mod verify;
