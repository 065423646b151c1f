//! Services beside the model, and units that others started, on simulated Sparks behind real OpenSSH servers.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use spark_e2e::fleet::{Fleet, FleetOptions, SMALL, Spark};
use spark_e2e::programs::program;
use spark_ipc::client::ClientError;
use spark_ipc::model::event::Event;
use spark_ipc::model::operation::{Operation, OperationStarted, OperationState, StepState};
use spark_ipc::model::service::{Adopted, Service, ServiceDetail, ServiceList, ServiceState};
use spark_ipc::model::status::{ProxyState, Snapshot};
use spark_ipc::model::unit::UnitState;
use spark_ipc::{ApiError, ErrorCode};

const EMBEDDING: &str = "Qwen/Qwen3-Embedding-0.6B";
const KEY: &str = "nvapi-0123456789abcdefghijkl";

/// In front of the node's `docker`: a registry that knows one key, and one image that is not built for ARM.
const REGISTRY: &str = r#"#!/bin/sh
real=$(dirname "$0")/behind/docker
case "$1 $2" in
"login nvcr.io")
  key=$(cat)
  [ "$3 $4 $5" = '--username $oauthtoken --password-stdin' ] || { echo "unknown flag" >&2; exit 125; }
  [ "$key" = nvapi-0123456789abcdefghijkl ] && { echo 'Login Succeeded'; exit 0; }
  echo 'Error response from daemon: Get "https://nvcr.io/v2/": unauthorized: authentication required' >&2
  exit 1 ;;
"manifest inspect")
  echo '{"manifests":[{"digest":"sha256:1111111111111111111111111111111111111111111111111111111111111111","platform":{"architecture":"amd64","os":"linux"}}]}'
  exit 0 ;;
esac
exec "$real" "$@"
"#;

fn behind_a_registry(_n: usize, spark: &Spark) -> Result<()> {
    let bin = spark.dir.join("bin");
    std::fs::create_dir_all(bin.join("behind"))?;
    std::fs::rename(bin.join("docker"), bin.join("behind/docker"))?;
    spark.replace_tool("docker", REGISTRY)
}

fn options() -> FleetOptions {
    FleetOptions {
        nodes: 1,
        speed: 200.0,
        models: vec![SMALL, EMBEDDING],
        ..FleetOptions::default()
    }
}

async fn started(options: &FleetOptions) -> Result<Fleet> {
    let fleet = Fleet::start(options)?;
    fleet.daemon.settled().await?;
    Ok(fleet)
}

/// Acts on a service: `start`, `stop`, `restart`.
async fn act(fleet: &Fleet, name: &str, verb: &str) -> Result<Operation> {
    let path = format!("/api/services/{name}/{verb}");
    let started: OperationStarted = fleet.daemon.client().post(&path, &json!({})).await?;
    Ok(started.operation)
}

/// Acts on a service and waits for the end, which must be a success.
async fn done(fleet: &Fleet, name: &str, verb: &str) -> Result<Operation> {
    let begun = act(fleet, name, verb).await?;
    let end = fleet.daemon.ended_operation(&begun.id).await?;
    ensure!(
        end.state == OperationState::Succeeded,
        "{verb} {name}: {:?} {:?} {:#?}",
        end.error,
        end.advice,
        end.steps
    );
    Ok(end)
}

/// What a request was refused with.
fn refusal<T>(result: Result<T>) -> Result<ApiError> {
    let Err(error) = result else {
        bail!("it was not refused");
    };
    match error.downcast::<ClientError>()? {
        ClientError::Api(error) => Ok(*error),
        other => Err(other.into()),
    }
}

fn find<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a Service> {
    let mut services = snapshot.status.services.iter();
    services.find(|s| s.name.as_str() == name)
}

/// Waits until a service is in a state.
async fn is(fleet: &Fleet, name: &str, state: ServiceState) -> Result<Service> {
    let what = format!("{name} {state:?}");
    let holds = |s: &Snapshot| find(s, name).is_some_and(|s| s.state == state);
    let snapshot = fleet.daemon.wait_for(&what, holds).await?;
    find(&snapshot, name).cloned().context("it is gone")
}

