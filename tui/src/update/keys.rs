//! What a key does.

use crossterm::event::KeyEvent;

use super::{act, dialog, jobs, pages};
use crate::effect::Effect;
use crate::keymap::{self, Action, Mode};
use crate::state::act::{Act, Verb};
use crate::state::prompt::LONGEST;
use crate::state::services::Entry;
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

/// Pasted text is part of a typed line or nothing: it never acts.
pub(super) fn paste(state: &mut State, text: &str) {
    if matches!(state.mode(), Mode::Filter | Mode::Prompt) {
        type_text(state, &spark_ipc::text::clean_line(text, LONGEST));
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
        Action::Accept if state.filtering => state.filtering = false,
        Action::Accept => return jobs::accept(state),
        Action::Erase => {
            line(state).pop();
        }
        Action::Clear => line(state).clear(),
        Action::Type(c) => type_text(state, c.encode_utf8(&mut [0; 4])),
        action => return act_on(state, action),
    }
    Vec::new()
}

/// What may ask something of the daemon.
fn act_on(state: &mut State, action: Action) -> Vec<Effect> {
    match action {
        Action::Open => return act::open(state),
        Action::Stop => act::ask_stop(state),
        Action::Cancel => act::ask_cancel(state),
        Action::Trust => act::ask_trust(state),
        Action::Agree => return dialog::agree(state),
        Action::Allow => return dialog::allow(state),
        Action::Refuse => state.overlay = None,
        Action::SwitchButton => dialog::switch(state),
        Action::Press => return dialog::press(state),
        Action::NextOperation => return super::follow_next(state),
        Action::Reload => return pages::reload(state),
        Action::Details => return pages::model(state),
        Action::Logs => return pages::logs(state),
        Action::Health => return pages::health(state, false),
        Action::Probe => return pages::health(state, true),
        Action::Doctor => return pages::doctor(state),
        Action::Download => jobs::download(state),
        Action::Copy => return jobs::copy(state),
        Action::Delete => return jobs::with_model(state, Act::Delete),
        Action::Verify => return jobs::with_model(state, Act::Verify),
        Action::SetUp => return jobs::set_up(state),
        Action::ServiceStart => return jobs::service(state, Verb::Start),
        Action::ServiceStop => return jobs::service(state, Verb::Stop),
        Action::ServiceRestart => return jobs::service(state, Verb::Restart),
        Action::Adopt => return jobs::adopt(state),
        _ => {}
    }
    Vec::new()
}

/// The line that is typed: a prompt's, else the filter.
fn line(state: &mut State) -> &mut String {
    match &mut state.overlay {
        Some(Overlay::Prompt(prompt)) => &mut prompt.text,
        _ => &mut state.filter,
    }
}

fn type_text(state: &mut State, text: &str) {
    if let Some(Overlay::Prompt(prompt)) = &mut state.overlay {
        return prompt.add(text);
    }
    let room = FILTER.saturating_sub(state.filter.chars().count());
    state.filter.extend(text.chars().take(room));
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
        Some(Overlay::Page(_)) => scroll_page(state, by),
        Some(Overlay::Prompt(_)) => {}
        None => move_in_pane(state, by),
    }
}

/// Scrolls the page, not beyond its end.
fn scroll_page(state: &mut State, by: isize) {
    let Some(Overlay::Page(page)) = &state.overlay else {
        return;
    };
    let (width, height) = (usize::from(state.size.0), usize::from(state.size.1));
    let frame = if height >= 16 { 5 } else { 4 };
    let lines = crate::page::lines(state, page, width.saturating_sub(2)).len();
    let most = lines.saturating_sub(height.saturating_sub(frame));
    if let Some(Overlay::Page(page)) = &mut state.overlay {
        page.scroll = page.scroll.saturating_add_signed(by).min(most);
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
        Pane::Services => {
            let keys: Vec<String> = state.service_entries().iter().map(Entry::key).collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            state.services.step(&keys, by);
        }
        Pane::Operation => state.operation.scroll(by),
    }
}
