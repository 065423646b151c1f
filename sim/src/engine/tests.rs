//! Whole engines over real sockets: how they start, fail, answer and end.

mod failing;
mod ranks;
mod serving;
mod starting;