fn names(steps: &Operation) -> Vec<&str> {
    steps.steps.iter().map(|s| s.name.as_str()).collect()
}

#[tokio::test]
async fn a_voice_is_started_heard_restarted_and_stopped() -> Result<()> {
    let fleet = started(&options()).await?;
    let end = done(&fleet, "kokoro", "start").await?;
    assert_eq!(
        names(&end),
        ["preflight", "image", "launch", "health", "probe"]
    );
    assert!(end.steps.iter().all(|s| s.state == StepState::Done));
    let service = is(&fleet, "kokoro", ServiceState::Ready).await?;
    assert_eq!(fleet.sparks[0].running()?, ["sparkctl-svc-kokoro"]);
    assert_eq!((service.port, service.launch), (8880, Some(end.id)));
    let log = fleet
        .daemon
        .client()
        .text("/api/services/kokoro/logs?tail=50")
        .await?;
    assert!(log.contains("warmed up"), "{log}");
    let path = "/api/services/kokoro/logs?tail=5&follow=true";
    let mut lines = fleet.daemon.client().events(path, None).await?;
    let line = lines.next().await?.context("no line of the log came")?;
    assert_eq!(line.name, "log");

    let twice = refusal(act(&fleet, "kokoro", "start").await)?;
    assert_eq!(twice.code, ErrorCode::Conflict, "{twice:?}");
    let again = done(&fleet, "kokoro", "restart").await?;
    assert_eq!(names(&again)[..2], ["stop", "preflight"]);
    is(&fleet, "kokoro", ServiceState::Ready).await?;
    let stopped = done(&fleet, "kokoro", "stop").await?;
    assert_eq!(names(&stopped), ["stop"]);
    is(&fleet, "kokoro", ServiceState::Off).await?;
    let left = fleet.sparks[0].run("docker ps --all --quiet")?;
    assert_eq!(left, "");
    let nothing = refusal(act(&fleet, "kokoro", "stop").await)?;
    assert_eq!(nothing.code, ErrorCode::Conflict);
    let unknown = refusal(act(&fleet, "caruso", "start").await)?;
    assert_eq!(unknown.code, ErrorCode::NotFound);
    Ok(())
}

#[tokio::test]
async fn a_swap_leaves_services_alone_and_their_memory_is_seen() -> Result<()> {
    let fleet = started(&options()).await?;
    done(&fleet, "embeddings", "start").await?;
    let held = |s: &Snapshot| {
        find(s, "embeddings")
            .is_some_and(|s| s.state == ServiceState::Ready && s.memory_bytes > Some(1 << 30))
    };
    fleet.daemon.wait_for("its memory", held).await?;
    let swapped = fleet.daemon.swapped(SMALL).await?;
    assert_eq!(
        swapped.state,
        OperationState::Succeeded,
        "{:?}",
        swapped.error
    );
    let running: BTreeSet<String> = fleet.sparks[0].running()?.into_iter().collect();
    let both = ["sparkctl-main-r0", "sparkctl-svc-embeddings"].map(str::to_owned);
    assert_eq!(running, both.into());
    let status = fleet.daemon.status().await?;
    assert_eq!(status.proxy.model.as_deref(), Some("qwen3-0.6b"));
    let units: Vec<&str> = status.units.iter().map(|u| u.id.as_str()).collect();
    assert_eq!(units, ["main"], "a service is no unit");
    Ok(())
}

#[tokio::test]
async fn a_nim_is_started_with_a_key_that_nobody_sees() -> Result<()> {
    let fleet = started(&FleetOptions {
        settings: vec![("NGC_API_KEY", KEY.to_owned())],
        prepare: behind_a_registry,
        ..options()
    })
    .await?;
    let end = done(&fleet, "parakeet-nim", "start").await?;
    assert_eq!(names(&end)[1], "login");
    let told = serde_json::to_string(&end)?;
    assert!(told.contains("base64"), "{told}");
    let service = is(&fleet, "parakeet-nim", ServiceState::Ready).await?;
    assert_eq!(service.port, 9000);
    let all = fleet.daemon.client().text("/api/status").await?;
    let log = fleet.daemon.log();
    let journal = std::fs::read(fleet.daemon.data().join("journal.db"))?;
    let journal = String::from_utf8_lossy(&journal).into_owned();
    for text in [told, all, log, journal] {
        assert!(!text.contains(KEY), "the key is in {text:.200}");
    }
    Ok(())
}

