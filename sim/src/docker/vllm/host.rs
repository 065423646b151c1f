//! The node and container around an engine.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::super::container::Container;
use super::super::store::Store;
use super::super::{entry, proxy};
use super::faults;
use crate::engine::{
    EngineFault, EngineHost, EngineImage, Fetching, MemoryClaim, OutOfMemory, Stage,
};
use crate::node::{Memory, Node, Processor, process};
use crate::services::ServiceHost;
use crate::tools::console;

/// How an engine ends whose core process was killed.
const DEAD_CORE: &str = "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. \
                         See stack trace (above) for the root cause.";

/// How often the node is told that the GPU works.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// How long the driver's figures remember work: they are means over about a second.
const BUSY_FOR: Duration = Duration::from_millis(1500);

/// The engine's view of its node.
#[derive(Debug)]
pub(in crate::docker) struct Host {
    node: Node,
    container: Container,
    image: EngineImage,
    rank: u32,
    shutdown: CancellationToken,
    /// The GPU processes of this engine, to notice when somebody else ended one.
    cores: Mutex<Vec<Weak<Core>>>,
    /// When the node was last told that the GPU works.
    told: Mutex<Option<Instant>>,
    began: Instant,
}

impl Host {
    pub(in crate::docker) fn new(
        store: Store,
        container: Container,
        image: EngineImage,
        rank: u32,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            node: store.node,
            container,
            image,
            rank,
            shutdown,
            cores: Mutex::default(),
            told: Mutex::default(),
            began: Instant::now(),
        }
    }

    fn memory(&self) -> Memory {
        // A node whose files cannot be read has no memory to give.
        self.node
            .memory()
            .unwrap_or_else(|_e| Memory::of(0, 0, 0, 0))
    }

    fn claim_on(
        &self,
        processor: Processor,
        process: &str,
        bytes: u64,
    ) -> Result<Box<dyn MemoryClaim>, OutOfMemory> {
        let available = self.memory().available;
        let refused = OutOfMemory {
            wanted: bytes,
            available,
        };
        if bytes > available {
            return Err(refused);
        }
        let container = self.container.name();
        let core = Core::start(&self.node, container, process, processor, bytes).ok_or(refused)?;
        let core = Arc::new(core);
        self.cores
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::downgrade(&core));
        Ok(Box::new(Held { core, bytes }))
    }

    /// Where the container keeps its Hugging Face cache, on the node.
    fn hub(&self) -> Option<String> {
        let env = |name: &str| self.container.env(name).map(str::to_owned);
        let hub = env("HF_HUB_CACHE")
            .or_else(|| env("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| env("HF_HOME").map(|home| format!("{home}/hub")))
            .unwrap_or_else(|| "/root/.cache/huggingface/hub".to_owned());
        self.container.spec.on_node(&hub)
    }

    fn core_died(&self) -> bool {
        let cores = self.cores.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = cores
            .iter()
            .filter_map(Weak::upgrade)
            .any(|core| !process::is_alive(core.pid));
        drop(cores);
        lost
    }
}

impl EngineHost for Host {
    fn address(&self) -> IpAddr {
        IpAddr::V4(proxy::address(&self.node, &self.container))
    }

    fn log(&self, line: &str) {
        console::out(line);
    }

    fn speed(&self) -> f64 {
        self.node.config().speed
    }

    fn memory_total(&self) -> u64 {
        self.memory().total
    }

    fn memory_available(&self) -> u64 {
        self.memory().available
    }

    fn claim(&self, process: &str, bytes: u64) -> Result<Box<dyn MemoryClaim>, OutOfMemory> {
        self.claim_on(Processor::Gpu, process, bytes)
    }

    fn snapshot(&self, repo: &str, revision: Option<&str>) -> Option<PathBuf> {
        if repo.starts_with('/') {
            let folder = PathBuf::from(self.container.spec.on_node(repo)?);
            return folder.is_dir().then_some(folder);
        }
        let folder = Path::new(&self.hub()?).join(format!("models--{}", repo.replace('/', "--")));
        let revision = revision.unwrap_or("main");
        let named = fs::read_to_string(folder.join("refs").join(revision)).ok();
        let commit = named.map_or_else(|| revision.to_owned(), |commit| commit.trim().to_owned());
        let snapshot = folder.join("snapshots").join(commit);
        snapshot.is_dir().then_some(snapshot)
    }

    fn fetch(&self, repo: &str, revision: Option<&str>) -> Fetching {
        // Where nothing is mounted the cache would be the container's own, and lost with it.
        let hub = self.hub();
        let link = self.node.docker_dir().join("programs/hub/hf");
        let (repo, revision) = (repo.to_owned(), revision.unwrap_or("main").to_owned());
        Box::pin(async move {
            hub.ok_or(None)?;
            fetch(&link, &repo, &revision).await
        })
    }

    fn image(&self) -> EngineImage {
        self.image.clone()
    }

    fn env(&self, name: &str) -> Option<String> {
        self.container.env(name).map(str::to_owned)
    }

    fn gpus(&self) -> u32 {
        u32::from(self.container.spec.has_gpu())
    }

    fn interfaces(&self) -> Vec<String> {
        if self.container.spec.network != "host" {
            return vec!["lo".to_owned(), "eth0".to_owned()];
        }
        let names = self
            .node
            .interfaces()
            .into_iter()
            .map(|interface| interface.name.to_owned());
        std::iter::once("lo".to_owned()).chain(names).collect()
    }

    fn owns(&self, address: IpAddr) -> bool {
        address.is_unspecified()
            || address == self.address()
            || self.node.config().fabric.iter().any(|own| address == *own)
    }

    fn reach(&self, address: IpAddr) -> Option<IpAddr> {
        let IpAddr::V4(v4) = address else {
            return None;
        };
        let over_fabric = self
            .node
            .config()
            .fabric
            .iter()
            .any(|own| same_net(*own, v4));
        let cut = over_fabric && !self.owns(address) && self.node.faults().link_down();
        (address.is_loopback() && !cut).then_some(address)
    }

    fn working(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|at| at.elapsed() < TELL_EVERY) {
            return;
        }
        *told = Some(Instant::now());
        drop(told);
        let cores = self.cores.lock().unwrap_or_else(PoisonError::into_inner);
        for core in cores.iter().filter_map(Weak::upgrade) {
            // What `nvidia-smi` shows is no reason for an answer to fail.
            self.node.mark_busy(core.pid, BUSY_FOR).ok();
        }
    }

    fn fault(&self) -> Option<EngineFault> {
        if self.core_died() {
            let log = vec![DEAD_CORE.to_owned()];
            return Some(EngineFault::Die {
                stage: Stage::Ready,
                log,
                exit_code: 1,
            });
        }
        let age_s = self.began.elapsed().as_secs_f64() * self.speed();
        let faults = self.node.faults();
        faults::of(&faults, self.container.name(), self.rank, age_s)
    }

    fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }
}

