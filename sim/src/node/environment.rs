//! The environment of every shell of a node, and the one variable that a tool reads from it.

use std::path::PathBuf;

use super::Node;
use super::process::NODE_VARIABLE;

/// What a shell of the node gets, and nothing of its parent's.
///
/// `HOST_PROC`, `HOST_SYS`, `HOST_ETC`, `HOST_VAR` and `HOST_DEV` tell scripts where the node's own `/proc`
/// and so on are; the names are those that gopsutil and `node_exporter` users know.
/// For a real OpenSSH server in front of a node these go into a `SetEnv` line.
pub fn sshd_environment(node: &Node) -> Vec<(String, String)> {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let config = node.config();
    let path = format!("{}:/usr/bin:/bin", node.bin().display());
    [
        ("HOME", text(node.home())),
        ("USER", config.user.clone()),
        ("LOGNAME", config.user.clone()),
        ("SHELL", text(config.login_shell.clone())),
        ("PATH", path),
        ("LANG", "C.UTF-8".to_owned()),
        (NODE_VARIABLE, text(node.dir().to_owned())),
        ("HOST_PROC", text(node.root("proc"))),
        ("HOST_SYS", text(node.root("sys"))),
        ("HOST_ETC", text(node.root("etc"))),
        ("HOST_VAR", text(node.root("var"))),
        ("HOST_DEV", text(node.root("dev"))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// The node that this process was started on.
pub(super) fn node_dir() -> Option<PathBuf> {
    std::env::var_os(NODE_VARIABLE).map(PathBuf::from)
}
