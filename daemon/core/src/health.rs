//! What a node's readings add up to: pure folds from one observation to the next.
//!
//! A value that was not learned this time keeps its last value; its age tells how far to trust it.

pub mod link;

mod history;
mod memory;
mod stale;

use spark_ipc::Time;
use spark_ipc::id::NodeId;
use spark_ipc::model::node::{Container, Freshness, GpuProcess, Identity, Link, LinkState, Node};

use crate::probe::{Cgroup, CpuTimes, GpuApp, Reading, Warning};

/// A node is fresh while its values are at most this many poll intervals old.
const FRESH_INTERVALS: f64 = 3.0;

/// How a node is addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub id: NodeId,
    pub name: String,
    pub host: String,
    pub user: String,
    pub ssh_port: u16,
}

/// When something was observed, and how often it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    pub now: Time,
    /// Seconds between two polls.
    pub interval_s: f64,
}

/// A node with what is needed to fold the next reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracked {
    pub node: Node,
    cpu: Option<CpuTimes>,
    ages: stale::Ages,
}

impl Tracked {
    /// A node of which nothing is known yet.
    pub fn new(address: Address, now: Time) -> Self {
        let link = Link {
            state: LinkState::Connecting,
            since: now,
            cause: None,
            message: None,
            fix: None,
            host_key: None,
            retry_in_ms: None,
        };
        let node = Node {
            id: address.id,
            name: address.name,
            host: address.host,
            user: address.user,
            ssh_port: address.ssh_port,
            link,
            freshness: Freshness::Unknown,
            observed_at: None,
            poll_ms: None,
            identity: Identity::default(),
            cpu_percent: None,
            load1: None,
            memory: None,
            gpu: None,
            gpu_processes: None,
            temperatures: Vec::new(),
            disks: Vec::new(),
            interfaces: Vec::new(),
            fabric: Vec::new(),
            gids: Vec::new(),
            kernel: Vec::new(),
            docker: None,
            containers: Vec::new(),
            listening_ports: Vec::new(),
            warnings: Vec::new(),
            stale: Vec::new(),
            history: Vec::new(),
        };
        Self {
            node,
            cpu: None,
            ages: stale::Ages::default(),
        }
    }

    /// Takes in one reading, that took `poll_ms`.
    pub fn observe(
        &mut self,
        reading: Reading,
        warnings: &[Warning],
        poll_ms: f64,
        moment: Moment,
    ) {
        let rebooted = changed(
            self.node.identity.boot_id.as_ref(),
            reading.identity.boot_id.as_ref(),
        );
        let cpu_before = self.cpu.take().filter(|_| !rebooted);
        self.cpu = reading.cpu;
        let node = &mut self.node;
        if let (Some(before), Some(now)) = (cpu_before, reading.cpu) {
            node.cpu_percent = cpu_percent(before, now);
        }
        node.observed_at = Some(moment.now);
        node.poll_ms = Some(poll_ms);
        node.warnings = warnings.iter().map(ToString::to_string).collect();
        node.stale = self.ages.observe(warnings, moment.now);
        fold_values(node, reading);
        history::add_values(node, moment.now);
        node.freshness = freshness(node, moment);
    }

    /// Takes in the state of the connection; the values stay and age.
    pub fn observe_link(&mut self, link: Link, moment: Moment) {
        let gone = link.state != LinkState::Connected && link.cause.is_some();
        self.node.link = link;
        if gone {
            history::add_gap(&mut self.node, moment.now);
        }
        self.node.freshness = freshness(&self.node, moment);
    }

    /// Lets time pass. Whether anything changed by that.
    pub fn age(&mut self, moment: Moment) -> bool {
        let before = std::mem::replace(&mut self.node.freshness, Freshness::Unknown);
        self.node.freshness = freshness(&self.node, moment);
        self.node.freshness != before
    }
}

