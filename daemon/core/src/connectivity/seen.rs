//! What is seen of a subject now: from nodes, units and services to one shape.

use spark_ipc::id::NodeId;
use spark_ipc::model::connectivity::{Availability, Subject, SubjectKind};
use spark_ipc::model::deep::{DeepState, DeepSummary};
use spark_ipc::model::node::{DockerState, Freshness, Interface, LinkCause, LinkState, Node};
use spark_ipc::model::service::{Service, ServiceState};
use spark_ipc::model::unit::{Unit, UnitState};

use super::{LOADING, NEVER_SEEN};
use crate::units::is_ours;

/// One subject, now.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub subject: Subject,
    pub node: Option<NodeId>,
    pub state: Availability,
    pub cause: String,
    pub message: Option<String>,
    pub(super) boot_id: Option<String>,
    pub(super) uptime_s: Option<u64>,
    pub(super) links: Vec<LinkSeen>,
}

/// A network link of a node.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LinkSeen {
    pub(super) name: String,
    pub(super) carrier: Option<bool>,
    /// How often it went up or down since the node started.
    pub(super) changes: Option<u64>,
}

impl Seen {
    fn new(kind: SubjectKind, id: &str, state: Availability, cause: &str) -> Self {
        Self {
            subject: Subject {
                kind,
                id: id.to_owned(),
            },
            node: None,
            state,
            cause: cause.to_owned(),
            message: None,
            boot_id: None,
            uptime_s: None,
            links: Vec::new(),
        }
    }

    pub(super) fn boot_message(&self) -> String {
        match self.uptime_s {
            Some(s) if s < 120 => format!("started again {s} s ago"),
            Some(s) => format!("started again {} min ago", s / 60),
            None => "started again".to_owned(),
        }
    }
}

impl LinkSeen {
    /// What happened since the carrier and its count were `before`: a word, and a sentence.
    pub(super) fn change_from(
        &self,
        (carrier, changes): (Option<bool>, Option<u64>),
    ) -> Option<(&'static str, String)> {
        let name = &self.name;
        match (carrier?, self.carrier?) {
            (true, false) => Some(("link_down", format!("{name} lost its carrier"))),
            (false, true) => Some(("link_up", format!("{name} has its carrier again"))),
            _ => {
                let flaps = self.changes?.checked_sub(changes?).filter(|n| *n > 0)?;
                let text = format!("{name} changed its carrier {flaps} times between two looks");
                Some(("link_flap", text))
            }
        }
    }
}

/// The daemon itself, which runs or says that it ends.
pub fn daemon(runs: bool) -> Seen {
    let (state, cause) = if runs {
        (Availability::Up, "started")
    } else {
        (Availability::Down, "stopped")
    };
    Seen::new(SubjectKind::Daemon, "daemon", state, cause)
}

/// All nodes.
pub fn nodes(nodes: &[Node]) -> Vec<Seen> {
    nodes.iter().map(node).collect()
}

fn node(node: &Node) -> Seen {
    let (state, cause) = node_state(node);
    let mut seen = Seen::new(SubjectKind::Node, node.id.as_str(), state, cause);
    let troubled = !matches!(state, Availability::Up);
    seen.message = node.link.message.clone().filter(|_| troubled);
    if node.freshness == Freshness::Fresh {
        seen.boot_id.clone_from(&node.identity.boot_id);
        seen.uptime_s = node.identity.uptime_s;
        seen.links = node
            .interfaces
            .iter()
            .filter(|i| is_wire(node, i))
            .map(link)
            .collect();
    }
    seen.node = Some(node.id.clone());
    seen
}

fn node_state(node: &Node) -> (Availability, &'static str) {
    match node.freshness {
        Freshness::Unknown => (Availability::Unknown, NEVER_SEEN),
        Freshness::Unreachable => unreachable(node),
        Freshness::Stale => (Availability::Degraded, "stale"),
        Freshness::Fresh => match node.docker {
            Some(DockerState::Down) => (Availability::Degraded, "docker_down"),
            Some(DockerState::Denied) => (Availability::Degraded, "docker_denied"),
            Some(DockerState::Missing) => (Availability::Degraded, "docker_missing"),
            Some(DockerState::Ok) | None => (Availability::Up, "answers"),
        },
    }
}

