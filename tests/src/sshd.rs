//! A real OpenSSH server on a loopback address of its own, with faults that can be switched on.
//!
//! It logs an ordinary user in (as a Spark does): OpenSSH signals only processes of such sessions. When the
//! tests run as root the user is made on first use; otherwise the server logs in whoever runs the tests.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, Permissions};
use std::hash::{BuildHasher, Hasher};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How a server is to be.
#[derive(Debug, Clone)]
pub struct SshdOptions {
    /// Where it listens; each server gets an address in 127.0.0.0/8 of its own when `None`.
    pub address: Option<Ipv4Addr>,
    /// The login shell of the user that logs in. Needs root unless it is the user's own.
    pub login_shell: &'static str,
    /// Types of the host keys that are made, as `ssh-keygen -t` names them.
    pub host_key_types: Vec<&'static str>,
    /// Variables of every session.
    pub env: Vec<(String, String)>,
    /// Sessions on one connection; OpenSSH's default is 10.
    pub max_sessions: u16,
    /// A program that runs in place of every command, which it finds in `SSH_ORIGINAL_COMMAND`.
    pub force_command: Option<PathBuf>,
}

impl Default for SshdOptions {
    fn default() -> Self {
        Self {
            address: None,
            login_shell: "/bin/bash",
            host_key_types: vec!["ed25519"],
            env: Vec::new(),
            max_sessions: 10,
            force_command: None,
        }
    }
}

/// A running server. Dropping it ends the server and every session.
#[derive(Debug)]
pub struct Sshd {
    options: SshdOptions,
    folder: TempDir,
    user: String,
    listen: SocketAddr,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Sshd {
    /// Starts a server with new host keys on a free port and waits until it listens.
    pub fn start(options: SshdOptions) -> Result<Self> {
        let user = login_user(options.login_shell)?;
        let folder = tempfile::Builder::new().prefix("spark-sshd").tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        fs::write(folder.path().join("authorized_keys"), "")?;
        make_host_keys(folder.path(), &options.host_key_types)?;
        for _ in 0..20 {
            let listen = free_address(options.address)?;
            write_config(folder.path(), listen, &options)?;
            if let Ok((child, log)) = launch(folder.path()) {
                let (user, folder) = (user, folder);
                return Ok(Self {
                    options,
                    folder,
                    user,
                    listen,
                    child,
                    log,
                });
            }
        }
        bail!("sshd did not find a free port in 20 tries")
    }

    pub fn address(&self) -> Ipv4Addr {
        match self.listen {
            SocketAddr::V4(v4) => *v4.ip(),
            SocketAddr::V6(_) => Ipv4Addr::LOCALHOST,
        }
    }

    pub fn port(&self) -> u16 {
        self.listen.port()
    }

    /// The user to log in as.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Lets the owner of `public_key` (an OpenSSH line) in.
    pub fn authorize(&self, public_key: &str) -> Result<()> {
        fs::write(
            self.folder.path().join("authorized_keys"),
            format!("{public_key}\n"),
        )?;
        Ok(())
    }

    /// The host keys, as `type base64` lines.
    pub fn host_keys(&self) -> Result<Vec<String>> {
        self.options
            .host_key_types
            .iter()
            .map(|kind| {
                let path = host_key_path(self.folder.path(), kind).with_extension("pub");
                let line = fs::read_to_string(path)?;
                Ok(line.split(' ').take(2).collect::<Vec<_>>().join(" "))
            })
            .collect()
    }

    /// Ends the server and its sessions, and starts it on the same port.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        (self.child, self.log) = launch(self.folder.path())?;
        Ok(())
    }

    /// As [`Sshd::restart`], with other host keys.
    pub fn restart_with_new_host_keys(&mut self, types: Vec<&'static str>) -> Result<()> {
        self.stop();
        self.options.host_key_types = types;
        make_host_keys(self.folder.path(), &self.options.host_key_types)?;
        write_config(self.folder.path(), self.listen, &self.options)?;
        (self.child, self.log) = launch(self.folder.path())?;
        Ok(())
    }

