//! Where the built programs are, and running things as an ordinary user.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The folder of the built programs: the one above this test's own.
fn built() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.ancestors().find(|p| p.join("spark-controld").is_file());
    folder
        .map(Path::to_owned)
        .context("the programs are not built: cargo build --workspace --bins")
}

/// `spark-controld`, `spark-control` or `spark-sim`.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = built()?.join(name);
    ensure!(
        path.is_file(),
        "{} is not built: cargo build --workspace --bins",
        path.display()
    );
    Ok(path)
}

/// A program at a place that every user can reach: checkouts are often below a private folder.
pub fn public_program(name: &str, folder: &Path) -> Result<PathBuf> {
    let path = folder.join(name);
    let source = program(name)?;
    if std::fs::hard_link(&source, &path).is_err() {
        std::fs::copy(&source, &path).with_context(|| format!("cannot copy {name}"))?;
    }
    Ok(path)
}

/// `command` as `user`, when we are root; as ourselves otherwise.
pub fn as_user(mut command: Command, user: &str) -> Result<Command> {
    if rustix::process::geteuid().is_root() {
        command.uid(id(user, "-u")?).gid(id(user, "-g")?);
    }
    Ok(command)
}

/// Gives `path` to `user`, when we are root.
pub fn give_to(path: &Path, user: &str) -> Result<()> {
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(path, Some(id(user, "-u")?), Some(id(user, "-g")?))?;
    }
    Ok(())
}

fn id(user: &str, which: &str) -> Result<u32> {
    let output = Command::new("id")
        .args([which, user])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "there is no user {user}");
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
