//! Targets, questions, and the book of results.

use serde_json::json;
use spark_ipc::Time;
use spark_ipc::id::NodeId;
use spark_ipc::model::alert::AlertKind;
use spark_ipc::model::deep::{DeepKind, DeepLevel, DeepState, DeepSubject};
use spark_ipc::model::inventory::ModelKind;
use spark_ipc::model::recipe::Recipe;
use spark_ipc::model::unit::Unit;

use super::*;

impl<'a> Reply<'a> {
    /// A reply with status 200.
    pub(super) fn ok(body: &'a [u8]) -> Self {
        Self {
            status: 200,
            content_type: "application/json",
            body,
            transcript: None,
        }
    }
}

fn at(second: i64) -> Time {
    Time(jiff::Timestamp::from_second(1_790_000_000 + second).unwrap())
}

fn unit(launch: &str) -> Unit {
    serde_json::from_value(json!({
        "id": "main", "state": "ready", "owner": "spark-control", "repo": "Org/Model", "recipe": "model",
        "served_name": "model", "endpoint": "http://10.0.0.1:8000", "launch": launch,
        "ranks": [{"node": "spark1", "rank": 0, "container": "c", "container_id": "id", "image": "i",
                   "state": "running", "exit_code": null, "started_at": null}],
        "started_at": null, "ready_at": null, "memory_bytes": null, "message": null,
    }))
    .unwrap()
}

fn recipe(kind: ModelKind, flags: &[&str]) -> Recipe {
    serde_json::from_value(json!({
        "id": "model", "repo": "Org/Model", "kind": kind, "image": "vllm/vllm-openai:v0.32.0", "flags": flags,
    }))
    .unwrap()
}

fn target(kind: ModelKind, tools: bool) -> Target {
    let flags = ["--enable-auto-tool-choice", "--tool-call-parser=hermes"];
    let recipe = recipe(kind, if tools { &flags } else { &flags[..1] });
    from_unit(&unit("0192-launch"), |_| Some(&recipe)).unwrap()
}

fn probed(state: DeepState) -> Probed {
    Probed {
        state,
        level: DeepLevel::Inference,
        latency_ms: 12.0,
        error: (state == DeepState::Failed).then(|| "it answers garbage".to_owned()),
        checks: Vec::new(),
        advice: None,
        dimensions: None,
    }
}

#[test]
fn every_kind_has_its_questions() {
    let names = |kind, tools| -> Vec<&'static str> {
        questions(&target(kind, tools), None)
            .iter()
            .map(|q| q.name)
            .collect()
    };
    assert_eq!(names(ModelKind::Chat, false), ["answer", "arithmetic"]);
    assert_eq!(
        names(ModelKind::Chat, true),
        ["answer", "arithmetic", "tools"]
    );
    assert_eq!(names(ModelKind::Embedding, false), ["embeddings"]);
    assert_eq!(names(ModelKind::Rerank, false), ["rerank"]);
    assert_eq!(names(ModelKind::SpeechToText, false), ["transcription"]);
    assert_eq!(names(ModelKind::TextToSpeech, false), ["speech"]);
    assert_eq!(names(ModelKind::Image, false), [""; 0]);
    let diarizer = Target {
        kind: DeepKind::Diarizer,
        path: Some("/v1/who".to_owned()),
        ..target(ModelKind::Chat, false)
    };
    let asked = questions(&diarizer, None);
    assert_eq!(
        (asked[0].name, asked[0].path.as_str()),
        ("diarization", "/v1/who")
    );
}

#[test]
fn a_unit_of_others_is_asked_only_on_demand() {
    let mut foreign = unit("0192-launch");
    foreign.launch = None;
    foreign.owner = "sparkrun".to_owned();
    let due = |unit: &Unit| from_unit(unit, |_| None).unwrap().due;
    assert!(!due(&foreign));
    assert!(due(&unit("0192-launch")));
    let mut without = unit("0192-launch");
    without.endpoint = None;
    assert_eq!(from_unit(&without, |_| None), None);
}

#[test]
fn an_answer_that_ran_out_is_asked_for_once_more() {
    let mut question = questions(&target(ModelKind::Chat, false), None).remove(1);
    let mut cut = Transcript::default();
    cut.push(
        br#"{"choices": [{"message": {"reasoning": "Let me think"}, "finish_reason": "length"}]}"#,
    );
    cut.finish();
    let reply = Reply {
        transcript: Some(&cut),
        ..Reply::ok(b"")
    };
    assert!(question.again(&reply));
    assert!(matches!(&question.body, Body::Json(json) if json["max_tokens"] == 2048));
    assert!(!question.again(&reply), "once");
    assert!(matches!(question.judge(&reply), Verdict::Wrong { .. }));
}

#[test]
fn a_reranker_without_v1_is_asked_in_its_own_words() {
    let mut question = questions(&target(ModelKind::Rerank, false), None).remove(0);
    let missing = Reply {
        status: 404,
        ..Reply::ok(b"")
    };
    assert!(question.again(&missing));
    assert_eq!(question.path, "/rerank");
    assert!(matches!(&question.body, Body::Json(json) if json["texts"].is_array()));
    assert!(!question.again(&missing));
}

