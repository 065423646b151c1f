//! The look at a node's containers, run by a real shell with a Docker that does what the test says.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the script is tested by running it; the core itself runs nothing"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::SCRIPT;

/// How the look at a node ends, and what it says, when `docker inspect` does `inspect`.
fn look(inspect: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let docker = folder.path().join("docker");
    let text = format!("#!/bin/sh\n[ \"$1\" = ps ] && {{ echo 3f1c0; exit 0; }}\n{inspect}\n");
    std::fs::write(&docker, text).unwrap();
    std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new("/bin/sh")
        .args(["-c", SCRIPT])
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), said)
}

#[test]
fn a_docker_that_goes_away_is_no_node_without_containers() {
    let cases = [
        ("echo '[1]'", Some(0), "[1]\n"),
        (
            "echo '[]'; echo 'Error: No such container: 3f1c0' >&2; exit 1",
            Some(0),
            "[]\n",
        ),
        (
            "echo '[]'; echo 'error: no such object: 3f1c0' >&2; exit 1",
            Some(0),
            "[]\n",
        ),
        (
            "echo '[]'; echo 'Cannot connect to the Docker daemon' >&2; exit 1",
            Some(1),
            "[]\n",
        ),
        (
            "echo '[]'; echo 'Error: No such container: 3f1c0' >&2; echo 'EOF' >&2; exit 1",
            Some(1),
            "[]\n",
        ),
        ("exit 137", Some(137), ""),
    ];
    for (inspect, status, said) in cases {
        assert_eq!(look(inspect), (status, said.to_owned()), "{inspect}");
    }
}
