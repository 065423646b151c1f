//! Every place where a daemon can be killed, and what the next one does.

use super::*;
use crate::plan::tests::world::{id, intent, operation, plan_of, run_unit, world};
use crate::plan::{GIB, PlanSettings, StopTarget, plan_stop};

/// Stops two ranks of the last unit, proves two nodes free, launches two ranks.
fn duo() -> Plan {
    let mut world = world();
    run_unit(&mut world, "main", &[1, 2], 90 * GIB);
    plan_of(&intent("duo"), &world)
}

fn container(rank: u32, launch: &str, state: &str, exit_code: i32) -> ContainerFacts {
    let labels = [
        ("sparkctl.unit", "main"),
        ("sparkctl.launch", launch),
        ("sparkctl.rank", &rank.to_string()),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()));
    ContainerFacts {
        id: format!("id-{rank}"),
        name: format!("sparkctl-main-r{rank}"),
        state: state.to_owned(),
        exit_code: Some(exit_code),
        labels: labels.into(),
        ..ContainerFacts::default()
    }
}

/// Both nodes seen; `ranks` are the states of rank 0 (on spark1) and rank 1 (on spark2).
fn observed(ranks: [Option<&str>; 2]) -> Observed {
    let on = |rank: u32, state: Option<&str>| {
        let of_launch = state.map(|s| container(rank, operation().as_str(), s, 1));
        Some(of_launch.into_iter().collect::<Vec<_>>())
    };
    [(id(1), on(0, ranks[0])), (id(2), on(1, ranks[1]))].into()
}

/// Every step before `next` is done, and `next` itself begun when `intent` is set.
fn journal(next: usize, intent: bool) -> Vec<StepRecord> {
    let done = (0..next).map(|index| StepRecord {
        index,
        mark: StepMark::Done,
    });
    done.chain(intent.then_some(StepRecord {
        index: next,
        mark: StepMark::Intent,
    }))
    .collect()
}

const RUNNING: Option<&str> = Some("running");
const EXITED: Option<&str> = Some("exited");

#[test]
fn the_plan_has_the_steps_that_the_tables_count() {
    let names: Vec<&str> = duo().steps.iter().map(Step::name).collect();
    assert_eq!(
        names,
        [
            "preflight",
            "drain",
            "stop",
            "stop",
            "prove_free",
            "prove_free",
            "launch",
            "launch",
            "assert_running",
            "load",
            "probe",
            "warm_up",
            "open",
            "remember"
        ]
    );
}

#[test]
fn before_the_first_launch_it_goes_on_where_it_was() {
    let plan = duo();
    for next in 0..=6 {
        for begun in [false, true] {
            let found = recover(&plan, &journal(next, begun), &observed([None, None]));
            assert_eq!(found, Recovery::Continue { from: next }, "step {next}");
        }
    }
}

#[test]
fn a_launch_is_adopted_when_its_container_is_there_and_repeated_only_when_it_is_not() {
    let plan = duo();
    // The worker's launch was begun.
    let worker = journal(6, true);
    assert_eq!(
        recover(&plan, &worker, &observed([None, None])),
        Recovery::Continue { from: 6 }
    );
    assert_eq!(
        recover(&plan, &worker, &observed([None, RUNNING])),
        Recovery::Continue { from: 7 }
    );
    // The head's launch was begun.
    let head = journal(7, true);
    assert_eq!(
        recover(&plan, &head, &observed([None, RUNNING])),
        Recovery::Continue { from: 7 }
    );
    assert_eq!(
        recover(&plan, &head, &observed([RUNNING, RUNNING])),
        Recovery::Adopt { from: 8 }
    );
    // The journal lags behind the world: both run though only one launch was recorded.
    assert_eq!(
        recover(&plan, &worker, &observed([RUNNING, RUNNING])),
        Recovery::Adopt { from: 8 }
    );
}

#[test]
fn after_the_launch_it_watches_on_while_all_ranks_run() {
    let plan = duo();
    for next in 8..plan.steps.len() {
        for begun in [false, true] {
            let found = recover(&plan, &journal(next, begun), &observed([RUNNING, RUNNING]));
            assert_eq!(found, Recovery::Adopt { from: next }, "step {next}");
        }
    }
    let all = journal(plan.steps.len(), false);
    assert_eq!(
        recover(&plan, &all, &observed([RUNNING, RUNNING])),
        Recovery::Finished(OperationState::Succeeded)
    );
}

#[test]
fn a_dead_or_vanished_rank_undoes_the_launch() {
    let plan = duo();
    for next in 6..plan.steps.len() {
        for ranks in [
            [None, EXITED],
            [RUNNING, EXITED],
            [EXITED, RUNNING],
            [Some("created"), RUNNING],
        ] {
            let found = recover(&plan, &journal(next, true), &observed(ranks));
            assert!(
                matches!(found, Recovery::Undo { .. }),
                "step {next} {ranks:?}: {found:?}"
            );
        }
    }
    // Its launch is known to have succeeded, so a rank that is not there has gone away.
    for next in 8..plan.steps.len() {
        let found = recover(&plan, &journal(next, true), &observed([RUNNING, None]));
        assert_eq!(
            found,
            Recovery::Undo {
                reason: "the container of rank 1 on spark2 is gone".to_owned()
            }
        );
    }
}

#[test]
fn containers_of_another_launch_are_not_ours() {
    let plan = duo();
    let other = |rank| Some(vec![container(rank, "0192-launch-0", "running", 0)]);
    let seen: Observed = [(id(1), other(0)), (id(2), other(1))].into();
    assert_eq!(
        recover(&plan, &journal(6, true), &seen),
        Recovery::Continue { from: 6 }
    );
    assert_eq!(
        recover(&plan, &journal(2, true), &seen),
        Recovery::Continue { from: 2 }
    );
}

#[test]
fn nothing_is_decided_while_a_node_cannot_be_seen() {
    let plan = duo();
    for next in 0..plan.steps.len() {
        let mut seen = observed([RUNNING, RUNNING]);
        seen.insert(id(2), None);
        assert_eq!(
            recover(&plan, &journal(next, true), &seen),
            Recovery::Wait(vec![id(2)])
        );
    }
    assert_eq!(
        recover(&plan, &[], &Observed::new()),
        Recovery::Wait(vec![id(1), id(2)])
    );
}

#[test]
fn a_failure_that_was_being_undone_is_undone() {
    let plan = duo();
    let mut records = journal(9, true);
    records.push(StepRecord {
        index: 9,
        mark: StepMark::Failed,
    });
    assert_eq!(
        recover(&plan, &records, &observed([RUNNING, RUNNING])),
        Recovery::Undo {
            reason: "load had failed before the daemon stopped".to_owned()
        }
    );
}

#[test]
fn a_stop_goes_on_where_it_was() {
    let mut world = world();
    run_unit(&mut world, "main", &[1], 90 * GIB);
    let settings = PlanSettings::default();
    let at = crate::plan::tests::world::now();
    let plan = plan_stop(&StopTarget::All, &world, &settings, at, operation())
        .plan
        .unwrap();
    for next in 0..plan.steps.len() {
        assert_eq!(
            recover(&plan, &journal(next, true), &observed([None, None])),
            Recovery::Continue { from: next }
        );
    }
    let failed = [StepRecord {
        index: 2,
        mark: StepMark::Failed,
    }];
    assert_eq!(
        recover(&plan, &failed, &observed([None, None])),
        Recovery::Finished(OperationState::Failed)
    );
}
