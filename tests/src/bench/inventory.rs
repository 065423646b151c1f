//! A node with 200 models on its disk: what a look at them costs the node and the daemon.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::Instant;

use super::Figure;
use super::process::{cpu_ms, sessions};
use crate::fleet::{Fleet, FleetOptions, SMALL};

/// Models on the disk beside the fleet's own.
const MODELS: usize = 200;
/// Time over which looks are counted.
const MEASURED: Duration = Duration::from_secs(40);
/// Seconds between two looks, the shortest that the daemon allows.
const INTERVAL_S: f64 = 5.0;

/// Round trips, time on the node and processor time of the daemon, each for one look.
pub async fn listing() -> Result<Vec<Figure>> {
    let few = rest_and_look(0).await?;
    let many = rest_and_look(MODELS).await?;
    Ok(vec![
        Figure::new(
            "inventory_200_round_trips",
            many.sessions,
            "",
            "a node with 1 model",
            few.sessions,
        )
        .at_most(1.1),
        Figure::new(
            "inventory_200_node_time",
            many.node_ms,
            "ms",
            "a node with 1 model",
            few.node_ms,
        )
        .at_most(1000.0),
        Figure::new(
            "inventory_200_daemon_cpu",
            many.cpu_ms,
            "ms",
            "a node with 1 model",
            few.cpu_ms,
        )
        .at_most(5.0),
        Figure::new(
            "inventory_200_first_reading",
            many.read_ms,
            "ms",
            "a node with 1 model",
            few.read_ms,
        )
        .at_most(5.0),
    ])
}

struct Look {
    sessions: f64,
    node_ms: f64,
    /// Of the daemon, for a disk that says the same as before.
    cpu_ms: f64,
    /// For the reading of a list that is new.
    read_ms: f64,
}

async fn rest_and_look(models: usize) -> Result<Look> {
    let options = FleetOptions {
        nodes: 1,
        models: vec![SMALL],
        // Polls are kept out of the way, so that what is left is the looks at the disk.
        settings: vec![
            ("POLL_INTERVAL_S", "300".to_owned()),
            ("INVENTORY_INTERVAL_S", format!("{INTERVAL_S}")),
            ("DEEP_HEALTH_INTERVAL_S", "0".to_owned()),
        ],
        ..FleetOptions::default()
    };
    let fleet = Fleet::start(&options)?;
    let spark = fleet.sparks.first().context("no node")?;
    spark.run(&trees(models))?;
    let listed = |list: &spark_ipc::model::inventory::ModelList| list.models.len() > models;
    let deadline = Instant::now() + Duration::from_secs(60);
    while !listed(&fleet.daemon.models().await?) {
        ensure!(
            Instant::now() < deadline,
            "the {models} models were not listed"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (cpu, before, began) = (cpu_ms(&fleet.daemon)?, sessions(&fleet), Instant::now());
    tokio::time::sleep(MEASURED).await;
    let cpu = cpu_ms(&fleet.daemon)? - cpu;
    let looks = (began.elapsed().as_secs_f64() / INTERVAL_S).floor();
    let sessions = f64::from(u32::try_from(sessions(&fleet) - before)?);
    let mut times = Vec::new();
    let mut list = String::new();
    for _ in 0..5 {
        let began = Instant::now();
        list = spark.run(&listing_script())?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(Look {
        sessions: sessions / looks,
        node_ms: super::process::median(&mut times),
        cpu_ms: cpu / looks,
        read_ms: reading(&list, models)?,
    })
}

/// Milliseconds for the daemon's reading of a list, the median of many.
fn reading(list: &str, models: usize) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..21 {
        let began = Instant::now();
        let (read, _warnings) = spark_core::inventory::read(list);
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        ensure!(read.len() > models, "{} models were read", read.len());
    }
    Ok(super::process::median(&mut times))
}

/// The daemon's own script, as a node runs it.
fn listing_script() -> String {
    let nonce = spark_core::shell::Nonce::new([7; 16]);
    let script = spark_core::inventory::command().render(&nonce);
    format!("sh -s <<'SPARK_BENCH_END'\n{script}\nSPARK_BENCH_END\n:")
}

/// Model trees as the Hub's client lays them out, with sparse weights.
fn trees(models: usize) -> String {
    let mut script =
        String::from("set -e; mkdir -p ~/.cache/huggingface/hub; cd ~/.cache/huggingface/hub\n");
    for n in 0..models {
        let _infallible = writeln!(
            script,
            "m=models--bench--model-{n}; mkdir -p $m/blobs $m/refs $m/snapshots/c0ffee; \
             printf c0ffee >$m/refs/main; truncate -s 8G $m/blobs/w{n}; \
             printf '{{\"model_type\":\"qwen3\",\"architectures\":[\"Qwen3ForCausalLM\"],\"hidden_size\":4096}}' >$m/blobs/c{n}; \
             ln -s ../../blobs/w{n} $m/snapshots/c0ffee/model.safetensors; \
             ln -s ../../blobs/c{n} $m/snapshots/c0ffee/config.json"
        );
    }
    script
}
