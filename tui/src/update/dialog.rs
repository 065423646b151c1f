//! Answers to a question.

use spark_ipc::id::RepoId;
use spark_ipc::model::operation::{StopRequest, SwapRequest};
use spark_ipc::model::preflight::{Preflight, PreflightRequest};

use super::act::refused;
use crate::effect::Effect;
use crate::paint::Tone;
use crate::state::dialog::{Dialog, Question};
use crate::state::{Overlay, State};

/// The preflight of the swap that is asked about.
pub(super) fn take_preflight(
    state: &mut State,
    repo: &RepoId,
    answer: Result<Box<Preflight>, String>,
) {
    if let Some(Overlay::Dialog(dialog)) = &mut state.overlay
        && let Question::Swap {
            repo: asked,
            preflight,
            ..
        } = &mut dialog.question
        && asked == repo
    {
        *preflight = Some(answer);
    }
}

pub(super) fn switch(state: &mut State) {
    if let Some(Overlay::Dialog(dialog)) = &mut state.overlay {
        dialog.agree = !dialog.agree;
    }
}

/// Says yes to the next flag that needs one, and has the swap looked at again with it. One press is one
/// flag, so that each yes is read.
pub(super) fn allow(state: &mut State) -> Vec<Effect> {
    if let Some(Overlay::Dialog(dialog)) = &mut state.overlay
        && let Question::Swap {
            repo,
            allow,
            preflight,
        } = &mut dialog.question
        && let Some(Ok(found)) = preflight
        && let Some(next) = found.confirm.first()
    {
        allow.push(next.name.clone());
        *preflight = None;
        return vec![Effect::Preflight(PreflightRequest {
            repo: repo.clone(),
            recipe: None,
            nodes: None,
            keep: false,
            allow: allow.clone(),
        })];
    }
    state
        .messages
        .say(state.now, Tone::Warn, "nothing here needs a yes by name");
    Vec::new()
}

/// Presses the button that has the focus.
pub(super) fn press(state: &mut State) -> Vec<Effect> {
    match &state.overlay {
        Some(Overlay::Dialog(dialog)) if dialog.agree => agree(state),
        _ => {
            state.overlay = None;
            Vec::new()
        }
    }
}

/// Does what was asked about, unless it cannot be done; then the question stays, and the reason is said.
pub(super) fn agree(state: &mut State) -> Vec<Effect> {
    let Some(Overlay::Dialog(dialog)) = &state.overlay else {
        return Vec::new();
    };
    if let Some(reason) = dialog.refusal() {
        let text = format!("not now: {reason}");
        state.messages.say(state.now, Tone::Warn, text);
        return Vec::new();
    }
    if refused(state, "not now") {
        return Vec::new();
    }
    match state.overlay.take() {
        Some(Overlay::Dialog(dialog)) => vec![effect(*dialog)],
        _ => Vec::new(),
    }
}

fn effect(dialog: Dialog) -> Effect {
    match dialog.question {
        Question::Swap { repo, allow, .. } => Effect::Swap(SwapRequest {
            repo,
            recipe: None,
            nodes: None,
            keep: false,
            dry_run: false,
            allow,
        }),
        Question::Act { act, .. } => Effect::Do(act),
        Question::Stop { unit, .. } => Effect::Stop(StopRequest {
            unit: Some(unit),
            all: false,
        }),
        Question::Cancel { id, .. } => Effect::Cancel(id),
        Question::Trust {
            node, fingerprint, ..
        } => Effect::Trust { node, fingerprint },
    }
}
