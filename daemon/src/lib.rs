//! The Spark Control daemon.
//!
//! `spark-core` decides, this crate acts: tasks, SSH, HTTP, SQLite, files. The module names are the nouns
//! that an operator would recognise; [`app`] builds them all and hands them their handles.

pub mod alerts;
pub mod app;
pub mod bugreport;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connectivity;
pub mod deep;
pub mod doctor;
pub mod door;
pub mod engine;
pub mod files;
mod gate;
mod handles;
pub mod journal;
pub mod models;
pub mod nodes;
pub mod operations;
pub mod overrides;
pub mod proxy;
pub mod services;
pub mod settings;
pub mod ssh;
pub mod tasks;
pub mod telemetry;
pub mod units;
pub mod view;
pub mod web;
pub mod webhook;
