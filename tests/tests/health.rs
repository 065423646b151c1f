//! Deep health and the connectivity log, on simulated Sparks behind real OpenSSH servers.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use spark_e2e::fleet::{Fleet, FleetOptions, SMALL};
use spark_e2e::programs::program;
use spark_ipc::model::alert::AlertKind;
use spark_ipc::model::connectivity::{
    Availability, Connectivity, EntryKind, SubjectKind, Transition,
};
use spark_ipc::model::deep::{DeepHealth, DeepLevel, DeepResult, DeepState};
use spark_ipc::model::operation::{OperationStarted, OperationState};
use spark_ipc::model::status::Snapshot;

const EMBEDDING: &str = "Qwen/Qwen3-Embedding-0.6B";
const DEGRADED: i32 = 3;

fn options() -> FleetOptions {
    FleetOptions {
        nodes: 1,
        speed: 200.0,
        models: vec![SMALL, EMBEDDING],
        // Only what a test asks for is asked.
        settings: vec![("DEEP_HEALTH_INTERVAL_S", "0".to_owned())],
        ..FleetOptions::default()
    }
}

async fn started(options: &FleetOptions) -> Result<Fleet> {
    let fleet = Fleet::start(options)?;
    fleet.daemon.settled().await?;
    Ok(fleet)
}

/// Probes `name` now, until the probe has ended.
async fn probed(fleet: &Fleet, name: &str) -> Result<DeepResult> {
    let client = fleet.daemon.client();
    let body = json!({ "units": [name] });
    let mut health: DeepHealth = client.post("/api/health/deep", &body).await?;
    loop {
        let found = health.results.into_iter().find(|r| r.id == name);
        let result = found.context("it is not in the results")?;
        if !result.running {
            return Ok(result);
        }
        tokio::task::yield_now().await;
        health = client.get("/api/health/deep").await?;
    }
}

fn verdict(result: &DeepResult) -> Option<(DeepState, DeepLevel)> {
    result.last.as_ref().map(|last| (last.state, last.level))
}

/// `spark-control WORDS`: its exit code and its standard output.
fn control(fleet: &Fleet, words: &[&str]) -> Result<(i32, String)> {
    let output = Command::new(program("spark-control")?)
        .arg("--socket")
        .arg(fleet.daemon.socket())
        .args(words)
        .output()?;
    let code = output.status.code().context("it was killed")?;
    Ok((code, String::from_utf8(output.stdout)?))
}

fn has_alert(snapshot: &Snapshot) -> bool {
    let mut alerts = snapshot.status.alerts.iter();
    alerts.any(|alert| alert.kind == AlertKind::DeepHealth)
}

#[tokio::test]
async fn an_engine_that_serves_and_is_ill_is_told_apart_from_a_well_one() -> Result<()> {
    let fleet = started(&options()).await?;
    fleet.daemon.swapped(SMALL).await?;
    let well = probed(&fleet, "main").await?;
    let passed = Some((DeepState::Passed, DeepLevel::Inference));
    assert_eq!(verdict(&well), passed, "{well:#?}");
    let names: Vec<&str> = well.checks.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(
        names[..5],
        ["port", "health", "model_name", "answer", "arithmetic"]
    );
    let failed = DeepState::Failed;
    let mut asked = 1;
    for (mode, state, level) in [
        ("garbage", failed, DeepLevel::Inference),
        ("empty", failed, DeepLevel::Inference),
        ("error", failed, DeepLevel::Inference),
        ("wrong_name", failed, DeepLevel::ModelName),
        ("busy", DeepState::Busy, DeepLevel::Inference),
        ("frozen", failed, DeepLevel::Inference),
    ] {
        fleet.sparks[0].clear_faults()?;
        fleet.sparks[0].set_fault(&["service", "--mode", mode])?;
        let ill = probed(&fleet, "main").await?;
        assert_eq!(verdict(&ill), Some((state, level)), "{mode}: {ill:#?}");
        asked += 1;
        assert_eq!(ill.history.len(), asked);
    }
    Ok(())
}

