//! The command line as scripts use it: what it does, and the exit codes on real conditions.

#![expect(clippy::panic, reason = "a helper of a test fails by panicking")]

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use spark_e2e::fleet::{Fleet, FleetOptions, PAIR, SMALL};
use spark_e2e::programs::program;
use spark_ipc::model::unit::UnitState;

const BUSY: i32 = 7;
const CANCELLED: i32 = 9;
const DEGRADED: i32 = 3;
const NOT_FOUND: i32 = 6;
const UNREACHABLE: i32 = 4;

/// Runs `spark-control WORDS`; gives its exit code and what it printed.
fn control(fleet: &Fleet, words: &[&str]) -> Result<(i32, String)> {
    let output = Command::new(program("spark-control")?)
        .arg("--socket")
        .arg(fleet.daemon.socket())
        .args(words)
        .output()?;
    let code = output.status.code().context("it was killed")?;
    Ok((code, said(&output)))
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
    format!("{out}{err}")
}

/// As [`control`], which must end with `code`; gives what it printed.
#[track_caller]
fn ends_with(code: i32, fleet: &Fleet, words: &[&str]) -> String {
    let (ended, said) = match control(fleet, words) {
        Ok(end) => end,
        Err(error) => panic!("{error:?}"),
    };
    assert_eq!(ended, code, "spark-control {words:?}\n{said}");
    said
}

/// What `curl -N` gets for a streamed question.
fn curl(fleet: &Fleet) -> Result<String> {
    let body = r#"{"stream": true, "messages": [{"role": "user", "content": "What is 12*17?"}]}"#;
    let output = Command::new("curl")
        .args([
            "-sSN",
            "--fail-with-body",
            "-H",
            "content-type: application/json",
            "-d",
            body,
        ])
        .arg(format!(
            "http://{}/v1/chat/completions",
            fleet.daemon.address()
        ))
        .output()?;
    ensure!(output.status.success(), "{}", said(&output));
    Ok(String::from_utf8(output.stdout)?)
}

/// The text of a stream, which must be of `model` alone and whole.
fn streamed(stream: &str, model: &str) -> Result<String> {
    let mut events = stream.lines().filter_map(|l| l.strip_prefix("data: "));
    ensure!(
        events.next_back() == Some("[DONE]"),
        "no end mark: {stream}"
    );
    let mut text = String::new();
    let mut pieces = 0;
    for event in events {
        let chunk: serde_json::Value = serde_json::from_str(event)?;
        ensure!(chunk["model"] == model, "another model: {event}");
        let delta = &chunk["choices"][0]["delta"];
        let piece = |field: &str| delta[field].as_str().unwrap_or_default().to_owned();
        pieces += usize::from(!piece("reasoning").is_empty() || !piece("content").is_empty());
        text.push_str(&piece("content"));
    }
    ensure!(pieces > 1, "{pieces} pieces: {stream}");
    Ok(text)
}

async fn started() -> Result<Fleet> {
    let fleet = Fleet::start(&FleetOptions::default())?;
    fleet.daemon.settled().await?;
    Ok(fleet)
}

#[tokio::test]
async fn a_swap_ends_in_a_streamed_answer_and_a_stop_in_nothing_that_runs() -> Result<()> {
    let fleet = started().await?;
    ends_with(0, &fleet, &["status"]);
    ends_with(0, &fleet, &["swap", SMALL, "--dry-run"]);
    let swapped = ends_with(0, &fleet, &["swap", "qwen3-0.6b", "--yes"]);
    assert!(
        swapped.contains(&format!("✔ Started {SMALL} on spark")),
        "{swapped}"
    );
    assert!(streamed(&curl(&fleet)?, "qwen3-0.6b")?.contains("204"));
    let log = ends_with(0, &fleet, &["logs"]);
    assert!(log.contains("Application startup complete"), "{log}");

    let swapped = ends_with(0, &fleet, &["swap", PAIR, "--yes"]);
    let sentence = format!("✔ Swapped {SMALL} → {PAIR} on spark1+spark2");
    assert!(swapped.contains(&sentence), "{swapped}");
    assert!(streamed(&curl(&fleet)?, "qwen3.5-122b-a10b-fp8")?.contains("204"));

    ends_with(0, &fleet, &["stop", "--all", "--yes"]);
    for spark in &fleet.sparks {
        assert!(spark.running()?.is_empty());
    }
    let list = ends_with(0, &fleet, &["ops"]);
    assert_eq!(list.matches("✔ succeeded").count(), 3, "{list}");
    assert!(curl(&fleet).is_err(), "nobody is there to answer");
    Ok(())
}

#[tokio::test]
async fn while_an_operation_holds_the_nodes_others_are_refused_and_it_can_be_cancelled()
-> Result<()> {
    let fleet = started().await?;
    for spark in &fleet.sparks {
        spark.set_fault(&["engine", "--stage", "weights", "--mode", "hang"])?;
    }
    let id = ends_with(0, &fleet, &["swap", PAIR, "--yes", "--no-wait", "-q"]);
    let id = id.trim();
    let refused = ends_with(BUSY, &fleet, &["swap", SMALL, "--yes"]);
    assert!(refused.contains(id) || refused.contains(PAIR), "{refused}");
    ends_with(0, &fleet, &["ops", "cancel", id]);
    let end = ends_with(CANCELLED, &fleet, &["ops", "wait", id]);
    assert!(end.contains("was cancelled"), "{end}");
    for spark in &fleet.sparks {
        assert_eq!(spark.run("docker ps -aq")?, "");
    }
    ends_with(BUSY, &fleet, &["ops", "cancel", id]);
    let one = ends_with(0, &fleet, &["ops", "show", id]);
    assert!(one.contains("launch"), "{one}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_not_found() -> Result<()> {
    let fleet = started().await?;
    let unknown = ends_with(NOT_FOUND, &fleet, &["swap", "no-such-model", "--yes"]);
    assert!(unknown.contains("no model"), "{unknown}");
    ends_with(NOT_FOUND, &fleet, &["logs"]);
    ends_with(NOT_FOUND, &fleet, &["stop", "main", "--yes"]);
    ends_with(NOT_FOUND, &fleet, &["ops", "show", "01"]);
    assert!(fleet.daemon.status().await?.operations.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_is_not_well_and_what_is_away_have_codes_of_their_own() -> Result<()> {
    let mut fleet = started().await?;
    fleet.sparks[1].set_fault(&["low_memory", "--mib", "90000"])?;
    let blocked = ends_with(DEGRADED, &fleet, &["swap", PAIR, "--dry-run"]);
    assert!(blocked.contains("spark2"), "{blocked}");
    fleet.sparks[1].clear_faults()?;

    ends_with(0, &fleet, &["swap", SMALL, "--yes", "--node", "1"]);
    fleet.sparks[0].run("docker kill sparkctl-main-r0")?;
    let failed =
        |s: &spark_ipc::model::status::Status| s.units.iter().any(|u| u.state == UnitState::Failed);
    fleet
        .daemon
        .wait_for("the unit to be failed", |s| failed(&s.status))
        .await?;
    let status = ends_with(DEGRADED, &fleet, &["status"]);
    assert!(status.contains("✖ failed"), "{status}");

    fleet.daemon.kill()?;
    let away = ends_with(UNREACHABLE, &fleet, &["status"]);
    assert!(away.contains("spark-controld"), "{away}");
    Ok(())
}
