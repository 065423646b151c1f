//! Every decision of Spark Control, as pure functions: no runtime, no files, no clock, no network.
//!
//! `now`, randomness and the world come in as arguments; what comes out is data that the daemon acts on.

pub mod advice;
pub mod alert;
pub mod catalog;
pub mod connectivity;
pub mod deep;
pub mod doctor;
mod entries;
pub mod fit;
pub mod flags;
pub mod health;
pub mod infer;
pub mod inventory;
pub mod lane;
pub mod launch;
mod owner;
pub mod plan;
pub mod probe;
pub mod recover;
pub mod scrub;
pub mod services;
pub mod shell;
pub mod stage;
pub mod transfer;
pub mod units;
pub mod webhook;
