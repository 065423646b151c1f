//! Nodes that do not answer, whose host key is in question, or whose Docker does not work.

use spark_ipc::model::alert::{AlertKind, Severity};
use spark_ipc::model::node::{DockerState, Freshness, LinkCause, LinkState};

use super::{Case, Finding, Timing};
use crate::health::link::{Place, explain};

/// A restart of Docker takes some seconds.
const DOCKER: Timing = Timing::new(8.0, 0.0);

pub(super) fn unreachable(case: &Case<'_>) -> Option<Finding> {
    let node = case.node;
    let cause = node
        .link
        .cause
        .filter(|_| node.link.state != LinkState::Connected)?;
    let (kind, severity) = match cause {
        LinkCause::HostKeyUnknown => (AlertKind::HostKey, Severity::Warning),
        LinkCause::HostKeyChanged => (AlertKind::HostKey, Severity::Critical),
        // A short break heals by itself; it is told once the values have aged.
        _ if node.freshness != Freshness::Unreachable => return None,
        _ => (AlertKind::Unreachable, Severity::Critical),
    };
    let place = Place {
        host: &node.host,
        port: node.ssh_port,
        user: &node.user,
    };
    let explained = explain(cause, place);
    Some(Finding {
        kind,
        detail: None,
        severity,
        title: explained.title.to_owned(),
        text: node.link.message.clone().unwrap_or(explained.message),
        fix: Some(explained.fix),
        timing: Timing::AT_ONCE,
    })
}

pub(super) fn docker(case: &Case<'_>) -> Option<Finding> {
    let user = &case.node.user;
    let (severity, title, text, fix) = match case.node.docker? {
        DockerState::Ok => return None,
        DockerState::Down => (
            Severity::Critical,
            "Docker is down",
            "The Docker daemon does not answer, so nothing can be started or stopped.".to_owned(),
            "sudo systemctl start docker".to_owned(),
        ),
        DockerState::Denied => (
            Severity::Critical,
            "Docker refuses us",
            format!("{user} may not talk to Docker."),
            format!(
                "sudo usermod -aG docker {user} (it counts from the next login; we connect again by ourselves)"
            ),
        ),
        DockerState::Missing => (
            Severity::Warning,
            "No Docker",
            "The docker command is not installed.".to_owned(),
            "Install Docker with the NVIDIA container toolkit, as DGX OS has it.".to_owned(),
        ),
    };
    Some(Finding {
        kind: AlertKind::Docker,
        detail: None,
        severity,
        title: title.to_owned(),
        text,
        fix: Some(fix),
        timing: DOCKER,
    })
}