#[tokio::test]
async fn garbage_is_in_the_status_the_alerts_the_log_and_on_the_command_line() -> Result<()> {
    let fleet = started(&options()).await?;
    fleet.daemon.swapped(SMALL).await?;
    assert_eq!(control(&fleet, &["health", "--now"])?.0, 0);
    fleet.sparks[0].set_fault(&["service", "--mode", "garbage"])?;
    let (code, said) = control(&fleet, &["health", "--now", "--json"])?;
    let said: Value = serde_json::from_str(&said)?;
    assert_eq!(code, DEGRADED, "{said:#}");
    assert_eq!(said["schema"], "spark.health/1");
    let advice = &said["results"][0]["advice"];
    assert_eq!(advice["id"], "garbage_answers", "{said:#}");
    let shown = fleet
        .daemon
        .wait_for("a failing unit and its alert", |s| {
            let deep = s.status.units.first().and_then(|u| u.deep.as_ref());
            deep.is_some_and(|d| d.state == DeepState::Failed) && has_alert(s)
        })
        .await?;
    let alert = shown
        .status
        .alerts
        .iter()
        .find(|a| a.kind == AlertKind::DeepHealth);
    let alert = alert.context("no alert")?;
    assert_eq!(alert.id, "spark1/deep_health/main");
    assert!(
        alert
            .fix
            .as_ref()
            .is_some_and(|fix| fix.contains("quantization")),
        "{alert:?}"
    );
    fleet
        .daemon
        .wait_for("the unit as degraded", |s| {
            let entries = &s.status.connectivity.transitions;
            entries
                .iter()
                .any(|e| e.cause == "deep_health" && e.to == Availability::Degraded)
        })
        .await?;
    fleet.sparks[0].clear_faults()?;
    let (code, said) = control(&fleet, &["health", "--now"])?;
    assert_eq!(code, 0, "{said}");
    fleet.daemon.wait_for("no alert", |s| !has_alert(s)).await?;
    let (_, said) = control(&fleet, &["history", "main"])?;
    assert!(
        said.contains("degraded") && said.contains("up: answers"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn a_swap_that_ends_in_garbage_fails_with_its_advice() -> Result<()> {
    let fleet = started(&options()).await?;
    fleet.sparks[0].set_fault(&["engine", "--stage", "serving", "--mode", "garbage"])?;
    let end = fleet.daemon.swapped(SMALL).await?;
    assert_eq!(end.state, OperationState::Failed, "{:#?}", end.steps);
    let advice = end.advice.context("no advice")?;
    assert_eq!(advice.id, "garbage_answers");
    assert!(end.error.is_some_and(|error| error.contains("12*17")));
    assert!(fleet.sparks[0].running()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn services_are_asked_what_they_are_for() -> Result<()> {
    let fleet = started(&options()).await?;
    for (name, check, ill, word) in [
        ("kokoro", "speech", "silent", "silence"),
        ("embeddings", "embeddings", "empty", "zero"),
        ("sortformer", "diarization", "empty", "nobody"),
        ("parakeet", "transcription", "empty", "transcript"),
        ("rerank", "rerank", "garbage", "rank"),
    ] {
        let path = format!("/api/services/{name}/start");
        let begun: OperationStarted = fleet.daemon.client().post(&path, &json!({})).await?;
        let end = fleet.daemon.ended_operation(&begun.operation.id).await?;
        ensure!(
            end.state == OperationState::Succeeded,
            "{:?} {:#?}",
            end.error,
            end.steps
        );
        let well = probed(&fleet, name).await?;
        let state = well.last.as_ref().map(|last| last.state);
        assert_eq!(state, Some(DeepState::Passed), "{well:#?}");
        assert!(well.checks.iter().any(|c| c.name == check), "{well:#?}");
        fleet.sparks[0].set_fault(&["service", "--mode", ill, "--container", name])?;
        let result = probed(&fleet, name).await?;
        let error = result.last.as_ref().and_then(|last| last.error.as_deref());
        assert!(
            error.is_some_and(|error| error.contains(word)),
            "{result:#?}"
        );
        let wrong = |s: &Snapshot| {
            let service = s.status.services.iter().find(|s| s.name.as_str() == name);
            let deep = service.and_then(|s| s.deep.as_ref());
            deep.is_some_and(|d| d.state == DeepState::Failed)
        };
        let what = format!("{name} as wrong in the status");
        fleet.daemon.wait_for(&what, wrong).await?;
        fleet.sparks[0].clear_faults()?;
    }
    Ok(())
}

async fn history(fleet: &Fleet) -> Result<Connectivity> {
    Ok(fleet.daemon.client().get("/api/connectivity").await?)
}

fn of(report: &Connectivity, kind: SubjectKind) -> Vec<&Transition> {
    let entries = report.transitions.iter();
    entries.filter(|e| e.subject.kind == kind).collect()
}

#[tokio::test]
async fn a_killed_daemon_keeps_its_history_and_shows_its_own_gap_as_unknown() -> Result<()> {
    let mut fleet = started(&options()).await?;
    fleet.daemon.swapped(SMALL).await?;
    let up = |s: &Snapshot| {
        let entries = &s.status.connectivity.transitions;
        entries
            .iter()
            .any(|e| e.subject.id == "main" && e.to == Availability::Up)
    };
    fleet.daemon.wait_for("the unit as up", up).await?;
    let before = history(&fleet).await?;
    fleet.daemon.kill()?;
    let path = fleet.daemon.data().join("connectivity.json");
    let mut log = std::fs::read(&path)?;
    log.extend_from_slice(b"{\"record\":\"entry\",\"seq\":99,\"at\":\"2026-1");
    std::fs::write(&path, &log)?;
    fleet.daemon.start()?;
    let back = |s: &Snapshot| {
        let last = s.status.connectivity.transitions.iter().rev();
        let mut main = last.filter(|e| e.subject.id == "main");
        main.next()
            .is_some_and(|e| e.to == Availability::Up && e.from == Availability::Unknown)
    };
    fleet.daemon.wait_for("the unit as up again", back).await?;
    let after = history(&fleet).await?;
    let kept = after.transitions.get(..before.transitions.len());
    assert_eq!(kept, Some(before.transitions.as_slice()), "{after:#?}");
    let causes: Vec<&str> = of(&after, SubjectKind::Daemon)
        .iter()
        .map(|e| e.cause.as_str())
        .collect();
    assert_eq!(causes, ["started", "killed", "started"]);
    for kind in [SubjectKind::Node, SubjectKind::Unit] {
        let entries = of(&after, kind);
        let gap = entries
            .iter()
            .find(|e| e.cause == "daemon_down")
            .context("no gap")?;
        assert_eq!(gap.to, Availability::Unknown);
        let end = entries
            .iter()
            .find(|e| e.seq > gap.seq)
            .context("no end of the gap")?;
        assert_eq!(
            (end.from, end.to),
            (Availability::Unknown, Availability::Up)
        );
    }
    assert_eq!(after.warning, None, "a torn line is no damage");
    let node = after
        .subjects
        .iter()
        .find(|s| s.subject.kind == SubjectKind::Node);
    let day = &node.context("no node")?.uptime[0];
    assert!(day.unknown_s > 0.0 && day.down_s < 1e-9, "{day:?}");
    assert_eq!(day.uptime_percent, Some(100.0));
    Ok(())
}

#[tokio::test]
async fn a_node_that_goes_and_comes_back_rebooted_is_in_the_log() -> Result<()> {
    let mut fleet = started(&options()).await?;
    fleet.sparks[0].sshd.stop();
    let entry = |to: Availability| {
        move |s: &Snapshot| {
            let entries = &s.status.connectivity.transitions;
            let node = entries
                .iter()
                .rev()
                .find(|e| e.subject.kind == SubjectKind::Node && e.kind == EntryKind::State);
            node.is_some_and(|e| e.to == to)
        }
    };
    fleet
        .daemon
        .wait_for("the node as down", entry(Availability::Down))
        .await?;
    fleet.sparks[0].set_fault(&["reboot", "--away-s", "0"])?;
    fleet.sparks[0].sshd.restart()?;
    fleet
        .daemon
        .wait_for("the node as up", entry(Availability::Up))
        .await?;
    let rebooted = |s: &Snapshot| {
        let entries = &s.status.connectivity.transitions;
        entries.iter().any(|e| e.kind == EntryKind::Reboot)
    };
    fleet.daemon.wait_for("its restart", rebooted).await?;
    let report = history(&fleet).await?;
    let down = report
        .transitions
        .iter()
        .find(|e| e.from == Availability::Down);
    assert!(
        down.is_some_and(|e| e.lasted_s.is_some_and(|s| s > 0.0)),
        "{report:#?}"
    );
    let (code, said) = control(&fleet, &["history", "--json", "--since", "7d"])?;
    let said: Value = serde_json::from_str(&said)?;
    assert_eq!((code, &said["schema"]), (0, &json!("spark.history/1")));
    Ok(())
}

#[tokio::test]
async fn a_broken_log_is_set_aside_and_one_that_is_refused_fails_no_request() -> Result<()> {
    let mut fleet = started(&options()).await?;
    fleet.daemon.terminate()?;
    let path = fleet.daemon.data().join("connectivity.json");
    let mut log = std::fs::read(&path)?;
    log.extend_from_slice(b"\x00\xff not ours\n");
    std::fs::write(&path, &log)?;
    fleet.daemon.start()?;
    fleet.daemon.settled().await?;
    let report = history(&fleet).await?;
    let warning = report.warning.context("no warning")?;
    assert!(warning.contains("connectivity.json.broken"), "{warning}");
    assert_eq!(std::fs::read(path.with_extension("json.broken"))?, log);
    let causes: Vec<&str> = report
        .transitions
        .iter()
        .map(|e| e.cause.as_str())
        .collect();
    assert!(
        causes.contains(&"stopped"),
        "what could be read is kept: {causes:?}"
    );

    fleet.daemon.terminate()?;
    // A file where a folder should be: every write fails, as on a full disk.
    let refused = path.join("connectivity.json");
    fleet
        .daemon
        .set("CONNECTIVITY_LOG", &refused.display().to_string());
    fleet.daemon.start()?;
    fleet.daemon.settled().await?;
    let report = history(&fleet).await?;
    assert!(!report.transitions.is_empty());
    assert!(
        report
            .warning
            .is_some_and(|w| w.contains("cannot be written"))
    );
    assert_eq!(fleet.daemon.status().await?.nodes.len(), 1);
    Ok(())
}
