//! The swap, on simulated Sparks behind real OpenSSH servers.

use anyhow::{Context, Result, bail};
use spark_e2e::fleet::{Fleet, FleetOptions, PAIR, SMALL, SOLO};
use spark_ipc::ErrorCode;
use spark_ipc::client::ClientError;
use spark_ipc::model::inventory::ModelState;
use spark_ipc::model::operation::{OperationStarted, OperationState, StepState};
use spark_ipc::model::preflight::Preflight;
use spark_ipc::model::status::ProxyState;
use spark_ipc::model::unit::UnitState;

fn options() -> FleetOptions {
    FleetOptions::default()
}

async fn started(options: &FleetOptions) -> Result<Fleet> {
    let fleet = Fleet::start(options)?;
    fleet.daemon.settled().await?;
    Ok(fleet)
}

/// The refusal that a request must have met.
fn refusal<T>(result: Result<T>) -> Result<spark_ipc::ApiError> {
    let Err(error) = result else {
        bail!("it was not refused");
    };
    match error.downcast::<ClientError>()? {
        ClientError::Api(error) => Ok(*error),
        other => Err(other.into()),
    }
}

#[tokio::test]
async fn one_model_after_the_other_on_one_node() -> Result<()> {
    let fleet = started(&FleetOptions {
        nodes: 1,
        ..options()
    })
    .await?;
    for (repo, served) in [(SMALL, "qwen3-0.6b"), (SOLO, "qwen3.6-35b-a3b-fp8")] {
        let end = fleet.daemon.swapped(repo).await?;
        assert_eq!(
            end.state,
            OperationState::Succeeded,
            "{:?} {:?}",
            end.error,
            end.advice
        );
        assert!(
            end.steps.iter().all(|s| s.state == StepState::Done),
            "{:#?}",
            end.steps
        );
        let (model, text) = fleet.daemon.ask("What is 12*17?").await?;
        assert_eq!(model, served);
        assert!(text.contains("204"), "{text:?}");
    }
    assert_eq!(fleet.sparks[0].running()?, ["sparkctl-main-r0"]);
    let models = fleet.daemon.models().await?;
    let of = |repo: &str| {
        models
            .models
            .iter()
            .find(|m| m.repo.as_str() == repo)
            .unwrap()
    };
    assert_eq!(of(SOLO).state, ModelState::Running);
    assert_eq!(of(SMALL).state, ModelState::Ready);
    assert!(
        of(SMALL)
            .last_loaded
            .as_ref()
            .is_some_and(|l| l.load_s > 0.0)
    );
    Ok(())
}

