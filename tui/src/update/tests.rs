//! Keys and news, and what comes of them.

use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use spark_ipc::model::event::{Changed, Event, Operations};
use spark_ipc::model::operation::{OperationEvent, OperationState};
use spark_ipc::version::{PROTOCOL, VersionInfo};

mod jobs;

use super::update;
use crate::effect::Effect;
use crate::exit::Exit;
use crate::fixture;
use crate::keymap::Mode;
use crate::msg::{LinkMsg, Msg};
use crate::state::link::Phase;
use crate::state::{Overlay, Pane, State};
use crate::trouble::Trouble;

fn live() -> State {
    let mut state = State::new("x", (80, 24), Instant::now());
    let snapshot = Event::Snapshot(Box::new(fixture::snapshot()));
    tell(&mut state, Msg::Event(Box::new(snapshot)));
    state
}

fn tell(state: &mut State, msg: Msg) -> Vec<Effect> {
    let now = state.now;
    update(state, now, msg)
}

/// Presses the keys one by one; what all of them came to. `<` names a key: `<Enter>`, `<Esc>`, `<C-c>`.
fn keys(state: &mut State, script: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in script.split(' ') {
        let (code, modifiers) = match key {
            "<Enter>" => (KeyCode::Enter, KeyModifiers::NONE),
            "<Esc>" => (KeyCode::Esc, KeyModifiers::NONE),
            "<Tab>" => (KeyCode::Tab, KeyModifiers::NONE),
            "<C-c>" => (KeyCode::Char('c'), KeyModifiers::CONTROL),
            "<C-z>" => (KeyCode::Char('z'), KeyModifiers::CONTROL),
            letter => (
                KeyCode::Char(letter.chars().next().unwrap()),
                KeyModifiers::NONE,
            ),
        };
        effects.extend(tell(state, Msg::Key(KeyEvent::new(code, modifiers))));
    }
    effects
}

fn checked(state: &mut State) {
    let preflight = fixture::preflight();
    let repo = preflight.plan.as_ref().unwrap().repo.clone();
    tell(
        state,
        Msg::Preflight {
            repo,
            answer: Ok(Box::new(preflight)),
        },
    );
}

fn lost() -> Msg {
    Msg::Link(LinkMsg::Lost(Trouble::new(
        Exit::Unreachable,
        "unreachable",
        "gone",
    )))
}

#[test]
fn a_swap_takes_two_different_keys_and_a_clean_preflight() {
    let mut state = live();
    let effects = keys(&mut state, "j <Enter>");
    assert!(matches!(&effects[..], [Effect::Preflight(p)] if p.repo.as_str() == "Qwen/Qwen3-0.6B"));
    assert!(
        keys(&mut state, "y").is_empty(),
        "the check is still under way"
    );
    checked(&mut state);
    let effects = keys(&mut state, "y");
    assert!(matches!(&effects[..], [Effect::Swap(s)] if s.repo.as_str() == "Qwen/Qwen3-0.6B"));
    assert_eq!(state.mode(), Mode::Browse);
}

#[test]
fn one_key_held_down_changes_nothing() {
    for script in [
        "<Enter> <Enter> <Enter> <Enter>",
        "S S S S",
        "S <Enter> S <Enter>",
        "3 c c c c",
        "y y y",
        "1 t t t",
    ] {
        let mut state = live();
        tell(
            &mut state,
            Msg::Started {
                what: "swap to",
                answer: Ok(Box::new(fixture::swap(OperationState::Running))),
            },
        );
        state.focus = Pane::Models;
        let effects = keys(&mut state, script);
        let acts = |e: &&Effect| !matches!(e, Effect::Preflight(_) | Effect::Follow { .. });
        assert_eq!(effects.iter().find(acts), None, "{script}");
    }
}

#[test]
fn a_dialog_begins_on_cancel() {
    let mut state = live();
    assert!(keys(&mut state, "S <Enter>").is_empty());
    assert_eq!(state.mode(), Mode::Browse);
    let effects = keys(&mut state, "S <Tab> <Enter>");
    assert!(
        matches!(&effects[..], [Effect::Stop(s)] if s.unit.as_ref().unwrap().as_str() == "main")
    );
    let effects = keys(&mut state, "S n S <Esc>");
    assert!(effects.is_empty());
}