#[tokio::test]
async fn a_nim_without_the_right_key_is_told_plainly() -> Result<()> {
    let without = started(&options()).await?;
    let refused = refusal(act(&without, "parakeet-nim", "start").await)?;
    assert_eq!(refused.code, ErrorCode::Blocked, "{refused:?}");
    assert!(refused.message.contains("NGC_API_KEY"), "{refused:?}");

    let fleet = started(&FleetOptions {
        settings: vec![("NGC_API_KEY", "nvapi-not-the-right-one-at-all".to_owned())],
        prepare: behind_a_registry,
        ..options()
    })
    .await?;
    let begun = act(&fleet, "parakeet-nim", "start").await?;
    let end = fleet.daemon.ended_operation(&begun.id).await?;
    assert_eq!(end.state, OperationState::Failed);
    let advice = end.advice.context("no advice")?;
    assert_eq!(advice.id, "ngc_key");
    let failed = is(&fleet, "parakeet-nim", ServiceState::Failed).await?;
    assert!(
        failed
            .message
            .is_some_and(|m| m.contains("refuses the key"))
    );
    assert_eq!(fleet.sparks[0].running()?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn what_cannot_run_is_refused_before_anything_is_done() -> Result<()> {
    let fleet = started(&options()).await?;
    let spark = &fleet.sparks[0];
    spark.set_fault(&["wrong_arch", "ghcr.io/remsky/kokoro-fastapi-cpu:latest"])?;
    let refused = refusal(act(&fleet, "kokoro", "start").await)?;
    assert_eq!(refused.code, ErrorCode::Blocked);
    assert!(refused.message.contains("amd64"), "{refused:?}");
    spark.clear_faults()?;
    spark.set_fault(&["low_memory", "--mib", "120000"])?;
    let refused = refusal(act(&fleet, "embeddings", "start").await)?;
    assert_eq!(refused.code, ErrorCode::Blocked);
    assert!(
        refused
            .fields
            .iter()
            .any(|f| f.path.starts_with("memory_short")),
        "{refused:?}"
    );
    assert_eq!(spark.run("docker ps --all --quiet")?, "");
    Ok(())
}

#[tokio::test]
async fn an_image_without_a_build_for_arm_is_not_pulled() -> Result<()> {
    let fleet = started(&FleetOptions {
        prepare: behind_a_registry,
        ..options()
    })
    .await?;
    let image = json!({"image": "ghcr.io/remsky/kokoro-fastapi-cpu:v0-amd64"});
    let _: ServiceDetail = fleet
        .daemon
        .client()
        .put("/api/services/kokoro", &image)
        .await?;
    let begun = act(&fleet, "kokoro", "start").await?;
    let end = fleet.daemon.ended_operation(&begun.id).await?;
    assert_eq!(end.state, OperationState::Failed);
    let error = end.error.unwrap_or_default();
    assert!(error.contains("not for linux/arm64"), "{error}");
    Ok(())
}

#[tokio::test]
async fn an_entry_is_changed_and_kept() -> Result<()> {
    let mut fleet = started(&options()).await?;
    let client = fleet.daemon.client();
    let change = json!({"port": 8899, "memory_gib": 5});
    let detail: ServiceDetail = client.put("/api/services/kokoro", &change).await?;
    assert_eq!((detail.spec.port, detail.spec.memory_gib), (8899, 5));
    let system = json!({"port": 22});
    let wrong = client.put::<_, ServiceDetail>("/api/services/kokoro", &system);
    let wrong = refusal(wrong.await.map_err(Into::into))?;
    assert_eq!(wrong.code, ErrorCode::Invalid);
    fleet.daemon.kill()?;
    fleet.daemon.start()?;
    fleet.daemon.settled().await?;
    done(&fleet, "kokoro", "start").await?;
    let service = is(&fleet, "kokoro", ServiceState::Ready).await?;
    assert_eq!(service.port, 8899);
    assert!(service.endpoint.is_some_and(|e| e.ends_with(":8899")));
    let list: ServiceList = fleet.daemon.client().get("/api/services").await?;
    assert_eq!(list.errors, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn services_come_back_after_a_reboot_in_their_order() -> Result<()> {
    let fleet = started(&options()).await?;
    let client = fleet.daemon.client();
    for name in ["embeddings", "kokoro"] {
        let path = format!("/api/services/{name}");
        let _: ServiceDetail = client.put(&path, &json!({"autostart": true})).await?;
    }
    // To be set so starts nothing by itself; the next boot does.
    let operations = fleet.daemon.status().await?.operations;
    assert_eq!(operations.len(), 0, "{operations:#?}");
    fleet.sparks[0].set_fault(&["reboot", "--away-s", "120"])?;
    let both = |s: &Snapshot| {
        let ready = |name| find(s, name).is_some_and(|s| s.state == ServiceState::Ready);
        let quiet = s.status.operations.iter().all(|o| o.state.is_final());
        ready("embeddings") && ready("kokoro") && quiet
    };
    let snapshot = fleet.daemon.wait_for("both back", both).await?;
    let started: Vec<(&str, &str)> = snapshot
        .status
        .operations
        .iter()
        .rev()
        .map(|o| (o.subject.as_str(), o.actor.as_str()))
        .collect();
    assert_eq!(started, [("kokoro", "daemon"), ("embeddings", "daemon")]);
    // What the operator stops stays stopped until the next boot.
    done(&fleet, "kokoro", "stop").await?;
    let kokoro = is(&fleet, "kokoro", ServiceState::Off).await?;
    assert!(kokoro.autostart);
    let operations = fleet.daemon.status().await?.operations;
    assert_eq!(operations.len(), 3, "{operations:#?}");
    Ok(())
}

#[tokio::test]
async fn one_that_keeps_dying_is_started_again_and_then_left() -> Result<()> {
    let fleet = started(&options()).await?;
    let path = "/api/services/kokoro";
    let _: ServiceDetail = fleet
        .daemon
        .client()
        .put(path, &json!({"autostart": true}))
        .await?;
    let dying = [
        "service",
        "--mode",
        "exit",
        "--container",
        "kokoro",
        "--after-s",
        "600",
    ];
    fleet.sparks[0].set_fault(&dying)?;
    done(&fleet, "kokoro", "start").await?;
    let service = is(&fleet, "kokoro", ServiceState::CrashLoop).await?;
    assert_eq!(service.restarts, 3);
    let operations = fleet.daemon.status().await?.operations;
    let by_itself = operations.iter().filter(|o| o.actor == "daemon").count();
    assert_eq!(by_itself, 3);
    Ok(())
}

/// The containers of services on the node, by the operation that launched them.
fn launches(spark: &Spark) -> Result<Vec<String>> {
    let list = spark.run(
        "docker ps -a --filter label=sparkctl.service --format '{{.Label \"sparkctl.launch\"}}'",
    )?;
    Ok(list.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn a_start_survives_a_killed_daemon_at_every_write() -> Result<()> {
    let mut fleet = started(&options()).await?;
    let mut n = 1;
    loop {
        fleet.daemon.terminate()?;
        fleet
            .daemon
            .set("SPARK_CONTROL_ABORT_AT_JOURNAL_WRITE", &n.to_string());
        fleet.daemon.start()?;
        fleet.daemon.settled().await?;
        let begun = act(&fleet, "kokoro", "start").await;
        let finished = match &begun {
            Ok(operation) => fleet.daemon.ended_or_dead(&operation.id).await?,
            Err(_) => false,
        };
        fleet.daemon.unset("SPARK_CONTROL_ABORT_AT_JOURNAL_WRITE");
        if finished {
            break;
        }
        ensure!(!fleet.daemon.ended()?.success(), "it ended well");
        fleet.daemon.start()?;
        let quiet = |s: &Snapshot| {
            let operations = &s.status.operations;
            let seen = s.status.nodes.iter().all(|n| n.observed_at.is_some());
            seen && operations.iter().all(|o| o.state.is_final())
        };
        let snapshot = fleet.daemon.wait_for("nothing under way", quiet).await?;
        let found = launches(&fleet.sparks[0])?;
        match snapshot.status.operations.first() {
            Some(last) if last.state == OperationState::Succeeded => {
                assert_eq!(found, [last.id.to_string()], "after write {n}");
                is(&fleet, "kokoro", ServiceState::Ready).await?;
                done(&fleet, "kokoro", "stop").await?;
            }
            last => assert_eq!(found, [""; 0], "after write {n}: {last:#?}"),
        }
        n += 1;
        assert!(n < 40, "the journal is written without end");
    }
    assert!(n > 5, "only {n} writes were seen");
    Ok(())
}

#[tokio::test]
async fn a_cancelled_start_leaves_nothing() -> Result<()> {
    let fleet = started(&FleetOptions {
        speed: 2.0,
        ..options()
    })
    .await?;
    let begun = act(&fleet, "kokoro", "start").await?;
    let launched = |s: &Snapshot| {
        let found = s.status.operations.iter().find(|o| o.id == begun.id);
        found.is_some_and(|o| {
            o.steps
                .iter()
                .any(|s| s.name == "health" && s.state == StepState::Running)
        })
    };
    fleet
        .daemon
        .wait_for("the wait for its health", launched)
        .await?;
    let path = format!("/api/operations/{}/cancel", begun.id);
    let _: OperationStarted = fleet.daemon.client().post(&path, &json!({})).await?;
    let end = fleet.daemon.ended_operation(&begun.id).await?;
    assert_eq!(end.state, OperationState::Cancelled, "{:?}", end.error);
    assert_eq!(fleet.sparks[0].run("docker ps --all --quiet")?, "");
    is(&fleet, "kokoro", ServiceState::Off).await?;
    Ok(())
}

/// Starts an engine by hand, as somebody else would, and waits until it is shown.
async fn foreign(fleet: &Fleet) -> Result<()> {
    fleet.sparks[0].run(&format!(
        "docker run --detach --name vllm_node --gpus all --network host --entrypoint vllm \
         -v $HOME/.cache/huggingface:/root/.cache/huggingface vllm-node:latest \
         serve {SMALL} --served-model-name theirs --port 8123 --gpu-memory-utilization 0.2"
    ))?;
    let shown = |s: &Snapshot| {
        s.status
            .units
            .iter()
            .any(|u| u.id.as_str() == "spark1.vllm_node")
    };
    fleet.daemon.wait_for("the stranger", shown).await?;
    Ok(())
}

#[tokio::test]
async fn a_stranger_is_shown_adopted_served_and_stopped_but_not_removed() -> Result<()> {
    let fleet = started(&options()).await?;
    foreign(&fleet).await?;
    let client = fleet.daemon.client();
    let stop = json!({"unit": "spark1.vllm_node"});
    let refused = client.post::<_, OperationStarted>("/api/stop", &stop);
    let refused = refusal(refused.await.map_err(Into::into))?;
    assert_eq!(refused.code, ErrorCode::Conflict, "{refused:?}");
    assert!(refused.hint.is_some_and(|h| h.contains("adopt")));
    let before = fleet.daemon.status().await?;
    assert_eq!(before.proxy.state, ProxyState::NoModel);
    assert_eq!(before.units[0].owner, "eugr");

    let path = "/api/units/spark1.vllm_node/adopt";
    let adopted: Adopted = client.post(path, &json!({})).await?;
    assert!(adopted.unit.adopted);
    let serving = |s: &Snapshot| {
        let unit = s.status.units.iter().find(|u| u.adopted);
        s.status.proxy.state == ProxyState::Serving
            && unit.is_some_and(|u| u.state == UnitState::Ready)
    };
    fleet
        .daemon
        .wait_for("it to be served from", serving)
        .await?;
    let (model, _text) = fleet.daemon.ask("Reply with the single word OK.").await?;
    assert_eq!(model, "theirs");

    let started: OperationStarted = client.post("/api/stop", &stop).await?;
    let end = fleet.daemon.ended_operation(&started.operation.id).await?;
    assert_eq!(end.state, OperationState::Succeeded, "{:?}", end.error);
    assert_eq!(fleet.sparks[0].running()?, [""; 0]);
    let kept = fleet.sparks[0].run("docker ps --all --format '{{.Names}}'")?;
    assert_eq!(kept.trim(), "vllm_node");
    Ok(())
}

#[tokio::test]
async fn an_adoption_outlives_the_daemon_and_is_let_go() -> Result<()> {
    let mut fleet = started(&options()).await?;
    foreign(&fleet).await?;
    let path = "/api/units/spark1.vllm_node/adopt";
    let _: Adopted = fleet.daemon.client().post(path, &json!({})).await?;
    fleet.daemon.kill()?;
    fleet.daemon.start()?;
    let still = |s: &Snapshot| s.status.units.iter().any(|u| u.adopted);
    fleet.daemon.wait_for("the adoption", still).await?;
    let released: Adopted = fleet.daemon.client().delete(path).await?;
    assert!(!released.unit.adopted);
    let gone = |s: &Snapshot| s.status.proxy.state == ProxyState::NoModel;
    fleet.daemon.wait_for("nothing served", gone).await?;
    let (client, nothing) = (fleet.daemon.client(), json!({}));
    let absent = client.post::<_, Adopted>("/api/units/main/adopt", &nothing);
    let absent = refusal(absent.await.map_err(Into::into))?;
    assert_eq!(absent.code, ErrorCode::NotFound);
    assert_eq!(fleet.sparks[0].running()?, ["vllm_node"]);
    Ok(())
}

/// Runs `spark-control WORDS`, which must end well; gives what it printed.
fn control(fleet: &Fleet, words: &[&str]) -> Result<String> {
    let output = std::process::Command::new(program("spark-control")?)
        .arg("--socket")
        .arg(fleet.daemon.socket())
        .args(words)
        .output()?;
    let [out, err] = [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
    ensure!(output.status.success(), "{words:?}: {out}{err}");
    Ok(out.into_owned())
}

#[tokio::test]
async fn the_command_line_does_it_all() -> Result<()> {
    let fleet = started(&FleetOptions {
        settings: vec![("NGC_API_KEY", KEY.to_owned())],
        ..options()
    })
    .await?;
    let set = ["services", "set", "kokoro", "--node", "1", "--port", "8891"];
    assert!(control(&fleet, &set)?.contains("spark1, port 8891"));
    control(&fleet, &["services", "start", "kokoro"])?;
    let list = control(&fleet, &["services"])?;
    let kokoro = list.lines().find(|l| l.starts_with("kokoro"));
    let kokoro = kokoro.context("it is not listed")?;
    assert!(
        kokoro.contains("ready") && kokoro.contains("8891"),
        "{kokoro}"
    );
    assert!(control(&fleet, &["services", "logs", "kokoro"])?.contains("warmed up"));
    control(&fleet, &["services", "stop", "kokoro"])?;
    let profiles = control(&fleet, &["services", "profiles", "parakeet-nim"])?;
    assert!(profiles.to_lowercase().contains("profile"), "{profiles}");

    foreign(&fleet).await?;
    let adopted = control(&fleet, &["adopt", "spark1.vllm_node", "--yes"])?;
    assert!(adopted.contains("like a unit of ours"), "{adopted}");
    let released = control(&fleet, &["adopt", "spark1.vllm_node", "--release"])?;
    assert!(released.contains("not touched"), "{released}");
    Ok(())
}

#[tokio::test]
async fn services_are_a_section_of_the_event_stream() -> Result<()> {
    let fleet = started(&options()).await?;
    let mut events = fleet.daemon.client().events("/api/events", None).await?;
    done(&fleet, "kokoro", "start").await?;
    let mut seen = BTreeSet::new();
    while let Some(event) = events.next_event().await? {
        if let Event::Services(changed) = event {
            let kokoro = changed
                .section
                .services
                .iter()
                .find(|s| s.name.as_str() == "kokoro");
            let state = kokoro.context("kokoro is not listed")?.state;
            seen.insert(format!("{state:?}"));
            if state == ServiceState::Ready {
                break;
            }
        }
    }
    assert!(seen.contains("Ready"), "{seen:?}");
    Ok(())
}
