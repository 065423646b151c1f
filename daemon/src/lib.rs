//! The Spark Control daemon.
//!
//! `spark-core` decides, this crate acts: tasks, SSH, HTTP, SQLite, files. The module names are the nouns
//! that an operator would recognise; [`app`] builds them all and hands them their handles.

pub mod clock;
pub mod door;
pub mod gate;
pub mod operations;
pub mod proxy;
pub mod tasks;
pub mod view;
pub mod web;
pub mod config;
pub mod settings;
pub mod ssh;
