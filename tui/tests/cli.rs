//! The binary as a script meets it: words, JSON and exit codes, against a daemon that is a table.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; a broken fake is a failed test"
)]

#[path = "cli/daemon.rs"]
mod daemon;
#[path = "../src/fixture.rs"]
mod fixture;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::Stdio;

use daemon::{Daemon, World, command, run};
use serde_json::{Value, json};
use spark_ipc::model::node::Freshness;
use spark_ipc::model::operation::OperationState;

fn fake() -> Daemon {
    Daemon::start(World::new())
}

fn object(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "one object, one line: {text}");
    serde_json::from_str(text).unwrap()
}

#[test]
fn words_are_as_agreed() {
    let daemon = fake();
    for (name, args) in [
        ("status", &["status"][..]),
        ("models", &["models"]),
        ("nodes", &["nodes"]),
        ("ops", &["ops"]),
        ("dry_run", &["swap", "qwen3-0.6b", "--dry-run"]),
        ("swap", &["swap", "qwen3-0.6b", "--yes"]),
        ("ascii", &["status", "--ascii"]),
    ] {
        let ran = daemon.run(args);
        insta::assert_snapshot!(name, format!("{}{}exit {}", ran.out, ran.err, ran.code));
    }
}

#[test]
fn without_a_terminal_no_command_is_status() {
    let daemon = fake();
    assert_eq!(daemon.run(&[]).out, daemon.run(&["status"]).out);
}

#[test]
fn json_is_one_object_with_its_schema() {
    let daemon = fake();
    for (args, schema) in [
        (&["status"][..], "spark.status/1"),
        (&["models"], "spark.models/1"),
        (&["nodes"], "spark.nodes/1"),
        (&["ops"], "spark.operations/1"),
        (&["ops", "show", "0193"], "spark.operation/1"),
        (&["swap", "qwen3-0.6b", "--dry-run"], "spark.preflight/1"),
        (&["swap", "qwen3-0.6b", "--yes"], "spark.swap/1"),
        (&["swap", "35b", "--ensure"], "spark.swap/1"),
        (
            &["swap", "qwen3-0.6b", "--yes", "--no-wait"],
            "spark.swap/1",
        ),
    ] {
        let ran = daemon.run(&[args, &["--json"]].concat());
        assert_eq!(object(&ran.out)["schema"], schema, "{args:?} {ran:?}");
    }
    let status = object(&daemon.run(&["status", "--json"]).out);
    assert_eq!(
        status["nodes"][0]["memory"]["total_bytes"],
        json!(122_u64 << 30)
    );
    assert!(status["webhook"].is_null());
}

#[test]
fn exit_codes_tell_how_it_went() {
    let ended = |state: OperationState| {
        let mut world = World::new();
        world.ending = fixture::swap(state);
        world.ending.advice = Some(fixture::advice());
        Daemon::start(world)
            .run(&["swap", "qwen3-0.6b", "--yes"])
            .code
    };
    assert_eq!(ended(OperationState::Succeeded), 0);
    assert_eq!(ended(OperationState::Failed), 1);
    assert_eq!(ended(OperationState::RolledBack), 1);
    assert_eq!(ended(OperationState::Cancelled), 9);
    let daemon = fake();
    for (args, code) in [
        (&["status"][..], 3),
        (&["models"], 0),
        (&["swap", "qwen3-0.6b"], 2),
        (&["swap", "qwen", "--yes"], 2),
        (&["swap", "nonsense", "--yes"], 6),
        (&["swap"], 2),
        (&["--nonsense"], 2),
        (&["stop", "nope", "--yes"], 6),
        (&["ops", "show", "ffff"], 6),
        (&["models", "show", "35b"], 6),
        (&["completions", "bash"], 0),
        (&["--help"], 0),
    ] {
        let ran = daemon.run(args);
        assert_eq!(ran.code, code, "{args:?} {ran:?}");
    }
}

#[test]
fn the_status_is_well_when_all_is() {
    let mut world = World::new();
    world.snapshot.status.alerts.clear();
    for node in &mut world.snapshot.status.nodes {
        node.freshness = Freshness::Fresh;
    }
    assert_eq!(Daemon::start(world).run(&["status"]).code, 0);
}

#[test]
fn a_daemon_that_is_not_there_is_exit_4_with_a_hint() {
    for args in [
        &["status"][..],
        &["models"],
        &["swap", "x", "--yes"],
        &["events"],
    ] {
        let ran = run(Path::new("/nonexistent/s"), args);
        assert_eq!(ran.code, 4, "{ran:?}");
        assert!(ran.err.contains("no daemon at /nonexistent/s"), "{ran:?}");
        assert!(
            ran.err
                .contains("hint: start it with `spark-controld serve`"),
            "{ran:?}"
        );
        assert!(ran.out.is_empty());
    }
    let error = object(&run(Path::new("/nonexistent/s"), &["status", "--json"]).err);
    assert_eq!(error["error"]["code"], "unreachable");
}

