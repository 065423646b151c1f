//! Two nodes of a fleet that reach each other, through real shells and the built executable.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use spark_sim::cache::{self, Extent};
use spark_sim::faults::Fault;
use spark_sim::node::{process, sshd_environment};
use spark_sim::ssh::keys;
use spark_sim::{Node, NodeConfig, tools};

const MODEL: &str = "google/gemma-4-26B-A4B-it";

/// Two nodes with a cable, and something that listens where their SSH servers would.
struct Pair {
    a: Node,
    b: Node,
    port: u16,
    _listener: TcpListener,
    _dir: tempfile::TempDir,
}

impl Pair {
    fn new(last: u8) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = |which: u8| Ipv4Addr::new(127, high.max(1), low, last + which);
        let listener = TcpListener::bind((address(1), 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let node = |which: u8| {
            let config = NodeConfig {
                address: address(which),
                ssh_port: port,
                fabric: vec![Ipv4Addr::new(
                    127,
                    high.max(1),
                    low.wrapping_add(1),
                    last + which,
                )],
                hostname: format!("spark-{which}"),
                speed: 2000.0,
                images: vec!["alpine:latest".to_owned()],
                ..NodeConfig::default()
            };
            let node = Node::create(&dir.path().join(format!("spark{which}")), config).unwrap();
            node.link_tools(Path::new(env!("CARGO_BIN_EXE_spark-sim")), tools::NAMES)
                .unwrap();
            node
        };
        let (a, b) = (node(0), node(1));
        keys::introduce(&[a.clone(), b.clone()]).unwrap();
        Self {
            a,
            b,
            port,
            _listener: listener,
            _dir: dir,
        }
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .env_clear()
            .envs(sshd_environment(&self.a))
            .args(["-c", script]);
        command
            .env("B", self.b.config().fabric[0].to_string())
            .env("PORT", self.port.to_string())
            .env("BHUB", self.b.hub())
            .current_dir(self.a.home());
        command
    }

    fn sh(&self, script: &str) -> Output {
        self.command(script).output().unwrap()
    }

    fn ok(&self, script: &str) -> String {
        let output = self.sh(script);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{script}\n{out}\n{err}");
        out.trim_end().to_owned()
    }

    /// Checks the exit code of `script`, and that it says `words` on standard error.
    fn fails(&self, script: &str, code: i32, words: &str) {
        let output = self.sh(script);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{script}: {err}");
        assert!(err.contains(words), "{script}: {err}");
    }

    fn copy(model: &str) -> String {
        let folder = model.replace('/', "--");
        format!(
            "rsync -a --size-only --mkpath --partial --links --info=progress2 --no-inc-recursive \
             --exclude='*.incomplete' -e \"ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new \
             -o ConnectTimeout=10 -o Port=$PORT -c aes128-gcm@openssh.com\" \
             .cache/huggingface/hub/models--{folder}/ nvidia@$B:$BHUB/models--{folder}/"
        )
    }

    fn start(&self, script: &str) -> Child {
        let mut command = self.command(&format!("exec {script}"));
        command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn blobs_of_b(&self) -> PathBuf {
        cache::repo_dir(&self.b.hub(), MODEL).join("blobs")
    }

    fn bytes_at_b(&self) -> u64 {
        let entries = fs::read_dir(self.blobs_of_b())
            .into_iter()
            .flatten()
            .flatten();
        entries
            .filter_map(|entry| Some(entry.metadata().ok()?.len()))
            .sum()
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for node in [&self.a, &self.b] {
            node.clear_faults(None).ok();
            process::kill_all(node.dir());
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_login_is_judged_as_openssh_judges_it() {
    let pair = Pair::new(50);
    let ssh = "ssh -o BatchMode=yes -p $PORT";
    let to_b = format!("{ssh} nvidia@$B");
    assert_eq!(pair.ok(&format!("{to_b} hostname")), "spark-1");
    assert_eq!(
        pair.ok(&format!("echo hello | {to_b} 'cat; pwd'")),
        format!("hello\n{}", pair.b.home().display())
    );
    pair.fails(&format!("{to_b} 'exit 7'"), 7, "");
    pair.fails(&format!("{ssh} other@$B true"), 255, "@127.");
    pair.fails(
        &format!("{ssh} nvidia@nowhere.local true"),
        255,
        "ssh: Could not resolve hostname nowhere.local: Name or service not known",
    );
    pair.fails("ssh nvidia@$B true", 255, "port 22: Connection refused");
    pair.fails(
        &format!("{ssh} -o Bogus=1 nvidia@$B true"),
        255,
        "Bad configuration option: bogus",
    );

    pair.a.set_fault(Fault::NoPeerKey).unwrap();
    pair.fails(
        &format!("{to_b} true"),
        255,
        ": Permission denied (publickey).",
    );
    pair.a.clear_faults(None).unwrap();

    pair.b.set_fault(Fault::HostKey).unwrap();
    pair.fails(
        &format!("{to_b} true"),
        255,
        "REMOTE HOST IDENTIFICATION HAS CHANGED!",
    );
    fs::remove_file(pair.a.home().join(".ssh/known_hosts")).unwrap();
    pair.fails(
        &format!("{to_b} true"),
        255,
        "Host key verification failed.",
    );
    pair.ok(&format!("{to_b} -o StrictHostKeyChecking=accept-new true"));
    pair.ok(&format!("{to_b} true"));

    pair.b.set_fault(Fault::RefuseSsh).unwrap();
    pair.fails(&format!("{to_b} true"), 255, "Connection refused");
    pair.a.set_fault(Fault::LinkDown).unwrap();
    pair.fails(&format!("{to_b} true"), 255, "No route to host");
}

#[test]
fn a_copy_makes_the_same_cache() {
    let pair = Pair::new(52);
    cache::put(&pair.a, MODEL, Extent::Complete).unwrap();
    let out = pair.ok(&Pair::copy(MODEL));
    let last = out.rsplit('\r').next().unwrap();
    assert!(
        last.contains(" 100% ") && last.contains(", to-chk=0/"),
        "{last}"
    );
    let list = |node: &Node| {
        let script = format!(
            "cd {} && find . -printf '%P %y %l ' -type f -printf '%s' -o -printf '\\n' | sort",
            node.hub().display()
        );
        pair.ok(&script)
    };
    assert_eq!(list(&pair.a), list(&pair.b));
    let head = |node: &Node| {
        let blobs = cache::repo_dir(&node.hub(), MODEL).join("snapshots");
        pair.ok(&format!(
            "head -c 200 {}/*/model-00001-of-00002.safetensors | tail -c 150",
            blobs.display()
        ))
    };
    assert_eq!(head(&pair.a), head(&pair.b));
    let again = pair.ok(&Pair::copy(MODEL));
    assert!(again.contains("(xfr#0, to-chk=0/"), "{again}");
}

#[test]
fn an_interrupted_copy_goes_on_with_the_files_that_are_missing() {
    let pair = Pair::new(54);
    cache::put(&pair.a, MODEL, Extent::Complete).unwrap();
    pair.b
        .set_fault(Fault::Stall {
            after_bytes: 30_000_000_000,
        })
        .unwrap();
    let mut copy = pair.start(&Pair::copy(MODEL));
    while pair.bytes_at_b() < 30_000_000_000 {
        assert!(copy.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    process::signal(copy.id(), rustix::process::Signal::TERM);
    let output = copy.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(20), "{}", text(&output.stderr));
    let names = || {
        fs::read_dir(pair.blobs_of_b())
            .unwrap()
            .flatten()
            .map(|e| e.file_name().into_string().unwrap())
    };
    assert!(
        names().all(|name| !name.starts_with('.')),
        "the part has its own name"
    );
    pair.b.clear_faults(None).unwrap();
    pair.ok(&Pair::copy(MODEL));
    assert!(pair.bytes_at_b() > 51_610_000_000);
}

#[test]
fn what_breaks_a_copy_is_told_in_rsyncs_words() {
    let pair = Pair::new(56);
    cache::put(&pair.a, MODEL, Extent::Complete).unwrap();
    let copy = Pair::copy(MODEL);
    pair.fails(
        "rsync -a nowhere/ nvidia@$B:x/ -e \"ssh -p $PORT\"",
        23,
        "link_stat",
    );
    pair.fails(
        "rsync -a .ssh/ \"nvidia@$B:/elsewhere/\" -e \"ssh -p $PORT\"",
        11,
        "mkdir \"/elsewhere/\" failed: Permission denied (13)",
    );
    pair.fails(
        "rsync -a .ssh/ nvidia@$B:a/b/c/ -e \"ssh -p $PORT\"",
        11,
        "No such file or directory (2)",
    );

    pair.a.set_fault(Fault::NoPeerKey).unwrap();
    pair.fails(&copy, 255, "Permission denied (publickey).\nrsync: connection unexpectedly closed (0 bytes received so far) [sender]\nrsync error: unexplained error (code 255)");
    pair.a.clear_faults(None).unwrap();

    pair.b
        .set_fault(Fault::FullDisk {
            free_bytes: 5_000_000_000,
        })
        .unwrap();
    pair.fails(&copy, 11, "No space left on device (28)");
    pair.b.clear_faults(None).unwrap();

    pair.b
        .set_fault(Fault::RootOwned {
            repo: MODEL.to_owned(),
        })
        .unwrap();
    pair.fails(&copy, 23, "failed: Permission denied (13)");
    pair.b.clear_faults(None).unwrap();

    pair.b
        .set_fault(Fault::Stall {
            after_bytes: 1_000_000,
        })
        .unwrap();
    let broken = pair.start(&copy);
    let is_growing = || {
        let names = fs::read_dir(pair.blobs_of_b())
            .into_iter()
            .flatten()
            .flatten();
        names
            .map(|e| e.file_name().into_string().unwrap())
            .any(|name| name.starts_with('.'))
    };
    while !is_growing() {
        std::thread::yield_now();
    }
    pair.a.set_fault(Fault::LinkDown).unwrap();
    let output = broken.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(255), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr)
            .contains("Connection timed out\nclient_loop: send disconnect: Broken pipe")
    );
}

#[test]
fn a_reboot_of_the_other_node_ends_the_connection() {
    let pair = Pair::new(58);
    let session = pair.start("ssh -p $PORT nvidia@$B 'touch here; exec sleep 600'");
    while !pair.b.home().join("here").exists() {
        std::thread::yield_now();
    }
    pair.b.set_fault(Fault::Reboot { away_s: 1 }).unwrap();
    let output = session.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(255));
    assert!(
        text(&output.stderr).ends_with("closed by remote host.\n"),
        "{}",
        text(&output.stderr)
    );
}
