//! The connection test: eight steps, each with what was seen and what to do if it failed.

use std::time::Duration;

use spark_core::health::link::{Place, explain};
use spark_core::shell::Remote;
use spark_ipc::model::node::{CheckState, CheckStep, Node, NodeTest};
use spark_ipc::text::clean_line;

use crate::ssh::{Failure, Limits, Link, Outcome, Shown, Stage, Stages};

/// The steps of making a connection, in order.
const STAGES: [(Stage, &str); 4] = [
    (Stage::Name, "name"),
    (Stage::Tcp, "tcp"),
    (Stage::HostKey, "host_key"),
    (Stage::Auth, "auth"),
];

/// A step that is a command: its name, the command, what must be true of its output, and the remedy.
struct Check {
    name: &'static str,
    body: &'static str,
    /// Whether a failure only warns.
    optional: bool,
    fix: &'static str,
}

const CHECKS: [Check; 4] = [
    Check {
        name: "shell",
        body: "uname -srm",
        optional: false,
        fix: "The login shell must be able to run /bin/sh: chsh -s /bin/bash",
    },
    Check {
        name: "docker",
        body: "docker version --format 'Docker {{.Server.Version}}' 2>&1",
        optional: false,
        fix: "sudo systemctl start docker, and: sudo usermod -aG docker $USER",
    },
    Check {
        name: "gpu",
        body: "nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>&1",
        optional: false,
        fix: "The NVIDIA driver does not answer; restart the Spark, then see: sudo dmesg | grep NVRM",
    },
    Check {
        name: "cache",
        body: "d=${HF_HOME:-$HOME/.cache/huggingface}; [ -d \"$d\" ] || { echo \"$d does not exist yet\"; exit 1; }; \
               [ -w \"$d\" ] || { echo \"$d cannot be written\"; exit 1; }; df -Ph -- \"$d\" | tail -n 1",
        optional: true,
        fix: "It is made by the first download. If it belongs to root: sudo chown -R $USER ~/.cache/huggingface",
    },
];

/// Tests the connection to `node`.
pub(super) async fn run(link: &Link, node: &Node) -> NodeTest {
    let limits = Limits::within(Duration::from_secs(20));
    let commands: Vec<(Remote, Limits)> = CHECKS
        .iter()
        .map(|check| (Remote::script(check.name, check.body).timeout(15), limits))
        .collect();
    let mut stages = Stages::begin();
    let result = link.try_once(&mut stages, &commands).await;
    let mut steps = connection_steps(node, &stages, result.as_ref().err());
    let outcomes = result.unwrap_or_default();
    let mut stopped = outcomes.is_empty();
    for (n, check) in CHECKS.iter().enumerate() {
        let step = match outcomes.get(n) {
            Some((outcome, took)) if !stopped => check_step(check, outcome, *took),
            _ => skipped(check.name),
        };
        // Without a shell the other answers mean nothing.
        stopped |= check.name == "shell" && step.state == CheckState::Failed;
        steps.push(step);
    }
    NodeTest {
        node: node.id.clone(),
        passed: steps
            .iter()
            .all(|s| matches!(s.state, CheckState::Passed | CheckState::Warning)),
        steps,
    }
}

fn connection_steps(node: &Node, stages: &Stages, failure: Option<&Failure>) -> Vec<CheckStep> {
    let step = |(stage, name): &(Stage, &'static str)| {
        if let Some((_, detail, took)) = stages.passed.iter().find(|(s, ..)| s == stage) {
            return CheckStep {
                name: (*name).to_owned(),
                state: CheckState::Passed,
                detail: detail.clone(),
                fix: None,
                duration_ms: ms(*took),
            };
        }
        match failure {
            Some(failure) if failure.stage == *stage => failed(name, node, failure, stages),
            _ => skipped(name),
        }
    };
    STAGES.iter().map(step).collect()
}

fn failed(name: &str, node: &Node, failure: &Failure, stages: &Stages) -> CheckStep {
    let place = Place {
        host: &node.host,
        port: node.ssh_port,
        user: &node.user,
    };
    let explained = explain(failure.cause, place);
    let key = failure.shown.as_ref().and_then(Shown::describe);
    let seen = key
        .filter(|_| name == "host_key")
        .map(|key| format!("it shows {}", key.fingerprint));
    let more = failure.detail.clone().or(seen);
    let detail = match more {
        Some(more) => format!("{} ({})", explained.message, clean_line(&more, 200)),
        None => explained.message,
    };
    CheckStep {
        name: name.to_owned(),
        state: CheckState::Failed,
        detail,
        fix: Some(explained.fix),
        duration_ms: ms(stages.elapsed()),
    }
}

fn check_step(check: &Check, outcome: &Outcome, took: Duration) -> CheckStep {
    let (passed, detail) = match outcome {
        Outcome::Exited {
            status,
            stdout,
            stderr,
            ..
        } => {
            let said = if stdout.trim().is_empty() {
                stderr
            } else {
                stdout
            };
            (*status == 0, clean_line(said.trim(), 300))
        }
        Outcome::TimedOut => (false, "no answer within 15 seconds".to_owned()),
        Outcome::Lost { cause } => (false, cause.clone()),
        Outcome::Refused(cause) => (false, format!("not begun: {cause:?}")),
    };
    let state = match (passed, check.optional) {
        (true, _) => CheckState::Passed,
        (false, true) => CheckState::Warning,
        (false, false) => CheckState::Failed,
    };
    CheckStep {
        name: check.name.to_owned(),
        state,
        detail,
        fix: (!passed).then(|| check.fix.to_owned()),
        duration_ms: ms(took),
    }
}

fn skipped(name: &str) -> CheckStep {
    CheckStep {
        name: name.to_owned(),
        state: CheckState::Skipped,
        detail: "not tried".to_owned(),
        fix: None,
        duration_ms: 0.0,
    }
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}
