//! The router behind real doors: what a client sees.

mod control;
mod doctor;
mod documents;
mod doors;
mod recipes;
mod streams;
