//! The ten things that operators do most, each from its beginning to its end as they do it: with the command line, on
//! simulated Sparks behind real OpenSSH servers.

#![expect(clippy::panic, reason = "a helper of a test fails by panicking")]

use std::process::{Command, Output};

use anyhow::{Context, Result};
use serde_json::Value;
use spark_e2e::fleet::{Fleet, FleetOptions, PAIR, SMALL, SOLO};
use spark_e2e::programs::program;
use spark_ipc::model::alert::AlertKind;
use spark_ipc::model::deep::DeepState;
use spark_ipc::model::service::ServiceState;
use spark_ipc::model::status::Snapshot;

const DONE: i32 = 0;
const FAILED: i32 = 1;
const DEGRADED: i32 = 3;

/// On the Hub, and in no bundled recipe.
const NEW: &str = "Qwen/Qwen2.5-14B-Instruct-AWQ";

/// What the service `embeddings` serves.
const EMBEDDING: &str = "Qwen/Qwen3-Embedding-0.6B";

async fn started(nodes: usize, models: &[&'static str]) -> Result<Fleet> {
    let fleet = Fleet::start(&FleetOptions {
        nodes,
        speed: 200.0,
        models: models.to_vec(),
        ..FleetOptions::default()
    })?;
    fleet.daemon.settled().await?;
    Ok(fleet)
}

fn run(fleet: &Fleet, words: &[&str]) -> Result<(i32, Output)> {
    let output = Command::new(program("spark-control")?)
        .arg("--socket")
        .arg(fleet.daemon.socket())
        .args(words)
        .output()?;
    Ok((output.status.code().context("it was killed")?, output))
}

/// Runs `spark-control WORDS`, which must end with `code`; gives what an operator reads.
#[track_caller]
fn ends(code: i32, fleet: &Fleet, words: &[&str]) -> String {
    let (ended, output) = run(fleet, words).unwrap_or_else(|error| panic!("{error:?}"));
    let [out, err] = [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
    assert_eq!(ended, code, "spark-control {words:?}\n{out}{err}");
    format!("{out}{err}")
}

/// As [`ends`], for scripts: the JSON of standard output.
#[track_caller]
fn json(code: i32, fleet: &Fleet, words: &[&str]) -> Value {
    let said = ends(code, fleet, &[words, &["--json"]].concat());
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[track_caller]
fn says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
}

fn alerted(snapshot: &Snapshot, kind: AlertKind) -> bool {
    snapshot.status.alerts.iter().any(|a| a.kind == kind)
}

/// Whether the last real question to the unit came to `state`.
fn answered(snapshot: &Snapshot, state: DeepState) -> bool {
    let unit = snapshot.status.units.first();
    unit.and_then(|u| u.deep.as_ref())
        .is_some_and(|d| d.state == state)
}

fn is_ready(snapshot: &Snapshot, service: &str) -> bool {
    let mut services = snapshot.status.services.iter();
    services.any(|s| s.name.as_str() == service && s.state == ServiceState::Ready)
}

#[tokio::test]
async fn task_1_one_command_says_what_runs_where_and_how_well() -> Result<()> {
    let fleet = started(2, &[SMALL]).await?;
    says(&ends(DONE, &fleet, &["status"]), &["Nothing runs."]);
    ends(DONE, &fleet, &["swap", SMALL, "--yes", "--node", "1"]);
    ends(DONE, &fleet, &["health", "--now"]);
    let passed = |s: &Snapshot| answered(s, DeepState::Passed);
    fleet.daemon.wait_for("a right answer", passed).await?;
    let well = ends(DONE, &fleet, &["status"]);
    let lines = |name: &str| well.lines().filter(|l| l.starts_with(name)).count();
    assert_eq!(
        [lines("spark1"), lines("spark2"), lines("main")],
        [1, 1, 1],
        "{well}"
    );
    let unit = well.lines().find(|l| l.starts_with("main"));
    says(unit.context("no unit")?, &["● ready", SMALL, "spark1"]);

    fleet.sparks[0].set_fault(&["service", "--mode", "garbage"])?;
    ends(DEGRADED, &fleet, &["health", "--now"]);
    let failed = |s: &Snapshot| answered(s, DeepState::Failed);
    fleet.daemon.wait_for("a wrong answer", failed).await?;
    let ill = ends(DEGRADED, &fleet, &["status"]);
    let unit = ill.lines().find(|l| l.starts_with("main"));
    says(unit.context("no unit")?, &["✖ answers wrong"]);
    let told = json(DEGRADED, &fleet, &["status"]);
    assert_eq!(told["units"][0]["deep"]["state"], "failed", "{told:#}");
    Ok(())
}

#[tokio::test]
async fn task_2_a_swap_is_looked_at_first_followed_verified_and_remembered() -> Result<()> {
    let fleet = started(2, &[SMALL, PAIR]).await?;
    let first = ends(DONE, &fleet, &["swap", PAIR, "--dry-run"]);
    says(&first, &["spark1+spark2", "never launched here", "memory"]);
    assert_eq!(fleet.sparks[0].running()?, [""; 0], "a dry run started it");
    let swapped = ends(DONE, &fleet, &["swap", PAIR, "--yes"]);
    let stages = ["✔ launch spark2", "✔ launch spark1", "✔ probe", "✔ Started"];
    let places: Option<Vec<usize>> = stages.iter().map(|s| swapped.find(s)).collect();
    let places = places.with_context(|| swapped.clone())?;
    assert!(places.is_sorted(), "{swapped}");

    ends(DONE, &fleet, &["swap", SMALL, "--yes"]);
    let again = ends(DONE, &fleet, &["swap", PAIR, "--dry-run"]);
    says(&again, &[SMALL, "(as last time)"]);
    let told = json(DONE, &fleet, &["swap", PAIR, "--dry-run"]);
    assert!(told["plan"]["expected_s"].as_f64() > Some(0.0), "{told:#}");
    says(
        &ends(DONE, &fleet, &["models", "show", PAIR]),
        &["launched"],
    );
    Ok(())
}

#[tokio::test]
async fn task_3_the_first_cause_on_any_rank_is_one_sentence_with_a_remedy() -> Result<()> {
    let fleet = started(2, &[PAIR]).await?;
    let line = "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`.";
    fleet.sparks[1].set_fault(&["engine", "--stage", "kv", "--line", line])?;
    let failed = ends(FAILED, &fleet, &["swap", PAIR, "--yes"]);
    says(&failed, &["spark2, rank 1", "cause:", "remedy:", line]);
    let list = ends(DONE, &fleet, &["ops"]);
    says(&list, &["✖ failed", PAIR]);
    let id = ends(DONE, &fleet, &["ops", "-q"]);
    let later = ends(DONE, &fleet, &["ops", "show", id.trim()]);
    says(&later, &["spark2, rank 1", "cause:", "remedy:"]);
    let told = json(DONE, &fleet, &["ops", "show", id.trim()]);
    assert_eq!(told["advice"]["rank"], 1, "{told:#}");
    for spark in &fleet.sparks {
        assert_eq!(spark.run("docker ps -aq")?, "", "something was left");
    }
    Ok(())
}

#[tokio::test]
async fn task_4_a_new_model_comes_by_name_to_both_nodes_is_set_up_and_answers() -> Result<()> {
    let fleet = started(2, &[SMALL]).await?;
    let look = ends(DONE, &fleet, &["download", NEW, "--dry-run"]);
    says(&look, &["spark1", "spark2", "GiB"]);
    ends(DONE, &fleet, &["download", NEW]);
    let there = |s: &Snapshot| {
        let mut models = s.models.models.iter();
        let model = models.find(|m| m.repo.as_str() == NEW);
        model.is_some_and(|m| m.nodes.iter().filter(|n| n.complete).count() == 2)
    };
    fleet.daemon.wait_for("it is on both", there).await?;
    let list = ends(DONE, &fleet, &["models"]);
    let row = list.lines().find(|l| l.contains(NEW)).context("no row")?;
    says(row, &["spark1+spark2"]);
    ends(FAILED, &fleet, &["swap", NEW, "--yes"]);

    let inferred = ends(DONE, &fleet, &["recipe", NEW]);
    says(&inferred, &["inferred, not confirmed yet", "✔ fits"]);
    let saved = ends(DONE, &fleet, &["recipe", NEW, "--save"]);
    says(&saved, &["from the next swap on"]);
    ends(DONE, &fleet, &["swap", NEW, "--yes"]);
    let (_, text) = fleet.daemon.ask("What is 12*17?").await?;
    assert!(text.contains("204"), "{text}");
    Ok(())
}

#[tokio::test]
async fn task_5_disk_is_freed_after_a_look_and_never_under_what_runs() -> Result<()> {
    let fleet = started(2, &[SMALL, SOLO]).await?;
    ends(DONE, &fleet, &["swap", SMALL, "--yes", "--node", "1"]);
    let held = ends(DEGRADED, &fleet, &["rm", SMALL, "--dry-run"]);
    says(&held, &["in use", "the unit main serves it"]);
    let (code, _) = run(&fleet, &["rm", SMALL, "--yes"])?;
    assert_ne!(code, DONE, "what runs was deleted");

    let look = ends(DONE, &fleet, &["rm", SOLO, "--dry-run"]);
    says(&look, &["spark1", "spark2", "can be deleted", "come free"]);
    let told = json(DONE, &fleet, &["rm", SOLO, "--dry-run"]);
    assert!(told["total_bytes"].as_u64() > Some(30 << 30), "{told:#}");
    ends(DONE, &fleet, &["rm", SOLO, "--yes"]);
    let gone = |s: &Snapshot| s.models.models.iter().all(|m| m.repo.as_str() != SOLO);
    fleet.daemon.wait_for("it is gone", gone).await?;
    let list = ends(DONE, &fleet, &["models"]);
    assert!(list.contains(SMALL) && !list.contains(SOLO), "{list}");
    Ok(())
}

#[tokio::test]
async fn task_6_after_a_reboot_services_are_back_in_order_and_it_is_told() -> Result<()> {
    let fleet = started(1, &[SMALL, EMBEDDING]).await?;
    for (name, order) in [("embeddings", "1"), ("kokoro", "2")] {
        let words = ["services", "set", name, "--autostart", "true"];
        ends(DONE, &fleet, &[&words[..], &["--order", order]].concat());
        ends(DONE, &fleet, &["services", "start", name]);
    }
    fleet.sparks[0].set_fault(&["reboot", "--away-s", "120"])?;
    let rebooted = |s: &Snapshot| alerted(s, AlertKind::Reboot);
    fleet
        .daemon
        .wait_for("the reboot is seen", rebooted)
        .await?;
    let back = |s: &Snapshot| is_ready(s, "kokoro") && is_ready(s, "embeddings");
    fleet.daemon.wait_for("both are back", back).await?;
    let operations = json(DONE, &fleet, &["ops"]);
    let by_daemon = operations["operations"].as_array().context("a list")?;
    let by_daemon = by_daemon.iter().rev().filter(|o| o["actor"] == "daemon");
    let order: Vec<&str> = by_daemon.filter_map(|o| o["subject"].as_str()).collect();
    assert_eq!(order, ["embeddings", "kokoro"], "{operations:#}");
    let told = ends(DONE, &fleet, &["history"]);
    says(&told, &["started again", "kokoro", "embeddings"]);
    Ok(())
}

#[tokio::test]
async fn task_7_a_service_that_answers_its_port_with_garbage_is_told() -> Result<()> {
    let fleet = started(1, &[SMALL]).await?;
    ends(DONE, &fleet, &["services", "start", "kokoro"]);
    let well = ends(DONE, &fleet, &["health", "--now"]);
    says(&well, &["kokoro", "service", "● right"]);
    fleet.sparks[0].set_fault(&["service", "--mode", "silent"])?;
    let ill = ends(DEGRADED, &fleet, &["health", "kokoro", "--now"]);
    says(&ill, &["✖ wrong", "✖ kokoro: answer:"]);
    let told = json(DEGRADED, &fleet, &["health", "kokoro"]);
    let history = told["results"][0]["history"].as_array();
    let history = history.context("no history")?;
    assert!(history.len() >= 2, "{history:#?}");
    assert!(
        history.iter().all(|h| h["latency_ms"].is_number()),
        "{history:#?}"
    );
    Ok(())
}

#[tokio::test]
async fn task_8_the_endpoint_card_can_be_used_as_it_stands() -> Result<()> {
    let fleet = started(1, &[SMALL]).await?;
    says(&ends(DEGRADED, &fleet, &["endpoint"]), &["base URL"]);
    ends(DONE, &fleet, &["swap", SMALL, "--yes"]);
    let card = ends(DONE, &fleet, &["endpoint"]);
    let base = format!("http://{}/v1", fleet.daemon.address());
    says(
        &card,
        &[&base, "qwen3-0.6b", "none is asked for", "from openai"],
    );
    let start = card.find("curl -sS").context("no curl")?;
    let end = card
        .get(start..)
        .and_then(|rest| rest.find("\n\n"))
        .context("no end")?;
    let printed = card.get(start..start + end).context("no card")?;
    let output = Command::new("sh").args(["-c", printed]).output()?;
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(answer["model"], "qwen3-0.6b", "{answer:#}");
    let text = answer["choices"][0]["message"]["content"].as_str();
    assert!(
        text.is_some_and(|t| t.contains("204")),
        "{answer:#}\n{printed}"
    );
    let told = json(DONE, &fleet, &["endpoint"]);
    assert_eq!(told["base_url"], base, "{told:#}");
    assert_eq!(told["api_key_required"], false);
    Ok(())
}

#[tokio::test]
async fn task_9_a_slow_day_is_explained_by_clocks_power_and_link() -> Result<()> {
    let fleet = started(2, &[SMALL]).await?;
    fleet.sparks[0].set_fault(&["low_power", "--load"])?;
    let low = |s: &Snapshot| alerted(s, AlertKind::LowPower);
    fleet
        .daemon
        .wait_for("the low-power state is seen", low)
        .await?;
    let told = ends(DEGRADED, &fleet, &["status"]);
    says(&told, &["spark1", "MHz", "fix:"]);
    fleet.sparks[0].clear_faults()?;
    fleet.sparks[1].set_fault(&["link_down"])?;
    let cable = ends(DEGRADED, &fleet, &["doctor"]);
    says(&cable, &["✖ link", "spark2", "fix: Seat the QSFP cable"]);
    let told = json(DEGRADED, &fleet, &["doctor"]);
    assert_eq!(told["passed"], false);
    Ok(())
}

#[tokio::test]
async fn task_10_a_recipe_is_tuned_with_its_fit_and_what_is_too_big_is_refused() -> Result<()> {
    let fleet = started(1, &[SMALL]).await?;
    ends(DONE, &fleet, &["swap", SMALL, "--yes"]);
    let tune = ["recipe", SMALL, "--context", "16384", "--seqs", "8"];
    let look = ends(DONE, &fleet, &tune);
    let changes = [
        "- --max-model-len=32768",
        "+ --max-model-len=16384",
        "+ --max-num-seqs=8",
        "✔ fits",
    ];
    says(&look, &changes);
    let kept = json(DONE, &fleet, &["recipe", SMALL]);
    assert_eq!(kept["recipe"], kept["before"], "a look wrote");

    let too_big = ["recipe", SMALL, "--context", "200000000", "--save"];
    let refused = ends(FAILED, &fleet, &too_big);
    says(&refused, &["not saved", "largest context that fits"]);

    ends(DONE, &fleet, &[&tune[..], &["--save"]].concat());
    ends(DONE, &fleet, &["swap", SMALL, "--yes"]);
    let runs = fleet.sparks[0].run("docker inspect sparkctl-main-r0")?;
    says(&runs, &["--max-model-len=16384", "--max-num-seqs=8"]);
    ends(DONE, &fleet, &["recipe", SMALL, "--reset"]);
    let back = ends(DONE, &fleet, &["recipe", SMALL]);
    says(&back, &["bundled", "--max-model-len=32768"]);
    Ok(())
}
