//! Opening, reading and closing of pages.

use super::act::refused;
use crate::effect::Effect;
use crate::paint::Tone;
use crate::state::page::{Content, Page, Topic};
use crate::state::services::Entry;
use crate::state::{Overlay, Pane, State};
use crate::trouble::Trouble;

/// Opens a page about `topic`, which belongs to `pane`, and has it read.
fn open(state: &mut State, pane: Pane, topic: Topic) -> Vec<Effect> {
    if refused(state, "cannot be read") {
        return Vec::new();
    }
    state.focus = pane;
    state.overlay = Some(Overlay::Page(Box::new(Page::new(topic.clone()))));
    vec![Effect::Read(topic)]
}

pub(super) fn model(state: &mut State) -> Vec<Effect> {
    match state.selected_model().map(|m| m.repo.clone()) {
        Some(repo) => open(state, Pane::Models, Topic::Model(repo)),
        None => Vec::new(),
    }
}

pub(super) fn logs(state: &mut State) -> Vec<Effect> {
    match state.selected_entry() {
        Some(Entry::Service(service)) => {
            let topic = Topic::Logs(service.name.clone());
            open(state, Pane::Services, topic)
        }
        Some(Entry::Unit(unit)) => {
            let text = format!("`spark-control logs {}` shows the log of a unit", unit.id);
            state.messages.say(state.now, Tone::Warn, text);
            Vec::new()
        }
        None => Vec::new(),
    }
}

pub(super) fn health(state: &mut State, probe: bool) -> Vec<Effect> {
    open(state, Pane::Alerts, Topic::Health { probe })
}

pub(super) fn doctor(state: &mut State) -> Vec<Effect> {
    open(state, Pane::Alerts, Topic::Doctor)
}

/// Reads the open page again; what it shows stays until the answer comes.
pub(super) fn reload(state: &mut State) -> Vec<Effect> {
    if refused(state, "cannot be read") {
        return Vec::new();
    }
    match &mut state.overlay {
        Some(Overlay::Page(page)) => {
            page.reading = true;
            vec![Effect::Read(page.topic.clone())]
        }
        _ => Vec::new(),
    }
}

/// The content of the page, if it is still open.
pub(super) fn take(state: &mut State, topic: &Topic, answer: Result<Content, Trouble>) {
    if let Some(Overlay::Page(page)) = &mut state.overlay
        && page.topic == *topic
    {
        page.content = Some(answer.map_err(|t| super::with_hint(&t)));
        page.read_at = Some(state.now);
        page.reading = false;
    }
}
