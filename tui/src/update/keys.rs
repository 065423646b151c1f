//! What a key does.

use crossterm::event::KeyEvent;

use super::{act, dialog};
use crate::effect::Effect;
use crate::keymap::{self, Action, Mode};
use crate::state::{Overlay, Pane, State};

/// Longest filter.
const FILTER: usize = 60;

pub(super) fn press(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    state.messages.dismiss();
    match keymap::action(state.mode(), state.focus, key) {
        Some(action) => perform(state, action),
        None => Vec::new(),
    }
}

/// Pasted text is a filter or nothing: it never acts.
pub(super) fn paste(state: &mut State, text: &str) {
    if state.mode() == Mode::Filter {
        let text = spark_ipc::text::clean_line(text, FILTER);
        let room = FILTER.saturating_sub(state.filter.chars().count());
        state.filter.extend(text.chars().take(room));
    }
}

fn perform(state: &mut State, action: Action) -> Vec<Effect> {
    match action {
        Action::Quit => state.quit = true,
        Action::Suspend => return vec![Effect::Suspend],
        Action::Help => state.overlay = Some(Overlay::Help(0)),
        Action::Messages => state.overlay = Some(Overlay::Messages(0)),
        Action::NextPane => state.focus = state.focus.next(1),
        Action::PreviousPane => state.focus = state.focus.next(Pane::ALL.len() - 1),
        Action::Focus(pane) => state.focus = pane,
        Action::Down => move_by(state, 1),
        Action::Up => move_by(state, -1),
        Action::PageDown => move_by(state, page(state)),
        Action::PageUp => move_by(state, -page(state)),
        Action::Top => move_by(state, isize::MIN),
        Action::Bottom => move_by(state, isize::MAX),
        Action::Zoom => state.zoom = !state.zoom,
        Action::Filter => {
            state.focus = Pane::Models;
            state.filtering = true;
        }
        Action::Back => back(state),
        Action::Accept => state.filtering = false,
        Action::Erase => {
            state.filter.pop();
        }
        Action::Clear => state.filter.clear(),
        Action::Type(c) if state.filter.chars().count() < FILTER => state.filter.push(c),
        Action::Type(_) => {}
        Action::Open => return act::open(state),
        Action::Stop => act::ask_stop(state),
        Action::Cancel => act::ask_cancel(state),
        Action::Trust => act::ask_trust(state),
        Action::Agree => return dialog::agree(state),
        Action::Allow => return dialog::allow(state),
        Action::Refuse => state.overlay = None,
        Action::SwitchButton => dialog::switch(state),
        Action::Press => return dialog::press(state),
    }
    Vec::new()
}

/// Half a screen.
fn page(state: &State) -> isize {
    isize::from(i16::try_from(state.size.1 / 2).unwrap_or(i16::MAX)).max(1)
}

fn back(state: &mut State) {
    if state.overlay.take().is_some() {
        return;
    }
    if state.filtering || !state.filter.is_empty() {
        state.filtering = false;
        state.filter.clear();
    } else {
        state.zoom = false;
    }
}

fn move_by(state: &mut State, by: isize) {
    match &mut state.overlay {
        Some(Overlay::Help(scroll) | Overlay::Messages(scroll)) => {
            *scroll = scroll.saturating_add_signed(by).min(500);
        }
        Some(Overlay::Dialog(dialog)) => {
            dialog.scroll = dialog.scroll.saturating_add_signed(by).min(500);
        }
        None => move_in_pane(state, by),
    }
}

fn move_in_pane(state: &mut State, by: isize) {
    let Some(world) = &state.world else { return };
    match state.focus {
        Pane::Nodes => {
            let keys: Vec<&str> = world
                .snapshot
                .status
                .nodes
                .iter()
                .map(|n| n.id.as_str())
                .collect();
            state.nodes.step(&keys, by);
        }
        Pane::Models => {
            let keys: Vec<String> = state
                .shown_models()
                .iter()
                .map(|m| m.repo.to_string())
                .collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            state.models.step(&keys, by);
        }
        Pane::Alerts => {
            let keys: Vec<&str> = world
                .snapshot
                .status
                .alerts
                .iter()
                .map(|a| a.id.as_str())
                .collect();
            state.alerts.step(&keys, by);
        }
        Pane::Operation => state.operation.scroll(by),
    }
}