#[test]
fn a_blocker_refuses_and_says_so() {
    let mut state = live();
    keys(&mut state, "j <Enter>");
    let mut preflight = fixture::preflight();
    preflight.blockers.append(&mut preflight.warnings);
    let repo = preflight.plan.as_ref().unwrap().repo.clone();
    tell(
        &mut state,
        Msg::Preflight {
            repo,
            answer: Ok(Box::new(preflight)),
        },
    );
    assert!(keys(&mut state, "y").is_empty());
    assert_eq!(state.mode(), Mode::Dialog, "the reason stays in view");
    assert!(
        state
            .messages
            .toast(state.now)
            .unwrap()
            .text
            .contains("stands in the way")
    );
}

#[test]
fn nothing_can_be_asked_of_a_daemon_that_is_gone() {
    for script in ["<Enter>", "S", "3 c", "1 t"] {
        let mut state = live();
        tell(&mut state, lost());
        assert!(keys(&mut state, script).is_empty(), "{script}");
        assert!(
            state
                .messages
                .toast(state.now)
                .unwrap()
                .text
                .contains("connection is lost")
        );
    }
    let mut state = live();
    keys(&mut state, "S");
    tell(&mut state, lost());
    assert!(
        keys(&mut state, "y").is_empty(),
        "lost while the question was open"
    );
}

#[test]
fn escape_goes_up_and_never_out() {
    let mut state = live();
    keys(&mut state, "z / x ? <Esc> ? <Esc> <Esc> <Esc> <Esc>");
    assert!(!state.quit && !state.zoom && state.filter.is_empty());
    keys(&mut state, "? q");
    assert!(!state.quit, "q closes the help first");
    keys(&mut state, "q");
    assert!(state.quit);
}

#[test]
fn ctrl_c_quits_and_ctrl_z_suspends_from_anywhere() {
    for script in ["1", "/", "?", "!", "S"] {
        let mut state = live();
        keys(&mut state, script);
        assert_eq!(keys(&mut state, "<C-z>"), [Effect::Suspend]);
        keys(&mut state, "<C-c>");
        assert!(state.quit, "{script}");
    }
}

#[test]
fn the_filter_takes_letters_and_pastes_but_a_paste_never_acts() {
    let mut state = live();
    keys(&mut state, "/ 0 .");
    tell(&mut state, Msg::Paste("6b\n\u{1b}[31m".into()));
    assert_eq!(state.filter, "0.6b ");
    let shown: Vec<&str> = state
        .shown_models()
        .iter()
        .map(|m| m.repo.as_str())
        .collect();
    assert_eq!(shown, ["Qwen/Qwen3-0.6B"]);
    let mut state = live();
    keys(&mut state, "S");
    assert!(tell(&mut state, Msg::Paste("y".into())).is_empty());
    assert_eq!(state.mode(), Mode::Dialog);
}

#[test]
fn panes_are_reached_by_number_and_by_tab() {
    let mut state = live();
    for (script, pane) in [
        ("1", Pane::Nodes),
        ("3", Pane::Operation),
        ("<Tab>", Pane::Alerts),
        ("<Tab>", Pane::Services),
        ("<Tab>", Pane::Nodes),
    ] {
        keys(&mut state, script);
        assert_eq!(state.focus, pane);
    }
}

#[test]
fn a_started_swap_is_followed_and_told_at_its_end() {
    let mut state = live();
    let operation = fixture::swap(OperationState::Running);
    let id = operation.id.clone();
    let effects = tell(
        &mut state,
        Msg::Started {
            what: "swap to",
            answer: Ok(Box::new(operation)),
        },
    );
    assert_eq!(
        effects,
        [Effect::Follow {
            id: id.clone(),
            after: None
        }]
    );
    assert_eq!(state.focus, Pane::Operation);
    keys(&mut state, "c");
    assert!(matches!(state.overlay, Some(Overlay::Dialog(_))));
    let event = OperationEvent::Operation {
        operation: Box::new(fixture::swap(OperationState::Succeeded)),
    };
    tell(
        &mut state,
        Msg::Operation {
            id,
            sequence: Some(9),
            event,
        },
    );
    assert_eq!(state.overlay, None, "there is nothing left to cancel");
    assert!(
        state
            .messages
            .toast(state.now)
            .unwrap()
            .text
            .contains("in 94 s")
    );
}

