//! Which key does what: one table, from which keys are dispatched and the help and the footer are made.

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

use Mode::{Browse, Dialog, Filter, Help, Messages};

const DOWN: &[(KeyCode, bool)] = &[key('j'), code(KeyCode::Down)];
const UP: &[(KeyCode, bool)] = &[key('k'), code(KeyCode::Up)];
const PAGE_DOWN: &[(KeyCode, bool)] = &[code(KeyCode::PageDown), ctrl('d')];
const PAGE_UP: &[(KeyCode, bool)] = &[code(KeyCode::PageUp), ctrl('u')];

/// Every key.
pub const BINDINGS: &[Binding] = &[
    on(
        Browse,
        &[key('?'), code(KeyCode::F(1))],
        Action::Help,
        "this help",
    )
    .foot("help"),
    on(
        Browse,
        &[code(KeyCode::Enter)],
        Action::Open,
        "look at a swap to this model; starts nothing",
    )
    .in_pane(Pane::Models)
    .foot("swap…"),
    on(
        Browse,
        &[key('/')],
        Action::Filter,
        "list only the models that have these words",
    )
    .foot("filter"),
    on(
        Browse,
        &[key('S')],
        Action::Stop,
        "stop what runs (asks first)",
    )
    .foot("stop…"),
    on(
        Browse,
        &[key('c')],
        Action::Cancel,
        "cancel the running operation (asks first)",
    )
    .in_pane(Pane::Operation)
    .foot("cancel…"),
    on(
        Browse,
        &[key('t')],
        Action::Trust,
        "accept this node's host key (asks first)",
    )
    .in_pane(Pane::Nodes)
    .foot("trust key…"),
    on(Browse, &[code(KeyCode::Tab)], Action::NextPane, "next pane").foot("pane"),
    on(
        Browse,
        &[code(KeyCode::BackTab)],
        Action::PreviousPane,
        "previous pane",
    ),
    on(Browse, &[key('1')], Action::Focus(Pane::Nodes), "the nodes"),
    on(
        Browse,
        &[key('2')],
        Action::Focus(Pane::Models),
        "the models",
    ),
    on(
        Browse,
        &[key('3')],
        Action::Focus(Pane::Operation),
        "the operation and its log",
    ),
    on(
        Browse,
        &[key('4')],
        Action::Focus(Pane::Alerts),
        "the alerts",
    ),
    on(Browse, DOWN, Action::Down, "down; in the log: newer"),
    on(
        Browse,
        UP,
        Action::Up,
        "up; in the log: older, and it stops following",
    ),
    on(Browse, PAGE_DOWN, Action::PageDown, "a page down"),
    on(Browse, PAGE_UP, Action::PageUp, "a page up"),
    on(
        Browse,
        &[key('g'), code(KeyCode::Home)],
        Action::Top,
        "to the first",
    ),
    on(
        Browse,
        &[key('G'), code(KeyCode::End)],
        Action::Bottom,
        "to the last; the log follows again",
    ),
    on(
        Browse,
        &[key('z')],
        Action::Zoom,
        "give this pane the whole screen, or give it back",
    )
    .foot("zoom"),
    on(
        Browse,
        &[key('!')],
        Action::Messages,
        "what was said so far",
    )
    .foot("messages"),
    on(
        Browse,
        &[code(KeyCode::Esc)],
        Action::Back,
        "undo the zoom, clear the filter",
    ),
    on(
        Browse,
        &[key('q')],
        Action::Quit,
        "quit; what the daemon does goes on",
    )
    .foot("quit"),
    on(
        Filter,
        &[code(KeyCode::Enter)],
        Action::Accept,
        "keep the filter",
    )
    .foot("keep"),
    on(
        Filter,
        &[code(KeyCode::Esc)],
        Action::Back,
        "drop the filter",
    )
    .foot("drop"),
    on(
        Filter,
        &[code(KeyCode::Backspace)],
        Action::Erase,
        "erase a letter",
    ),
    on(Filter, &[ctrl('u')], Action::Clear, "erase all"),
    on(
        Filter,
        &[code(KeyCode::Down)],
        Action::Down,
        "down in the list",
    ),
    on(Filter, &[code(KeyCode::Up)], Action::Up, "up in the list"),
    on(Dialog, &[key('y')], Action::Agree, "do it").foot("do it"),
    on(
        Dialog,
        &[key('n'), code(KeyCode::Esc)],
        Action::Refuse,
        "do nothing",
    )
    .foot("do nothing"),
    on(
        Dialog,
        &[key('a')],
        Action::Allow,
        "allow the next flag that needs a yes by name",
    )
    .foot("allow a flag"),
    on(
        Dialog,
        &[code(KeyCode::Enter)],
        Action::Press,
        "press the marked button (Cancel at first)",
    )
    .foot("press"),
    on(
        Dialog,
        &[
            code(KeyCode::Tab),
            code(KeyCode::BackTab),
            code(KeyCode::Left),
            code(KeyCode::Right),
        ],
        Action::SwitchButton,
        "mark the other button",
    ),
    on(Dialog, DOWN, Action::Down, "scroll down"),
    on(Dialog, UP, Action::Up, "scroll up"),
    on(
        Help,
        &[code(KeyCode::Esc), key('q'), key('?')],
        Action::Back,
        "close",
    )
    .foot("close"),
    on(Help, DOWN, Action::Down, "scroll down").foot("scroll"),
    on(Help, UP, Action::Up, "scroll up"),
    on(Help, PAGE_DOWN, Action::PageDown, "a page down"),
    on(Help, PAGE_UP, Action::PageUp, "a page up"),
    on(
        Messages,
        &[code(KeyCode::Esc), key('q'), key('!')],
        Action::Back,
        "close",
    )
    .foot("close"),
    on(Messages, DOWN, Action::Down, "scroll down").foot("scroll"),
    on(Messages, UP, Action::Up, "scroll up"),
    on(Messages, &[key('?')], Action::Help, "the help").foot("help"),
    any(&[ctrl('c')], Action::Quit, "quit at once, from anywhere"),
    any(
        &[ctrl('z')],
        Action::Suspend,
        "to the shell; `fg` comes back",
    ),
];

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
        (None, Filter, (KeyCode::Char(c), false)) => Some(Action::Type(c)),
        _ => None,
    }
}

impl Action {
    /// Whether it asks the daemon to change something.
    pub fn needs_daemon(self) -> bool {
        matches!(
            self,
            Self::Open | Self::Stop | Self::Cancel | Self::Trust | Self::Agree
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
        Some(Browse) => "In the panes",
        Some(Filter) => "While filtering",
        Some(Dialog) => "In a question",
        Some(Help) => "In this help",
        Some(Messages) => "In the messages",
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

    const MODES: [Mode; 5] = [Browse, Filter, Dialog, Help, Messages];

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
