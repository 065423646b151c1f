//! Launches that fail one after the other.

use spark_ipc::id::OperationId;
use spark_ipc::model::operation::{Operation, OperationKind, OperationState, Progress};

use super::*;

fn swap(subject: &str, state: OperationState, minutes_ago: i64) -> Operation {
    let ended = at(-minutes_ago * 60);
    Operation {
        id: OperationId::new("01890000-0000-7000-8000-000000000000").unwrap(),
        kind: OperationKind::Swap,
        subject: subject.to_owned(),
        state,
        nodes: vec![NodeId::numbered(1)],
        steps: Vec::new(),
        progress: Progress::default(),
        error: Some("rank 0 ended with code 1".to_owned()),
        advice: None,
        actor: "test".to_owned(),
        started_at: ended,
        ended_at: Some(ended),
        cancelling: false,
        seq: 1,
        last_good: None,
        own_ms: None,
    }
}

#[test]
fn three_failures_in_a_row_are_told_until_one_succeeds_or_an_hour_has_passed() {
    use OperationState::{Cancelled, Failed, RolledBack, Succeeded};
    let of = |states: &[(OperationState, i64)]| {
        let list: Vec<Operation> = states
            .iter()
            .map(|(state, ago)| swap("org/model", *state, *ago))
            .collect();
        launches(&list, at(0)).len()
    };
    assert_eq!(of(&[(Failed, 1), (Failed, 5)]), 0);
    assert_eq!(of(&[(Failed, 1), (RolledBack, 5), (Failed, 9)]), 1);
    assert_eq!(
        of(&[(Cancelled, 0), (Failed, 1), (Failed, 5), (Failed, 9)]),
        1
    );
    assert_eq!(
        of(&[(Succeeded, 0), (Failed, 1), (Failed, 5), (Failed, 9)]),
        0
    );
    assert_eq!(
        of(&[(Failed, 1), (Succeeded, 4), (Failed, 5), (Failed, 9)]),
        0
    );
    assert_eq!(of(&[(Failed, 1), (Failed, 5), (Failed, 70)]), 0);
}

#[test]
fn each_model_counts_for_itself_and_the_last_cause_is_named() {
    let failed = |subject, ago| swap(subject, OperationState::Failed, ago);
    let list = [
        failed("org/a", 1),
        failed("org/b", 2),
        failed("org/a", 3),
        failed("org/a", 4),
    ];
    let alerts = launches(&list, at(0));
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].id, "spark1/crash_loop/org/a");
    assert_eq!(
        alerts[0].text,
        "The last 3 launches of org/a failed. The last one: rank 0 ended with code 1."
    );
    assert_eq!(alerts[0].since, at(-240));
}