#[test]
fn an_operation_begun_elsewhere_is_followed() {
    let mut state = live();
    let operations = vec![fixture::swap(OperationState::Running)];
    let event = || {
        let section = Operations {
            operations: operations.clone(),
        };
        Msg::Event(Box::new(Event::Operations(Changed {
            now: fixture::now(),
            section,
        })))
    };
    assert!(matches!(
        &tell(&mut state, event())[..],
        [Effect::Follow { after: None, .. }]
    ));
    assert!(tell(&mut state, event()).is_empty(), "once is enough");
}

#[test]
fn after_a_reconnection_the_news_go_on_where_they_stopped() {
    let mut state = live();
    let operation = fixture::swap(OperationState::Running);
    let id = operation.id.clone();
    tell(
        &mut state,
        Msg::Started {
            what: "swap to",
            answer: Ok(Box::new(operation.clone())),
        },
    );
    let event = OperationEvent::Lagged { missed: 0 };
    tell(
        &mut state,
        Msg::Operation {
            id: id.clone(),
            sequence: Some(41),
            event,
        },
    );
    tell(&mut state, lost());
    let mut snapshot = fixture::snapshot();
    snapshot.status.operations.push(operation);
    let effects = tell(
        &mut state,
        Msg::Event(Box::new(Event::Snapshot(Box::new(snapshot)))),
    );
    assert_eq!(
        effects,
        [Effect::Follow {
            id,
            after: Some(41)
        }]
    );
    assert_eq!(state.link.phase, Phase::Live);
}

#[test]
fn another_protocol_is_a_screen_of_its_own_until_it_changes() {
    let mut state = live();
    let version = VersionInfo {
        protocol: PROTOCOL + 1,
        version: "9.0.0".into(),
        instance: "i".into(),
        started_at: fixture::now(),
        demo: false,
        listens: None,
    };
    keys(&mut state, "S");
    tell(&mut state, Msg::Link(LinkMsg::Hello(Box::new(version))));
    assert!(matches!(state.link.phase, Phase::Mismatch { theirs, .. } if theirs == PROTOCOL + 1));
    assert!(keys(&mut state, "y S <Enter>").is_empty());
    let snapshot = Event::Snapshot(Box::new(fixture::snapshot()));
    tell(&mut state, Msg::Event(Box::new(snapshot)));
    assert_eq!(state.link.phase, Phase::Live);
}

#[test]
fn time_passes_by_messages_alone() {
    let mut state = live();
    let later = state.now + Duration::from_secs(30);
    update(&mut state, later, Msg::Tick);
    assert_eq!(state.daemon_now(), Some(fixture::now().plus_seconds(30)));
}

#[test]
fn a_dangerous_flag_is_allowed_by_name_one_press_each() {
    let mut state = live();
    keys(&mut state, "j <Enter>");
    let mut found = fixture::preflight();
    let name = "--trust-remote-code".to_owned();
    found.confirm = vec![spark_ipc::model::preflight::Confirmation {
        name: name.clone(),
        why: "code of the repository runs".to_owned(),
    }];
    found.blockers = vec![spark_ipc::model::preflight::Finding {
        code: "needs_yes".to_owned(),
        node: None,
        message: "a flag needs a yes".to_owned(),
        fix: None,
    }];
    let repo: spark_ipc::id::RepoId = "Qwen/Qwen3-0.6B".parse().unwrap();
    let answer = |preflight| Msg::Preflight {
        repo: "Qwen/Qwen3-0.6B".parse().unwrap(),
        answer: Ok(Box::new(preflight)),
    };
    tell(&mut state, answer(found));
    assert!(keys(&mut state, "y").is_empty(), "not without the yes");
    let looked = keys(&mut state, "a");
    assert!(
        matches!(&looked[..], [Effect::Preflight(r)] if r.allow == [name.clone()]),
        "{looked:?}"
    );
    tell(&mut state, answer(fixture::preflight()));
    let swapped = keys(&mut state, "y");
    assert!(
        matches!(&swapped[..], [Effect::Swap(r)] if r.repo == repo && r.allow == [name]),
        "{swapped:?}"
    );
}
