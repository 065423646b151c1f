//! Downloads, copies, deletion and images, on simulated Sparks behind real OpenSSH servers.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use spark_e2e::fleet::{Fleet, FleetOptions, Record, SMALL, SOLO, Spark};
use spark_e2e::programs::program;
use spark_ipc::client::ClientError;
use spark_ipc::id::OperationId;
use spark_ipc::model::inventory::ModelState;
use spark_ipc::model::operation::{Operation, OperationStarted, OperationState};
use spark_ipc::model::status::Snapshot;
use spark_ipc::model::transfer::{
    DeletePreview, DeleteState, ImageList, ModelUser, TransferPreview, TransferWay,
};
use spark_ipc::{ApiError, ErrorCode};

/// What no command line, log or file of the daemon's may show.
const TOKEN: &str = "hf_canarycanarycanarycanarycanary";

async fn fleet(options: FleetOptions) -> Result<Fleet> {
    let fleet = Fleet::start(&FleetOptions {
        models: vec![SMALL],
        ..options
    })?;
    // As after `ssh-copy-id` in both directions.
    let nodes = fleet.sparks.iter().map(Spark::node);
    spark_sim::ssh::keys::introduce(&nodes.collect::<Result<Vec<_>>>()?)?;
    fleet.daemon.settled().await?;
    Ok(fleet)
}

fn one_node() -> FleetOptions {
    FleetOptions {
        nodes: 1,
        ..FleetOptions::default()
    }
}

/// Asks for a transfer; the refusal is an error.
async fn begin(fleet: &Fleet, path: &str, body: serde_json::Value) -> Result<Operation> {
    let started: OperationStarted = fleet.daemon.client().post(path, &body).await?;
    Ok(started.operation)
}

async fn look(fleet: &Fleet, path: &str, body: serde_json::Value) -> Result<TransferPreview> {
    Ok(fleet.daemon.client().post(path, &body).await?)
}

/// The end of a transfer, which must be good.
async fn done(fleet: &Fleet, id: &OperationId) -> Result<Operation> {
    let end = fleet.daemon.ended_operation(id).await?;
    let good = end.state == OperationState::Succeeded;
    anyhow::ensure!(good, "{:?} {:?} {:#?}", end.error, end.advice, end.steps);
    Ok(end)
}

fn refusal<T>(result: Result<T>) -> Result<ApiError> {
    let Err(error) = result else {
        bail!("it was not refused");
    };
    match error.downcast::<ClientError>()? {
        ClientError::Api(error) => Ok(*error),
        other => Err(other.into()),
    }
}

fn of<'a>(snapshot: &'a Snapshot, id: &OperationId) -> Option<&'a Operation> {
    snapshot.status.operations.iter().find(|o| o.id == *id)
}

/// Waits until bytes come.
async fn growing(fleet: &Fleet, id: &OperationId) -> Result<Snapshot> {
    let grows = |s: &Snapshot| of(s, id).is_some_and(|o| o.progress.done.is_some_and(|d| d > 0.0));
    fleet.daemon.wait_for("bytes to come", grows).await
}

/// Waits until the model is whole on every node.
async fn whole(fleet: &Fleet, repo: &str, nodes: usize) -> Result<()> {
    let whole = |s: &Snapshot| {
        let mut models = s.models.models.iter();
        let model = models.find(|m| m.repo.as_str() == repo);
        model.is_some_and(|m| m.nodes.iter().filter(|n| n.complete).count() == nodes)
    };
    fleet
        .daemon
        .wait_for("the model to be whole", whole)
        .await?;
    Ok(())
}

fn folder(spark: &Spark, repo: &str) -> Result<PathBuf> {
    let name = format!("models--{}", repo.replacen('/', "--", 1));
    Ok(spark.node()?.hub().join(name))
}

fn slow(fleet: &Fleet) -> Result<()> {
    let mut sparks = fleet.sparks.iter();
    sparks.try_for_each(|s| s.set_fault(&["slow_transfers", "--mb-per-s", "300"]))
}

fn quick(fleet: &Fleet) -> Result<()> {
    let mut sparks = fleet.sparks.iter();
    sparks.try_for_each(Spark::clear_faults)
}

