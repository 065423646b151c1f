//! What somebody else runs on the demo's last node: an Ollama, idle, so that the screens have an owner to show.

use std::process::{Command, Output};

use anyhow::{Context as _, ensure};

use crate::node::{Node, sshd_environment};

const NAME: &str = "ollama";
/// Small models that were pulled one day.
const MODELS: [(&str, &str); 2] = [("llama3.2", "3b"), ("nomic-embed-text", "latest")];

/// Starts it, or finds it again.
pub(super) fn start(node: &Node) -> anyhow::Result<()> {
    let home = node.home().join(".ollama");
    let library = home.join("models/manifests/registry.ollama.ai/library");
    for (name, tag) in MODELS {
        let folder = library.join(name);
        std::fs::create_dir_all(&folder).context("cannot make Ollama's folder")?;
        std::fs::write(folder.join(tag), "{}").context("cannot write Ollama's models")?;
    }
    let mount = format!("{}:/root/.ollama", home.display());
    let again = docker(node, &["start", NAME])?;
    if again.status.success() {
        return Ok(());
    }
    let words = [
        "run",
        "-d",
        "--gpus",
        "all",
        "--restart",
        "unless-stopped",
        "--name",
        NAME,
        "-v",
        &mount,
        "-p",
        "11434:11434",
        "ollama/ollama",
    ];
    let started = docker(node, &words)?;
    let why = String::from_utf8_lossy(&started.stderr);
    ensure!(
        started.status.success(),
        "cannot start Ollama: {}",
        why.trim()
    );
    Ok(())
}

/// Runs the node's own `docker`.
fn docker(node: &Node, words: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new(node.bin().join("docker"));
    command.args(words).env_clear().envs(sshd_environment(node));
    command.output().context("cannot run docker")
}
