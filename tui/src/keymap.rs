//! Which key does what: one table, from which keys are dispatched and the help and the footer are made.

mod table;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::state::Pane;

/// Which keys apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The panes.
    Browse,
    /// Typing the filter.
    Filter,
    /// A question.
    Dialog,
    Help,
    Messages,
    /// One subject in full.
    Page,
    /// Typing a line.
    Prompt,
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Quit,
    Suspend,
    Help,
    Messages,
    NextPane,
    PreviousPane,
    Focus(Pane),
    Down,
    Up,
    PageDown,
    PageUp,
    Top,
    Bottom,
    Zoom,
    Filter,
    /// One level up: closes what is open, clears the filter; never quits.
    Back,
    /// Preview a swap to the model under the cursor.
    Open,
    Stop,
    Cancel,
    Trust,
    /// Keep the filter and go back to the list.
    Accept,
    Erase,
    Clear,
    /// A letter of the filter.
    Type(char),
    Agree,
    /// Say yes to the next dangerous flag of a swap.
    Allow,
    Refuse,
    SwitchButton,
    /// Press the button that has the focus.
    Press,
    /// The model under the cursor in full.
    Details,
    Download,
    Copy,
    Delete,
    Verify,
    SetUp,
    ServiceStart,
    ServiceStop,
    ServiceRestart,
    /// The log of the service under the cursor.
    Logs,
    /// Take over a unit that somebody else started, or let it go.
    Adopt,
    Health,
    /// Ask everything for a real answer now.
    Probe,
    Doctor,
    /// Read the page again.
    Reload,
    /// Follow the next operation that runs.
    NextOperation,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// `None`: in every mode.
    pub mode: Option<Mode>,
    /// `None`: in every pane.
    pub pane: Option<Pane>,
    pub keys: &'static [(KeyCode, bool)],
    pub action: Action,
    /// A sentence for the help.
    pub help: &'static str,
    /// A word for the footer, for the keys that belong there.
    pub footer: Option<&'static str>,
}

const fn key(c: char) -> (KeyCode, bool) {
    (KeyCode::Char(c), false)
}

const fn ctrl(c: char) -> (KeyCode, bool) {
    (KeyCode::Char(c), true)
}

const fn code(code: KeyCode) -> (KeyCode, bool) {
    (code, false)
}

const fn any(keys: &'static [(KeyCode, bool)], action: Action, help: &'static str) -> Binding {
    Binding {
        mode: None,
        pane: None,
        keys,
        action,
        help,
        footer: None,
    }
}

const fn on(
    mode: Mode,
    keys: &'static [(KeyCode, bool)],
    action: Action,
    help: &'static str,
) -> Binding {
    Binding {
        mode: Some(mode),
        pane: None,
        keys,
        action,
        help,
        footer: None,
    }
}

impl Binding {
    const fn foot(mut self, word: &'static str) -> Self {
        self.footer = Some(word);
        self
    }

    const fn in_pane(mut self, pane: Pane) -> Self {
        self.pane = Some(pane);
        self
    }

    fn applies(&self, mode: Mode, pane: Pane) -> bool {
        self.mode.is_none_or(|m| m == mode) && self.pane.is_none_or(|p| p == pane)
    }

    /// Its keys in words: `j, Down`.
    pub fn keys_text(&self) -> String {
        let names: Vec<String> = self.keys.iter().map(|k| name(*k)).collect();
        names.join(", ")
    }
}

pub use table::BINDINGS;

/// What `event` asks for in `mode` with the focus on `pane`.
pub fn action(mode: Mode, pane: Pane, event: KeyEvent) -> Option<Action> {
    if event
        .modifiers
        .intersects(KeyModifiers::ALT | KeyModifiers::SUPER)
    {
        return None;
    }
    let pressed = (event.code, event.modifiers.contains(KeyModifiers::CONTROL));
    let bound = BINDINGS
        .iter()
        .find(|b| b.applies(mode, pane) && b.keys.contains(&pressed));
    match (bound, mode, pressed) {
        (Some(binding), _, _) => Some(binding.action),
        (None, Mode::Filter | Mode::Prompt, (KeyCode::Char(c), false)) => Some(Action::Type(c)),
        _ => None,
    }
}

