//! What the screen shows, and that it shows something at every size.

use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use spark_ipc::model::event::Event;
use spark_ipc::model::operation::{LogLine, Operation, OperationEvent, OperationState};

use super::{Theme, draw, gate, view};
use crate::exit::Exit;
use crate::fixture;
use crate::msg::{LinkMsg, Msg};
use crate::state::dialog::{Dialog, Question};
use crate::state::page::{Content, Page, Topic};
use crate::state::prompt::{Ask, Prompt};
use crate::state::{Overlay, Pane, State};
use crate::trouble::Trouble;
use crate::update::update;

const PLAIN: (bool, bool) = (false, false);

/// A live client that shows the fixture.
fn live(width: u16, height: u16) -> State {
    let start = Instant::now();
    let mut state = State::new("/run/spark-control/control.sock", (width, height), start);
    let snapshot = Event::Snapshot(Box::new(fixture::snapshot()));
    update(&mut state, start, Msg::Event(Box::new(snapshot)));
    state
}

fn with_operation(mut state: State, operation: Operation) -> State {
    let id = operation.id.clone();
    let now = state.now;
    update(
        &mut state,
        now,
        Msg::Started {
            what: "swap to",
            answer: Ok(Box::new(operation)),
        },
    );
    for seq in 100..130_u64 {
        let line = LogLine {
            seq,
            node: Some("spark1".parse().unwrap()),
            rank: Some(0),
            at: None,
            text: format!(
                "(EngineCore) Loading safetensors checkpoint shards: {} %",
                seq - 90
            ),
        };
        let event = OperationEvent::Log { line };
        update(
            &mut state,
            now,
            Msg::Operation {
                id: id.clone(),
                sequence: Some(seq),
                event,
            },
        );
    }
    state.messages.dismiss();
    state
}

