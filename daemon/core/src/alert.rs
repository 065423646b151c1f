//! What is wrong with the nodes: raised and cleared by pure functions over readings.
//!
//! Limits are those that owners of DGX Sparks have found to matter (spark-domain 3.4). Three things keep an alert
//! from flickering: it is raised at one value and cleared at a better one ([`Limits`]), it must last before it is
//! raised, and be gone for a while before it is cleared ([`hold`]).

mod crash;
mod engine;
mod fabric;
mod hardware;
mod hold;
mod kernel;
mod launches;
mod link;
mod memory;
mod power;
mod reading;

use std::collections::BTreeMap;

use spark_ipc::Time;
use spark_ipc::id::NodeId;
use spark_ipc::model::alert::{Alert, AlertKind, Severity};
use spark_ipc::model::node::Node;

pub use engine::{EngineMemory, Vitals, engines};
use hold::{Found, Holds, Timing};
pub use launches::launches;

/// What has to be remembered of the nodes between two calls of [`evaluate`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory {
    nodes: BTreeMap<NodeId, Past>,
    holds: Holds,
}

/// What is remembered of one node.
#[derive(Debug, Clone, Default, PartialEq)]
struct Past {
    reboot: power::Boots,
    fabric: fabric::Past,
    kernel: kernel::Seen,
    crash: crash::Starts,
}

/// The alerts that stand at `now`, given those that stood before. `since` is kept while an alert stands.
pub fn evaluate(previous: &[Alert], memory: &mut Memory, nodes: &[Node], now: Time) -> Vec<Alert> {
    let Memory { nodes: past, holds } = memory;
    past.retain(|id, _| nodes.iter().any(|node| node.id == *id));
    let mut found = Vec::new();
    for node in nodes {
        let past = past.entry(node.id.clone()).or_default();
        let case = Case {
            node,
            nodes,
            previous,
            now,
        };
        let findings = findings(&case, past);
        found.extend(findings.into_iter().map(|finding| case.found(finding)));
    }
    let known = |alert: &&Alert| nodes.iter().any(|node| node.id == alert.node);
    let previous: Vec<Alert> = previous.iter().filter(known).cloned().collect();
    holds.settle(&previous, found, now)
}

fn findings(case: &Case<'_>, past: &mut Past) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(link::unreachable(case));
    findings.extend(link::docker(case));
    findings.extend(reading::silent(case));
    findings.extend(reading::nonsense(case));
    findings.extend(memory::low(case));
    findings.extend(memory::pressure(case));
    findings.extend(memory::swap(case));
    findings.extend(hardware::disks(case));
    findings.extend(hardware::thermal(case));
    findings.extend(hardware::orphans(case));
    findings.extend(fabric::cables(case));
    findings.extend(fabric::unsteady(case, &mut past.fabric));
    findings.extend(fabric::moved(case, &mut past.fabric));
    findings.extend(power::low_power(case));
    findings.extend(power::reboot(case, &mut past.reboot));
    findings.extend(kernel::lines(case, &mut past.kernel));
    findings.extend(crash::containers(case, &mut past.crash));
    findings
}

/// One node, the others, and what stood before.
struct Case<'a> {
    node: &'a Node,
    nodes: &'a [Node],
    previous: &'a [Alert],
    now: Time,
}

/// Something that a rule has found.
struct Finding {
    kind: AlertKind,
    /// Tells several alerts of one kind on one node apart.
    detail: Option<String>,
    severity: Severity,
    title: String,
    text: String,
    fix: Option<String>,
    timing: Timing,
}

impl Case<'_> {
    /// The severity of the alert that stands for this rule.
    fn standing(&self, kind: AlertKind, detail: Option<&str>) -> Option<Severity> {
        let id = id(&self.node.id, kind, detail);
        self.previous
            .iter()
            .find(|alert| alert.id == id)
            .map(|alert| alert.severity)
    }

    fn found(&self, finding: Finding) -> Found {
        finding.on(&self.node.id, self.now)
    }
}

impl Finding {
    /// As an alert of `node`.
    fn on(self, node: &NodeId, now: Time) -> Found {
        let alert = Alert {
            id: id(node, self.kind, self.detail.as_deref()),
            node: node.clone(),
            kind: self.kind,
            severity: self.severity,
            title: self.title,
            text: self.text,
            fix: self.fix,
            since: now,
        };
        Found {
            alert,
            timing: self.timing,
        }
    }
}

fn id(node: &NodeId, kind: AlertKind, detail: Option<&str>) -> String {
    let start = format!("{node}/{}", word(kind));
    detail.map_or(start.clone(), |detail| format!("{start}/{detail}"))
}

fn word(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Unreachable => "unreachable",
        AlertKind::HostKey => "host_key",
        AlertKind::Docker => "docker",
        AlertKind::MemoryLow => "memory_low",
        AlertKind::Disk => "disk",
        AlertKind::Thermal => "thermal",
        AlertKind::OrphanProcess => "orphan_process",
        AlertKind::LowPower => "low_power",
        AlertKind::Reboot => "reboot",
        AlertKind::Link => "link",
        AlertKind::MemoryPressure => "memory_pressure",
        AlertKind::Swap => "swap",
        AlertKind::Kernel => "kernel",
        AlertKind::Reading => "reading",
        AlertKind::Queue => "queue",
        AlertKind::CrashLoop => "crash_loop",
        AlertKind::DeepHealth => "deep_health",
    }
}

/// Two limits for a value that is bad when high; a standing alert clears only `slack` below its limit.
struct Limits {
    warning: f64,
    critical: f64,
    slack: f64,
}

impl Limits {
    fn above(&self, value: f64, standing: Option<Severity>) -> Option<Severity> {
        let held = |severity| {
            if standing >= Some(severity) {
                self.slack
            } else {
                0.0
            }
        };
        if value > self.critical - held(Severity::Critical) {
            Some(Severity::Critical)
        } else if value > self.warning - held(Severity::Warning) {
            Some(Severity::Warning)
        } else {
            None
        }
    }

    /// The same for a value that is bad when low.
    fn below(&self, value: f64, standing: Option<Severity>) -> Option<Severity> {
        let mirrored = Self {
            warning: -self.warning,
            critical: -self.critical,
            slack: self.slack,
        };
        mirrored.above(-value, standing)
    }
}

/// `bytes` in GiB, for text.
fn gib(bytes: u64) -> f64 {
    // Exact enough for a figure with one decimal: a whole number of MiB.
    f64::from(u32::try_from(bytes >> 20).unwrap_or(u32::MAX)) / 1024.0
}

#[cfg(test)]
mod tests;