impl ServiceHost for Host {
    fn folder(&self, path: &str) -> Option<PathBuf> {
        self.container.spec.on_node(path).map(PathBuf::from)
    }

    fn claim_ram(&self, process: &str, bytes: u64) -> Result<Box<dyn MemoryClaim>, OutOfMemory> {
        self.claim_on(Processor::Cpu, process, bytes)
    }

    fn disk_free(&self) -> u64 {
        self.node.disk().free
    }
}

/// Runs the client of the Hub that every image has, in this container's environment.
async fn fetch(link: &Path, repo: &str, revision: &str) -> Result<(), Option<String>> {
    let executable = std::env::current_exe().map_err(|error| Some(error.to_string()))?;
    entry::link(&executable, link).map_err(|error| Some(error.to_string()))?;
    let client = tokio::process::Command::new(link)
        .args(["download", "--revision", revision, repo])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = client.await.map_err(|error| Some(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Some(
        String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    ))
}

/// Whether two fabric addresses share a /24.
fn same_net(a: Ipv4Addr, b: Ipv4Addr) -> bool {
    a.octets().first_chunk::<3>() == b.octets().first_chunk::<3>()
}

/// The GPU process of an engine: a real one with the name that `nvidia-smi` shows, so that it can be
/// seen and killed on its own.
#[derive(Debug)]
struct Core {
    node: Node,
    container: String,
    name: String,
    processor: Processor,
    pid: u32,
    child: Mutex<Child>,
}

impl Core {
    fn start(
        node: &Node,
        container: &str,
        name: &str,
        processor: Processor,
        bytes: u64,
    ) -> Option<Self> {
        let child = Command::new("sleep")
            .arg0(name)
            .arg("infinity")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .ok()?;
        let core = Self {
            node: node.clone(),
            container: container.to_owned(),
            name: name.to_owned(),
            processor,
            pid: child.id(),
            child: Mutex::new(child),
        };
        core.hold(bytes).then_some(core)
    }

    fn hold(&self, bytes: u64) -> bool {
        let container = Some(self.container.as_str());
        let claimed = match self.processor {
            Processor::Gpu => self.node.claim(self.pid, &self.name, bytes, container),
            Processor::Cpu => self.node.claim_ram(self.pid, &self.name, bytes, container),
        };
        claimed.is_ok()
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if self.node.faults().orphan_on_stop() {
            let claims = self.node.claims().unwrap_or_default();
            for claim in claims.iter().filter(|claim| claim.pid == self.pid) {
                self.node.spawn_orphan(claim.bytes).ok();
            }
        }
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        child.kill().ok();
        child.wait().ok();
    }
}

/// Memory that an engine holds; the last user of the core ends it.
struct Held {
    core: Arc<Core>,
    bytes: u64,
}

impl MemoryClaim for Held {
    fn resize(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        let available = self.core.node.memory().map_or(0, |memory| memory.available);
        let wanted = bytes.saturating_sub(self.bytes);
        if wanted > available || !self.core.hold(bytes) {
            return Err(OutOfMemory { wanted, available });
        }
        self.bytes = bytes;
        Ok(())
    }
}
