//! The fold, its figures, and what a restart makes of it.

use proptest::prelude::*;
use serde_json::json;
use spark_ipc::model::connectivity::Connectivity;
use spark_ipc::model::node::Node;
use spark_ipc::model::unit::Unit;

use super::*;

const ALL: [SubjectKind; 4] = [
    SubjectKind::Daemon,
    SubjectKind::Node,
    SubjectKind::Unit,
    SubjectKind::Service,
];

fn at(second: i64) -> Time {
    Time(jiff::Timestamp::from_second(1_790_000_000 + second).unwrap())
}

fn node(freshness: &str, cause: Option<&str>, boot: &str, links: &[(&str, bool, u64)]) -> Node {
    let state = if cause.is_some() {
        "backing_off"
    } else {
        "connected"
    };
    let interfaces: Vec<_> = links
        .iter()
        .map(|(name, carrier, changes)| {
            json!({"name": name, "addresses": [], "state": "up", "carrier": carrier, "speed_mbps": null,
                   "mtu": null, "rx_bytes": null, "tx_bytes": null, "carrier_changes": changes})
        })
        .collect();
    serde_json::from_value(json!({
        "id": "spark1", "name": "spark1", "host": "10.0.0.1", "user": "u", "ssh_port": 22,
        "link": {"state": state, "since": at(0), "cause": cause, "message": cause, "fix": null,
                 "host_key": null, "retry_in_ms": null},
        "freshness": freshness, "observed_at": null, "poll_ms": null,
        "identity": {"boot_id": boot, "uptime_s": 45}, "cpu_percent": null, "load1": null, "memory": null,
        "gpu": null, "gpu_processes": null, "temperatures": [], "disks": [], "interfaces": interfaces,
        "fabric": [], "docker": "ok", "containers": [], "listening_ports": [], "warnings": [], "history": [],
    }))
    .unwrap()
}

fn fresh() -> Vec<Seen> {
    nodes(&[node("fresh", None, "b1", &[])])
}

fn dead(cause: &str) -> Vec<Seen> {
    nodes(&[node("unreachable", Some(cause), "b1", &[])])
}

fn unit(state: &str, deep: Option<&str>) -> Unit {
    let deep = deep.map(|state| {
        json!({"state": state, "level": "inference", "at": at(0), "latency_ms": 1.0, "error": "it answers garbage"})
    });
    serde_json::from_value(json!({
        "id": "main", "state": state, "owner": "spark-control", "repo": null, "recipe": null, "served_name": null,
        "endpoint": null, "ranks": [], "launch": null, "started_at": null, "ready_at": null,
        "memory_bytes": null, "message": null, "deep": deep,
    }))
    .unwrap()
}

fn entries(records: &[Record]) -> Vec<Transition> {
    let entry = |record: &Record| match record {
        Record::Entry(entry) => Some(entry.clone()),
        Record::Facts { .. } | Record::Alive { .. } => None,
    };
    records.iter().filter_map(entry).collect()
}

/// From, to, cause and duration of each new entry.
fn told(records: &[Record]) -> Vec<(Availability, Availability, String, Option<f64>)> {
    let told = |e: Transition| (e.from, e.to, e.cause, e.lasted_s);
    entries(records).into_iter().map(told).collect()
}

fn line(
    from: Availability,
    to: Availability,
    cause: &str,
    lasted: Option<f64>,
) -> (Availability, Availability, String, Option<f64>) {
    (from, to, cause.to_owned(), lasted)
}

use Availability::{Degraded, Down, Off, Unknown, Up};

#[test]
fn a_change_is_told_once_with_its_cause_and_duration() {
    let mut ledger = Ledger::default();
    let mut see = |seen: &[Seen], second| told(&ledger.observe(seen, &ALL, at(second)));
    assert_eq!(see(&nodes(&[node("unknown", None, "b1", &[])]), 0), []);
    assert_eq!(see(&fresh(), 10), [line(Unknown, Up, "answers", None)]);
    assert_eq!(see(&fresh(), 20), []);
    assert_eq!(
        see(&dead("timed_out"), 70),
        [line(Up, Down, "timed_out", Some(60.0))]
    );
    assert_eq!(
        see(&dead("refused"), 90),
        [line(Down, Down, "refused", Some(20.0))]
    );
    assert_eq!(see(&fresh(), 100), [line(Down, Up, "answers", Some(10.0))]);
    assert_eq!(
        see(&dead("host_key_changed"), 110),
        [line(Up, Unknown, "host_key_changed", Some(10.0))]
    );
    assert_eq!(see(&[], 120), [line(Unknown, Off, "removed", Some(10.0))]);
    assert_eq!(see(&[], 130), []);
}

