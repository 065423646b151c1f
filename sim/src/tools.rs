//! The programs of a node: what a Spark's own tools print, from the node's directory.
//!
//! This executable is linked under each of [`NAMES`] into the node's `bin/`, which is first in the
//! `PATH` of its shells. Every tool opens the node, obeys the faults, and answers like the real program
//! down to the sentence with which it refuses an option.

use crate::docker::{self, shim};
use crate::node::Node;
use crate::services::PROGRAMS;

pub(crate) mod console;
mod curl;
mod env;
mod hf;
mod network;
mod nvidia_smi;
mod rsync;
mod ssh;
mod sudo;
mod system;

pub(crate) use console::{Outcome, Refusal};
pub(crate) use env::Env;

/// The kernel of a node.
pub(crate) const KERNEL: &str = "6.17.0-1032-nvidia";

/// Programs that a node has in its `PATH`.
pub const NAMES: &[&str] = &[
    "curl",
    "date",
    "df",
    "docker",
    "ethtool",
    "free",
    "hf",
    "hostname",
    "huggingface-cli",
    "ibdev2netdev",
    "ip",
    "journalctl",
    "nproc",
    "nvidia-smi",
    "ping",
    "rsync",
    "ss",
    "ssh",
    "sudo",
    "systemctl",
    "uname",
];

/// Programs that only exist inside containers, behind them, or where a fault puts them.
const INNER: &[&str] = &["vllm", "ray", "uvx", shim::NAME];

/// What the `nonsense` fault prints: an escape sequence that sets the window's title, one that clears
/// the screen, a bidirectional override, control characters, and bytes that are no UTF-8.
const NONSENSE: &[u8] =
    b"\x1b]0;pwned\x07\x1b[2J\x1b[31m\xe2\x80\xae{\"State\":\xff\xfe\x00\x08\x08 \
    \x1b[?1049h\xc3\x28 NaN, , [N/A], -1e999\r\n\x9b31m}\n";

/// Whether this executable behaves as `name` when it is called so.
pub fn is_tool(name: &str) -> bool {
    NAMES.contains(&name) || INNER.contains(&name) || PROGRAMS.contains(&name)
}

/// Runs the tool `name` with `args` (without the name) and gives its exit code. The node is the one that
/// `SPARK_SIM_NODE` names.
pub fn dispatch(name: &str, args: &[String]) -> i32 {
    if name == shim::NAME {
        return shim::main(args);
    }
    let outcome = Node::from_env().map_err(Refusal::from).and_then(|node| {
        // Somebody else's record may not be ours to write; that is no reason to run nothing.
        node.record_own_argv().ok();
        if node.faults().nonsense(name) {
            console::raw(NONSENSE);
            return Ok(0);
        }
        node.refresh_root()?;
        run(&node, name, args)
    });
    outcome.unwrap_or_else(|refusal| refusal.show())
}

fn run(node: &Node, name: &str, args: &[String]) -> Outcome {
    let env = Env::read();
    match name {
        "docker" => docker::main(node, args, &env),
        "vllm" => docker::vllm::main(node, args, &env),
        name if PROGRAMS.contains(&name) => docker::service::main(node, name, args, &env),
        "nvidia-smi" => nvidia_smi::main(node, args, &env),
        "hf" | "huggingface-cli" => hf::main(node, name, args, &env),
        "curl" => curl::main(node, args),
        "rsync" => rsync::main(node, args, &env),
        "ssh" => ssh::main(node, args, &env),
        "uvx" => hf::uvx(node, args, &env),
        "sudo" => sudo::main(node, args),
        "ss" => network::ss(node, args),
        "ip" => network::ip(node, args),
        "ethtool" => network::ethtool(node, args),
        "ibdev2netdev" => Ok(network::ibdev2netdev(node)),
        "ping" => network::ping(node, args),
        "systemctl" => system::systemctl(node, args),
        "journalctl" => system::journalctl(node, args),
        "hostname" => system::hostname(node, args),
        "uname" => system::uname(node, args),
        "nproc" => system::nproc(args),
        "df" => system::df(node, args),
        "free" => system::free(node, args),
        "date" => system::date(node, args),
        "ray" => Err(Refusal::new(
            1,
            "Error: ray is not simulated; use the engine's own multi-node mode",
        )),
        _ => Err(Refusal::new(127, format!("{name}: command not found"))),
    }
}