fn screen(state: &State, (color, ascii): (bool, bool)) -> String {
    let backend = TestBackend::new(state.size.0, state.size.1);
    let mut terminal = Terminal::new(backend).unwrap();
    let theme = Theme::new(color, ascii);
    terminal.draw(|frame| view(state, theme, frame)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn all_is_shown_at_every_agreed_size() {
    for (width, height) in [(120, 40), (80, 24), (40, 12)] {
        let state = with_operation(live(width, height), fixture::swap(OperationState::Running));
        insta::assert_snapshot!(format!("swapping_{width}x{height}"), screen(&state, PLAIN));
        let state = live(width, height);
        insta::assert_snapshot!(format!("idle_{width}x{height}"), screen(&state, PLAIN));
    }
}

#[test]
fn a_failure_is_explained() {
    let mut operation = fixture::swap(OperationState::Failed);
    operation.advice = Some(fixture::advice());
    let state = with_operation(live(80, 24), operation);
    insta::assert_snapshot!(screen(&state, PLAIN));
}

#[test]
fn ascii_alone_is_enough() {
    let text = screen(&live(80, 24), (false, true));
    assert!(text.is_ascii(), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_question_shows_what_would_happen_and_its_keys() {
    let mut state = live(80, 24);
    let preflight = Some(Ok(Box::new(fixture::preflight())));
    let repo = "Qwen/Qwen3-0.6B".parse().unwrap();
    let dialog = Dialog::new(Question::Swap {
        repo,
        allow: Vec::new(),
        preflight,
    });
    state.overlay = Some(Overlay::Dialog(Box::new(dialog)));
    insta::assert_snapshot!(screen(&state, PLAIN));
}

#[test]
fn services_and_units_are_listed_with_their_deep_health() {
    let mut state = live(80, 24);
    let world = state.world.as_mut().unwrap();
    let unit = &mut world.snapshot.status.units[0];
    unit.owner = "somebody".to_owned();
    unit.deep = serde_json::from_value(serde_json::json!({
        "state": "failed", "level": "inference", "at": "2026-11-23T11:59:30Z", "latency_ms": 900.0,
        "error": "it answers garbage"
    }))
    .unwrap();
    state.focus = Pane::Services;
    insta::assert_snapshot!(screen(&state, PLAIN));
}

#[test]
fn a_page_tells_the_age_of_what_it_says() {
    let mut state = live(80, 24);
    let report = serde_json::json!({
        "started_at": "2026-11-23T12:00:00Z", "ended_at": "2026-11-23T12:00:01Z", "passed": false,
        "checks": [{"name": "mtu", "node": "spark1", "peer": null, "state": "failed", "detail": "1500 bytes",
                    "fix": "sudo ip link set dev enp1s0f1np1 mtu 9000", "duration_ms": 0.0}],
    });
    let mut page = Page::new(Topic::Doctor);
    let report = serde_json::from_value(report).unwrap();
    page.content = Some(Ok(Content::Doctor(report)));
    page.read_at = Some(state.now);
    state.now += Duration::from_secs(40);
    state.overlay = Some(Overlay::Page(Box::new(page)));
    let text = screen(&state, PLAIN);
    for part in [
        "Doctor: the fabric, read 40 s ago",
        "1500 bytes",
        "fix: sudo ip link",
        "r again",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn the_help_lists_the_keys() {
    let mut state = live(120, 60);
    state.overlay = Some(Overlay::Help(0));
    insta::assert_snapshot!(screen(&state, PLAIN));
}

#[test]
fn a_lost_connection_is_told_with_the_age_of_the_data() {
    let mut state = live(80, 24);
    let later = state.now + Duration::from_secs(14);
    let trouble = Trouble::new(
        Exit::Unreachable,
        "unreachable",
        "the daemon closed the stream",
    );
    update(&mut state, later, Msg::Link(LinkMsg::Lost(trouble)));
    let text = screen(&state, PLAIN);
    assert!(text.contains("reconnecting… last data 14 s ago"), "{text}");
    assert!(text.contains("read only: the connecti"), "{text}");
    assert!(text.contains("fresh 16 s ago"), "ages go on: {text}");
}

#[test]
fn before_the_first_data_the_way_to_it_is_told() {
    let mut state = State::new("/run/x.sock", (80, 24), Instant::now());
    let trouble = Trouble::new(Exit::Unreachable, "unreachable", "no daemon at /run/x.sock")
        .hint("start it with `spark-controld serve`");
    let now = state.now;
    update(&mut state, now, Msg::Link(LinkMsg::Lost(trouble)));
    let text = screen(&state, PLAIN);
    for part in [
        "connecting",
        "no daemon at /run/x.sock",
        "spark-controld serve",
        "? help",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn the_help_key_is_named_on_every_screen() {
    for (width, height) in [(40, 12), (60, 20), (80, 24), (120, 40)] {
        for pane in Pane::ALL {
            let mut state = live(width, height);
            state.focus = pane;
            assert!(
                screen(&state, PLAIN).contains("? help"),
                "{width}x{height} {pane:?}"
            );
        }
    }
}

#[test]
fn nothing_hostile_leaves_for_the_terminal() {
    let mut state = live(80, 24);
    let world = state.world.as_mut().unwrap();
    world.snapshot.status.nodes[0].name = "a\u{202e}b\u{1b}[2J\u{9b}c\u{200b}".into();
    let text = screen(&state, PLAIN);
    let hostile = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
    };
    assert_eq!(text.chars().find(hostile), None, "{text}");
}

#[test]
fn every_size_and_state_is_drawn_without_a_panic() {
    let running = with_operation(live(1, 1), fixture::swap(OperationState::Running));
    let mut asking = live(1, 1);
    let preflight = Some(Ok(Box::new(fixture::preflight())));
    let repo = "Qwen/Qwen3-0.6B".parse().unwrap();
    asking.overlay = Some(Overlay::Dialog(Box::new(Dialog::new(Question::Swap {
        repo,
        allow: Vec::new(),
        preflight,
    }))));
    let mut helping = live(1, 1);
    helping.overlay = Some(Overlay::Help(3));
    let mut reading = live(1, 1);
    reading.overlay = Some(Overlay::Page(Box::new(Page::new(Topic::Doctor))));
    let mut typing = live(1, 1);
    let prompt = Prompt::new(Ask::Download, "word ".repeat(30));
    typing.overlay = Some(Overlay::Prompt(prompt));
    let mut told = live(1, 1);
    told.messages
        .say(told.now, crate::paint::Tone::Bad, "word ".repeat(60));
    let theme = Theme::new(true, false);
    for width in 1..=130 {
        for height in 1..=45 {
            let states = [&running, &asking, &helping, &told, &reading, &typing];
            let state = states[usize::from(width + height) % states.len()];
            let mut state = state.clone();
            state.size = (width, height);
            state.focus = Pane::ALL[usize::from(width / 4 + height) % Pane::ALL.len()];
            let area = Rect::new(0, 0, width, height);
            let mut buffer = Buffer::empty(area);
            draw(&state, theme, area, &mut buffer);
            gate(&mut buffer, theme);
            let drawn = buffer.content.iter().any(|c| c.symbol() != " ");
            assert!(drawn, "{width}x{height} is blank");
        }
    }
}
