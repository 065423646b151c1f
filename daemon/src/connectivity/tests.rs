//! The file under kills, broken bytes and a disk that refuses.

use spark_core::connectivity::{Ledger, Record, daemon};
use spark_ipc::Time;

use super::*;

fn at(second: i64) -> Time {
    Time(jiff::Timestamp::from_second(1_790_000_000 + second).unwrap())
}

/// The records of a daemon that came and went `times` times.
fn records(times: i64) -> Vec<Record> {
    let mut ledger = Ledger::default();
    let turn = |n: i64| ledger.observe(&[daemon(n % 2 == 0)], &[], at(n));
    (0..times).flat_map(turn).collect()
}

fn lines(path: &std::path::Path) -> usize {
    std::fs::read_to_string(path).unwrap().lines().count()
}

#[test]
fn lines_are_appended_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("connectivity.json");
    let (mut log, opened) = Log::open(path.clone());
    assert!(opened.records.is_empty() && opened.warning.is_none());
    let all = records(6);
    assert!(log.wants_rewriting());
    log.rewrite(&all[..2]).unwrap();
    log.append(&all[2..5]).unwrap();
    log.append(&all[5..]).unwrap();
    let (again, opened) = Log::open(path);
    assert_eq!(opened.records, all);
    assert!(opened.warning.is_none() && !again.wants_rewriting());
}

#[test]
fn a_torn_line_is_dropped_wherever_it_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("connectivity.json");
    let all = records(3);
    let text: String = all.iter().map(Record::line).collect();
    let whole = text.len() - all[2].line().len();
    for cut in whole + 1..text.len() {
        std::fs::write(&path, &text.as_bytes()[..cut]).unwrap();
        let (mut log, opened) = Log::open(path.clone());
        assert_eq!(opened.records, all[..2], "{cut}");
        assert!(opened.warning.is_none() && log.wants_rewriting());
        log.rewrite(&opened.records).unwrap();
        log.append(&all[2..]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_broken_file_is_set_aside_with_its_name_and_what_can_be_read_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("connectivity.json");
    let all = records(2);
    let text = format!(
        "{}{{\"record\":\"other\"}}\n{}",
        all[0].line(),
        all[1].line()
    );
    std::fs::write(&path, &text).unwrap();
    let (log, opened) = Log::open(path.clone());
    let aside = folder.path().join("connectivity.json.broken");
    assert_eq!(opened.records, all);
    assert!(
        opened
            .warning
            .unwrap()
            .contains(&*aside.display().to_string())
    );
    assert_eq!(std::fs::read_to_string(aside).unwrap(), text);
    assert!(log.wants_rewriting() && !path.exists());
}

#[test]
fn a_refused_write_is_made_good_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone/connectivity.json");
    let all = records(2);
    let mut log = Log::open(path.clone()).0;
    log.rewrite(&all[..1]).unwrap();
    std::fs::remove_dir_all(folder.path().join("gone")).unwrap();
    std::fs::write(folder.path().join("gone"), b"a file in the way").unwrap();
    assert!(log.append(&all[1..]).is_err());
    assert!(log.wants_rewriting());
    assert!(log.rewrite(&all).is_err());
    std::fs::remove_file(folder.path().join("gone")).unwrap();
    log.rewrite(&all).unwrap();
    assert_eq!(lines(&path), 2);
}

#[test]
fn what_is_no_file_is_left_as_it_is() {
    let (mut log, opened) = Log::open("/dev/full".into());
    assert!(
        opened
            .warning
            .unwrap()
            .contains("/dev/full is no log of ours")
    );
    assert!(log.append(&records(1)).is_err() && log.rewrite(&records(1)).is_err());
    assert!(!std::fs::metadata("/dev/full").unwrap().is_file());
}

/// A keeper on `path` that sees nothing.
fn start(path: PathBuf, tasks: &Tasks) -> Connectivity {
    let (handle, seat) = Connectivity::channel();
    seat.start(Surroundings {
        tasks: tasks.clone(),
        path,
        nodes: watch::Sender::default().subscribe(),
        units: watch::Sender::default().subscribe(),
        services: watch::Sender::default().subscribe(),
        deep: Deep::channel().0,
    });
    handle
}

#[tokio::test]
async fn the_daemons_own_life_is_in_the_report_and_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("connectivity.json");
    let tasks = Tasks::new();
    let handle = start(path.clone(), &tasks);
    let report = handle.report(at(0)).await.unwrap();
    assert_eq!(report.transitions[0].cause, "started");
    assert!(report.warning.is_none());
    assert!(tasks.shut_down(Duration::from_secs(10)).await);
    let (_, opened) = Log::open(path.clone());
    let last = opened.records.last().cloned();
    assert!(matches!(last, Some(Record::Entry(entry)) if entry.cause == "stopped"));
    let tasks = Tasks::new();
    let report = start(path, &tasks).report(at(0)).await.unwrap();
    let causes: Vec<&str> = report
        .transitions
        .iter()
        .map(|t| t.cause.as_str())
        .collect();
    assert_eq!(causes, ["started", "stopped", "started"]);
    assert!(tasks.shut_down(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn a_disk_that_refuses_fails_no_report() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"").unwrap();
    let tasks = Tasks::new();
    let handle = start(folder.path().join("file/connectivity.json"), &tasks);
    let report = handle.report(at(0)).await.unwrap();
    assert_eq!(report.transitions.len(), 1);
    assert!(
        report
            .warning
            .unwrap()
            .contains("connectivity.json cannot be")
    );
    assert!(tasks.shut_down(Duration::from_secs(10)).await);
}