impl Action {
    /// Whether it asks the daemon to change something.
    pub fn needs_daemon(self) -> bool {
        matches!(
            self,
            Self::Open
                | Self::Stop
                | Self::Cancel
                | Self::Trust
                | Self::Agree
                | Self::Allow
                | Self::Details
                | Self::Download
                | Self::Copy
                | Self::Delete
                | Self::Verify
                | Self::SetUp
                | Self::ServiceStart
                | Self::ServiceStop
                | Self::ServiceRestart
                | Self::Logs
                | Self::Adopt
                | Self::Health
                | Self::Probe
                | Self::Doctor
                | Self::Reload
        )
    }
}

/// The footer's keys and words, the most important first; without the daemon (`live`), only those that
/// do something without it.
pub fn footer(mode: Mode, pane: Pane, live: bool) -> Vec<(String, &'static str)> {
    BINDINGS
        .iter()
        .filter(|b| b.applies(mode, pane) && (live || !b.action.needs_daemon()))
        .filter_map(|b| Some((name(*b.keys.first()?), b.footer?)))
        .collect()
}

/// The title of a mode in the help.
pub fn title(mode: Option<Mode>) -> &'static str {
    match mode {
        None => "Anywhere",
        Some(Mode::Browse) => "In the panes",
        Some(Mode::Filter) => "While filtering",
        Some(Mode::Dialog) => "In a question",
        Some(Mode::Help) => "In this help",
        Some(Mode::Messages) => "In the messages",
        Some(Mode::Page) => "In a page (model, log, health, doctor)",
        Some(Mode::Prompt) => "While typing a line",
    }
}

/// The name of a key.
fn name((code, ctrl): (KeyCode, bool)) -> String {
    let name = match code {
        KeyCode::Char(c) => c.to_string(),
        KeyCode::BackTab => "Shift-Tab".to_owned(),
        KeyCode::PageDown => "PgDn".to_owned(),
        KeyCode::PageUp => "PgUp".to_owned(),
        other => other.to_string(),
    };
    if ctrl { format!("Ctrl-{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [Mode; 7] = [
        Mode::Browse,
        Mode::Filter,
        Mode::Dialog,
        Mode::Help,
        Mode::Messages,
        Mode::Page,
        Mode::Prompt,
    ];

    #[test]
    fn every_binding_has_keys_and_help() {
        for binding in BINDINGS {
            assert!(!binding.keys.is_empty(), "{binding:?}");
            assert!(!binding.help.is_empty(), "{binding:?}");
        }
    }

    #[test]
    fn no_key_means_two_things() {
        for mode in MODES {
            for pane in Pane::ALL {
                let mut seen = Vec::new();
                for binding in BINDINGS.iter().filter(|b| b.applies(mode, pane)) {
                    for key in binding.keys {
                        assert!(!seen.contains(key), "{key:?} twice in {mode:?}, {pane:?}");
                        seen.push(*key);
                    }
                }
            }
        }
    }

    #[test]
    fn every_mode_has_a_way_out_and_none_quits_by_escape() {
        let escape = KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        for mode in MODES {
            let up = action(mode, Pane::Nodes, escape);
            assert!(
                matches!(up, Some(Action::Back | Action::Refuse)),
                "{mode:?}"
            );
            assert_eq!(action(mode, Pane::Nodes, interrupt), Some(Action::Quit));
            assert!(!footer(mode, Pane::Nodes, true).is_empty());
        }
    }

    #[test]
    fn keys_that_act_are_not_keys_that_move() {
        let moves = ['j', 'k', 'g', 'G', 'q', '/', 'z'];
        for binding in BINDINGS {
            if matches!(
                binding.action,
                Action::Stop | Action::Cancel | Action::Trust | Action::Agree
            ) {
                assert!(
                    binding
                        .keys
                        .iter()
                        .all(|k| moves.iter().all(|m| *k != key(*m)))
                );
            }
        }
    }
}
