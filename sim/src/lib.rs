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
//! - [`demo`]: two nodes and the daemon on top of them

pub mod facts;
pub mod faults;
pub mod node;
pub mod ssh;

pub use node::{Node, NodeConfig, NodeError};
