//! `rsync` between two nodes of the fleet, through the simulated `ssh`.
//!
//! Files that the other side has in the same size are skipped, the others grow there under a temporary name at
//! the link's rate. Words and exit codes are those of rsync 3.2.7.

use std::path::{Path, PathBuf};

use tokio::signal::unix::{SignalKind, signal};

use crate::node::Node;
use crate::tools::ssh::{self, Session};
use crate::tools::{Env, Outcome, Refusal, console};

mod copy;
mod options;
mod progress;
mod tree;

use copy::Copy;
use options::{Options, Place, Switch};

/// Why rsync ends early: what it says before its last line, and that line's code and sentence.
#[derive(Debug)]
struct End {
    said: String,
    code: i32,
    what: &'static str,
}

impl End {
    fn new(code: i32, what: &'static str, said: impl Into<String>) -> Self {
        Self {
            said: said.into(),
            code,
            what,
        }
    }

    fn refusal(self) -> Refusal {
        let place = match self.code {
            1 => "main.c(1795) [client=3.2.7]",
            11 => "receiver.c(381) [receiver=3.2.7]",
            20 => "rsync.c(713) [sender=3.2.7]",
            23 => "main.c(1338) [sender=3.2.7]",
            _ => "io.c(232) [sender=3.2.7]",
        };
        let last = format!("rsync error: {} (code {}) at {place}", self.what, self.code);
        let text = [self.said, last]
            .into_iter()
            .filter(|line| !line.is_empty());
        Refusal::new(self.code, text.collect::<Vec<_>>().join("\n"))
    }
}

/// Runs `rsync`.
pub(super) fn main(node: &Node, args: &[String], env: &Env) -> Outcome {
    if args == ["--version"] || args == ["-V"] {
        console::out("rsync  version 3.2.7  protocol version 31");
        return Ok(0);
    }
    let options = Options::read(args).map_err(End::refusal)?;
    let session = open(node, &options, env)?;
    let copy = plan(node, &options, session.as_ref()).map_err(End::refusal)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Refusal::new(14, format!("rsync: {error}")))?;
    runtime
        .block_on(interruptible(copy))
        .map_err(End::refusal)?;
    Ok(0)
}

/// Runs the copy until it is done or somebody ends it.
async fn interruptible(mut copy: Copy<'_>) -> Result<(), End> {
    let listen =
        |kind| signal(kind).map_err(|error| End::new(14, "error in IPC code", error.to_string()));
    let (mut term, mut int) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    let asked = async {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    };
    let outcome = tokio::select! {
        outcome = copy.run() => outcome,
        () = asked => Err(End::new(20, "received SIGINT, SIGTERM, or SIGHUP", "")),
    };
    copy.leave();
    outcome
}

/// The connection to the side that is elsewhere; none when both are here.
fn open(node: &Node, options: &Options, env: &Env) -> Result<Option<Session>, Refusal> {
    let ends = [&options.to, &options.from];
    let Some(login) = ends.into_iter().find_map(Place::login) else {
        return Ok(None);
    };
    let Some((program, words)) = options.shell.split_first() else {
        return Err(End::new(14, "error in IPC code", "").refusal());
    };
    if program.rsplit('/').next() != Some("ssh") {
        let said =
            format!("rsync: [sender] Failed to exec {program}: No such file or directory (2)");
        return Err(End::new(14, "error in IPC code", said).refusal());
    }
    let mut words = words.to_vec();
    words.extend([login.to_owned(), "rsync".to_owned(), "--server".to_owned()]);
    let session =
        ssh::Options::read(&words, env).and_then(|asked| Session::open(node, &asked, env));
    session.map(Some).map_err(|refusal| {
        refusal.show();
        End::new(255, "unexplained error", unexpected(0)).refusal()
    })
}

/// What rsync says when the other side is gone.
fn unexpected(received: u64) -> String {
    format!("rsync: connection unexpectedly closed ({received} bytes received so far) [sender]")
}

fn plan<'a>(
    node: &Node,
    options: &'a Options,
    session: Option<&'a Session>,
) -> Result<Copy<'a>, End> {
    let peer = session.map_or(node, Session::peer);
    let side = |place: &Place| match place {
        Place::Local(path) => (node.clone(), path.clone()),
        Place::Remote { path, .. } => (peer.clone(), absolute(peer, path)),
    };
    let ((_, source), (target_node, mut target)) = (side(&options.from), side(&options.to));
    if !source.exists() {
        let said = format!(
            "rsync: [sender] link_stat \"{}\" failed: No such file or directory (2)",
            source.display()
        );
        return Err(End::new(
            23,
            "some files/attrs were not transferred (see previous errors)",
            said,
        ));
    }
    // Without a slash at its end the source itself is copied, not what is in it.
    let into = target.is_dir() || options.to.ends_with_slash();
    if if source.is_dir() {
        !options.from.ends_with_slash()
    } else {
        into
    } {
        target.push(source.file_name().unwrap_or_default());
    }
    let parent = target.parent().is_some_and(Path::is_dir);
    let denied = !target.starts_with(target_node.dir());
    if denied || !(parent || target.is_dir() || options.is(Switch::MakePath)) {
        let why = if denied {
            "Permission denied (13)"
        } else {
            "No such file or directory (2)"
        };
        let said = format!(
            "rsync: [Receiver] mkdir \"{}\" failed: {why}",
            target.display()
        );
        return Err(End::new(11, "error in file IO", said));
    }
    Ok(Copy::new(source, target, target_node, options, session))
}

/// A path on the other side: from the user's home when it is not absolute.
fn absolute(peer: &Node, path: &Path) -> PathBuf {
    let below_home = path.strip_prefix("~").unwrap_or(path);
    peer.home().join(below_home)
}
