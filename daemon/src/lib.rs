//! The Spark Control daemon.
//!
//! `spark-core` decides, this crate acts: tasks, SSH, HTTP, SQLite, files. The module names are the nouns
//! that an operator would recognise; [`app`] builds them all and hands them their handles.

pub mod gate;
pub mod operations;
pub mod tasks;
pub mod view;
