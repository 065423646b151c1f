//! Models that are damaged, and images that are in use, on simulated Sparks behind real OpenSSH servers.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use spark_e2e::fleet::{Fleet, FleetOptions, SMALL, Spark};
use spark_e2e::programs::program;
use spark_ipc::client::ClientError;
use spark_ipc::model::inventory::Model;
use spark_ipc::model::operation::{Operation, OperationStarted, OperationState};
use spark_ipc::model::status::Snapshot;
use spark_ipc::model::transfer::ImageList;
use spark_ipc::{ApiError, ErrorCode};

async fn fleet(nodes: usize) -> Result<Fleet> {
    let fleet = Fleet::start(&FleetOptions {
        models: vec![SMALL],
        nodes,
        ..FleetOptions::default()
    })?;
    fleet.daemon.settled().await?;
    Ok(fleet)
}

/// Asks for a verification and waits for its end.
async fn verified(fleet: &Fleet, body: serde_json::Value) -> Result<Operation> {
    let client = fleet.daemon.client();
    let started: OperationStarted = client.post("/api/verifications", &body).await?;
    fleet.daemon.ended_operation(&started.operation.id).await
}

fn refusal<T>(result: Result<T, ClientError>) -> Result<ApiError> {
    match result {
        Ok(_) => bail!("it was not refused"),
        Err(ClientError::Api(error)) => Ok(*error),
        Err(other) => Err(other.into()),
    }
}

fn hub(spark: &Spark) -> Result<PathBuf> {
    let name = format!("models--{}", SMALL.replacen('/', "--", 1));
    Ok(spark.node()?.hub().join(name))
}

/// A weight file of the model in its snapshot, with its name in the repository.
fn weights(spark: &Spark) -> Result<(PathBuf, String)> {
    let snapshots = hub(spark)?.join("snapshots");
    let commit = std::fs::read_dir(snapshots)?
        .next()
        .context("no commit")??;
    for entry in std::fs::read_dir(commit.path())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".safetensors") {
            return Ok((commit.path().join(&name), name));
        }
    }
    bail!("no weights")
}

/// Other bytes at the beginning of a weight file: as many, so that no look at sizes finds it.
fn damage(spark: &Spark) -> Result<String> {
    let (path, name) = weights(spark)?;
    let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
    file.write_all(b"\xff\xff\xff\xff damaged")?;
    Ok(name)
}

