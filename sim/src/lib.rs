//! A DGX Spark in a box: a directory on disk that behaves, over SSH, like a real node.
//!
//! The simulator is a product of its own and knows nothing of the daemon that talks to it. Commands
//! that arrive over SSH are run by a real shell in the node's directory, with this executable's own
//! `docker`, `nvidia-smi`, `hf` and so on first in `PATH`; every other program is the machine's own.
//! So quoting mistakes, shell differences and broken pipes show here as they would on a Spark.
//!
//! - [`node`]: the directory, its facts, memory and files under `root/`
//! - [`facts`]: the one model of temperatures, power and clocks
//! - [`faults`]: what can be made to go wrong
//! - [`ssh`]: the SSH server in front of a node
//! - [`cache`]: Hugging Face caches in every state a disk can be in
//! - [`host`]: a node that runs
//! - [`docker`], [`tools`]: the programs in a node's `PATH`
//! - [`engine`]: what `vllm serve` does in a container
//! - `services`: speech, embeddings, NIMs and other containers, with `audio`, `likeness` and `form`
//! - [`demo`]: two nodes and the daemon on top of them
//! - [`cli`]: the command line of `spark-sim` itself

mod audio;
pub mod cache;
pub mod cli;
pub mod demo;
pub mod docker;
pub mod engine;
pub mod facts;
pub mod faults;
mod form;
pub mod host;
mod likeness;
pub mod node;
mod services;
pub mod ssh;
pub mod tools;
mod transfer;

pub use node::{Node, NodeConfig, NodeError};