#[test]
fn a_refusal_of_the_daemon_is_told_in_full() {
    for (status, code, exit) in [
        (409, "busy", 7),
        (403, "forbidden", 5),
        (422, "blocked", 1),
        (502, "unreachable", 4),
    ] {
        let mut world = World::new();
        let error = json!({
            "code": code, "message": "a swap is under way", "hint": "wait for it",
            "fields": [{ "path": "nodes", "message": "spark1 is held" }], "request_id": "abc"
        });
        world.refusal = Some((status, error));
        let daemon = Daemon::start(world);
        let ran = daemon.run(&["swap", "qwen3-0.6b", "--yes"]);
        assert_eq!(ran.code, exit, "{ran:?}");
        for part in [
            "a swap is under way; nodes: spark1 is held",
            "hint: wait for it",
            "request id: abc",
        ] {
            assert!(ran.err.contains(part), "{part} in {ran:?}");
        }
    }
}

#[test]
fn a_swap_needs_consent_and_nobody_is_asked_off_a_terminal() {
    let daemon = fake();
    let ran = daemon.run(&["swap", "qwen3-0.6b"]);
    assert!(ran.err.contains("--yes"), "{ran:?}");
    assert!(
        daemon.asked().iter().all(|a| !a.contains("/api/swap")),
        "{:?}",
        daemon.asked()
    );
}

#[test]
fn a_swap_asks_for_what_was_said() {
    let daemon = fake();
    daemon.run(&[
        "swap",
        "QWEN3-0.6B",
        "--yes",
        "--node",
        "1",
        "--recipe",
        "r1",
        "--keep",
        "--no-wait",
    ]);
    let swap = daemon
        .asked()
        .into_iter()
        .find(|a| a.starts_with("POST /api/swap"))
        .unwrap();
    let body: Value = serde_json::from_str(swap.trim_start_matches("POST /api/swap ")).unwrap();
    assert_eq!(
        body,
        json!({ "repo": "Qwen/Qwen3-0.6B", "recipe": "r1", "nodes": ["spark1"], "keep": true, "dry_run": false, "allow": [] })
    );
}

#[test]
fn an_ensured_model_that_runs_is_left_alone() {
    let daemon = fake();
    let ran = daemon.run(&["swap", "35b-a3b", "--ensure"]);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (
            0,
            "Qwen/Qwen3.6-35B-A3B-FP8 already runs on spark1+spark2\n"
        )
    );
    assert_eq!(daemon.asked(), ["GET /api/models"]);
}

#[test]
fn waiting_ends_in_time_and_the_swap_goes_on() {
    let mut world = World::new();
    world.endless = true;
    let daemon = Daemon::start(world);
    let ran = daemon.run(&["swap", "qwen3-0.6b", "--yes", "--timeout", "0"]);
    assert_eq!(ran.code, 8, "{ran:?}");
    assert!(
        ran.err.contains("spark-control ops wait 01935a7c"),
        "{ran:?}"
    );
    assert!(daemon.asked().iter().all(|a| !a.contains("cancel")));
}

#[test]
fn ctrl_c_detaches() {
    let mut world = World::new();
    world.endless = true;
    let daemon = Daemon::start(world);
    let mut child = command(&daemon.socket(), &["swap", "qwen3-0.6b", "--yes"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The stage is told once the stream is read, and by then Ctrl-C is listened for.
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|l| l.unwrap().contains("loading weights")));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{err}");
    assert!(
        err.contains("the swap goes on; follow with spark-control ops wait"),
        "{err}"
    );
}

#[test]
fn a_closed_output_is_no_panic() {
    let daemon = fake();
    for args in [
        &["models"][..],
        &["status", "--json"],
        &["completions", "zsh"],
        &["logs", "-n", "2"],
    ] {
        let mut child = command(&daemon.socket(), args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        child.wait().unwrap();
        assert_eq!(err, "", "{args:?}");
    }
}

#[test]
fn logs_are_clean_text_or_lines_of_json() {
    let daemon = fake();
    assert_eq!(daemon.run(&["logs", "-n", "2"]).out, "first line\nsecond\n");
    assert_eq!(daemon.run(&["logs", "main", "-f"]).out, "spark1/0 hello\n");
    let line = object(&daemon.run(&["logs", "-f", "--json"]).out);
    assert_eq!(
        (&line["schema"], &line["text"]),
        (&json!("spark.log/1"), &json!("hello"))
    );
}

#[test]
fn events_are_one_line_each() {
    let ran = fake().run(&["events", "--json"]);
    assert_eq!(object(&ran.out)["event"], "snapshot");
    assert_eq!(ran.code, 4, "the daemon went away");
}

#[test]
fn colour_is_for_terminals_or_when_asked() {
    let daemon = fake();
    assert!(!daemon.run(&["status"]).out.contains('\u{1b}'));
    assert!(
        daemon
            .run(&["status", "--color", "always"])
            .out
            .contains("\u{1b}[32m")
    );
    assert!(
        !daemon
            .run(&["status", "--color", "always", "--no-color"])
            .out
            .contains('\u{1b}')
    );
}

#[test]
fn quiet_is_names_alone() {
    let daemon = fake();
    assert_eq!(daemon.run(&["nodes", "-q"]).out, "spark1\nspark2\n");
    assert_eq!(daemon.run(&["status", "-q"]).out, "degraded\n");
    let ran = daemon.run(&["swap", "qwen3-0.6b", "-y", "-q"]);
    assert_eq!(ran.out.lines().count(), 1, "{ran:?}");
}