/// How far the values of `node` can be trusted. A short break of the link changes nothing yet.
fn freshness(node: &Node, moment: Moment) -> Freshness {
    let unreachable = node.link.state != LinkState::Connected && node.link.cause.is_some();
    let age_s = node.observed_at.map(|at| moment.now.seconds_since(at));
    match age_s {
        Some(age) if age <= FRESH_INTERVALS * moment.interval_s => Freshness::Fresh,
        _ if unreachable => Freshness::Unreachable,
        Some(_) => Freshness::Stale,
        None => Freshness::Unknown,
    }
}

fn changed(before: Option<&String>, now: Option<&String>) -> bool {
    matches!((before, now), (Some(before), Some(now)) if before != now)
}

fn fold_values(node: &mut Node, reading: Reading) {
    fold_identity(&mut node.identity, reading.identity);
    let keep_gpu_sum = reading.apps.is_none() && node.memory.is_some();
    if let Some(memory) = &reading.memory {
        let last = node
            .memory
            .as_ref()
            .filter(|_| keep_gpu_sum)
            .and_then(|m| m.gpu_bytes);
        let gpu = reading.apps.as_deref().map_or(last, memory::gpu_sum);
        node.memory = Some(memory::split(memory, gpu, reading.pressure));
    }
    if let Some(containers) = reading.containers {
        node.containers = containers;
    } else if reading.docker.is_some() {
        // Docker itself does not answer: what it said before is no longer known.
        node.containers.clear();
    }
    if let Some(apps) = reading.apps {
        let containers = &node.containers;
        let processes = apps.into_iter().map(|app| gpu_process(app, containers));
        node.gpu_processes = Some(processes.collect());
    }
    node.load1 = reading.load1.or(node.load1);
    node.docker = reading.docker.or(node.docker);
    replace(&mut node.gpu, reading.gpu.map(Some));
    replace(&mut node.temperatures, reading.temperatures);
    replace(&mut node.disks, reading.disks);
    replace(&mut node.interfaces, reading.interfaces);
    replace(&mut node.fabric, reading.fabric);
    replace(&mut node.gids, reading.gids);
    replace(&mut node.kernel, reading.kernel);
    replace(&mut node.listening_ports, reading.ports);
}

fn replace<T>(value: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *value = new;
    }
}

fn fold_identity(known: &mut Identity, new: Identity) {
    known.hostname = new.hostname.or(known.hostname.take());
    known.product = new.product.or(known.product.take());
    known.os = new.os.or(known.os.take());
    known.dgx_version = new.dgx_version.or(known.dgx_version.take());
    known.kernel = new.kernel.or(known.kernel.take());
    known.driver = new.driver.or(known.driver.take());
    known.boot_id = new.boot_id.or(known.boot_id.take());
    known.cores = new.cores.or(known.cores);
    known.uptime_s = new.uptime_s.or(known.uptime_s);
}

/// `None` when the counters did not move, or ran backwards.
fn cpu_percent(before: CpuTimes, now: CpuTimes) -> Option<f64> {
    let ticks = |n: u64| u32::try_from(n).map(f64::from).ok();
    let total = ticks(now.total.checked_sub(before.total)?)?;
    let busy = ticks(now.busy.checked_sub(before.busy)?)?;
    (total > 0.0).then(|| (busy / total * 100.0).clamp(0.0, 100.0))
}

fn gpu_process(app: GpuApp, containers: &[Container]) -> GpuProcess {
    let container = match &app.cgroup {
        Cgroup::Container(id) => containers
            .iter()
            .find(|c| c.id == *id)
            .map(|c| c.name.clone()),
        Cgroup::Host | Cgroup::Unknown => None,
    };
    GpuProcess {
        pid: app.pid,
        name: app.name,
        memory_bytes: app.memory_bytes,
        container,
        orphan: app.cgroup == Cgroup::Host,
    }
}

#[cfg(test)]
mod tests;
