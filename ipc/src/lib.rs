//! The API of Spark Control: its types, its errors, the place of the socket, and a client.
//!
//! The daemon serves one HTTP/1.1 router through two doors, TCP (port 9999) and a Unix socket. Every
//! JSON body of that router is a type of this crate, so the daemon, the terminal client, the command
//! line and the tests cannot disagree about a field.
//!
//! Conventions, held everywhere: `snake_case`; units in names (`_bytes`, `_ms`, `_s`, `_c`, `_w`,
//! `_percent`); times are RFC 3339 UTC ([`Time`]); `None`/`null` means *unknown*, never zero; ids are
//! strings with a grammar ([`id`]); lists are objects with a named array, so that they can grow.
//! Commands refuse unknown fields; read-models tolerate them.

pub mod error;
pub mod id;
pub mod model;
pub mod socket;
pub mod sse;
pub mod text;
pub mod time;
pub mod version;

#[cfg(feature = "client")]
pub mod client;

pub use error::{ApiError, ErrorBody, ErrorCode, FieldError};
pub use time::Time;