/// The command line's exit status, and what it said.
fn control(fleet: &Fleet, words: &[&str]) -> Result<(i32, String)> {
    let output = Command::new(program("spark-control")?)
        .arg("--socket")
        .arg(fleet.daemon.socket())
        .args(words)
        .output()?;
    let [out, err] = [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
    let code = output.status.code().context("killed")?;
    Ok((code, format!("{out}{err}")))
}

fn known(s: &Snapshot) -> Option<&Model> {
    s.models.models.iter().find(|m| m.repo.as_str() == SMALL)
}

#[tokio::test]
async fn a_damaged_file_is_named_on_its_node_and_comes_anew() -> Result<()> {
    let fleet = fleet(2).await?;
    let sound = verified(&fleet, serde_json::json!({"repo": SMALL})).await?;
    ensure!(sound.state == OperationState::Succeeded, "{sound:?}");
    assert_eq!(sound.nodes.len(), 2);

    let name = damage(&fleet.sparks[1])?;
    let found = verified(&fleet, serde_json::json!({"repo": SMALL})).await?;
    assert_eq!(found.state, OperationState::Failed);
    let error = found.error.clone().context("no error")?;
    assert!(
        error.starts_with("spark2: ") && error.contains(&name),
        "{error}"
    );
    let advice = found.advice.context("no advice")?;
    assert_eq!(
        (advice.id.as_str(), advice.evidence),
        ("corrupt", vec![name.clone()])
    );
    assert!(
        advice
            .remedy
            .contains(&format!("download {SMALL} --node spark2"))
    );
    let (path, _) = weights(&fleet.sparks[1])?;
    assert!(path.exists(), "it was removed without being asked");

    let (code, said) = control(
        &fleet,
        &["models", "verify", SMALL, "--node", "2", "--repair"],
    )?;
    assert!(code != 0 && said.contains(&name), "{said}");
    assert!(said.contains("the damaged files were removed"), "{said}");
    assert!(!path.exists());
    let lacking =
        |s: &Snapshot| known(s).is_some_and(|m| m.nodes.iter().filter(|n| n.complete).count() == 1);
    fleet.daemon.wait_for("the menu to know", lacking).await?;
    let (code, said) = control(&fleet, &["download", SMALL, "--node", "2"])?;
    assert_eq!(code, 0, "{said}");
    let (code, said) = control(&fleet, &["models", "verify", SMALL])?;
    assert_eq!(code, 0, "{said}");
    Ok(())
}

#[tokio::test]
async fn a_short_file_and_a_link_that_leads_nowhere_are_named() -> Result<()> {
    let fleet = fleet(1).await?;
    let (path, name) = weights(&fleet.sparks[0])?;
    std::fs::remove_file(path.canonicalize()?)?;
    let found = verified(&fleet, serde_json::json!({"repo": SMALL})).await?;
    assert_eq!(found.state, OperationState::Failed);
    let advice = found.advice.context("no advice")?;
    assert_eq!(advice.id, "incomplete", "{advice:?}");
    assert!(
        advice.evidence.iter().any(|e| e.contains(&name)),
        "{advice:?}"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_in_use_is_verified_and_not_repaired() -> Result<()> {
    let fleet = fleet(1).await?;
    fleet.daemon.swapped(SMALL).await?;
    let client = fleet.daemon.client();
    let body = serde_json::json!({"repo": SMALL, "repair": true});
    let refused = client.post::<_, OperationStarted>("/api/verifications", &body);
    let error = refusal(refused.await)?;
    assert_eq!(error.code, ErrorCode::Conflict, "{error:?}");
    let sound = verified(&fleet, serde_json::json!({"repo": SMALL})).await?;
    assert_eq!(sound.state, OperationState::Succeeded, "{sound:?}");
    let body = serde_json::json!({"repo": "a/b"});
    let refused = client.post::<_, OperationStarted>("/api/verifications", &body);
    assert_eq!(refusal(refused.await)?.code, ErrorCode::NotFound);
    Ok(())
}

#[tokio::test]
async fn an_image_goes_when_no_container_uses_it() -> Result<()> {
    let fleet = fleet(1).await?;
    fleet.daemon.swapped(SMALL).await?;
    let client = fleet.daemon.client();
    let list: ImageList = client.get("/api/images").await?;
    let uses =
        |i: &&spark_ipc::model::transfer::Image| i.nodes.iter().any(|n| !n.used_by.is_empty());
    let used = list.images.iter().find(uses).context("no image in use")?;
    let path = format!("/api/images?image={}", used.reference);
    let error = refusal(client.delete::<OperationStarted>(&path).await)?;
    assert_eq!(error.code, ErrorCode::Conflict, "{error:?}");
    assert!(error.message.contains("used by "), "{error:?}");

    let stop = serde_json::json!({"all": true});
    let stop: OperationStarted = client.post("/api/stop", &stop).await?;
    fleet.daemon.ended_operation(&stop.operation.id).await?;
    let (code, said) = control(&fleet, &["images", "rm", &used.reference])?;
    assert_eq!(code, 2, "nobody could be asked: {said}");
    let (code, said) = control(&fleet, &["images", "rm", &used.reference, "--yes"])?;
    assert_eq!(code, 0, "{said}");
    let list: ImageList = client.get("/api/images").await?;
    let there = list.images.iter().find(|i| i.reference == used.reference);
    assert!(there.is_none_or(|i| i.nodes.is_empty()), "{there:?}");
    let error = refusal(client.delete::<OperationStarted>(&path).await)?;
    assert_eq!(error.code, ErrorCode::NotFound);
    Ok(())
}
