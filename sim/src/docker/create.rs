//! `docker create` and `docker run`.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;

use super::commands::{CREATE, RUN};
use super::container::{Container, ContainerId, Spec, State};
use super::flags::{Command, Parsed};
use super::image::Image;
use super::store::Store;
use super::{lifecycle, logs, pull, spec};
use crate::tools::{Env, Outcome, Refusal, console};

/// `docker create`.
pub(super) fn create(store: &Store, parsed: &Parsed, env: &Env) -> Outcome {
    let container = make(store, &CREATE, parsed, env)?;
    console::out(container.id.as_str());
    Ok(0)
}

/// `docker run`.
pub(super) fn run(store: &Store, parsed: &Parsed, env: &Env) -> Outcome {
    let detached = parsed.on("detach");
    let wants_terminal = parsed.on("tty") && parsed.on("interactive") && !detached;
    if wants_terminal && !std::io::stdin().is_terminal() {
        return Err(Refusal::new(1, "the input device is not a TTY"));
    }
    let container = make(store, &RUN, parsed, env)?;
    if detached && container.spec.auto_remove {
        store.update(&container.id, |state| state.removing = true)?;
    }
    if let Err(failure) = lifecycle::start(store, &container, !detached) {
        if container.spec.auto_remove {
            store.remove(&container.id)?;
        }
        let why = RUN.refuse(&format!("Error response from daemon: {}", failure.text));
        return Err(Refusal::new(failure.code, why.text));
    }
    if detached {
        console::out(container.id.as_str());
        return Ok(0);
    }
    logs::attach(store, &container.id);
    let ended = store.load(&container.id)?;
    if container.spec.auto_remove {
        store.remove(&container.id)?;
    }
    Ok(ended.map_or(137, |container| container.state.exit_code))
}

/// Makes a container, as the daemon does: image, then name, then mounts.
fn make(
    store: &Store,
    command: &Command,
    parsed: &Parsed,
    env: &Env,
) -> Result<Container, Refusal> {
    let mut spec = spec::read(command, parsed, env)?;
    let image = image(store, command, &spec, parsed, env)?;
    let refuse = |why: String| command.refuse(&format!("Error response from daemon: {why}"));
    let id = ContainerId::fresh();
    if spec.name.is_empty() {
        spec.name = nickname(&id);
    }
    check_name(&spec.name).map_err(refuse)?;
    check_mounts(store, &mut spec).map_err(refuse)?;
    let argv = argv(&spec, &image);
    if argv.is_empty() {
        return Err(refuse("no command specified".to_owned()));
    }
    let container = Container {
        id,
        created: store.node.now(),
        image_id: image.id,
        argv,
        image_env: image.env,
        spec,
        state: State::default(),
    };
    {
        let _lock = store.node.lock()?;
        name_is_free(store, &container.spec.name).map_err(refuse)?;
        store.add(&container)?;
    }
    Ok(container)
}

fn image(
    store: &Store,
    command: &Command,
    spec: &Spec,
    parsed: &Parsed,
    env: &Env,
) -> Result<Image, Refusal> {
    let name = &spec.image;
    let reference = super::reference::Reference::parse(name).map_err(|why| command.refuse(&why))?;
    let wanted = parsed.last("pull").unwrap_or("missing");
    let found = store.image(name)?.filter(|_| wanted != "always");
    let refuse = |why: String| command.refuse(&format!("Error response from daemon: {why}"));
    let image = if let Some(image) = found {
        image
    } else {
        if wanted == "never" {
            return Err(refuse(format!("No such image: {}", reference.familiar())));
        }
        if wanted == "missing" {
            console::err(&format!(
                "Unable to find image '{}' locally",
                if reference.digest.is_some() {
                    name.clone()
                } else {
                    reference.familiar()
                }
            ));
        }
        pull::bring(
            store,
            &reference,
            parsed.last("platform"),
            env,
            console::err,
        )
        .map_err(refuse)?;
        let pulled = store.image(name)?;
        pulled.ok_or_else(|| refuse(format!("No such image: {}", reference.familiar())))?
    };
    if image.architecture != "arm64" && parsed.last("platform").is_none() {
        console::err(&format!(
            "WARNING: The requested image's platform (linux/{}) does not match the detected host platform \
             (linux/arm64/v8) and no specific platform was requested",
            image.architecture
        ));
    }
    Ok(image)
}

/// The words that are run: an own entrypoint takes the image's command away with its entrypoint.
fn argv(spec: &Spec, image: &Image) -> Vec<String> {
    let mut argv = match &spec.entrypoint {
        Some(own) => own.clone(),
        None => image.entrypoint.clone().unwrap_or_default(),
    };
    if !spec.command.is_empty() {
        argv.extend(spec.command.iter().cloned());
    } else if spec.entrypoint.is_none() {
        argv.extend(image.command.clone().unwrap_or_default());
    }
    argv
}

/// Refuses a name that is no container name.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = bytes.all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if first && rest && name.len() > 1 {
        return Ok(());
    }
    Err(format!(
        "Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
    ))
}

/// Refuses a name that another container has.
pub(super) fn name_is_free(store: &Store, name: &str) -> Result<(), String> {
    let containers = store.containers().map_err(|error| error.to_string())?;
    match containers.iter().find(|container| container.name() == name) {
        None => Ok(()),
        Some(other) => Err(format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{}\". You have to \
             remove (or rename) that container to be able to reuse that name.",
            other.id.as_str()
        )),
    }
}

/// `--mount` wants its folder to exist; `-v` makes it. Outside of the node's own folder nothing is made.
fn check_mounts(store: &Store, spec: &mut Spec) -> Result<(), String> {
    for mount in &mut spec.mounts {
        if mount.kind == "volume" {
            let name = if mount.source.is_empty() {
                "anonymous"
            } else {
                &mount.source
            };
            let folder = store
                .node
                .docker_dir()
                .join("volumes")
                .join(name)
                .join("_data");
            mount.source = folder.to_string_lossy().into_owned();
        }
        let source = Path::new(&mount.source);
        if mount.kind == "tmpfs" || source.exists() {
            continue;
        }
        if !source.starts_with(store.node.dir()) || mount.must_exist {
            return Err(format!(
                "invalid mount config for type \"bind\": bind source path does not exist: {}",
                mount.source
            ));
        }
        fs::create_dir_all(source).map_err(|error| {
            format!(
                "error while creating mount source path '{}': {error}",
                mount.source
            )
        })?;
    }
    Ok(())
}

fn nickname(id: &ContainerId) -> String {
    const FIRST: [&str; 8] = [
        "amazing", "brave", "clever", "eager", "gallant", "happy", "keen", "quirky",
    ];
    const SECOND: [&str; 8] = [
        "curie", "darwin", "euler", "hopper", "lovelace", "noether", "turing", "wozniak",
    ];
    let byte = |at: usize| {
        id.as_str()
            .as_bytes()
            .get(at)
            .map_or(0, |b| usize::from(*b) % 8)
    };
    let name = |list: &[&'static str; 8], at| list.get(byte(at)).copied().unwrap_or("calm");
    format!("{}_{}{}", name(&FIRST, 0), name(&SECOND, 1), byte(2))
}
