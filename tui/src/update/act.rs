//! What changes the world begins as a question; where it cannot be done now, it says why.

use spark_ipc::model::node::HostKeyState;
use spark_ipc::model::operation::OperationKind;
use spark_ipc::model::preflight::PreflightRequest;
use spark_ipc::model::unit::UnitState;

use crate::effect::Effect;
use crate::paint::Tone;
use crate::preview::joined;
use crate::state::dialog::{Dialog, Question};
use crate::state::{Overlay, State};
use crate::words;

/// The owner of our own units.
pub(super) const OURS: &str = "spark-control";

/// Looks at a swap to the model under the cursor.
pub(super) fn open(state: &mut State) -> Vec<Effect> {
    if refused(state, "cannot swap") {
        return Vec::new();
    }
    let Some(repo) = state.selected_model().map(|m| m.repo.clone()) else {
        return Vec::new();
    };
    ask(
        state,
        Question::Swap {
            repo: repo.clone(),
            allow: Vec::new(),
            preflight: None,
        },
    );
    vec![Effect::Preflight(PreflightRequest {
        repo,
        recipe: None,
        nodes: None,
        keep: false,
        allow: Vec::new(),
    })]
}

pub(super) fn ask_stop(state: &mut State) {
    if refused(state, "cannot stop") {
        return;
    }
    let status = state.world.as_ref().map(|w| &w.snapshot.status);
    let units = status.map(|s| s.units.as_slice()).unwrap_or_default();
    let ours = units
        .iter()
        .find(|u| u.owner == OURS && !matches!(u.state, UnitState::Stopped | UnitState::Stopping));
    let Some(unit) = ours else {
        state
            .messages
            .say(state.now, Tone::Warn, "nothing of ours runs");
        return;
    };
    let mut nodes: Vec<_> = unit.ranks.iter().map(|r| r.node.clone()).collect();
    nodes.dedup();
    let repo = unit
        .repo
        .as_ref()
        .map_or(unit.id.to_string(), ToString::to_string);
    let in_flight = status.map_or(0, |s| s.proxy.requests_in_flight);
    let question = Question::Stop {
        unit: unit.id.clone(),
        what: format!(
            "{repo} on {}; {in_flight} requests in flight",
            joined(&nodes)
        ),
    };
    ask(state, question);
}

pub(super) fn ask_cancel(state: &mut State) {
    if refused(state, "cannot cancel") {
        return;
    }
    let running = state
        .operation
        .operation
        .as_ref()
        .filter(|o| !o.state.is_final());
    let Some(operation) = running else {
        state
            .messages
            .say(state.now, Tone::Warn, "no operation is running");
        return;
    };
    let question = Question::Cancel {
        id: operation.id.clone(),
        what: format!("{} of {}", words::kind(operation.kind).0, operation.subject),
        transfer: matches!(
            operation.kind,
            OperationKind::Download
                | OperationKind::Copy
                | OperationKind::ImagePull
                | OperationKind::ImageCopy
        ),
    };
    ask(state, question);
}

pub(super) fn ask_trust(state: &mut State) {
    if refused(state, "cannot accept a key") {
        return;
    }
    let Some(node) = state.selected_node() else {
        return;
    };
    let key = node
        .link
        .host_key
        .as_ref()
        .filter(|k| k.state != HostKeyState::Accepted);
    let Some(key) = key else {
        let text = format!("{} shows no new host key", node.id);
        state.messages.say(state.now, Tone::Warn, text);
        return;
    };
    let question = Question::Trust {
        node: node.id.clone(),
        fingerprint: key.fingerprint.clone(),
        accepted: key.accepted.clone(),
    };
    ask(state, question);
}

pub(super) fn ask(state: &mut State, question: Question) {
    state.overlay = Some(Overlay::Dialog(Box::new(Dialog::new(question))));
}

/// Whether nothing can be done now; says so.
pub(super) fn refused(state: &mut State, what: &str) -> bool {
    let refusal = state.refusal();
    if let Some(reason) = refusal {
        state
            .messages
            .say(state.now, Tone::Warn, format!("{what}: {reason}"));
    }
    refusal.is_some()
}
