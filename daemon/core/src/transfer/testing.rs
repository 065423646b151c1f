//! A login on this machine, with a home of its own.

#![expect(
    clippy::disallowed_types,
    reason = "tests run the scripts in a real shell"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::shell::{Nonce, Remote};

/// Runs what the daemon would send, with the programs of `bin` in that home and those of the system; gives the
/// status and the output.
pub(super) fn run(home: &Path, remote: &Remote) -> (i32, String) {
    let path = format!("{}:/usr/bin:/bin", home.join("bin").display());
    let mut child = Command::new("/bin/sh")
        .arg("-s")
        .env_clear()
        .env("HOME", home)
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = remote.render(&Nonce::new([7; 16]));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let inside = said.split_once(":begin\n").map_or("", |(_, rest)| rest);
    let (inside, _) = inside.rsplit_once("\n@@").unwrap_or((inside, ""));
    (output.status.code().unwrap_or(-1), inside.to_owned())
}
