//! The read-models and commands of the API, a module for each noun.

pub mod alert;
pub mod chat;
pub mod connectivity;
pub mod deep;
pub mod doctor;
pub mod event;
pub mod infer;
pub mod inventory;
pub mod node;
pub mod operation;
pub mod preflight;
pub mod recipe;
pub mod service;
pub mod settings;
pub mod status;
pub mod transfer;
pub mod unit;
pub mod webhook;
