//! Downloads, copies, deletions, set-ups, services and pages: nothing happens without a look and a yes.

use serde_json::json;

use super::{keys, live, tell};
use crate::effect::Effect;
use crate::keymap::Mode;
use crate::msg::Msg;
use crate::state::act::{Act, Look};
use crate::state::page::{Content, Topic};
use crate::state::{Overlay, State};

fn look(state: &mut State, act: &Act, look: Look) {
    let act = Box::new(act.clone());
    tell(
        state,
        Msg::Looked {
            act,
            answer: Ok(look),
        },
    );
}

fn transfer(blocked: bool) -> Look {
    let finding = json!({"code": "disk_full", "node": null, "message": "no room", "fix": null});
    let preview = json!({
        "subject": "a/b", "commit": null, "files": 3, "total_bytes": 5, "legs": [],
        "blockers": if blocked { vec![finding] } else { Vec::new() }, "warnings": [],
    });
    Look::Transfer(serde_json::from_value(preview).unwrap())
}

fn deletion(state: &str) -> Look {
    let preview = json!({
        "repo": "Qwen/Qwen3.6-35B-A3B-FP8", "total_bytes": 5, "warnings": [], "nodes": [{
            "node": "spark1", "state": state, "size_bytes": 5, "last_used": null, "used_by": [], "detail": null,
        }],
    });
    Look::Delete(serde_json::from_value(preview).unwrap())
}

fn only_look(effects: &[Effect]) -> Act {
    match effects {
        [Effect::Look(act)] => (**act).clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_download_is_typed_looked_at_and_agreed_to() {
    let mut state = live();
    assert!(keys(&mut state, "d").is_empty());
    assert_eq!(state.mode(), Mode::Prompt);
    tell(&mut state, Msg::Paste("a/b spark2\n".to_owned()));
    let act = only_look(&keys(&mut state, "<Enter>"));
    match &act {
        Act::Download(request) => {
            assert_eq!(request.repo.as_str(), "a/b");
            assert_eq!(request.nodes.len(), 1);
        }
        other => panic!("{other:?}"),
    }
    assert!(keys(&mut state, "y").is_empty(), "the look is under way");
    look(&mut state, &act, transfer(false));
    assert_eq!(keys(&mut state, "y"), [Effect::Do(Box::new(act))]);
}

#[test]
fn what_is_no_repository_is_not_taken_and_says_why() {
    let mut state = live();
    keys(&mut state, "d");
    tell(&mut state, Msg::Paste("../x".to_owned()));
    assert!(keys(&mut state, "<Enter>").is_empty());
    assert!(matches!(&state.overlay, Some(Overlay::Prompt(p)) if p.fault.is_some()));
    keys(&mut state, "<Esc>");
    assert!(state.overlay.is_none() && !state.quit);
}

#[test]
fn a_transfer_with_a_blocker_cannot_be_agreed_to() {
    let mut state = live();
    keys(&mut state, "j j");
    let act = only_look(&keys(&mut state, "c"));
    assert!(
        matches!(&act, Act::Copy(r) if r.from.as_str() == "spark1" && r.to.as_str() == "spark2")
    );
    look(&mut state, &act, transfer(true));
    assert!(keys(&mut state, "y").is_empty());
    assert_eq!(state.mode(), Mode::Dialog, "the reason stays readable");
}

#[test]
fn what_is_in_use_is_not_deleted() {
    let mut state = live();
    let act = only_look(&keys(&mut state, "x"));
    look(&mut state, &act, deletion("in_use"));
    assert!(keys(&mut state, "y").is_empty());
    look(&mut state, &act, deletion("present"));
    assert_eq!(keys(&mut state, "y"), [Effect::Do(Box::new(act))]);
}

#[test]
fn a_foreign_unit_is_taken_over_only_by_a_yes() {
    let mut state = live();
    let units = &mut state.world.as_mut().unwrap().snapshot.status.units;
    keys_to_foreign(units);
    assert!(keys(&mut state, "5 a").is_empty());
    let done = keys(&mut state, "y");
    assert!(
        matches!(&done[..], [Effect::Do(act)] if matches!(&**act, Act::Adopt(_))),
        "{done:?}"
    );
}

fn keys_to_foreign(units: &mut [spark_ipc::model::unit::Unit]) {
    units[0].owner = "somebody".to_owned();
}

#[test]
fn our_own_unit_is_not_taken_over() {
    let mut state = live();
    assert!(keys(&mut state, "5 a").is_empty());
    assert!(state.overlay.is_none());
}

#[test]
fn a_page_keeps_its_content_while_it_is_read_again() {
    let mut state = live();
    let model = json!({"started_at": "2026-11-23T12:00:00Z", "ended_at": "2026-11-23T12:00:01Z",
        "passed": true, "checks": []});
    assert_eq!(keys(&mut state, "D"), [Effect::Read(Topic::Doctor)]);
    tell(
        &mut state,
        Msg::Page {
            topic: Topic::Doctor,
            answer: Ok(Content::Doctor(serde_json::from_value(model).unwrap())),
        },
    );
    assert_eq!(keys(&mut state, "r"), [Effect::Read(Topic::Doctor)]);
    assert!(matches!(&state.overlay, Some(Overlay::Page(p)) if p.reading && p.content.is_some()));
    keys(&mut state, "<Esc>");
    assert!(state.overlay.is_none());
}
