//! The fabric doctor: is everything as it should be between two Sparks.
//!
//! Two rounds. In the first every node tells of its ports ([`ports_command`]), and [`examine`] judges each node by
//! itself and all of them together. In the second the nodes try each other ([`crossings`]): a login, and one ping
//! with the largest frame on each common network. The daemon only runs what is given here. What is looked at, and
//! the figures, are those of spark-domain 2.5, 3.2 and 9.8.

mod crossing;
mod node;
mod pair;
mod ports;

use spark_ipc::id::NodeId;
use spark_ipc::model::doctor::DoctorCheck;
use spark_ipc::model::node::CheckState;

pub use crossing::{Crossing, Said, crossings};
pub use ports::{Address, Port, ports_command, read_ports};

/// One node, as the first round found it.
#[derive(Debug, Clone, PartialEq)]
pub struct Patient {
    pub node: NodeId,
    /// The login user, and where its SSH server listens.
    pub user: String,
    pub ssh_port: u16,
    /// Its ports, or why they are not known.
    pub ports: Result<Vec<Port>, String>,
    /// How long the look took, milliseconds.
    pub took_ms: f64,
}

impl Patient {
    fn known(&self) -> &[Port] {
        self.ports.as_deref().unwrap_or_default()
    }

    /// Ports that are meant to be used.
    fn addressed(&self) -> impl Iterator<Item = &Port> {
        self.known()
            .iter()
            .filter(|port| !port.addresses.is_empty())
    }
}

/// What the first round shows: each node's own checks, then those of the pairs.
pub fn examine(patients: &[Patient]) -> Vec<DoctorCheck> {
    let mut checks: Vec<DoctorCheck> = patients.iter().map(reach).collect();
    if let [only] = patients {
        let seen = "only one Spark is set up, so there is no cable to look at";
        checks.push(Verdict::skipped(seen).of("link", &only.node));
        return checks;
    }
    let well = patients.iter().filter(|patient| patient.ports.is_ok());
    checks.extend(well.flat_map(|patient| node::checks(patient, patients)));
    checks.extend(pairs(patients).map(|(from, to)| pair::network(from, to)));
    checks
}

/// Whether nothing failed.
pub fn passed(checks: &[DoctorCheck]) -> bool {
    checks.iter().all(|check| check.state != CheckState::Failed)
}

/// Most nodes of which every one is tried against every other one; more form a ring.
const ALL_PAIRS: usize = 4;

/// Which nodes are looked at together, each pair once.
fn pairs(patients: &[Patient]) -> impl Iterator<Item = (&Patient, &Patient)> {
    let count = patients.len();
    let together = move |i: usize, j: usize| {
        i < j && (count <= ALL_PAIRS || j == i + 1 || (i == 0 && j + 1 == count))
    };
    let indexed = patients.iter().enumerate();
    indexed.flat_map(move |(i, from)| {
        let others = patients.iter().enumerate();
        let others = others.filter(move |(j, _)| together(i, *j));
        others.map(move |(_, to)| (from, to))
    })
}

fn reach(patient: &Patient) -> DoctorCheck {
    let verdict = match &patient.ports {
        Ok(_) => Verdict::passed("it told of its ports"),
        Err(why) => Verdict::failed(
            format!("it cannot be looked at: {why}"),
            format!("First: spark-control nodes test {}", patient.node),
        ),
    };
    DoctorCheck {
        duration_ms: patient.took_ms,
        ..verdict.of("reach", &patient.node)
    }
}

/// What a check comes to.
struct Verdict {
    state: CheckState,
    detail: String,
    fix: Option<String>,
}

impl Verdict {
    fn passed(detail: impl Into<String>) -> Self {
        Self::new(CheckState::Passed, detail, None)
    }

    fn skipped(detail: impl Into<String>) -> Self {
        Self::new(CheckState::Skipped, detail, None)
    }

    fn warning(detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(CheckState::Warning, detail, Some(fix.into()))
    }

    fn failed(detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(CheckState::Failed, detail, Some(fix.into()))
    }

    fn new(state: CheckState, detail: impl Into<String>, fix: Option<String>) -> Self {
        Self {
            state,
            detail: detail.into(),
            fix,
        }
    }

    fn of(self, name: &str, node: &NodeId) -> DoctorCheck {
        DoctorCheck {
            name: name.to_owned(),
            node: Some(node.clone()),
            peer: None,
            state: self.state,
            detail: self.detail,
            fix: self.fix,
            duration_ms: 0.0,
        }
    }

    fn between(self, name: &str, node: &NodeId, peer: &NodeId) -> DoctorCheck {
        DoctorCheck {
            peer: Some(peer.clone()),
            ..self.of(name, node)
        }
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests;
