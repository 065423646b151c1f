//! The read-models and commands of the API, a module for each noun.

pub mod alert;
pub mod chat;
pub mod event;
pub mod inventory;
pub mod node;
pub mod operation;
pub mod preflight;
pub mod recipe;
pub mod settings;
pub mod status;
pub mod unit;
