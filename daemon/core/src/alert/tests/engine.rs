//! Engines that cannot keep up.

use spark_ipc::id::UnitId;

use super::*;
use crate::probe::EngineMetrics;

fn look(now: Time, waiting: f64, preemptions: f64) -> Vitals {
    Vitals {
        unit: UnitId::new("main").unwrap(),
        node: NodeId::numbered(1),
        at: now,
        metrics: EngineMetrics {
            running: Some(4.0),
            waiting: Some(waiting),
            preemptions: Some(preemptions),
            kv_cache: Some(1.0),
        },
    }
}

/// What stands after each look, fifteen seconds apart, at waiting requests and preemptions.
fn after(looks: &[(f64, f64)]) -> Vec<Vec<String>> {
    let (mut memory, mut alerts) = (EngineMemory::default(), Vec::new());
    let step = |(n, (waiting, preemptions)): (i64, &(f64, f64))| {
        let now = at(n * 15);
        alerts = engines(
            &alerts,
            &mut memory,
            &[look(now, *waiting, *preemptions)],
            now,
        );
        alerts.iter().map(|a| a.id.clone()).collect()
    };
    (0..).zip(looks).map(step).collect()
}

#[test]
fn requests_that_wait_for_a_minute() {
    let waiting = [1.0, 2.0, 1.0, 3.0, 1.0, 0.0, 1.0, 0.0, 0.0];
    let stands: Vec<bool> = after(&waiting.map(|waiting| (waiting, 0.0)))
        .iter()
        .map(|ids| *ids == ["spark1/queue/waiting/main"])
        .collect();
    let expected = [false, false, false, false, true, true, true, true, false];
    assert_eq!(stands, expected);
}

#[test]
fn a_queue_that_empties_in_between_is_how_a_busy_engine_is() {
    let looks: Vec<(f64, f64)> = [(1.0, 0.0), (0.0, 0.0)].repeat(20);
    assert!(after(&looks).iter().all(Vec::is_empty));
}

#[test]
fn preemptions_are_told_while_they_go_on_and_a_restart_is_none() {
    let counts = [9.0, 9.0, 12.0, 12.0, 12.0, 12.0, 12.0, 12.0, 12.0, 0.0];
    let stands: Vec<bool> = after(&counts.map(|count| (0.0, count)))
        .iter()
        .map(|ids| !ids.is_empty())
        .collect();
    // The growth at 30 s counts for a minute, and another one must pass without any.
    let expected = [
        false, false, true, true, true, true, true, true, true, false,
    ];
    assert_eq!(stands, expected);
}

#[test]
fn a_unit_that_is_gone_has_no_alerts() {
    let mut memory = EngineMemory::default();
    engines(&[], &mut memory, &[look(at(0), 1.0, 0.0)], at(0));
    let alerts = engines(&[], &mut memory, &[look(at(60), 1.0, 0.0)], at(60));
    assert_eq!(alerts.len(), 1);
    assert_eq!(engines(&alerts, &mut memory, &[], at(61)), []);
}