/// The process of an operation's job on a node, as the node noted it.
fn process(spark: &Spark, id: &OperationId, leg: &str) -> Result<String> {
    let folder = spark.node()?.home().join(".cache/spark-control/jobs");
    let path = folder.join(format!("{id}.{leg}")).join("pid");
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// The names of jobs that a node still has.
fn jobs(spark: &Spark) -> Result<Vec<String>> {
    let folder = spark.node()?.home().join(".cache/spark-control/jobs");
    let entries = std::fs::read_dir(folder)?.flatten();
    Ok(entries
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect())
}

#[tokio::test]
async fn a_download_to_two_nodes_comes_once_from_the_hub_and_then_over_the_fabric() -> Result<()> {
    let fleet = fleet(FleetOptions::default()).await?;
    let wish = serde_json::json!({"repo": SOLO, "nodes": ["spark1", "spark2"], "dry_run": true});
    let preview = look(&fleet, "/api/downloads", wish).await?;
    assert!(preview.blockers.is_empty(), "{:?}", preview.blockers);
    let ways: Vec<TransferWay> = preview.legs.iter().map(|l| l.way).collect();
    assert_eq!(ways, [TransferWay::Download, TransferWay::Fabric]);
    assert!(preview.total_bytes.is_some_and(|b| b > 30_000_000_000));
    assert!(!folder(&fleet.sparks[0], SOLO)?.exists(), "a dry run wrote");

    slow(&fleet)?;
    let wish = serde_json::json!({"repo": SOLO, "nodes": ["spark1", "spark2"]});
    let operation = begin(&fleet, "/api/downloads", wish).await?;
    growing(&fleet, &operation.id).await?;
    let shown = |s: &Snapshot| {
        let measured = of(s, &operation.id).is_some_and(|o| {
            o.progress.unit == "bytes" && o.progress.total.is_some() && o.progress.rate.is_some()
        });
        let mut models = s.models.models.iter();
        let downloading =
            |m: &spark_ipc::model::inventory::Model| m.state == ModelState::Downloading;
        measured && models.any(|m| m.repo.as_str() == SOLO && downloading(m))
    };
    fleet
        .daemon
        .wait_for("a measured download in the menu", shown)
        .await?;
    quick(&fleet)?;
    let end = done(&fleet, &operation.id).await?;
    let names: Vec<&str> = end.steps.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["download", "verify", "copy", "verify"]);
    whole(&fleet, SOLO, 2).await?;
    for spark in &fleet.sparks {
        let left = jobs(spark).unwrap_or_default();
        assert!(left.is_empty(), "{left:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_download_outlives_the_daemon_and_the_link() -> Result<()> {
    let mut fleet = fleet(one_node()).await?;
    slow(&fleet)?;
    let operation = begin(&fleet, "/api/downloads", serde_json::json!({"repo": SOLO})).await?;
    growing(&fleet, &operation.id).await?;
    let before = process(&fleet.sparks[0], &operation.id, "download")?;
    fleet.daemon.kill()?;
    fleet.daemon.start()?;
    growing(&fleet, &operation.id).await?;
    fleet.sparks[0].sshd.kill_sessions();
    fleet.daemon.settled().await?;
    growing(&fleet, &operation.id).await?;
    let after = process(&fleet.sparks[0], &operation.id, "download")?;
    assert_eq!(before, after, "it was begun again");
    quick(&fleet)?;
    done(&fleet, &operation.id).await?;
    whole(&fleet, SOLO, 1).await
}

#[tokio::test]
async fn a_cancelled_download_ends_on_the_node_and_another_goes_on_from_there() -> Result<()> {
    let fleet = fleet(one_node()).await?;
    slow(&fleet)?;
    let wish = || serde_json::json!({"repo": SOLO});
    let operation = begin(&fleet, "/api/downloads", wish()).await?;
    let busy = refusal(begin(&fleet, "/api/downloads", wish()).await)?;
    assert_eq!(busy.code, ErrorCode::Busy);
    growing(&fleet, &operation.id).await?;
    let process = process(&fleet.sparks[0], &operation.id, "download")?;
    let path = format!("/api/operations/{}/cancel", operation.id);
    let _: OperationStarted = fleet.daemon.client().post(&path, &()).await?;
    let end = fleet.daemon.ended_operation(&operation.id).await?;
    assert_eq!(end.state, OperationState::Cancelled, "{:?}", end.error);
    let pid = process.split(' ').next().context("no pid")?;
    assert!(!std::path::Path::new("/proc").join(pid).join("exe").exists());
    quick(&fleet)?;
    let again = begin(&fleet, "/api/downloads", wish()).await?;
    done(&fleet, &again.id).await?;
    whole(&fleet, SOLO, 1).await
}

#[tokio::test]
async fn what_the_hub_refuses_is_told_before_anything_is_written() -> Result<()> {
    let fleet = fleet(one_node()).await?;
    for (trouble, code) in [
        ("unauthorized", "gated"),
        ("awaiting_review", "gated"),
        ("not_found", "no_such_model"),
        ("rate_limited", "too_many_requests"),
    ] {
        fleet.sparks[0].set_fault(&["hub", "--error", trouble])?;
        let wish = serde_json::json!({"repo": SOLO});
        let error = refusal(begin(&fleet, "/api/downloads", wish).await)?;
        assert_eq!(error.code, ErrorCode::Blocked, "{trouble}: {error:?}");
        let field = error.fields.first().context("no field")?;
        assert_eq!(field.path, format!("{code}@spark1"), "{error:?}");
        assert!(error.hint.is_some(), "{error:?}");
    }
    assert!(!folder(&fleet.sparks[0], SOLO)?.join("blobs").exists());
    Ok(())
}

#[tokio::test]
async fn a_disk_without_room_refuses_and_one_that_fills_up_is_told() -> Result<()> {
    let fleet = fleet(one_node()).await?;
    let spark = &fleet.sparks[0];
    let wish = || serde_json::json!({"repo": SOLO});
    spark.set_fault(&["full_disk", "--free-bytes", "40000000000"])?;
    let error = refusal(begin(&fleet, "/api/downloads", wish()).await)?;
    assert_eq!(error.code, ErrorCode::Blocked);
    assert_eq!(
        error.fields.first().map(|f| f.path.as_str()),
        Some("disk_full@spark1")
    );
    quick(&fleet)?;
    slow(&fleet)?;
    let operation = begin(&fleet, "/api/downloads", wish()).await?;
    growing(&fleet, &operation.id).await?;
    spark.set_fault(&["full_disk", "--free-bytes", "0"])?;
    let end = fleet.daemon.ended_operation(&operation.id).await?;
    assert_eq!(end.state, OperationState::Failed);
    let advice = end.advice.context("no advice")?;
    assert_eq!(advice.id, "disk_full", "{advice:?}");
    Ok(())
}

#[tokio::test]
async fn a_model_in_use_stays_and_an_idle_one_goes_from_both_nodes() -> Result<()> {
    let fleet = fleet(FleetOptions::default()).await?;
    fleet.daemon.swapped(SMALL).await?;
    let path = |dry: bool| format!("/api/models/{SMALL}?dry_run={dry}");
    let preview: DeletePreview = fleet.daemon.client().delete(&path(true)).await?;
    let states: Vec<DeleteState> = preview.nodes.iter().map(|n| n.state).collect();
    assert!(states.contains(&DeleteState::InUse), "{preview:?}");
    let users: Vec<&ModelUser> = preview.nodes.iter().flat_map(|n| &n.used_by).collect();
    assert!(
        users.iter().any(|u| matches!(u, ModelUser::Unit { .. })),
        "{users:?}"
    );
    let client = fleet.daemon.client();
    let refused = client.delete::<OperationStarted>(&path(false)).await;
    let error = refusal(refused.map_err(Into::into))?;
    assert_eq!(error.code, ErrorCode::Conflict, "{error:?}");
    let stop = begin(&fleet, "/api/stop", serde_json::json!({"all": true})).await?;
    done(&fleet, &stop.id).await?;
    let preview: DeletePreview = client.delete(&path(true)).await?;
    assert!(preview.total_bytes > 1_000_000_000, "{preview:?}");
    assert!(
        folder(&fleet.sparks[0], SMALL)?.exists(),
        "a dry run deleted"
    );
    let started: OperationStarted = client.delete(&path(false)).await?;
    done(&fleet, &started.operation.id).await?;
    for spark in &fleet.sparks {
        assert!(!folder(spark, SMALL)?.exists());
    }
    let gone = |s: &Snapshot| s.models.models.iter().all(|m| m.repo.as_str() != SMALL);
    fleet
        .daemon
        .wait_for("it to be gone from the menu", gone)
        .await?;
    let again = refusal(
        client
            .delete::<OperationStarted>(&path(false))
            .await
            .map_err(Into::into),
    )?;
    assert_eq!(again.code, ErrorCode::NotFound);
    Ok(())
}

/// A fleet whose first node alone has the small model.
async fn lopsided() -> Result<Fleet> {
    let fleet = fleet(FleetOptions::default()).await?;
    let path = format!("/api/models/{SMALL}?node=spark2");
    let started: OperationStarted = fleet.daemon.client().delete(&path).await?;
    done(&fleet, &started.operation.id).await?;
    Ok(fleet)
}

#[tokio::test]
async fn a_copy_runs_from_node_to_node_and_a_missing_key_comes_with_its_line() -> Result<()> {
    let fleet = lopsided().await?;
    let wish = || serde_json::json!({"repo": SMALL, "from": "spark1", "to": "spark2"});
    fleet.sparks[0].set_fault(&["no_peer_key"])?;
    let error = refusal(begin(&fleet, "/api/copies", wish()).await)?;
    assert_eq!(error.code, ErrorCode::Blocked);
    let hint = error.hint.context("no hint")?;
    let user = fleet.sparks[1].sshd.user();
    assert!(hint.contains("ssh-copy-id -p "), "{hint}");
    assert!(hint.contains(&format!("{user}@127.")), "{hint}");
    quick(&fleet)?;
    let operation = begin(&fleet, "/api/copies", wish()).await?;
    done(&fleet, &operation.id).await?;
    whole(&fleet, SMALL, 2).await
}

#[tokio::test]
async fn a_relay_passes_every_file_on_when_it_is_asked_for() -> Result<()> {
    const FEW: &str = "meta-llama/Llama-3.3-70B-Instruct";
    let fleet = fleet(FleetOptions {
        prepare: |n, spark| {
            if n == 0 {
                let node = spark.node()?;
                spark_sim::cache::put(&node, FEW, spark_sim::cache::Extent::ConfigOnly)?;
                let user = spark.sshd.user();
                let folder = folder(spark, FEW)?;
                std::process::Command::new("chown")
                    .arg("-R")
                    .arg(user)
                    .arg(folder)
                    .status()?;
            }
            Ok(())
        },
        ..FleetOptions::default()
    })
    .await?;
    fleet.sparks[0].set_fault(&["no_peer_key"])?;
    let wish = serde_json::json!({"repo": FEW, "from": "spark1", "to": "spark2", "relay": true});
    let operation = begin(&fleet, "/api/copies", wish).await?;
    done(&fleet, &operation.id).await?;
    let (here, there) = (
        folder(&fleet.sparks[0], FEW)?,
        folder(&fleet.sparks[1], FEW)?,
    );
    let same = std::process::Command::new("diff")
        .arg("-r")
        .arg(here)
        .arg(there)
        .status()?;
    assert!(same.success());
    Ok(())
}

#[tokio::test]
async fn what_ends_a_download_is_told() -> Result<()> {
    let fleet = fleet(one_node()).await?;
    let spark = &fleet.sparks[0];
    for (end, advice) in [("kill", "killed"), ("reboot", "restarted")] {
        slow(&fleet)?;
        let operation = begin(&fleet, "/api/downloads", serde_json::json!({"repo": SOLO})).await?;
        growing(&fleet, &operation.id).await?;
        let process = process(spark, &operation.id, "download")?;
        let pid = process.split(' ').next().context("no pid")?;
        match end {
            "reboot" => spark.set_fault(&["reboot", "--away-s", "1"])?,
            _ => drop(spark.run(&format!("kill -KILL -{pid}"))?),
        }
        let ended = fleet.daemon.ended_operation(&operation.id).await?;
        assert_eq!(ended.state, OperationState::Failed, "{end}: {ended:?}");
        let told = ended.advice.context("no advice")?;
        assert_eq!(told.id, advice, "{told:?}");
        assert!(told.remedy.contains("finished files are kept"), "{told:?}");
    }
    quick(&fleet)?;
    let wish = serde_json::json!({"repo": SOLO, "verify": true});
    let again = begin(&fleet, "/api/downloads", wish).await?;
    let end = done(&fleet, &again.id).await?;
    let verified = end
        .steps
        .last()
        .and_then(|s| s.detail.clone())
        .unwrap_or_default();
    assert!(verified.contains("checksums"), "{verified}");
    Ok(())
}

#[tokio::test]
async fn the_command_line_downloads_copies_and_deletes() -> Result<()> {
    let fleet = fleet(FleetOptions::default()).await?;
    let control = |words: &[&str]| -> Result<(i32, String)> {
        let output = std::process::Command::new(program("spark-control")?)
            .arg("--socket")
            .arg(fleet.daemon.socket())
            .args(words)
            .output()?;
        let [out, err] = [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
        Ok((
            output.status.code().context("killed")?,
            format!("{out}{err}"),
        ))
    };
    let (code, said) = control(&["download", SOLO, "--node", "1", "--dry-run"])?;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("from the Hub") && said.contains("free"),
        "{said}"
    );
    let (code, said) = control(&["download", SOLO, "--node", "1"])?;
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains(&format!("Downloaded {SOLO} on spark1")),
        "{said}"
    );
    fleet
        .daemon
        .client()
        .get::<serde_json::Value>("/api/models")
        .await?;
    whole(&fleet, SOLO, 1).await?;
    let (code, said) = control(&["copy", SOLO, "--from", "1", "--to", "2"])?;
    assert_eq!(code, 0, "{said}");
    whole(&fleet, SOLO, 2).await?;
    let (code, said) = control(&["rm", SOLO])?;
    assert_eq!(code, 2, "nobody could be asked: {said}");
    let (code, said) = control(&["rm", SOLO, "--dry-run"])?;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("come free"), "{said}");
    let (code, said) = control(&["rm", SOLO, "--yes"])?;
    assert_eq!(code, 0, "{said}");
    for spark in &fleet.sparks {
        assert!(!folder(spark, SOLO)?.exists());
    }
    let (code, said) = control(&["images"])?;
    assert!(code == 0 && said.contains("IMAGE"), "{said}");
    Ok(())
}

