//! The router behind real doors: what a client sees.

mod control;
mod documents;
mod doors;
mod streams;
