//! A real daemon: its environment, its life, and what it says.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use spark_ipc::client::{Client, Endpoint};
use spark_ipc::model::event::Event;
use spark_ipc::model::inventory::ModelList;
use spark_ipc::model::operation::{Operation, OperationStarted};
use spark_ipc::model::status::{Snapshot, Status};

use crate::programs::program;
use crate::sshd::Sshd;

/// Longest that anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(90);

/// A daemon that can be started, killed and started again on the same data.
#[derive(Debug)]
pub struct Daemon {
    env: Vec<(String, String)>,
    data: PathBuf,
    address: String,
    child: Option<Child>,
    log: Arc<Mutex<String>>,
}

impl Daemon {
    /// A daemon that is not started yet; its files are below `folder`.
    pub fn prepare(folder: &Path, base: Ipv4Addr, settings: &[(&str, String)]) -> Result<Self> {
        let data = folder.join("data");
        let [_, b, c, _] = base.octets();
        let address = Ipv4Addr::new(127, b, c, 200);
        let port = TcpListener::bind((address, 0))?.local_addr()?.port();
        let path = |name: &str| data.join(name).display().to_string();
        let mut env: Vec<(String, String)> = [
            ("DATA_DIR", data.display().to_string()),
            ("SPARK_CONTROL_SOCKET", path("control.sock")),
            ("BIND_ADDR", address.to_string()),
            ("BIND_PORT", port.to_string()),
            ("HOST_KEY_POLICY", "accept-new".to_owned()),
            ("POLL_INTERVAL_S", "1".to_owned()),
            ("LOG", "info".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        env.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        Ok(Self {
            env,
            data,
            address: format!("{address}:{port}"),
            child: None,
            log: Arc::default(),
        })
    }

    /// Has the daemon make its key; gives the public half.
    pub fn make_key(&self) -> Result<String> {
        let output = self
            .command("ssh-key")?
            .env("SPARK1_HOST", "127.0.0.1")
            .env("SPARK1_USER", "nobody")
            .output()?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let said = String::from_utf8(output.stdout)?;
        Ok(said.lines().next().context("no key")?.to_owned())
    }

    /// Tells it of node `n`.
    pub fn add_node(&mut self, n: usize, sshd: &Sshd) {
        self.set(&format!("SPARK{n}_HOST"), &sshd.address().to_string());
        self.set(&format!("SPARK{n}_USER"), sshd.user());
        self.set(&format!("SPARK{n}_SSH_PORT"), &sshd.port().to_string());
    }

    /// Sets a variable for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Removes a variable for the next start.
    pub fn unset(&mut self, name: &str) {
        self.env.retain(|(n, _)| n != name);
    }

    /// `spark-controld VERB` in the daemon's environment, not started yet.
    pub fn command(&self, verb: &str) -> Result<Command> {
        let mut command = Command::new(program("spark-controld")?);
        command
            .arg(verb)
            .env_clear()
            .envs(self.env.iter().map(|(n, v)| (n, v)));
        command.env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        Ok(command)
    }

    /// Starts it; returns when it listens.
    pub fn start(&mut self) -> Result<()> {
        let mut child = self
            .command("serve")?
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("no standard error")?).lines();
        loop {
            let Some(Ok(line)) = lines.next() else {
                bail!("the daemon ended ({}): {}", child.wait()?, self.log());
            };
            let ready = line.contains("listening");
            self.note(&line);
            if ready {
                break;
            }
        }
        let log = Arc::clone(&self.log);
        // Ends with the daemon, whose standard error it reads.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        self.child = Some(child);
        Ok(())
    }

    fn note(&self, line: &str) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(line);
        log.push('\n');
    }

    /// What it has logged, over all its runs.
    pub fn log(&self) -> String {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// SIGTERM; gives how it ended.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        let mut child = self.child.take().context("it does not run")?;
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        Ok(child.wait()?)
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) -> Result<ExitStatus> {
        Ok(self.child.take().context("it does not run")?.wait()?)
    }

    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// `HOST:PORT` of the TCP door.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn socket(&self) -> PathBuf {
        self.data.join("control.sock")
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A client on the socket.
    pub fn client(&self) -> Client {
        Client::new(Endpoint::Socket(self.socket()))
    }

    /// A client on the TCP door.
    pub fn tcp(&self) -> Client {
        Client::new(Endpoint::Tcp(self.address.clone()))
    }

    pub async fn status(&self) -> Result<Status> {
        Ok(self.client().get("/api/status").await?)
    }

    /// Follows the event stream until `holds` is content with what is known; gives that.
    pub async fn wait_for(
        &self,
        what: &str,
        holds: impl Fn(&Snapshot) -> bool,
    ) -> Result<Snapshot> {
        let waiting = async {
            let mut events = self.client().events("/api/events", None).await?;
            let mut known: Option<Snapshot> = None;
            loop {
                let event = events
                    .next_event()
                    .await?
                    .context("the event stream ended")?;
                fold(&mut known, event);
                if let Some(snapshot) = known.as_ref().filter(|s| holds(s)) {
                    return Ok(snapshot.clone());
                }
            }
        };
        if let Ok(result) = tokio::time::timeout(PATIENCE, waiting).await {
            return result;
        }
        let status = self.client().get::<serde_json::Value>("/api/status").await;
        bail!(
            "{what} did not come about within {PATIENCE:?}; status {status:#?}; log:\n{}",
            self.log()
        )
    }

