//! Six tasks of an operator's day in a real browser, on simulated Sparks behind real OpenSSH servers; the walks are
//! in `tests/web/day.mjs`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use spark_e2e::browser::walk;
use spark_e2e::fleet::{Fleet, FleetOptions, PAIR, SMALL, SOLO};
use spark_e2e::place::screens;
use spark_ipc::model::operation::{OperationStarted, OperationState};
use spark_ipc::model::service::ServiceDetail;

const EMBEDDING: &str = "Qwen/Qwen3-Embedding-0.6B";

async fn started(nodes: usize, models: &[&'static str]) -> Result<Fleet> {
    let fleet = Fleet::start(&FleetOptions {
        nodes,
        models: models.to_vec(),
        settings: vec![("DEEP_HEALTH_INTERVAL_S", "0".to_owned())],
        ..FleetOptions::default()
    })?;
    fleet.daemon.settled().await?;
    Ok(fleet)
}

/// Walks one task to its end, doing to the first node what it asks for.
fn walked(fleet: &Fleet, task: &str) -> Result<()> {
    let url = format!("http://{}/", fleet.daemon.address());
    let mut child = walk("day.mjs", &url)?
        .arg(screens()?)
        .arg(task)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run node")?;
    let mut answers = child.stdin.take().context("no standard input")?;
    let said = BufReader::new(child.stdout.take().context("no standard output")?);
    let mut passed = false;
    for line in said.lines() {
        let line = line?;
        passed |= line == "all passed";
        if let Some(words) = line.strip_prefix("do ") {
            act(fleet, words)?;
            writeln!(answers, "done")?;
        }
    }
    let mut told = String::new();
    let mut errors = child.stderr.take().context("no standard error")?;
    errors.read_to_string(&mut told)?;
    let status = child.wait()?;
    ensure!(status.success() && passed, "{task}: {status}\n{told}");
    Ok(())
}

/// `fault WORDS` sets a fault (`_` stands for a space), `reboot` has the node restart.
fn act(fleet: &Fleet, words: &str) -> Result<()> {
    let spark = fleet.sparks.first().context("no node")?;
    match words.split_once(' ') {
        Some(("fault", fault)) => {
            let words: Vec<String> = fault.split(' ').map(|w| w.replace('_', " ")).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            spark.set_fault(&words)
        }
        None if words == "reboot" => spark.set_fault(&["reboot", "--away-s", "120"]),
        _ => bail!("what is {words:?}?"),
    }
}

#[tokio::test]
async fn task_1_what_runs_and_whether_it_is_well() -> Result<()> {
    let fleet = started(2, &[SMALL]).await?;
    fleet.daemon.swapped_when_settled(SMALL).await?;
    walked(&fleet, "well")
}

#[tokio::test]
async fn task_2_a_swap_from_its_preview_to_its_answer() -> Result<()> {
    let fleet = started(2, &[SMALL, PAIR]).await?;
    walked(&fleet, "swapped")
}

#[tokio::test]
async fn task_3_a_failure_tells_its_first_cause_and_what_to_do() -> Result<()> {
    let fleet = started(1, &[SMALL]).await?;
    walked(&fleet, "failed")
}

#[tokio::test]
async fn task_4_a_new_model_is_brought_set_up_and_started() -> Result<()> {
    let fleet = started(2, &[SMALL]).await?;
    walked(&fleet, "brought")
}

#[tokio::test]
async fn task_5_disk_is_freed_and_never_under_what_runs() -> Result<()> {
    let fleet = started(2, &[SMALL, SOLO]).await?;
    fleet.daemon.swapped_when_settled(SMALL).await?;
    walked(&fleet, "freed")
}

#[tokio::test]
async fn task_6_after_a_reboot_everything_is_back_and_told() -> Result<()> {
    let fleet = started(1, &[SMALL, EMBEDDING]).await?;
    let client = fleet.daemon.client();
    for name in ["embeddings", "kokoro"] {
        let path = format!("/api/services/{name}");
        let _: ServiceDetail = client.put(&path, &json!({"autostart": true})).await?;
        let begun: OperationStarted = client.post(&format!("{path}/start"), &json!({})).await?;
        let end = fleet.daemon.ended_operation(&begun.operation.id).await?;
        ensure!(end.state == OperationState::Succeeded, "{:?}", end.error);
    }
    walked(&fleet, "recovered")
}
