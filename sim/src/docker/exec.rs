//! `docker exec`: another program in a running container.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Stdio;

use super::container::Status;
use super::entry::{self, EntryError};
use super::flags::Parsed;
use super::image::Image;
use super::store::{Store, daemon};
use crate::tools::{Env, Outcome, Refusal};

/// `docker exec`.
pub(super) fn exec(store: &Store, parsed: &Parsed, env: &Env) -> Outcome {
    let (name, argv) = parsed
        .operands
        .split_first()
        .ok_or_else(|| daemon("no container"))?;
    let container = store.find(name)?;
    if container.state.status != Status::Running {
        return Err(daemon(format!(
            "container {} is not running",
            container.id.as_str()
        )));
    }
    let images = store.images()?;
    let image = images
        .into_iter()
        .find(|image| image.id == container.image_id);
    let image = image.unwrap_or_else(|| Image::published(&container.spec.image));
    let mut command =
        entry::command(store, &container, &image, argv).map_err(|error| not_found(&error))?;
    for word in parsed.all("env") {
        match word.split_once('=') {
            Some((name, value)) => command.env(name, value),
            None => command.env(word, env.get(word).unwrap_or_default()),
        };
    }
    let detached = parsed.on("detach");
    if detached || !parsed.on("interactive") {
        command.stdin(Stdio::null());
    }
    if detached {
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
    }
    let failed =
        |error: std::io::Error| Refusal::new(126, format!("OCI runtime exec failed: {error}"));
    let mut child = command.spawn().map_err(failed)?;
    if detached {
        return Ok(0);
    }
    let status = child.wait().map_err(failed)?;
    Ok(status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(255))
}

fn not_found(error: &EntryError) -> Refusal {
    Refusal::new(
        127,
        format!(
            "OCI runtime exec failed: exec failed: unable to start container process: {error}: unknown"
        ),
    )
}
