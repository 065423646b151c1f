//! `bugreport`: an archive for whoever helps, without secrets.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use crate::exit::Exit;
use crate::paint::{Line, Tone};
use crate::trouble::Trouble;

pub(super) async fn run(context: &mut Context, output: &Path) -> Result<Exit, Failure> {
    let archive = context.client.bytes("/api/bugreport").await?;
    if output == Path::new("-") {
        context.out.raw(&archive)?;
        return Ok(Exit::Done);
    }
    save(output, &archive).map_err(|error| cannot_save(output, &error))?;
    let shown = output.display().to_string();
    if context.json {
        let body = json!({ "path": shown, "size_bytes": archive.len() });
        return context.print_json("spark.bugreport/1", &body);
    }
    context.out.line(&Line::plain(shown))?;
    if !context.quiet {
        let told = "Tokens, keys and passwords were removed; names of machines, users and models were not. Look it \
                    through before you send it.";
        context.out.line(&Line::of(Tone::Dim, told))?;
    }
    Ok(Exit::Done)
}

/// Writes a file that only its owner can read.
fn save(path: &Path, archive: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(archive)?;
    file.sync_all()
}

fn cannot_save(path: &Path, error: &io::Error) -> Failure {
    let message = format!("{} cannot be written: {error}", path.display());
    Trouble::new(Exit::Failed, "io", message).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.tar.gz");
        save(&path, b"archive").unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(
            (mode & 0o777, std::fs::read(&path).unwrap()),
            (0o600, b"archive".to_vec())
        );
        assert!(save(folder.path(), b"x").is_err());
    }
}
