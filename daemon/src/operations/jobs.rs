//! The kinds of jobs, a module each.

pub(super) mod image_remove;