    /// Ends the server and its sessions; the port refuses from then on.
    pub fn stop(&mut self) {
        self.signal_sessions(Signal::KILL);
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Stops the processes that serve the open connections: TCP stands, nobody answers.
    pub fn freeze_sessions(&self) {
        self.signal_sessions(Signal::STOP);
    }

    pub fn thaw_sessions(&self) {
        self.signal_sessions(Signal::CONT);
    }

    /// Ends the processes that serve the open connections, which closes them.
    pub fn kill_sessions(&self) {
        self.signal_sessions(Signal::KILL);
    }

    /// Freezes the listener as well: TCP connects (the kernel does that), but no banner comes.
    pub fn freeze_listener(&self) -> Result<()> {
        kill_process(pid(self.child.id())?, Signal::STOP)?;
        Ok(())
    }

    pub fn thaw_listener(&self) -> Result<()> {
        kill_process(pid(self.child.id())?, Signal::CONT)?;
        Ok(())
    }

    /// What the server has logged since it started.
    pub fn log(&self) -> String {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Stops the sessions first, whatever the signal: a process that is just being forked would escape. A
    /// process that was told to stop may still end the fork it is in, so each is waited for before the next
    /// look.
    fn signal_sessions(&self, signal: Signal) {
        let mut known: Vec<u32> = Vec::new();
        loop {
            let mut found = sshd_descendants(self.child.id());
            found.retain(|process| !known.contains(process));
            if found.is_empty() {
                break;
            }
            for process in &found {
                send(*process, Signal::STOP);
            }
            for process in &found {
                while is_running(*process) {
                    std::thread::yield_now();
                }
            }
            known.append(&mut found);
        }
        for process in &known {
            send(*process, signal);
        }
    }
}

/// Whether the process is there and has not stopped.
fn is_running(process: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{process}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit_once(") ")?.1.chars().next());
    state.is_some_and(|state| !matches!(state, 'T' | 't' | 'Z' | 'X'))
}

fn send(process: u32, signal: Signal) {
    // One that has ended meanwhile is as good.
    if let Ok(pid) = pid(process) {
        kill_process(pid, signal).ok();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}

fn pid(raw: u32) -> Result<Pid> {
    Pid::from_raw(i32::try_from(raw)?).context("a process id of zero")
}

/// The user to log in as: an ordinary one with that login shell, made when absent, or ourselves.
fn login_user(shell: &str) -> Result<String> {
    if !rustix::process::geteuid().is_root() {
        let output = Command::new("id").arg("-un").output()?;
        return Ok(String::from_utf8(output.stdout)?.trim().to_owned());
    }
    let name = match shell.rsplit('/').next() {
        Some("bash") | None => "sparkuser".to_owned(),
        Some(shell) => format!("sparkuser-{shell}"),
    };
    let lock = File::create(std::env::temp_dir().join("spark-e2e-users.lock"))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)?;
    let known = Command::new("id").args(["-u", &name]).output()?;
    if !known.status.success() {
        // `*` for a password: none fits, but the account is not locked (sshd refuses locked ones).
        let made = Command::new("useradd")
            .args(["-m", "-p", "*", "-s", shell, &name])
            .output()?;
        ensure!(
            made.status.success(),
            "useradd {name}: {}",
            text(&made.stderr)
        );
    }
    Ok(name)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

fn free_address(wanted: Option<Ipv4Addr>) -> Result<SocketAddr> {
    // Each server has an address of its own, so that two can never be taken for one another.
    let address = wanted.unwrap_or_else(|| {
        let [a, b, c, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
        Ipv4Addr::new(127, a, b, c.clamp(1, 254))
    });
    Ok(TcpListener::bind((address, 0))?.local_addr()?)
}

fn host_key_path(folder: &Path, kind: &str) -> PathBuf {
    folder.join(format!("host_{kind}"))
}

fn make_host_keys(folder: &Path, types: &[&str]) -> Result<()> {
    for kind in types {
        let path = host_key_path(folder, kind);
        drop(fs::remove_file(&path));
        drop(fs::remove_file(path.with_extension("pub")));
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", "", "-C", "", "-f"])
            .arg(&path)
            .output()?;
        ensure!(made.status.success(), "ssh-keygen: {}", text(&made.stderr));
    }
    Ok(())
}

fn write_config(folder: &Path, listen: SocketAddr, options: &SshdOptions) -> Result<()> {
    let mut config = format!(
        "Port {}\nListenAddress {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nPrintMotd no\nMaxStartups 100:30:200\n\
         MaxSessions {}\nLogLevel VERBOSE\n",
        listen.port(),
        listen.ip(),
        folder.join("authorized_keys").display(),
        options.max_sessions,
    );
    for kind in &options.host_key_types {
        let path = host_key_path(folder, kind);
        config.extend(["HostKey ", &path.to_string_lossy(), "\n"]);
    }
    if let Some(program) = &options.force_command {
        config.extend(["ForceCommand ", &program.to_string_lossy(), "\n"]);
    }
    if !options.env.is_empty() {
        // sshd keeps only the first SetEnv line.
        let words: Vec<String> = options
            .env
            .iter()
            .map(|(name, value)| format!("\"{name}={value}\""))
            .collect();
        config.extend(["SetEnv ", &words.join(" "), "\n"]);
    }
    fs::write(folder.join("sshd_config"), config)?;
    Ok(())
}

/// Starts the server and returns once it says that it listens.
fn launch(folder: &Path) -> Result<(Child, Arc<Mutex<String>>)> {
    if rustix::process::geteuid().is_root() {
        fs::create_dir_all("/run/sshd")?;
    }
    let mut child = Command::new("/usr/sbin/sshd")
        .args(["-D", "-e", "-f"])
        .arg(folder.join("sshd_config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("sshd is not installed")?;
    let mut lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
    let mut said = String::new();
    loop {
        let Some(Ok(line)) = lines.next() else {
            drop(child.wait());
            bail!("sshd ended: {said}");
        };
        said.push_str(&line);
        said.push('\n');
        if line.contains("Server listening on") {
            break;
        }
    }
    let log = Arc::new(Mutex::new(said));
    let kept = Arc::clone(&log);
    // Ends with the last process that holds the server's standard error.
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let mut log = kept.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    });
    Ok((child, log))
}

/// The processes named `sshd…` under `root`: one or two for each open connection.
fn sshd_descendants(root: u32) -> Vec<u32> {
    let processes: Vec<(u32, u32, bool)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
            let parent = rest.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent, name.starts_with("sshd")))
        })
        .collect();
    let mut found: Vec<u32> = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        found.extend(
            processes
                .iter()
                .filter(|(_, p, is_sshd)| *p == parent && *is_sshd)
                .map(|(pid, ..)| *pid),
        );
    }
    found.remove(0);
    found
}