#[test]
fn restarts_and_links_are_entries_that_leave_the_state() {
    let mut ledger = Ledger::default();
    let link = |carrier, changes| {
        [
            ("enp1s0f0np0", carrier, changes),
            ("veth7", carrier, changes),
        ]
    };
    let mut see = |boot: &str, links: &[(&str, bool, u64)], second| {
        let seen = nodes(&[node("fresh", None, boot, links)]);
        let news = entries(&ledger.observe(&seen, &ALL, at(second)));
        let side = news.into_iter().filter(|e| e.kind != EntryKind::State);
        side.map(|e| (e.kind, e.cause, e.message.unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(see("b1", &link(true, 2), 0), []);
    let news = see("b1", &link(false, 3), 1);
    assert_eq!(
        news,
        [(
            EntryKind::Link,
            "link_down".to_owned(),
            "enp1s0f0np0 lost its carrier".to_owned()
        )]
    );
    assert_eq!(see("b1", &link(true, 4), 2)[0].1, "link_up");
    assert_eq!(
        see("b1", &link(true, 8), 3)[0].2,
        "enp1s0f0np0 changed its carrier 4 times between two looks"
    );
    let news = see("b2", &link(true, 1), 4);
    assert_eq!(
        news,
        [(
            EntryKind::Reboot,
            "reboot".to_owned(),
            "started again 45 s ago".to_owned()
        )]
    );
}

#[test]
fn units_are_up_degraded_down_or_off() {
    for (state, deep, expected) in [
        ("ready", None, (Up, "answers")),
        ("ready", Some("passed"), (Up, "answers")),
        ("ready", Some("busy"), (Up, "answers")),
        ("ready", Some("failed"), (Degraded, "deep_health")),
        ("loading", Some("failed"), (Down, "loading")),
        ("failed", None, (Down, "failed")),
        ("stopped", None, (Off, "stopped")),
        ("unknown", None, (Unknown, "node_unreachable")),
    ] {
        let seen = units(&[unit(state, deep)]).remove(0);
        assert_eq!(
            (seen.state, seen.cause.as_str()),
            expected,
            "{state} {deep:?}"
        );
    }
    let mut foreign = unit("ready", None);
    foreign.owner = "sparkrun".to_owned();
    assert_eq!(units(&[foreign]), []);
}

#[test]
fn what_is_not_seen_is_gone_only_when_its_node_has_been_looked_at() {
    let mut on_node = unit("ready", None);
    on_node.ranks = serde_json::from_value(json!([{
        "node": "spark1", "rank": 0, "container": "c", "container_id": "i", "image": "x", "state": "running",
        "exit_code": null, "started_at": null,
    }]))
    .unwrap();
    let mut ledger = Ledger::default();
    let with_unit = [fresh(), units(&[on_node])].concat();
    let records = ledger.observe(&with_unit, &ALL, at(0));
    let (mut ledger, _) = again(&records, at(60));
    let mut gone = |seen: &[Seen], second| {
        let news = entries(&ledger.observe(seen, &ALL, at(second)));
        news.iter().any(|e| e.cause == "removed")
    };
    assert!(!gone(&nodes(&[node("unknown", None, "b1", &[])]), 61));
    assert!(!gone(&fresh(), 62));
    assert!(!gone(&fresh(), 76));
    assert!(gone(&fresh(), 77));
    assert!(!gone(&fresh(), 78));
}

/// What a file of these records gives.
fn again(records: &[Record], now: Time) -> (Ledger, Vec<Transition>) {
    let file: String = records.iter().map(Record::line).collect();
    let read = read(file.as_bytes());
    assert_eq!((read.broken, read.whole), (0, file.len()));
    Ledger::resume(read.records, now)
}

#[test]
fn the_daemons_own_gap_is_unknown() {
    let mut ledger = Ledger::default();
    let both = [vec![daemon(true)], fresh()].concat();
    let mut records = ledger.observe(&both, &ALL, at(0));
    records.push(ledger.mark_alive(at(100)));
    let (mut ledger, added) = again(&records, at(400));
    let told_: Vec<_> = added
        .iter()
        .map(|e| (e.subject.kind, e.to, e.cause.as_str(), e.at))
        .collect();
    assert_eq!(
        told_,
        [
            (SubjectKind::Daemon, Down, "killed", at(100)),
            (SubjectKind::Node, Unknown, "daemon_down", at(100)),
        ]
    );
    let not_yet = nodes(&[node("unknown", None, "b1", &[])]);
    assert_eq!(ledger.observe(&not_yet, &[], at(401)), []);
    let back = told(&ledger.observe(&both, &ALL, at(410)));
    assert_eq!(
        back,
        [
            line(Down, Up, "started", Some(310.0)),
            line(Unknown, Up, "answers", Some(310.0))
        ]
    );
    let day = &report(&ledger, at(0), at(510), None).subjects[1];
    assert_eq!((day.uptime[0].up_s, day.uptime[0].down_s), (200.0, 0.0));
    assert!((day.uptime[0].unknown_s - (86_400.0 - 200.0)).abs() < 1e-6);
    assert_eq!(day.uptime[0].uptime_percent, Some(100.0));
}

#[test]
fn what_runs_on_is_unknown_until_it_has_answered() {
    let mut ledger = Ledger::default();
    let records = ledger.observe(&units(&[unit("ready", None)]), &ALL, at(0));
    let (mut ledger, _) = again(&records, at(60));
    let mut see =
        |state, second| told(&ledger.observe(&units(&[unit(state, None)]), &ALL, at(second)));
    assert_eq!(see("loading", 61), []);
    assert_eq!(see("ready", 62), [line(Unknown, Up, "answers", Some(62.0))]);
    assert_eq!(see("loading", 70), [line(Up, Down, "loading", Some(8.0))]);
}

#[test]
fn a_daemon_that_said_it_ends_was_not_killed() {
    let mut ledger = Ledger::default();
    let mut records = ledger.observe(&[vec![daemon(true)], fresh()].concat(), &ALL, at(0));
    records.extend(ledger.observe(&[daemon(false)], &[], at(50)));
    let (_, added) = again(&records, at(60));
    let causes: Vec<&str> = added.iter().map(|e| e.cause.as_str()).collect();
    assert_eq!(causes, ["daemon_down"]);
}

#[test]
fn a_restart_of_a_node_is_noticed_across_a_restart_of_the_daemon() {
    let mut ledger = Ledger::default();
    let records = ledger.observe(&fresh(), &ALL, at(0));
    let (mut ledger, _) = again(&records, at(60));
    let news = ledger.observe(&nodes(&[node("fresh", None, "b2", &[])]), &ALL, at(61));
    assert!(entries(&news).iter().any(|e| e.kind == EntryKind::Reboot));
}

#[test]
fn a_torn_last_line_is_dropped_and_a_broken_one_is_counted() {
    let mut ledger = Ledger::default();
    let file: String = ledger
        .observe(&fresh(), &ALL, at(0))
        .iter()
        .map(Record::line)
        .collect();
    for cut in 0..file.len() {
        let read = read(&file.as_bytes()[..cut]);
        let bytes = file.as_bytes().iter().take(cut);
        let whole = bytes.filter(|b| **b == b'\n').count();
        assert_eq!((read.records.len(), read.broken), (whole, 0), "{cut}");
        assert!(read.whole <= cut);
    }
    let broken = format!("{file}nonsense\n{{}}\n\n{file}");
    let read = read(broken.as_bytes());
    assert_eq!(
        (read.broken, read.records.len()),
        (2, 2 * file.lines().count())
    );
}

#[test]
fn the_log_is_bounded_and_keeps_the_last_word_on_everyone() {
    let mut ledger = Ledger::default();
    let steady = units(&[unit("ready", None)]);
    ledger.observe(&steady, &[], at(0));
    for n in 0..12_000_i64 {
        let seen = if n % 2 == 0 { fresh() } else { dead("lost") };
        ledger.observe(&seen, &[], at(10 + n));
    }
    assert!(
        ledger.entries.len() <= MAX_ENTRIES + 2,
        "{}",
        ledger.entries.len()
    );
    let report = report(&ledger, at(0), at(20_000), None);
    assert!(report.truncated && report.transitions.len() == 2000);
    let main = report
        .subjects
        .iter()
        .find(|s| s.subject.id == "main")
        .unwrap();
    assert_eq!((main.state, main.since), (Up, at(0)));
    assert!((main.uptime[0].up_s - 20_000.0).abs() < 1e-6);
    // Forty days later only those who are still there are known.
    let later = 40 * 86_400;
    ledger.observe(&steady, &ALL, at(20_000));
    ledger.observe(&steady, &ALL, at(later));
    let left: Vec<&str> = ledger.current.keys().map(|s| s.id.as_str()).collect();
    assert_eq!((left, ledger.entries.len()), (vec!["main"], 1));
}

#[test]
fn a_clock_that_is_set_back_does_not_turn_history_round() {
    let mut ledger = Ledger::default();
    ledger.observe(&fresh(), &ALL, at(100));
    ledger.observe(&dead("lost"), &ALL, at(50));
    let times: Vec<Time> = ledger.entries.iter().map(|e| e.at).collect();
    assert_eq!(times, [at(100), at(100)]);
}

/// Runs `steps` of (seconds, what is seen), restarting the daemon where a step says so.
fn history(steps: &[(i64, u8)]) -> (Ledger, i64) {
    let (mut ledger, mut second, mut records) = (Ledger::default(), 0, Vec::new());
    for (wait, what) in steps {
        second += wait;
        match what {
            0 => records.extend(ledger.observe(&fresh(), &ALL, at(second))),
            1 => records.extend(ledger.observe(&dead("lost"), &ALL, at(second))),
            2 => records.extend(ledger.observe(
                &nodes(&[node("stale", None, "b1", &[])]),
                &ALL,
                at(second),
            )),
            3 => records.push(ledger.mark_alive(at(second))),
            _ => {
                let (next, added) = again(&records, at(second));
                records.extend(added.into_iter().map(Record::Entry));
                ledger = next;
            }
        }
    }
    (ledger, second)
}

fn check(report: &Connectivity) -> Result<(), TestCaseError> {
    for one in &report.subjects {
        let ends = (
            one.timeline.first().map(|s| s.from),
            one.timeline.last().map(|s| s.until),
        );
        prop_assert_eq!(ends, (Some(report.since), Some(report.now)));
        for pair in one.timeline.windows(2) {
            prop_assert_eq!(pair[0].until, pair[1].from);
        }
        for window in &one.uptime {
            let sum =
                window.up_s + window.degraded_s + window.down_s + window.off_s + window.unknown_s;
            let length = f64::from(u32::try_from(window.window_s).unwrap());
            prop_assert!((sum - length).abs() < 1e-3, "{} of {}", sum, length);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn timelines_have_no_gaps_and_windows_add_up(steps in prop::collection::vec((1..5000_i64, 0..5_u8), 1..30)) {
        let (ledger, second) = history(&steps);
        check(&report(&ledger, at(second / 2), at(second + 7), None))?;
    }

    #[test]
    fn what_was_written_tells_the_same_after_a_restart(steps in prop::collection::vec((1..5000_i64, 0..4_u8), 1..30)) {
        let (ledger, second) = history(&steps);
        // Without a gap, the file alone gives the same report.
        let (read, _) = again(&ledger.records(), ledger.alive.unwrap_or(at(0)));
        let of = |l: &Ledger| l.entries.iter().map(|e| (e.at, e.to)).take(ledger.entries.len()).collect::<Vec<_>>();
        prop_assert_eq!(of(&read), of(&ledger));
        check(&report(&read, at(0), at(second + 1), None))?;
    }
}
