//! Start, stop, kill, remove, restart, rename, wait: what changes how a container is.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::commands::RENAME;
use super::container::{Container, Restart, Status};
use super::flags::Parsed;
use super::image::Image;
use super::store::{Store, daemon};
use super::{cgroup, create, entry, shim};
use crate::tools::{Outcome, Refusal, console};

/// How often a waiting command looks at a container.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a killed container may take to be gone.
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// Why a container did not start: `docker run`'s exit code and the daemon's sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StartFailure {
    pub(super) code: i32,
    pub(super) text: String,
}

impl StartFailure {
    fn of_daemon(text: impl Into<String>) -> Self {
        Self {
            code: 125,
            text: text.into(),
        }
    }
}

/// Starts a container; `attached` gives it our standard input when it asked for one.
pub(super) fn start(
    store: &Store,
    container: &Container,
    attached: bool,
) -> Result<(), StartFailure> {
    let started = checks(store, container).and_then(|()| launch(store, container, attached));
    if let Err(failure) = &started {
        let noted = store.update(&container.id, |state| {
            // What was refused before it ran stays as it was, with the reason.
            state.exit_code = if failure.code == 125 {
                128
            } else {
                failure.code
            };
            failure.text.clone_into(&mut state.error);
        });
        noted.map_err(|error| StartFailure::of_daemon(error.to_string()))?;
    }
    started
}

/// What the daemon looks at before anything runs.
fn checks(store: &Store, container: &Container) -> Result<(), StartFailure> {
    let node = &store.node;
    for device in &container.spec.devices {
        let path = device.split(':').next().unwrap_or_default();
        let fabric = path.starts_with("/dev/infiniband") && !node.config().fabric.is_empty();
        let nvidia = path.starts_with("/dev/nvidia");
        if !fabric && !nvidia && (path.starts_with("/dev/infiniband") || !Path::new(path).exists())
        {
            return Err(StartFailure::of_daemon(format!(
                "error gathering device information while adding custom device \"{path}\": no such file \
                 or directory"
            )));
        }
    }
    let gpus = !node.faults().no_gpu_runtime();
    if container.spec.gpus.is_some() && !gpus {
        return Err(StartFailure::of_daemon(
            "could not select device driver \"\" with capabilities: [[gpu]]",
        ));
    }
    let runtime = container.spec.runtime.as_str();
    let known = match runtime {
        "nvidia" => gpus,
        other => matches!(other, "runc" | "io.containerd.runc.v2"),
    };
    if !known {
        return Err(StartFailure::of_daemon(format!(
            "unknown or invalid runtime name: {}",
            container.spec.runtime
        )));
    }
    let image = image_of(store, container)?;
    if image.architecture == "arm64" {
        entry::check(store, &image, &container.argv)
            .map_err(|error| not_created(&error.to_string()))?;
    }
    Ok(())
}

fn image_of(store: &Store, container: &Container) -> Result<Image, StartFailure> {
    let images = store
        .images()
        .map_err(|error| StartFailure::of_daemon(error.to_string()))?;
    let image = images
        .into_iter()
        .find(|image| image.id == container.image_id);
    image.ok_or_else(|| StartFailure::of_daemon(format!("No such image: {}", container.spec.image)))
}

fn not_created(why: &str) -> StartFailure {
    StartFailure {
        code: 127,
        text: format!(
            "failed to create task for container: failed to create shim task: OCI runtime create failed: \
             runc create failed: unable to start container process: error during container init: {why}: \
             unknown"
        ),
    }
}

