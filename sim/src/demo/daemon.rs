//! The daemon of the demo: found, started, watched, stopped.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio_util::task::TaskTracker;

use crate::cli::say;
use crate::node::process;

const NAME: &str = "spark-controld";

/// Lines of its log that are shown when it dies.
const LAST_LINES: usize = 20;

/// How long it may take to answer, and to stop.
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// The program: `$SPARK_CONTROLD`, else beside this one, else in `PATH`.
pub(super) fn find() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("SPARK_CONTROLD").map(PathBuf::from) {
        if path.is_file() {
            return Ok(path);
        }
        bail!("SPARK_CONTROLD names {}, which is no file", path.display());
    }
    let own = std::env::current_exe().context("cannot find this program")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let beside = own.parent().map(Path::to_owned);
    beside
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(NAME))
        .find(|candidate| candidate.is_file())
        .with_context(|| format!("no {NAME} beside {} or in PATH", own.display()))
}

/// The port to use: the wanted one if it is free, or any free one for 0.
pub(super) fn port(wanted: u16) -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted))
        .with_context(|| format!("port {wanted} is taken; choose another one with --port"))?;
    Ok(listener.local_addr()?.port())
}

/// The running daemon.
pub(super) struct Daemon {
    child: Child,
    log: PathBuf,
    last: Arc<Mutex<VecDeque<String>>>,
    tasks: TaskTracker,
}

impl Daemon {
    /// Starts `program` with `environment`; its log goes to `controld.log` under `data`.
    pub(super) fn start(
        program: &Path,
        data: &Path,
        environment: Vec<(String, String)>,
    ) -> anyhow::Result<Self> {
        let log = data.join("controld.log");
        let file = std::fs::File::create(&log).context("cannot create the daemon's log")?;
        let mut command = Command::new(program);
        // A real installation's settings in this shell must not reach the demo.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SPARK") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .arg("serve")
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(file.try_clone().context("cannot share the daemon's log")?)
            .stderr(Stdio::piped())
            // Ctrl-C is for the demo, which then stops the daemon in its turn.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let last = Arc::new(Mutex::new(VecDeque::new()));
        let tasks = TaskTracker::new();
        if let Some(stderr) = child.stderr.take() {
            let file = tokio::fs::File::from_std(file);
            tasks.spawn(follow(stderr, file, Arc::clone(&last)));
        }
        Ok(Self {
            child,
            log,
            last,
            tasks,
        })
    }

    /// Waits until it answers on `port`.
    pub(super) async fn ready(&mut self, port: u16) -> anyhow::Result<()> {
        let answers = async {
            while !answers(port).await.unwrap_or(false) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let started = tokio::select! {
            started = tokio::time::timeout(START_LIMIT, answers) => started,
            ended = self.child.wait() => {
                return Err(self.obituary(ended).await);
            }
        };
        started.with_context(|| {
            let (seconds, log) = (START_LIMIT.as_secs(), self.log.display());
            format!("the daemon does not answer after {seconds} s; its log is {log}")
        })
    }

    /// Waits for its end, which is an error: nobody asked for it.
    pub(super) async fn ended(&mut self) -> anyhow::Result<()> {
        let ended = self.child.wait().await;
        Err(self.obituary(ended).await)
    }

    /// Asks it to stop, and makes it when it does not.
    pub(super) async fn stop(mut self) {
        if let Some(pid) = self.child.id() {
            process::signal(pid, Signal::TERM);
            let stopped = tokio::time::timeout(STOP_LIMIT, self.child.wait()).await;
            if stopped.is_err() {
                say("the daemon does not stop; killing it");
                process::signal_group(pid, Signal::KILL);
                drop(self.child.wait().await);
            }
        }
        self.tasks.close();
    }

    /// What to say of its death.
    async fn obituary(&self, ended: std::io::Result<std::process::ExitStatus>) -> anyhow::Error {
        self.tasks.close();
        // A child of its own may hold the log open; do not wait for that.
        drop(tokio::time::timeout(Duration::from_secs(1), self.tasks.wait()).await);
        let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
        let last = self.last_lines();
        anyhow::anyhow!("the daemon ended ({how}); it said last:\n{last}")
    }

    fn last_lines(&self) -> String {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.make_contiguous().join("\n")
    }
}

/// Writes what it says to the log, and keeps the end of it.
async fn follow(
    stderr: ChildStderr,
    mut file: tokio::fs::File,
    last: Arc<Mutex<VecDeque<String>>>,
) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        drop(file.write_all(format!("{line}\n").as_bytes()).await);
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    drop(file.flush().await);
}

/// Whether `/healthz` says 200.
async fn answers(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request =
        format!("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    Ok(head.ends_with(b" 200"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A stand-in for the daemon that runs `script`.
    fn daemon(dir: &Path, script: &str) -> Daemon {
        let program = dir.join("controld");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let environment = vec![("DATA_DIR".to_owned(), "here".to_owned())];
        Daemon::start(&program, dir, environment).unwrap()
    }

    #[tokio::test]
    async fn a_daemon_that_dies_is_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let mut daemon = daemon(dir.path(), "echo \"no key in $DATA_DIR\" >&2; exit 3");
        let port = port(0).unwrap();
        let error = daemon.ready(port).await.unwrap_err().to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.ends_with("no key in here"), "{error}");
        daemon.stop().await;
    }

    #[tokio::test]
    async fn ready_means_that_healthz_says_200() {
        let dir = tempfile::tempdir().unwrap();
        let mut daemon = daemon(dir.path(), "exec sleep 60");
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = async {
            for status in ["503 Service Unavailable", "200 OK"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 1024];
                let count = stream.read(&mut request).await.unwrap();
                assert!(request[..count].starts_with(b"GET /healthz HTTP/1.1\r\n"));
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        let (ready, ()) = tokio::join!(daemon.ready(port), serve);
        ready.unwrap();
        daemon.stop().await;
    }

    #[test]
    fn a_taken_port_is_told_before_anything_starts() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let number = taken.local_addr().unwrap().port();
        assert!(port(number).unwrap_err().to_string().contains("is taken"));
        drop(taken);
        assert_eq!(port(number).unwrap(), number);
    }
}
