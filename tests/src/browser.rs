//! Walks in a real Chromium: the scripts of `tests/web`, beside the packages that they import.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::place::repository;

/// `node SCRIPT URL`, where setup has put the packages, which it keeps out of the tree.
pub fn walk(script: &str, url: &str) -> Result<Command> {
    let folder = repository("target/web");
    ensure!(
        folder.join("node_modules").is_dir(),
        "the browser test's packages are missing: sh scripts/setup.sh test"
    );
    for entry in std::fs::read_dir(repository("tests/web"))? {
        let source = entry?.path();
        if source.extension().is_some_and(|e| e == "mjs") {
            let name = source.file_name().context("a file without a name")?;
            replace(&source, &folder.join(name))?;
        }
    }
    let mut command = Command::new("node");
    command.arg(folder.join(script)).arg(url);
    Ok(command)
}

/// Copies in one step: another test may be reading the old one.
fn replace(source: &Path, target: &Path) -> Result<()> {
    let fresh = target.with_extension(format!("new{}", std::process::id()));
    std::fs::copy(source, &fresh)?;
    Ok(std::fs::rename(fresh, target)?)
}