/// Starts the shim and hears from it how the container's start went.
fn launch(store: &Store, container: &Container, attached: bool) -> Result<(), StartFailure> {
    let failed = |why: String| StartFailure::of_daemon(why);
    let link = store.node.docker_dir().join("programs").join(shim::NAME);
    let executable = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    entry::link(&executable, &link).map_err(|error| failed(error.to_string()))?;
    let stdin = if attached && container.spec.interactive {
        Stdio::inherit()
    } else {
        Stdio::null()
    };
    let mut child = Command::new(link)
        .arg(container.id.as_str())
        .current_dir("/")
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let mut report = String::new();
    if let Some(mut pipe) = child.stdout.take() {
        std::io::Read::read_to_string(&mut pipe, &mut report).ok();
    }
    match report.trim_end().split_once(' ') {
        None if report == "\n" => Ok(()),
        None => Err(failed("shim: ttrpc: closed".to_owned())),
        Some(("127", why)) => Err(not_created(why)),
        Some((_, why)) => Err(failed(why.to_owned())),
    }
}

/// Brings back what a restart policy wants after the node booted, as the daemon does when it starts.
pub(super) fn resume(store: &Store) -> Result<(), Refusal> {
    let boot_id = store.node.state()?.boot_id.to_string();
    for container in store.containers()? {
        let state = &container.state;
        // `always` means it: even what was stopped by hand is started by the daemon's start.
        let kept = match container.spec.restart {
            Restart::Always => true,
            Restart::UnlessStopped => !state.stopped_by_user,
            Restart::No | Restart::OnFailure { .. } => false,
        };
        let lost = state.status == Status::Exited;
        if kept && lost && !state.boot_id.is_empty() && state.boot_id != boot_id {
            // Once per boot, also when it fails; the reason is in its state then.
            store.update(&container.id, |state| {
                state.boot_id.clone_from(&boot_id);
                state.stopped_by_user = false;
            })?;
            start(store, &container, false).ok();
        }
    }
    Ok(())
}

/// `docker start`.
pub(super) fn start_all(store: &Store, parsed: &Parsed) -> Outcome {
    let mut failed = Vec::new();
    for name in &parsed.operands {
        let started = store.find(name).and_then(|container| {
            if container.state.status.is_live() {
                return Ok(());
            }
            store.update(&container.id, |state| state.stopped_by_user = false)?;
            start(store, &container, false).map_err(|failure| daemon(failure.text))
        });
        match started {
            Ok(()) => console::out(name),
            Err(refusal) => {
                refusal.show();
                failed.push(name.as_str());
            }
        }
    }
    if failed.is_empty() {
        return Ok(0);
    }
    let text = format!("Error: failed to start containers: {}", failed.join(", "));
    Err(Refusal::new(1, text))
}

/// `docker stop`.
pub(super) fn stop_all(store: &Store, parsed: &Parsed) -> i32 {
    each(parsed, |name| {
        let container = store.find(name)?;
        stop(store, &container, parsed)
    })
}

/// `docker restart`.
pub(super) fn restart_all(store: &Store, parsed: &Parsed) -> i32 {
    each(parsed, |name| {
        let container = store.find(name)?;
        stop(store, &container, parsed)?;
        store.update(&container.id, |state| state.stopped_by_user = false)?;
        start(store, &container, false)
            .map_err(|failure| daemon(format!("Cannot restart container {name}: {}", failure.text)))
    })
}

fn stop(store: &Store, container: &Container, parsed: &Parsed) -> Result<(), Refusal> {
    let own = Some(container.spec.stop_signal.as_str()).filter(|signal| !signal.is_empty());
    let word = parsed.last("signal").or(own).unwrap_or("TERM");
    let signal = cgroup::parse_signal(word).ok_or_else(|| invalid_signal(word))?;
    let state = store.update(&container.id, |state| {
        state.stopped_by_user = true;
    })?;
    if !state.status.is_live() {
        return Ok(());
    }
    cgroup::signal_main(container, &state, signal);
    let seconds = parsed.int("timeout").unwrap_or(container.spec.stop_timeout);
    // A negative number means without limit.
    let patience = u64::try_from(seconds).map_or(Duration::MAX, Duration::from_secs);
    if !gone_within(store, container, patience)? {
        kill(store, container)?;
    }
    Ok(())
}

