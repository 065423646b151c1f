//! The client's list of host keys, and what it says of one that is new or another.

use std::fs;
use std::path::{Path, PathBuf};

use russh::keys::{HashAlg, PublicKey};

use super::options::{Options, Strict};
use crate::node::Node;
use crate::tools::{Refusal, console};

const FAILED: &str = "Host key verification failed.";

/// Lets `key` of the host pass, or refuses it, as the options say.
pub(super) fn check(node: &Node, options: &Options, key: &PublicKey) -> Result<(), Refusal> {
    let path = options
        .known_hosts
        .clone()
        .unwrap_or_else(|| node.home().join(".ssh/known_hosts"));
    let host = name(options);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mine = |line: &&str| {
        let hosts = line.split_whitespace().next().unwrap_or_default();
        hosts.split(',').any(|known| known == host)
    };
    let known: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| mine(line))
        .collect();
    let same = |line: &str| {
        let (_, rest) = line.split_once(' ').unwrap_or_default();
        PublicKey::from_openssh(rest).is_ok_and(|known| known.key_data() == key.key_data())
    };
    if known.iter().any(|(_, line)| same(line)) {
        return Ok(());
    }
    match (known.first(), options.strict) {
        (_, Strict::No) => Ok(()),
        (Some((at, _)), _) => Err(Refusal::new(255, changed(&host, key, &path, at + 1))),
        (None, Strict::AcceptNew) => {
            add(&path, &host, key);
            console::err(&format!(
                "Warning: Permanently added '{host}' (ED25519) to the list of known hosts."
            ));
            Ok(())
        }
        (None, Strict::Yes) => Err(Refusal::new(
            255,
            format!(
                "No ED25519 host key is known for {host} and you have requested strict checking.\n{FAILED}"
            ),
        )),
        (None, Strict::Ask) => Err(Refusal::new(255, FAILED)),
    }
}

/// How the list names the host.
fn name(options: &Options) -> String {
    match options.port {
        22 => options.host.clone(),
        port => format!("[{}]:{port}", options.host),
    }
}

/// Adds a line; a client that cannot write its list goes on without.
fn add(path: &PathBuf, host: &str, key: &PublicKey) {
    use std::io::Write as _;
    let line = key.to_openssh().unwrap_or_default();
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    let file = folder.and_then(|()| fs::File::options().create(true).append(true).open(path));
    file.and_then(|mut file| writeln!(file, "{host} {line}"))
        .ok();
}

fn changed(host: &str, key: &PublicKey, path: &Path, line: usize) -> String {
    let rule = "@".repeat(59);
    let (path, print) = (path.display(), key.fingerprint(HashAlg::Sha256));
    format!(
        "{rule}\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n{rule}\nIT IS POSSIBLE THAT SOMEONE IS \
         DOING SOMETHING NASTY!\nSomeone could be eavesdropping on you right now (man-in-the-middle attack)!\nIt is \
         also possible that a host key has just been changed.\nThe fingerprint for the ED25519 key sent by the remote \
         host is\n{print}.\nPlease contact your system administrator.\nAdd correct host key in {path} to get rid of \
         this message.\nOffending ED25519 key in {path}:{line}\nHost key for {host} has changed and you have requested \
         strict checking.\n{FAILED}"
    )
}