/// Why a node does not answer. One that we may not look at is not down: it is unknown how it does.
fn unreachable(node: &Node) -> (Availability, &'static str) {
    let Some(cause) = node
        .link
        .cause
        .filter(|_| node.link.state != LinkState::Connected)
    else {
        return (Availability::Down, "silent");
    };
    let down = Availability::Down;
    match cause {
        LinkCause::Dns => (down, "dns"),
        LinkCause::Refused => (down, "refused"),
        LinkCause::TimedOut => (down, "timed_out"),
        LinkCause::NoRoute => (down, "no_route"),
        LinkCause::NoBanner => (down, "no_banner"),
        LinkCause::Lost => (down, "lost"),
        LinkCause::Protocol => (down, "protocol"),
        LinkCause::Auth => (Availability::Unknown, "auth"),
        LinkCause::HostKeyUnknown => (Availability::Unknown, "host_key_unknown"),
        LinkCause::HostKeyChanged => (Availability::Unknown, "host_key_changed"),
    }
}

/// Fabric and wired interfaces; those of containers come and go.
fn is_wire(node: &Node, interface: &Interface) -> bool {
    let name = interface.name.as_str();
    let fabric = node
        .fabric
        .iter()
        .any(|port| port.interface.as_deref() == Some(name));
    fabric || name.starts_with("en") || name.starts_with("eth")
}

fn link(interface: &Interface) -> LinkSeen {
    LinkSeen {
        name: interface.name.clone(),
        carrier: interface.carrier,
        changes: interface.carrier_changes,
    }
}

/// Our units, those that were taken over with them; what others started is theirs.
pub fn units(units: &[Unit]) -> Vec<Seen> {
    let ours = units.iter().filter(|unit| is_ours(unit));
    ours.map(|unit| {
        let (state, cause) = match unit.state {
            UnitState::Ready => (Availability::Up, "answers"),
            UnitState::Loading => (Availability::Down, LOADING),
            UnitState::Failed => (Availability::Down, "failed"),
            UnitState::Stopping => (Availability::Off, "stopping"),
            UnitState::Stopped => (Availability::Off, "stopped"),
            UnitState::Unknown => (Availability::Unknown, "node_unreachable"),
        };
        let mut seen = Seen::new(SubjectKind::Unit, unit.id.as_str(), state, cause);
        seen.node = unit.ranks.first().map(|rank| rank.node.clone());
        seen.message = unit.message.clone().filter(|_| state != Availability::Up);
        spoilt(seen, unit.deep.as_ref())
    })
    .collect()
}

/// All services; `deep` gives the last deep probe of one.
pub fn services(services: &[Service], deep: impl Fn(&Service) -> Option<DeepSummary>) -> Vec<Seen> {
    let of = |service: &Service| {
        let (state, cause) = match service.state {
            ServiceState::Ready => (Availability::Up, "answers"),
            ServiceState::Degraded => (Availability::Degraded, "silent"),
            ServiceState::Starting => (Availability::Down, LOADING),
            ServiceState::Failed => (Availability::Down, "failed"),
            ServiceState::CrashLoop => (Availability::Down, "crash_loop"),
            ServiceState::Off => (Availability::Off, "stopped"),
            ServiceState::Unknown => (Availability::Unknown, "node_unreachable"),
        };
        let mut seen = Seen::new(SubjectKind::Service, service.name.as_str(), state, cause);
        seen.node.clone_from(&service.node);
        seen.message = service
            .message
            .clone()
            .filter(|_| state != Availability::Up);
        spoilt(seen, deep(service).as_ref())
    };
    services.iter().map(of).collect()
}

/// Who runs and gives wrong answers is not well.
fn spoilt(mut seen: Seen, deep: Option<&DeepSummary>) -> Seen {
    let failed = deep.filter(|deep| deep.state == DeepState::Failed);
    if let (Availability::Up, Some(deep)) = (seen.state, failed) {
        seen.state = Availability::Degraded;
        "deep_health".clone_into(&mut seen.cause);
        seen.message.clone_from(&deep.error);
    }
    seen
}
