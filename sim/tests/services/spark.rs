//! A node to run services on, and a client for their HTTP.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::Value;
use spark_sim::node::{process, sshd_environment};
use spark_sim::{Node, NodeConfig, tools};

/// A node in a folder of its own; its processes end with it.
pub(crate) struct Spark {
    pub(crate) node: Node,
    _dir: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Spark {
    /// A node that has `images` beside those of every node.
    pub(crate) fn with(images: &[&str]) -> Self {
        Self::at_speed(1000.0, images)
    }

    pub(crate) fn at_speed(speed: f64, images: &[&str]) -> Self {
        static LAST: AtomicU8 = AtomicU8::new(1);
        let dir = tempfile::tempdir().unwrap();
        let [.., high, low] = std::process::id().to_be_bytes();
        let mut config = NodeConfig {
            address: Ipv4Addr::new(127, high.max(1), low, LAST.fetch_add(1, Ordering::Relaxed)),
            speed,
            ..NodeConfig::default()
        };
        config
            .images
            .extend(images.iter().map(|image| (*image).to_owned()));
        let node = Node::create(&dir.path().join("n"), config).unwrap();
        node.link_tools(Path::new(env!("CARGO_BIN_EXE_spark-sim")), tools::NAMES)
            .unwrap();
        Self { node, _dir: dir }
    }

    /// Runs a script as one that arrives over SSH.
    pub(crate) fn sh(&self, script: &str) -> Output {
        let mut command = Command::new("/bin/sh");
        command
            .env_clear()
            .envs(sshd_environment(&self.node))
            .args(["-c", script]);
        command.current_dir(self.node.home()).output().unwrap()
    }

    /// Its standard output, when it went well.
    pub(crate) fn ok(&self, script: &str) -> String {
        let output = self.sh(script);
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{out}\n{err}");
        out.trim_end().to_owned()
    }

    /// Looks until `look` gives something, for a bounded number of looks.
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        for _ in 0..400 {
            if let Some(found) = look() {
                return found;
            }
            // A look that costs nothing must not be all there is.
            self.sh("docker ps -aq");
        }
        let logs = self.sh("for c in $(docker ps -aq); do docker logs $c 2>&1 | tail -30; done");
        panic!("never {what}\n{}", String::from_utf8_lossy(&logs.stdout));
    }

    /// Waits for a 200 from `path`.
    pub(crate) fn ready(&self, port: u16, path: &str) {
        let well = || self.get(port, path).filter(|answer| answer.status == 200);
        self.until(&format!("200 from {port}{path}"), well);
    }

    /// Waits until a container has ended, and gives its exit code and its log.
    pub(crate) fn ended(&self, container: &str) -> (String, String) {
        let code = self.ok(&format!("docker wait {container}"));
        (code, self.ok(&format!("docker logs {container} 2>&1")))
    }

    /// `GET`; `None` when nobody listens.
    pub(crate) fn get(&self, port: u16, path: &str) -> Option<Answer> {
        self.send(port, &format!("GET {path} HTTP/1.1\r\n"), b"")
    }

    /// `POST` of JSON.
    pub(crate) fn post(&self, port: u16, path: &str, body: &Value) -> Answer {
        let head = format!("POST {path} HTTP/1.1\r\nContent-Type: application/json\r\n");
        self.send(port, &head, body.to_string().as_bytes()).unwrap()
    }

    /// Sends a `POST` of JSON and does not wait for its answer.
    pub(crate) fn begin(&self, port: u16, path: &str, body: &Value) -> TcpStream {
        let mut stream = TcpStream::connect((self.node.config().address, port)).unwrap();
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: n\r\nContent-Length: {}\r\n",
            body.len()
        );
        let whole = format!("{head}Content-Type: application/json\r\n\r\n{body}");
        stream.write_all(whole.as_bytes()).unwrap();
        stream
    }

    /// `POST` of a form with a file and text fields.
    pub(crate) fn upload(
        &self,
        port: u16,
        path: &str,
        file: Option<&[u8]>,
        fields: &[(&str, &str)],
    ) -> Answer {
        let mut body = Vec::new();
        let disposition = "Content-Disposition: form-data; name=";
        for (name, value) in fields {
            body.extend(format!("--b\r\n{disposition}\"{name}\"\r\n\r\n{value}\r\n").into_bytes());
        }
        if let Some(file) = file {
            let head = format!("--b\r\n{disposition}\"file\"; filename=\"a.wav\"\r\n\r\n");
            body.extend(head.into_bytes());
            body.extend(file);
            body.extend(b"\r\n");
        }
        body.extend(b"--b--\r\n");
        let kind = "Content-Type: multipart/form-data; boundary=b";
        let head = format!("POST {path} HTTP/1.1\r\n{kind}\r\n");
        self.send(port, &head, &body).unwrap()
    }

    fn send(&self, port: u16, head: &str, body: &[u8]) -> Option<Answer> {
        let address = (self.node.config().address, port);
        let mut stream = TcpStream::connect(address).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let head = format!(
            "{head}Host: node\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let kind = head
            .lines()
            .find_map(|line| line.strip_prefix("content-type: "));
        Some(Answer {
            status: head.split(' ').nth(1)?.parse().ok()?,
            kind: kind.unwrap_or_default().to_owned(),
            body: bytes[end + 4..].to_vec(),
        })
    }
}

impl Drop for Spark {
    fn drop(&mut self) {
        process::kill_all(self.node.dir());
    }
}
