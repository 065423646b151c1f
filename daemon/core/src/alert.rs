//! What is wrong with the nodes: raised and cleared by one pure function.
//!
//! Limits are those that owners of DGX Sparks have found to matter; each is raised at one value and cleared
//! at a better one, so that a value on the limit does not flicker.

mod hardware;
mod link;
mod memory;
mod power;

use std::collections::BTreeMap;

use spark_ipc::Time;
use spark_ipc::id::NodeId;
use spark_ipc::model::alert::{Alert, AlertKind, Severity};
use spark_ipc::model::node::Node;

/// What has to be remembered of the nodes between two calls of [`evaluate`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Memory(BTreeMap<NodeId, power::Past>);

/// The alerts that stand at `now`, given those that stood before. `since` is kept while an alert stands.
pub fn evaluate(previous: &[Alert], memory: &mut Memory, nodes: &[Node], now: Time) -> Vec<Alert> {
    memory
        .0
        .retain(|id, _| nodes.iter().any(|node| node.id == *id));
    let mut alerts = Vec::new();
    for node in nodes {
        let past = memory.0.entry(node.id.clone()).or_default();
        let case = Case {
            node,
            previous,
            now,
        };
        let mut findings = Vec::new();
        findings.extend(link::unreachable(&case));
        findings.extend(link::docker(&case));
        findings.extend(memory::low(&case));
        findings.extend(hardware::disks(&case));
        findings.extend(hardware::thermal(&case));
        findings.extend(hardware::orphans(&case));
        findings.extend(hardware::fabric(&case));
        findings.extend(power::low_power(&case, past));
        findings.extend(power::reboot(&case, past));
        alerts.extend(findings.into_iter().map(|finding| case.raise(finding)));
    }
    alerts
}

/// One node and what stood before.
struct Case<'a> {
    node: &'a Node,
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
}

impl Case<'_> {
    /// The severity of the alert that stands for this rule.
    fn standing(&self, kind: AlertKind, detail: Option<&str>) -> Option<Severity> {
        let id = self.id(kind, detail);
        self.previous
            .iter()
            .find(|alert| alert.id == id)
            .map(|alert| alert.severity)
    }

    fn id(&self, kind: AlertKind, detail: Option<&str>) -> String {
        let start = format!("{}/{}", self.node.id, word(kind));
        detail.map_or(start.clone(), |detail| format!("{start}/{detail}"))
    }

    fn raise(&self, finding: Finding) -> Alert {
        let id = self.id(finding.kind, finding.detail.as_deref());
        let before = self.previous.iter().find(|alert| alert.id == id);
        Alert {
            since: before.map_or(self.now, |alert| alert.since),
            id,
            node: self.node.id.clone(),
            kind: finding.kind,
            severity: finding.severity,
            title: finding.title,
            text: finding.text,
            fix: finding.fix,
        }
    }
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