/// Kills a container and waits until it is written down as ended.
fn kill(store: &Store, container: &Container) -> Result<(), Refusal> {
    let Some(now) = store.load(&container.id)? else {
        return Ok(());
    };
    cgroup::signal_main(container, &now.state, Signal::KILL);
    if gone_within(store, container, KILLED_WITHIN)? {
        return Ok(());
    }
    Err(daemon(format!(
        "could not kill container: {}",
        container.id.as_str()
    )))
}

fn gone_within(store: &Store, container: &Container, patience: Duration) -> Result<bool, Refusal> {
    let began = Instant::now();
    loop {
        let live = store
            .load(&container.id)?
            .is_some_and(|c| c.state.status.is_live());
        if !live || began.elapsed() >= patience {
            return Ok(!live);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// `docker kill`.
pub(super) fn kill_all(store: &Store, parsed: &Parsed) -> Outcome {
    let word = parsed.last("signal").unwrap_or("KILL");
    let signal = cgroup::parse_signal(word).ok_or_else(|| invalid_signal(word))?;
    Ok(each(parsed, |name| {
        let container = store
            .find(name)
            .map_err(|refusal| cannot_kill(name, &refusal.text))?;
        if !container.state.status.is_live() {
            let why = format!("container {} is not running", container.id.as_str());
            return Err(cannot_kill(name, &why));
        }
        if signal != Signal::KILL {
            cgroup::signal_main(&container, &container.state, signal);
            return Ok(());
        }
        store.update(&container.id, |state| state.stopped_by_user = true)?;
        kill(store, &container)
    }))
}

fn cannot_kill(name: &str, why: &str) -> Refusal {
    let why = why.trim_start_matches("Error response from daemon: ");
    daemon(format!("cannot kill container: {name}: {why}"))
}

fn invalid_signal(word: &str) -> Refusal {
    daemon(format!("Invalid signal: {word}"))
}

/// `docker rm`.
pub(super) fn remove_all(store: &Store, parsed: &Parsed) -> i32 {
    let force = parsed.on("force");
    each(parsed, |name| {
        let container = match store.find(name) {
            Ok(container) => container,
            // Forced removal of nothing succeeds, and says so.
            Err(refusal) if force => {
                refusal.show();
                return Ok(());
            }
            Err(refusal) => return Err(refusal),
        };
        let status = container.state.status;
        if status.is_live() && !force {
            return Err(daemon(format!(
                "cannot remove container \"{}\": container is {}: stop the container before removing or \
                 force remove",
                container.name(),
                status.word()
            )));
        }
        if status.is_live() {
            store.update(&container.id, |state| {
                state.stopped_by_user = true;
                state.removing = true;
            })?;
            kill(store, &container)?;
        }
        // What a shim that died could not clean up.
        cgroup::empty(&store.node, &container);
        Ok(store.remove(&container.id)?)
    })
}

/// `docker rename`.
pub(super) fn rename(store: &Store, parsed: &Parsed) -> Outcome {
    let [old, new] = parsed.operands.as_slice() else {
        return Err(RENAME.refuse("two names"));
    };
    let mut container = store.find(old)?;
    create::check_name(new).map_err(daemon)?;
    let _lock = store.node.lock()?;
    create::name_is_free(store, new).map_err(daemon)?;
    new.clone_into(&mut container.spec.name);
    store.save(&container)?;
    Ok(0)
}

/// `docker wait`.
pub(super) fn wait(store: &Store, parsed: &Parsed) -> Outcome {
    for name in &parsed.operands {
        let container = store.find(name)?;
        gone_within(store, &container, Duration::MAX)?;
        // One that was removed meanwhile was killed for it.
        let code = store
            .load(&container.id)?
            .map_or(137, |c| c.state.exit_code);
        console::out(&code.to_string());
    }
    Ok(0)
}

/// Does `act` for every operand; prints each that went well, and ends with 1 if one did not.
fn each(parsed: &Parsed, act: impl Fn(&str) -> Result<(), Refusal>) -> i32 {
    let mut code = 0;
    for name in &parsed.operands {
        match act(name) {
            Ok(()) => console::out(name),
            Err(refusal) => code = refusal.show(),
        }
    }
    code
}
