//! The table of the keys. What stands first is shown first in the footer and in the help.

use crossterm::event::KeyCode;

use super::Mode::{Browse, Dialog, Filter, Help, Messages, Page, Prompt};
use super::{Action, Binding, any, code, ctrl, key, on};
use crate::state::Pane;

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
        &[key('i')],
        Action::Details,
        "this model on each node, and what uses it",
    )
    .in_pane(Pane::Models)
    .foot("info"),
    on(
        Browse,
        &[key('d')],
        Action::Download,
        "download a model: type its repository (looks first)",
    )
    .in_pane(Pane::Models)
    .foot("download…"),
    on(
        Browse,
        &[key('c')],
        Action::Copy,
        "copy this model to another node (looks first)",
    )
    .in_pane(Pane::Models)
    .foot("copy…"),
    on(
        Browse,
        &[key('x')],
        Action::Delete,
        "delete this model from the disks (looks first)",
    )
    .in_pane(Pane::Models)
    .foot("delete…"),
    on(
        Browse,
        &[key('e')],
        Action::SetUp,
        "set up a model that has no recipe: what is inferred, and why",
    )
    .in_pane(Pane::Models)
    .foot("set up…"),
    on(
        Browse,
        &[key('v')],
        Action::Verify,
        "compare every byte of this model with its checksums (asks first)",
    )
    .in_pane(Pane::Models),
    on(
        Browse,
        &[key('s')],
        Action::ServiceStart,
        "start this service (asks first)",
    )
    .in_pane(Pane::Services)
    .foot("start…"),
    on(
        Browse,
        &[key('x')],
        Action::ServiceStop,
        "stop this service (asks first)",
    )
    .in_pane(Pane::Services)
    .foot("stop it…"),
    on(
        Browse,
        &[key('r')],
        Action::ServiceRestart,
        "restart this service (asks first)",
    )
    .in_pane(Pane::Services)
    .foot("restart…"),
    on(
        Browse,
        &[key('l'), code(KeyCode::Enter)],
        Action::Logs,
        "the log of this service",
    )
    .in_pane(Pane::Services)
    .foot("log"),
    on(
        Browse,
        &[key('a')],
        Action::Adopt,
        "take over a unit that somebody else started, or let it go (asks first)",
    )
    .in_pane(Pane::Services)
    .foot("adopt…"),
    on(
        Browse,
        &[key('n')],
        Action::NextOperation,
        "follow the next operation that runs",
    )
    .in_pane(Pane::Operation)
    .foot("next"),
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
    on(
        Browse,
        &[key('h')],
        Action::Health,
        "whether everything gives right answers; uptime; what changed when",
    )
    .foot("health"),
    on(
        Browse,
        &[key('D')],
        Action::Doctor,
        "examine the fabric between the Sparks",
    )
    .foot("doctor"),
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
    on(
        Browse,
        &[key('5')],
        Action::Focus(Pane::Services),
        "the services and the units",
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
    ),
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
    on(Page, &[code(KeyCode::Esc), key('q')], Action::Back, "close").foot("close"),
    on(Page, &[key('r')], Action::Reload, "read it again").foot("again"),
    on(
        Page,
        &[key('p')],
        Action::Probe,
        "health: ask everything for a real answer now",
    )
    .in_pane(Pane::Alerts)
    .foot("probe now"),
    on(Page, DOWN, Action::Down, "scroll down").foot("scroll"),
    on(Page, UP, Action::Up, "scroll up"),
    on(Page, PAGE_DOWN, Action::PageDown, "a page down"),
    on(Page, PAGE_UP, Action::PageUp, "a page up"),
    on(
        Page,
        &[key('g'), code(KeyCode::Home)],
        Action::Top,
        "to the first line",
    ),
    on(
        Page,
        &[key('G'), code(KeyCode::End)],
        Action::Bottom,
        "to the last line",
    ),
    on(Page, &[key('?')], Action::Help, "the help").foot("help"),
    on(
        Prompt,
        &[code(KeyCode::Enter)],
        Action::Accept,
        "look at what it would do",
    )
    .foot("look"),
    on(Prompt, &[code(KeyCode::Esc)], Action::Back, "leave it").foot("leave it"),
    on(
        Prompt,
        &[code(KeyCode::Backspace)],
        Action::Erase,
        "erase a letter",
    ),
    on(Prompt, &[ctrl('u')], Action::Clear, "erase all").foot("erase all"),
    any(&[ctrl('c')], Action::Quit, "quit at once, from anywhere"),
    any(
        &[ctrl('z')],
        Action::Suspend,
        "to the shell; `fg` comes back",
    ),
];