    /// Waits until all nodes were seen and their disks listed.
    pub async fn settled(&self) -> Result<Snapshot> {
        use spark_ipc::model::node::Freshness;
        self.wait_for("every node seen and listed", |s| {
            let nodes = &s.status.nodes;
            let listed = |id| {
                s.models
                    .models
                    .iter()
                    .any(|m| m.nodes.iter().any(|n| n.node == id))
            };
            !nodes.is_empty()
                && nodes
                    .iter()
                    .all(|n| n.freshness == Freshness::Fresh && listed(n.id.clone()))
        })
        .await
    }

    pub async fn models(&self) -> Result<ModelList> {
        Ok(self.client().get("/api/models").await?)
    }

    /// Starts a swap to `repo`.
    pub async fn swap(&self, repo: &str) -> Result<Operation> {
        let body = serde_json::json!({ "repo": repo });
        let started: OperationStarted = self.client().post("/api/swap", &body).await?;
        Ok(started.operation)
    }

    /// Waits until an operation has ended; gives its end.
    pub async fn ended_operation(&self, id: &spark_ipc::id::OperationId) -> Result<Operation> {
        let find = |s: &Snapshot| s.status.operations.iter().find(|o| o.id == *id).cloned();
        let ended = |s: &Snapshot| find(s).is_some_and(|o| o.state.is_final());
        let snapshot = self
            .wait_for(&format!("the end of operation {id}"), ended)
            .await?;
        find(&snapshot).context("it ended and is gone")
    }

    /// As [`Daemon::ended_operation`], for what takes minutes at the engine's true pace.
    pub async fn long_operation(&self, id: &spark_ipc::id::OperationId) -> Result<Operation> {
        let path = format!("/api/operations/{id}/events");
        let mut events = self.client().events(&path, None).await?;
        while events.next().await?.is_some() {}
        self.ended_operation(id).await
    }

    /// Whether an operation ended before the daemon itself did.
    pub async fn ended_or_dead(&mut self, id: &spark_ipc::id::OperationId) -> Result<bool> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            ensure!(
                tokio::time::Instant::now() < deadline,
                "operation {id} has no end"
            );
            if self
                .child
                .as_mut()
                .is_none_or(|c| matches!(c.try_wait(), Ok(Some(_))))
            {
                return Ok(false);
            }
            let path = format!("/api/operations/{id}/events");
            let Ok(mut events) = self.client().events(&path, None).await else {
                continue;
            };
            while let Ok(Some(event)) = events.next().await {
                let value: serde_json::Value = serde_json::from_str(&event.data)?;
                let state = value["operation"]["state"].as_str().unwrap_or("running");
                if state != "running" {
                    return Ok(true);
                }
            }
        }
    }

    /// A swap from its start to its end.
    pub async fn swapped(&self, repo: &str) -> Result<Operation> {
        let operation = self.swap(repo).await?;
        self.ended_operation(&operation.id).await
    }

    /// As [`Daemon::swapped`], after the nodes were seen, and it must succeed.
    pub async fn swapped_when_settled(&self, repo: &str) -> Result<Operation> {
        self.settled().await?;
        let end = self.swapped(repo).await?;
        let done = end.state == spark_ipc::model::operation::OperationState::Succeeded;
        ensure!(done, "{:?} {:?}", end.error, end.advice);
        Ok(end)
    }

    /// Asks the running model through the data plane, streamed; gives the model's name and its text.
    pub async fn ask(&self, question: &str) -> Result<(String, String)> {
        let body = serde_json::json!({
            "stream": true, "max_tokens": 200,
            "messages": [{"role": "user", "content": question}],
        });
        let mut stream = self
            .tcp()
            .post_events("/v1/chat/completions", &body)
            .await?;
        let (mut model, mut text, mut done) = (String::new(), String::new(), false);
        while let Some(event) = stream.next().await? {
            if event.data == "[DONE]" {
                done = true;
                continue;
            }
            let chunk: serde_json::Value = serde_json::from_str(&event.data)?;
            chunk["model"]
                .as_str()
                .unwrap_or_default()
                .clone_into(&mut model);
            let delta = &chunk["choices"][0]["delta"];
            for field in ["content", "reasoning", "reasoning_content"] {
                text.push_str(delta[field].as_str().unwrap_or_default());
            }
        }
        ensure!(done, "the stream ended without [DONE] after {text:?}");
        Ok((model, text))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.kill());
        if std::thread::panicking() {
            eprintln!("---- what the daemon logged ----\n{}", self.log());
        }
    }
}

fn fold(known: &mut Option<Snapshot>, event: Event) {
    if let Event::Snapshot(snapshot) = event {
        *known = Some(*snapshot);
        return;
    }
    let Some(known) = known else { return };
    match event {
        Event::Nodes(e) => known.status.nodes = e.section.nodes,
        Event::Models(e) => known.models = e.section,
        Event::Units(e) => known.status.units = e.section.units,
        Event::Operations(e) => known.status.operations = e.section.operations,
        Event::Alerts(e) => known.status.alerts = e.section.alerts,
        Event::Traffic(e) => known.status.proxy = e.section.proxy,
        Event::Services(e) => known.status.services = e.section.services,
        Event::Connectivity(e) => known.status.connectivity = e.section.connectivity,
        Event::Snapshot(_) | Event::Settings(_) | Event::Heartbeat(_) | Event::Unknown(_) => {}
    }
}
