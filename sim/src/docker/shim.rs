//! The process that looks after one container, as containerd's shim does.
//!
//! It outlives the command that started it and the session that command came from, runs the container's
//! first process, keeps its output, writes down how it ended, and follows the restart policy.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::container::{Container, ContainerId, Restart, State, Status};
use super::image::Image;
use super::store::{Store, process};
use super::{cgroup, entry, logs, proxy};
use crate::node::{Node, NodeError};
use crate::tools::console;

/// The name under which the executable is a shim.
pub(crate) const NAME: &str = "containerd-shim-runc-v2";

/// First pause before a restart; it doubles up to [`LONGEST_PAUSE`], as Docker's does.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A container that ran this long starts with the first pause again.
const GOOD_RUN: Duration = Duration::from_secs(10);

/// Runs the container whose id is the first argument. Tells on standard output how the start went: an
/// empty line, or `CODE REASON`, and then closes it.
pub(crate) fn main(args: &[String]) -> i32 {
    // Fails only when we lead a session already, which is what it is for.
    rustix::process::setsid().ok();
    let Some(id) = args.first().and_then(|id| ContainerId::parse(id)) else {
        console::err("usage: containerd-shim-runc-v2 CONTAINER");
        return 2;
    };
    match Shim::open(&id).and_then(Shim::run) {
        Ok(()) => 0,
        Err(error) => {
            console::out(&format!("128 {error}"));
            1
        }
    }
}

struct Shim {
    store: Store,
    container: Container,
    image: Image,
    restarts: u32,
    reported: bool,
}

impl Shim {
    fn open(id: &ContainerId) -> Result<Self, NodeError> {
        let store = Store::new(Node::from_env()?);
        let missing = || NodeError::Place {
            path: store.folder(id),
            what: "there is no container here",
        };
        let container = store.load(id)?.ok_or_else(missing)?;
        let image = store
            .images()?
            .into_iter()
            .find(|image| image.id == container.image_id)
            .unwrap_or_else(|| Image::published(&container.spec.image));
        Ok(Self {
            store,
            container,
            image,
            restarts: 0,
            reported: false,
        })
    }

    fn run(mut self) -> Result<(), NodeError> {
        if let Err(error) = proxy::publish(&self.store.node, &self.container) {
            console::out(&format!("125 {error}"));
            return Ok(());
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            let Some(child) = self.spawn()? else {
                return Ok(());
            };
            let code = self.attend(child)?;
            let state = self.ended(code)?;
            if !self.again(&state) {
                return self.finish(&state);
            }
            pause = if began.elapsed() > GOOD_RUN {
                FIRST_PAUSE
            } else {
                pause
            };
            if !self.rest(pause)? {
                return Ok(());
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            self.restarts += 1;
        }
    }

    /// Starts the first process. `None` when it cannot start, which was reported then.
    fn spawn(&mut self) -> Result<Option<Child>, NodeError> {
        let argv = self.container.argv.clone();
        let prepared = entry::command(&self.store, &self.container, &self.image, &argv);
        let spawned = prepared
            .map_err(|error| error.to_string())
            .and_then(|mut command| {
                if !self.container.spec.interactive || self.reported {
                    command.stdin(Stdio::null());
                }
                command
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .process_group(0);
                command.spawn().map_err(|error| format!("exec: {error}"))
            });
        match spawned {
            Ok(child) => {
                self.started(child.id())?;
                Ok(Some(child))
            }
            Err(reason) => {
                self.report(&format!("127 {reason}"));
                Ok(None)
            }
        }
    }

    fn started(&mut self, pid: u32) -> Result<(), NodeError> {
        let now = self.store.node.now();
        let boot_id = self.store.node.state()?.boot_id.to_string();
        let restarts = self.restarts;
        self.store.update(&self.container.id, |state| {
            *state = State {
                status: Status::Running,
                started_at: Some(now),
                finished_at: state.finished_at,
                main: Some(process(pid)),
                shim: Some(process(std::process::id())),
                boot_id,
                restart_count: restarts,
                removing: state.removing,
                stopped_by_user: self.reported && state.stopped_by_user,
                ..State::default()
            };
        })?;
        self.report("");
        Ok(())
    }

    /// Says once how the start went, and lets go of what we inherited from the command that waits.
    fn report(&mut self, line: &str) {
        if self.reported {
            return;
        }
        self.reported = true;
        console::out(line);
        if let Ok(null) = std::fs::File::options().write(true).open("/dev/null") {
            rustix::stdio::dup2_stdout(&null).ok();
            rustix::stdio::dup2_stderr(&null).ok();
        }
    }

    /// Keeps the output until the first process has ended and all others are gone with it.
    fn attend(&self, mut child: Child) -> Result<i32, NodeError> {
        let log = Arc::new(Mutex::new(logs::Writer::open(
            &self.store,
            &self.container,
        )?));
        let readers = [
            child.stdout.take().map(|pipe| keep(pipe, "stdout", &log)),
            child.stderr.take().map(|pipe| keep(pipe, "stderr", &log)),
        ];
        let status = child.wait().map_err(NodeError::io(
            "wait for",
            &self.store.folder(&self.container.id),
        ))?;
        cgroup::empty(&self.store.node, &self.container);
        for reader in readers.into_iter().flatten() {
            // A reader that panicked lost output, nothing else.
            reader.join().ok();
        }
        Ok(exit_code(status))
    }

    fn ended(&self, code: i32) -> Result<State, NodeError> {
        let now = self.store.node.now();
        let again = |state: &State| self.policy(code, state);
        self.store.update(&self.container.id, |state| {
            state.status = if again(state) {
                Status::Restarting
            } else {
                Status::Exited
            };
            state.exit_code = code;
            state.main = None;
            state.finished_at = Some(now);
        })
    }

    fn policy(&self, code: i32, state: &State) -> bool {
        if state.stopped_by_user || state.removing {
            return false;
        }
        match self.container.spec.restart {
            Restart::No => false,
            Restart::Always | Restart::UnlessStopped => true,
            Restart::OnFailure { retries } => {
                code != 0 && (retries == 0 || self.restarts < retries)
            }
        }
    }

    fn again(&self, state: &State) -> bool {
        state.status == Status::Restarting && self.policy(state.exit_code, state)
    }

    /// Waits out the pause; false when someone stopped the container meanwhile.
    fn rest(&self, pause: Duration) -> Result<bool, NodeError> {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            thread::sleep(pause.min(Duration::from_millis(20)));
            let Some(container) = self.store.load(&self.container.id)? else {
                return Ok(false);
            };
            if container.state.status != Status::Restarting || container.state.stopped_by_user {
                self.store
                    .update(&self.container.id, |state| state.status = Status::Exited)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn finish(&self, state: &State) -> Result<(), NodeError> {
        if state.removing {
            self.store.remove(&self.container.id)?;
        }
        Ok(())
    }
}

/// Copies lines from a pipe to the log until it closes.
fn keep(
    pipe: impl Read + Send + 'static,
    stream: &'static str,
    log: &Arc<Mutex<logs::Writer>>,
) -> JoinHandle<()> {
    let log = Arc::clone(log);
    thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&line).into_owned();
            log.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write(stream, &text);
            line.clear();
        }
    })
}

/// As Docker counts: the code, or 128 and the signal.
fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(255)
}
