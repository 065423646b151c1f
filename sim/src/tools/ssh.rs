//! `ssh` from one node of the fleet to another.
//!
//! Address, port, host key, user and key are checked as the real programs on both sides do, against the other
//! node's folder; the command then runs there as if its own `sshd` had started it.

use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::node::{Node, process, sshd_environment};
use crate::tools::{Env, Outcome, Refusal};

mod known_hosts;
mod login;
mod options;

pub(super) use login::Session;
pub(super) use options::Options;

/// How often a session looks whether the other side is still there.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs `ssh`.
pub(super) fn main(node: &Node, args: &[String], env: &Env) -> Outcome {
    if args == ["-V"] {
        return Err(Refusal::new(
            0,
            "OpenSSH_9.6p1 Ubuntu-3ubuntu13.14, OpenSSL 3.0.13 30 Jan 2024",
        ));
    }
    let options = Options::read(args, env)?;
    let session = Session::open(node, &options, env)?;
    let mut child = start(session.peer(), &options)?;
    loop {
        let ended = child
            .try_wait()
            .map_err(|error| Refusal::new(255, format!("ssh: {error}")))?;
        if let Some(why) = session.lost() {
            process::signal_group(child.id(), Signal::KILL);
            child.wait().ok();
            return Err(Refusal::new(255, why));
        }
        match ended {
            Some(status) => {
                return Ok(status
                    .code()
                    .or_else(|| Some(128 + status.signal()?))
                    .unwrap_or(255));
            }
            None => thread::sleep(LOOK_EVERY),
        }
    }
}

/// Starts the login shell on the other node. Our streams are its streams: a pipe between two nodes is one.
fn start(peer: &Node, options: &Options) -> Result<Child, Refusal> {
    let mut command = Command::new(&peer.config().login_shell);
    if !options.command.is_empty() {
        command.args(["-c", &options.command.join(" ")]);
    }
    if options.no_input {
        command.stdin(Stdio::null());
    }
    command
        .env_clear()
        .envs(sshd_environment(peer))
        .current_dir(peer.home())
        .process_group(0)
        .spawn()
        .map_err(|error| Refusal::new(255, format!("exec request failed on channel 0: {error}")))
}
