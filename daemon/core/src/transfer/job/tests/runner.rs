//! Which client a node downloads with: each step of the chain, on a node that has nothing better.

#![expect(
    clippy::disallowed_types,
    reason = "tests run the script in a real shell"
)]

use std::path::Path;
use std::process::Command;

use super::program;

/// Says how it was called.
const CLIENT: &str = "#!/bin/sh\necho \"${0##*/} $*\"\n";
/// Has a vLLM image, and says how a container of it is begun.
const DOCKER: &str = "#!/bin/sh\nif [ \"$1\" = images ]; then echo ubuntu:24.04; echo nvcr.io/nvidia/vllm:25.09-py3; \
                      else echo \"docker $*\"; fi\n";

/// A node that has `clients`, each a path below the home, and else only what every system has.
fn node(clients: &[&str]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for tool in ["id", "mkdir", "grep", "head"] {
        let place = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(tool));
        let place = place.iter().find(|p| p.exists()).unwrap();
        std::fs::create_dir_all(home.path().join("bin")).unwrap();
        std::os::unix::fs::symlink(place, home.path().join("bin").join(tool)).unwrap();
    }
    for client in clients {
        let text = if client.ends_with("docker") {
            DOCKER
        } else {
            CLIENT
        };
        // `bin/../X` is `X`.
        let folder = home.path().join(client);
        std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
        program(home.path(), &format!("../{client}"), text);
    }
    home
}

/// What a download says there, and its status.
fn download(home: &Path) -> (i32, String) {
    const SCRIPT: &str = concat!(
        include_str!("../../scripts/runner.sh"),
        "name=op.download\nhf_run download a/b --include=x 2>&1\n"
    );
    let output = Command::new("/bin/sh")
        .args(["-c", SCRIPT])
        .env_clear()
        .env("HOME", home)
        .env("PATH", home.join("bin"))
        .env("HF_TOKEN", "hf_canary")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), said.trim().to_owned())
}

#[test]
fn the_best_client_of_the_node_is_taken() {
    let chain = [
        ("bin/hf", "hf download a/b --include=x"),
        ("bin/uvx", "uvx hf download a/b --include=x"),
        (".local/bin/hf", "hf download a/b --include=x"),
        (
            "bin/huggingface-cli",
            "huggingface-cli download a/b --include=x",
        ),
        ("bin/docker", "docker run --rm"),
    ];
    for first in 0..chain.len() {
        let clients: Vec<&str> = chain[first..].iter().map(|(path, _)| *path).collect();
        let (status, said) = download(node(&clients).path());
        assert_eq!(status, 0, "{clients:?}: {said}");
        assert!(said.starts_with(chain[first].1), "{clients:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_container_takes_the_vllm_image_and_never_the_tokens_value() {
    let node = node(&["bin/docker"]);
    let (_, said) = download(node.path());
    let words: Vec<&str> = said.split(' ').collect();
    assert!(
        said.ends_with("nvcr.io/nvidia/vllm:25.09-py3 download a/b --include=x"),
        "{said}"
    );
    assert!(words.windows(2).any(|w| w == ["-e", "HF_TOKEN"]), "{said}");
    assert!(
        words
            .windows(2)
            .any(|w| w == ["--name", "sparkctl-op.download"]),
        "{said}"
    );
    assert!(!said.contains("hf_canary"), "{said}");
}

#[test]
fn a_node_without_any_client_says_so() {
    let (status, said) = download(node(&[]).path());
    assert_eq!(status, 127);
    let fault = crate::transfer::fault::of_job(status, &[said]);
    assert_eq!(fault.id, crate::transfer::FaultId::NoRunner);
}
