//! Which changes of the world become events.

use serde_json::json;

use super::*;
use crate::plan::tests::world;

const NOW: &str = "2026-11-23T12:00:00Z";

fn at() -> Time {
    Time(NOW.parse().unwrap())
}

fn seen() -> Seen {
    Seen {
        since: Some(at()),
        ..Seen::default()
    }
}

fn node(freshness: Freshness) -> Arc<Vec<Node>> {
    Arc::new(vec![Node {
        freshness,
        ..world::node(1)
    }])
}

fn swap(state: OperationState, started: &str) -> Arc<Vec<Operation>> {
    let ended = state.is_final().then_some(started);
    let value = json!({
        "id": "01935a7c-0000-7000-8000-000000000001", "kind": "swap", "subject": "Qwen/Qwen3-8B",
        "state": serde_json::to_value(state).unwrap(), "nodes": ["spark1"], "steps": [],
        "progress": {"unit": ""}, "actor": "test", "started_at": started, "ended_at": ended,
        "cancelling": false, "seq": 1, "error": "it broke", "last_good": "Qwen/Qwen3-4B"
    });
    Arc::new(vec![serde_json::from_value(value).unwrap()])
}

fn alert() -> Arc<Vec<Alert>> {
    let value = json!({
        "id": "spark1/disk", "node": "spark1", "kind": "disk", "severity": "warning",
        "title": "Disk nearly full", "text": "/ is 92 % full", "since": NOW
    });
    Arc::new(vec![serde_json::from_value(value).unwrap()])
}

/// The names of the events from one state of the world to the next, over all of them.
fn story(states: Vec<Seen>) -> Vec<&'static str> {
    let mut before = seen();
    let mut names = Vec::new();
    for mut now in states {
        let events = between(&before, &mut now, at(), || "id".to_owned());
        names.extend(events.iter().map(|e| e.event.as_str()));
        before = now;
    }
    names
}

#[test]
fn a_node_goes_down_once_and_comes_back_once() {
    let states = [
        Freshness::Fresh,
        Freshness::Stale,
        Freshness::Unreachable,
        Freshness::Unreachable,
        Freshness::Stale,
        Freshness::Fresh,
    ];
    let states = states.map(|f| Seen {
        nodes: node(f),
        ..seen()
    });
    assert_eq!(story(states.into()), ["node.down", "node.up"]);
}

#[test]
fn a_node_that_was_never_seen_is_no_news() {
    let states = [
        Freshness::Unknown,
        Freshness::Unreachable,
        Freshness::Unreachable,
    ];
    let states = states.map(|f| Seen {
        nodes: node(f),
        ..seen()
    });
    assert!(story(states.into()).is_empty());
}

#[test]
fn every_end_of_a_swap_has_its_event() {
    let ends = [
        (OperationState::Succeeded, "swap.done"),
        (OperationState::Failed, "swap.failed"),
        (OperationState::RolledBack, "swap.failed"),
        (OperationState::Cancelled, "swap.failed"),
        (OperationState::Interrupted, "swap.failed"),
    ];
    for (end, event) in ends {
        let states = [OperationState::Running, OperationState::Running, end, end];
        let states = states.map(|state| Seen {
            operations: swap(state, NOW),
            ..seen()
        });
        assert_eq!(story(states.into()), ["swap.started", event]);
    }
}

#[test]
fn history_is_no_news_but_the_end_of_what_was_left_open_is() {
    let ended = Seen {
        operations: swap(OperationState::Failed, "2026-11-23T11:00:00Z"),
        ..seen()
    };
    assert!(story(vec![ended]).is_empty());
    let open = Seen {
        operations: swap(OperationState::Running, "2026-11-23T11:00:00Z"),
        ..seen()
    };
    let mut done = Vec::clone(&swap(OperationState::Succeeded, "2026-11-23T11:00:00Z"));
    for operation in &mut done {
        operation.ended_at = Some(at());
    }
    let done = Seen {
        operations: Arc::new(done),
        ..seen()
    };
    assert_eq!(story(vec![open, done]), ["swap.done"]);
}

#[test]
fn an_alert_is_told_when_it_is_raised_and_when_it_clears() {
    let with = Seen {
        alerts: alert(),
        ..seen()
    };
    let states = vec![with.clone(), with, seen()];
    let mut before = seen();
    let mut told = Vec::new();
    for mut now in states {
        let events = between(&before, &mut now, at(), || "id".to_owned());
        told.extend(events.into_iter().map(|e| (e.text, e.cleared)));
        before = now;
    }
    let text = |word| format!("Disk nearly full {word} on spark1: / is 92 % full");
    let expected = [(text("raised"), Some(false)), (text("cleared"), Some(true))];
    assert_eq!(told, expected);
}