/// Every command line on this machine that shows the token.
fn betrayed() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|p| std::fs::read(p.path().join("cmdline")).ok());
    lines
        .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
        .filter(|line| line.contains(TOKEN))
        .collect()
}

/// Every file below `folder` that holds the token.
fn written(folder: &std::path::Path) -> Result<Vec<PathBuf>> {
    let output = std::process::Command::new("grep")
        .args([
            "-rlI",
            "--binary-files=text",
            "--exclude-dir=blobs",
            "--",
            TOKEN,
        ])
        .arg(folder)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(PathBuf::from).collect())
}

#[tokio::test]
async fn the_token_is_on_no_command_line_and_in_no_log() -> Result<()> {
    let fleet = fleet(FleetOptions {
        settings: vec![("HF_TOKEN", TOKEN.to_owned()), ("LOG", "debug".to_owned())],
        record: true,
        ..one_node()
    })
    .await?;
    slow(&fleet)?;
    let operation = begin(&fleet, "/api/downloads", serde_json::json!({"repo": SOLO})).await?;
    growing(&fleet, &operation.id).await?;
    assert_eq!(betrayed(), Vec::<String>::new());
    // It did reach the client.
    let process = process(&fleet.sparks[0], &operation.id, "download")?;
    let pid = process.split(' ').next().context("no pid")?;
    let environment = std::fs::read(format!("/proc/{pid}/environ"))?;
    assert!(String::from_utf8_lossy(&environment).contains(TOKEN));
    quick(&fleet)?;
    done(&fleet, &operation.id).await?;
    assert_eq!(betrayed(), Vec::<String>::new());
    assert!(!fleet.daemon.log().contains(TOKEN));
    assert_eq!(written(fleet.daemon.data())?, Vec::<PathBuf>::new());
    // One that fails has more to say, and what the client says is shown.
    fleet.sparks[0].replace_tool(
        "hf",
        "#!/bin/sh\necho \"Invalid user token: $HF_TOKEN\" >&2\nexit 1\n",
    )?;
    let wish = serde_json::json!({"repo": "Qwen/Qwen3-0.6B"});
    let error = refusal(begin(&fleet, "/api/downloads", wish).await)?;
    assert_eq!(
        error.fields.first().map(|f| f.path.as_str()),
        Some("bad_token@spark1"),
        "{error:?}"
    );
    assert!(!serde_json::to_string(&error)?.contains(TOKEN), "{error:?}");
    fleet.sparks[0].replace_tool(
        "hf",
        "#!/bin/sh\ncase \"$*\" in *--dry-run*) exit 0 ;; esac\necho \"it says $HF_TOKEN\" >&2\nexit 1\n",
    )?;
    let wish = serde_json::json!({"repo": "Qwen/Qwen3-0.6B"});
    let operation = begin(&fleet, "/api/downloads", wish).await?;
    let end = fleet.daemon.ended_operation(&operation.id).await?;
    assert_eq!(end.state, OperationState::Failed);
    assert!(
        end.advice
            .is_some_and(|a| a.evidence[0].starts_with("it says "))
    );
    for path in ["/api/operations", "/api/status", "/api/settings"] {
        let said: serde_json::Value = fleet.daemon.client().get(path).await?;
        assert!(!said.to_string().contains(TOKEN), "{path}");
    }
    assert!(!fleet.daemon.log().contains(TOKEN));
    assert_eq!(written(fleet.daemon.data())?, Vec::<PathBuf>::new());
    let lines = fleet.sparks[0].recorded(Record::Execs)?;
    assert!(lines.len() > 3, "nothing was recorded");
    for line in lines {
        assert!(!line.contains(TOKEN), "{line}");
    }
    Ok(())
}