#[tokio::test]
async fn a_model_over_two_nodes_and_its_stop() -> Result<()> {
    let fleet = started(&options()).await?;
    let end = fleet.daemon.swapped(PAIR).await?;
    assert_eq!(
        end.state,
        OperationState::Succeeded,
        "{:?} {:?}",
        end.error,
        end.advice
    );
    let launches: Vec<_> = end.steps.iter().filter(|s| s.name == "launch").collect();
    assert_eq!(launches.len(), 2);
    assert!(launches[0].node != launches[1].node, "{launches:?}");
    // Workers first, the head last.
    assert_eq!(
        launches[1].node.as_ref().map(spark_ipc::id::NodeId::as_str),
        Some("spark1")
    );
    assert_eq!(fleet.sparks[0].running()?, ["sparkctl-main-r0"]);
    assert_eq!(fleet.sparks[1].running()?, ["sparkctl-main-r1"]);
    let (model, text) = fleet.daemon.ask("What is 12*17?").await?;
    assert!(
        model.contains("122b") && text.contains("204"),
        "{model} {text}"
    );

    let body = serde_json::json!({"all": true});
    let stop: OperationStarted = fleet.daemon.client().post("/api/stop", &body).await?;
    let end = fleet.daemon.ended_operation(&stop.operation.id).await?;
    assert_eq!(end.state, OperationState::Succeeded, "{:?}", end.error);
    for spark in &fleet.sparks {
        assert!(spark.running()?.is_empty());
    }
    let status = fleet
        .daemon
        .wait_for("no unit and no route", |s| {
            s.status.units.is_empty() && s.status.proxy.state == ProxyState::NoModel
        })
        .await?;
    assert!(status.status.units.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_dry_run_shows_the_exact_commands_and_changes_nothing() -> Result<()> {
    let fleet = started(&options()).await?;
    let body = serde_json::json!({"repo": PAIR, "dry_run": true});
    let preview: Preflight = fleet.daemon.client().post("/api/swap", &body).await?;
    assert!(preview.blockers.is_empty(), "{:?}", preview.blockers);
    assert_eq!(preview.commands.len(), 2);
    for command in &preview.commands {
        assert_eq!(shell_words(&command.rendered)?, command.argv);
        assert!(
            command
                .argv
                .contains(&"--tensor-parallel-size=2".to_owned())
                || command
                    .argv
                    .windows(2)
                    .any(|w| w == ["--tensor-parallel-size", "2"]),
            "{:?}",
            command.argv
        );
    }
    for spark in &fleet.sparks {
        assert_eq!(spark.run("docker ps -aq")?, "");
    }
    assert!(fleet.daemon.status().await?.operations.is_empty());
    Ok(())
}

/// The words of a command, as `sh` itself sees them.
fn shell_words(rendered: &str) -> Result<Vec<String>> {
    let script = format!("set -- {rendered}\nprintf '%s\\0' \"$@\"");
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split_terminator('\0').map(str::to_owned).collect())
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_and_nothing_is_touched() -> Result<()> {
    let fleet = started(&options()).await?;
    let blocked = refusal(fleet.daemon.swap("nobody/nothing").await)?;
    assert_eq!(blocked.code, ErrorCode::NotFound, "{blocked:?}");

    fleet.sparks[1].set_fault(&["low_memory", "--mib", "90000"])?;
    let blocked = refusal(fleet.daemon.swap(PAIR).await)?;
    assert_eq!(blocked.code, ErrorCode::Blocked, "{blocked:?}");
    assert!(
        blocked
            .fields
            .iter()
            .any(|f| f.path == "memory_short@spark2"),
        "{blocked:?}"
    );
    fleet.sparks[1].clear_faults()?;

    let image = {
        let body = serde_json::json!({"repo": SMALL, "dry_run": true});
        let preview: Preflight = fleet.daemon.client().post("/api/swap", &body).await?;
        let argv = preview.commands[0].argv.clone();
        let at = argv.iter().position(|w| w == "serve").context("no serve")?;
        argv[at - 1].clone()
    };
    fleet.sparks[0].set_fault(&["docker_down"])?;
    fleet.sparks[1].set_fault(&["image_missing", &image])?;
    let blocked = refusal(fleet.daemon.swap(SMALL).await)?;
    assert_eq!(blocked.code, ErrorCode::Blocked, "{image} {blocked:?}");
    assert!(fleet.daemon.status().await?.operations.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_crash_at_load_tells_its_cause_and_leaves_nothing() -> Result<()> {
    let fleet = started(&options()).await?;
    let line = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.";
    fleet.sparks[1].set_fault(&[
        "engine", "--stage", "weights", "--line", line, "--rank", "1",
    ])?;
    let end = fleet.daemon.swapped(PAIR).await?;
    assert_eq!(end.state, OperationState::Failed);
    let advice = end.advice.context("no advice")?;
    assert_eq!(advice.rank, Some(1), "{advice:?}");
    assert!(
        advice.evidence.iter().any(|e| e.contains("OutOfMemory")),
        "{advice:?}"
    );
    for spark in &fleet.sparks {
        assert_eq!(spark.run("docker ps -aq")?, "");
    }
    Ok(())
}

#[tokio::test]
async fn the_last_good_model_comes_back_when_the_setting_says_so() -> Result<()> {
    let settings = vec![("RESTORE_LAST_GOOD", "true".to_owned())];
    let fleet = started(&FleetOptions {
        settings,
        ..options()
    })
    .await?;
    let first = fleet.daemon.swapped(SMALL).await?;
    assert_eq!(first.state, OperationState::Succeeded, "{:?}", first.error);
    fleet.sparks[1].set_fault(&["engine", "--stage", "kv", "--rank", "1"])?;
    let end = fleet.daemon.swapped(PAIR).await?;
    assert_eq!(end.state, OperationState::RolledBack, "{:?}", end.error);
    assert!(end.error.is_some());
    let (model, _) = fleet.daemon.ask("Reply with the single word OK.").await?;
    assert_eq!(model, "qwen3-0.6b");
    Ok(())
}

#[tokio::test]
async fn without_that_setting_it_is_offered() -> Result<()> {
    let fleet = started(&options()).await?;
    fleet.daemon.swapped(SMALL).await?;
    fleet.sparks[1].set_fault(&["engine", "--stage", "kv", "--rank", "1"])?;
    let end = fleet.daemon.swapped(PAIR).await?;
    assert_eq!(end.state, OperationState::Failed);
    assert_eq!(end.last_good.as_deref(), Some(SMALL));
    Ok(())
}

#[tokio::test]
async fn a_cancel_in_the_middle_of_a_load_leaves_nothing() -> Result<()> {
    let fleet = started(&options()).await?;
    fleet.sparks[0].set_fault(&["engine", "--stage", "weights", "--mode", "hang"])?;
    let operation = fleet.daemon.swap(SMALL).await?;
    let loading = |s: &spark_ipc::model::status::Snapshot| {
        let of = s.status.operations.iter().find(|o| o.id == operation.id);
        of.is_some_and(|o| {
            o.steps
                .iter()
                .any(|s| s.name == "load" && s.state == StepState::Running)
        })
    };
    fleet.daemon.wait_for("the load", loading).await?;
    let path = format!("/api/operations/{}/cancel", operation.id);
    let _: OperationStarted = fleet
        .daemon
        .client()
        .post(&path, &serde_json::json!({}))
        .await?;
    let end = fleet.daemon.ended_operation(&operation.id).await?;
    assert_eq!(end.state, OperationState::Cancelled, "{:?}", end.error);
    assert_eq!(fleet.sparks[0].run("docker ps -aq")?, "");
    Ok(())
}

#[tokio::test]
async fn of_two_swaps_at_once_exactly_one_runs() -> Result<()> {
    let fleet = started(&options()).await?;
    let attempts = (0..8).map(|_| fleet.daemon.swap(SMALL));
    let results = futures_util::future::join_all(attempts).await;
    let (began, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(began.len(), 1);
    let began = began.into_iter().next().unwrap()?;
    for error in refused {
        let error = refusal(error)?;
        assert_eq!(error.code, ErrorCode::Busy, "{error:?}");
        assert_eq!(error.operation.map(|o| o.id), Some(began.id.clone()));
    }
    let end = fleet.daemon.ended_operation(&began.id).await?;
    assert_eq!(end.state, OperationState::Succeeded, "{:?}", end.error);
    Ok(())
}

#[tokio::test]
async fn a_link_that_drops_in_the_middle_is_waited_for() -> Result<()> {
    let fleet = started(&FleetOptions {
        speed: 20.0,
        ..options()
    })
    .await?;
    let operation = fleet.daemon.swap(PAIR).await?;
    let loading = |s: &spark_ipc::model::status::Snapshot| {
        let of = s.status.operations.iter().find(|o| o.id == operation.id);
        of.is_some_and(|o| o.progress.stage.as_deref() == Some("loading weights"))
    };
    fleet.daemon.wait_for("the load", loading).await?;
    for spark in &fleet.sparks {
        spark.sshd.kill_sessions();
    }
    let end = fleet.daemon.ended_operation(&operation.id).await?;
    assert_eq!(
        end.state,
        OperationState::Succeeded,
        "{:?} {:?}",
        end.error,
        end.advice
    );
    Ok(())
}

#[tokio::test]
async fn an_orphan_engine_keeps_the_next_model_from_starting() -> Result<()> {
    let settings = vec![("FREE_TIMEOUT_S", "8".to_owned())];
    let fleet = started(&FleetOptions {
        nodes: 1,
        settings,
        ..options()
    })
    .await?;
    fleet.daemon.swapped(SMALL).await?;
    fleet.sparks[0].set_fault(&["orphan_engine", "--on-stop"])?;
    let end = fleet.daemon.swapped(SOLO).await?;
    assert_eq!(end.state, OperationState::Failed);
    let error = end.error.context("no error")?;
    assert!(error.contains("VLLM::EngineCore"), "{error}");
    assert!(
        end.steps
            .iter()
            .any(|s| s.name == "launch" && s.state == StepState::Skipped),
        "{:?}",
        end.steps
    );
    Ok(())
}

#[tokio::test]
async fn a_model_that_dies_later_is_no_longer_served() -> Result<()> {
    let fleet = started(&FleetOptions {
        nodes: 1,
        ..options()
    })
    .await?;
    fleet.daemon.swapped(SMALL).await?;
    fleet.sparks[0].run("docker kill sparkctl-main-r0")?;
    let snapshot = fleet
        .daemon
        .wait_for("the unit to be failed", |s| {
            s.status.units.iter().any(|u| u.state == UnitState::Failed)
                && s.status.proxy.state == ProxyState::NoModel
        })
        .await?;
    assert!(snapshot.status.units[0].message.is_some());
    Ok(())
}
