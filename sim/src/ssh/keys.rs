//! Keys of a node: its host key, and who may log in.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::authorized_keys::AuthorizedKeys;
use russh::keys::{Algorithm, PrivateKey, PublicKey};

use super::SshError;
use crate::node::{Node, NodeError};

/// The node's host key: its own, or the other one that the `host_key` fault shows. Made when
/// missing and kept, so that a restarted node is the same one.
pub fn host_key(node: &Node, changed: bool) -> Result<PrivateKey, SshError> {
    key_at(&host_key_path(node, changed))
}

/// Where the host key lies, e.g. for the `HostKey` line of a real `sshd`.
pub fn host_key_path(node: &Node, changed: bool) -> PathBuf {
    let name = if changed {
        "host_ed25519_changed"
    } else {
        "host_ed25519"
    };
    node.dir().join("ssh").join(name)
}

/// The ed25519 key in `path`; made there, with its public half beside it, when missing.
pub fn key_at(path: &Path) -> Result<PrivateKey, SshError> {
    let failed = |source| SshError::Key {
        path: path.display().to_string(),
        source,
    };
    if path.exists() {
        return PrivateKey::read_openssh_file(path).map_err(failed);
    }
    let mut key = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).map_err(failed)?;
    key.set_comment("spark-sim");
    let text = key.to_openssh(LineEnding::LF).map_err(failed)?;
    let line = key.public_key().to_openssh().map_err(failed)?;
    write_private(path, &text)?;
    write_private(&path.with_extension("pub"), &format!("{line}\n"))?;
    Ok(key)
}

/// Lets the holder of `key` log in on `node`; nothing changes when it may already.
pub fn authorize(node: &Node, key: &PublicKey) -> Result<(), SshError> {
    if is_authorized(node, key) {
        return Ok(());
    }
    let path = authorized_keys(node);
    let line = key.to_openssh().map_err(|source| SshError::Key {
        path: path.display().to_string(),
        source,
    })?;
    let write = || -> std::io::Result<()> {
        let mut file = fs::File::options().create(true).append(true).open(&path)?;
        writeln!(file, "{line}")?;
        file.set_permissions(fs::Permissions::from_mode(0o600))
    };
    write().map_err(NodeError::io("write", &path))?;
    Ok(())
}

/// Lets every node log in to every other one: each gets a key of its own and knows the others' host keys under
/// all their addresses, as after `ssh-copy-id` in both directions.
pub fn introduce(nodes: &[Node]) -> Result<(), SshError> {
    for from in nodes {
        let path = from.home().join(".ssh/id_ed25519");
        let own = key_at(&path)?;
        let mut known = String::new();
        for to in nodes.iter().filter(|to| to.dir() != from.dir()) {
            authorize(to, own.public_key())?;
            known.push_str(&known_lines(to)?);
        }
        let list = from.home().join(".ssh/known_hosts");
        crate::node::files::write_atomic(&list, known.as_bytes())?;
        own_all(from)?;
    }
    nodes.iter().try_for_each(own_all)
}

/// What a client's list has of `node`.
fn known_lines(node: &Node) -> Result<String, SshError> {
    let config = node.config();
    let key = host_key(node, false)?;
    let line = key
        .public_key()
        .to_openssh()
        .map_err(|source| SshError::Key {
            path: host_key_path(node, false).display().to_string(),
            source,
        })?;
    let addresses = std::iter::once(&config.address).chain(&config.fabric);
    let lines = addresses.map(|address| match config.ssh_port {
        22 => format!("{address} {line}\n"),
        port => format!("[{address}]:{port} {line}\n"),
    });
    Ok(lines.collect())
}

/// Gives the keys of a node to whom the node belongs: they may have been made by root.
fn own_all(node: &Node) -> Result<(), SshError> {
    let own = fs::metadata(node.dir()).map_err(NodeError::io("look at", node.dir()))?;
    for folder in [node.home().join(".ssh"), node.dir().join("ssh")] {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            std::os::unix::fs::chown(&path, Some(own.uid()), Some(own.gid()))
                .map_err(NodeError::io("change the owner of", &path))?;
        }
    }
    Ok(())
}

/// Whether `home/.ssh/authorized_keys` has this key.
pub(crate) fn is_authorized(node: &Node, key: &PublicKey) -> bool {
    let Ok(text) = fs::read_to_string(authorized_keys(node)) else {
        return false;
    };
    AuthorizedKeys::new(&text)
        .flatten()
        .any(|entry| entry.public_key().key_data() == key.key_data())
}

fn authorized_keys(node: &Node) -> PathBuf {
    node.home().join(".ssh/authorized_keys")
}

/// Writes a file that only its owner may read, as `ssh` asks for.
fn write_private(path: &Path, text: &str) -> Result<(), NodeError> {
    crate::node::files::write_atomic(path, text.as_bytes())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(NodeError::io("protect", path))
}