#[tokio::test]
async fn every_client_that_a_node_may_have_brings_the_model() -> Result<()> {
    let fleet = fleet(one_node()).await?;
    let spark = &fleet.sparks[0];
    for only in ["hf", "uvx", "local_hf", "huggingface_cli"] {
        spark.set_fault(&["hf_runners", "--only", only])?;
        brought(&fleet, only).await?;
    }
    spark.set_fault(&["hf_runners"])?;
    brought(&fleet, "a vLLM image").await
}

/// A download that begins with nothing on the disk, and deletes what it brought.
async fn brought(fleet: &Fleet, with: &str) -> Result<()> {
    let wish = serde_json::json!({"repo": SOLO});
    let operation = begin(fleet, "/api/downloads", wish).await?;
    done(fleet, &operation.id).await.context(with.to_owned())?;
    whole(fleet, SOLO, 1).await?;
    let path = format!("/api/models/{SOLO}");
    let started: OperationStarted = fleet.daemon.client().delete(&path).await?;
    done(fleet, &started.operation.id).await?;
    Ok(())
}

#[tokio::test]
async fn images_are_listed_pulled_and_copied() -> Result<()> {
    let fleet = fleet(FleetOptions::default()).await?;
    let client = fleet.daemon.client();
    let list: ImageList = client.get("/api/images").await?;
    let wanted = list
        .images
        .iter()
        .find(|i| i.nodes.len() == 2 && !i.recipes.is_empty());
    let wanted = wanted.context("no image of a recipe")?.reference.clone();
    fleet.sparks[1].run(&format!("docker rmi {wanted}"))?;
    let list: ImageList = client.get("/api/images").await?;
    let found = list.images.iter().find(|i| i.reference == wanted);
    assert_eq!(found.map(|i| i.missing_on.len()), Some(1), "{found:?}");

    let body = serde_json::json!({"image": wanted, "from": "spark1", "to": "spark2"});
    let copy = begin(&fleet, "/api/images/copy", body).await?;
    done(&fleet, &copy.id).await?;
    fleet.sparks[1].run(&format!("docker rmi {wanted}"))?;
    let body = || serde_json::json!({"image": wanted, "nodes": ["spark2"]});
    fleet.sparks[1].set_fault(&["registry", "--error", "no_arm64"])?;
    let error = refusal(begin(&fleet, "/api/images/pull", body()).await)?;
    let field = error.fields.first().context("no field")?;
    assert_eq!(field.path, "wrong_architecture@spark2", "{error:?}");
    quick(&fleet)?;
    let pull = begin(&fleet, "/api/images/pull", body()).await?;
    done(&fleet, &pull.id).await?;
    let list: ImageList = client.get("/api/images").await?;
    let found = list.images.iter().find(|i| i.reference == wanted);
    assert!(
        found.is_some_and(|i| !i.differs && i.missing_on.is_empty()),
        "{found:?}"
    );
    Ok(())
}