#[test]
fn too_many_requests_are_busy_and_other_refusals_wrong() {
    let question = questions(&target(ModelKind::Embedding, false), None).remove(0);
    let verdict = |status| {
        question.judge(&Reply {
            status,
            ..Reply::ok(b"no")
        })
    };
    assert!(matches!(verdict(429), Verdict::Busy(_)));
    for status in [400, 404, 500, 503, 302] {
        assert!(matches!(verdict(status), Verdict::Wrong { .. }), "{status}");
    }
}

#[test]
fn a_voice_is_put_into_the_question() {
    let question = questions(&target(ModelKind::TextToSpeech, false), None).remove(0);
    let asked = with_voice(question.clone(), br#"{"voices": ["af_sky"]}"#);
    assert!(matches!(&asked.body, Body::Json(json) if json["voice"] == "af_sky"));
    let asked = with_voice(question, b"nothing");
    assert!(matches!(&asked.body, Body::Json(json) if json["voice"].is_null()));
}

#[test]
fn health_and_names_are_read() {
    assert_eq!(health_says_ready(b""), Ok(()));
    assert_eq!(health_says_ready(br#"{"status": "ok"}"#), Ok(()));
    assert!(health_says_ready(br#"{"status": "loading"}"#).is_err());
    let list = br#"{"data": [{"id": "a"}, {"id": "b"}]}"#;
    assert_eq!(lists_model(list, "b"), Ok(()));
    assert_eq!(
        lists_model(list, "c"),
        Err("it serves a, b, not c".to_owned())
    );
    assert!(lists_model(b"<html>", "a").is_err());
}

#[test]
fn a_failing_target_is_alerted_until_it_passes() {
    let (target, mut book) = (target(ModelKind::Chat, false), Book::default());
    assert!(book.keep(std::slice::from_ref(&target)));
    assert!(!book.keep(std::slice::from_ref(&target)));
    let mut end = |state, second| {
        book.begin(&target.key);
        book.end(&target.key, &target.launch, probed(state), at(second));
        book.alerts()
    };
    assert_eq!(end(DeepState::Passed, 0), []);
    let alerts = end(DeepState::Failed, 10);
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].kind, AlertKind::DeepHealth);
    assert_eq!(alerts[0].id, "spark1/deep_health/main");
    assert_eq!(end(DeepState::Failed, 20)[0].since, at(10));
    assert_eq!(end(DeepState::Passed, 30), []);
    let summary = book.summary(DeepSubject::Unit, "main").unwrap();
    assert_eq!((summary.state, summary.at), (DeepState::Passed, at(30)));
}

#[test]
fn busy_says_nothing_new() {
    let (target, mut book) = (target(ModelKind::Chat, false), Book::default());
    book.keep(std::slice::from_ref(&target));
    for (second, state) in [DeepState::Failed, DeepState::Busy, DeepState::Failed]
        .into_iter()
        .enumerate()
    {
        let second = i64::try_from(second).unwrap();
        book.end(&target.key, &target.launch, probed(state), at(second));
    }
    assert_eq!(book.alerts()[0].since, at(0));
    book.end(&target.key, &target.launch, probed(DeepState::Busy), at(9));
    assert_eq!(
        book.alerts()[0].since,
        at(0),
        "it stands while nothing is known"
    );
    assert_eq!(
        book.results()[0].last.as_ref().unwrap().state,
        DeepState::Busy
    );
}

#[test]
fn the_history_is_bounded_and_a_new_launch_begins_anew() {
    let (mut target, mut book) = (target(ModelKind::Chat, false), Book::default());
    book.keep(std::slice::from_ref(&target));
    for second in 0..200 {
        book.end(
            &target.key,
            &target.launch,
            probed(DeepState::Passed),
            at(second),
        );
    }
    let history = &book.results()[0].history;
    assert_eq!((history.len(), history[HISTORY - 1].at), (HISTORY, at(199)));
    let old = std::mem::replace(&mut target.launch, "0192-next".to_owned());
    assert!(book.keep(std::slice::from_ref(&target)));
    book.end(&target.key, &old, probed(DeepState::Failed), at(300));
    assert_eq!(
        book.results()[0].last,
        None,
        "a probe of the launch before says nothing of this one"
    );
    assert!(book.keep(&[]));
    assert!(book.results().is_empty());
}

#[test]
fn a_target_that_is_being_stopped_raises_nothing() {
    let (mut target, mut book) = (target(ModelKind::Chat, false), Book::default());
    book.keep(std::slice::from_ref(&target));
    book.end(
        &target.key,
        &target.launch,
        probed(DeepState::Failed),
        at(0),
    );
    assert_eq!(book.alerts().len(), 1);
    target.due = false;
    book.keep(std::slice::from_ref(&target));
    assert_eq!(book.alerts(), []);
}

#[test]
fn the_advice_names_the_node() {
    let wrong = Verdict::Wrong {
        error: String::new(),
        evidence: Some("asked for 12*17, it said \"7\" and not 204".to_owned()),
    };
    let advice = wrong.advice(&NodeId::numbered(2)).unwrap();
    assert_eq!(advice.node, Some(NodeId::numbered(2)));
    assert_eq!(Verdict::wrong("x").advice(&NodeId::numbered(1)), None);
}
