//! Measures the figures of the product: `make bench`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use spark_e2e::bench::{Figure, inventory, latency, logs, process, report, swap, terminal};
use spark_e2e::fleet::{Fleet, FleetOptions, SMALL};

fn main() -> Result<ExitCode> {
    let figures = tokio::runtime::Runtime::new()?.block_on(measure())?;
    let met = report(&figures, Path::new("target/bench/results.jsonl"))?;
    Ok(if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Measures the groups named on the command line; all when none is.
async fn measure() -> Result<Vec<Figure>> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let wants = |group: &str| wanted.is_empty() || wanted.iter().any(|w| w == group);
    let mut figures = Vec::new();
    if wants("daemon") {
        figures.extend(daemon().await?);
    }
    if wants("memory") {
        figures.extend(process::memory().await?);
    }
    if wants("twenty") {
        figures.push(process::twenty().await?);
    }
    if wants("inventory") {
        figures.extend(inventory::listing().await?);
    }
    if wants("logs") {
        figures.extend(logs::flood().await?);
    }
    if wants("swap") {
        figures.push(swap::own_share().await?);
    }
    anyhow::ensure!(
        !figures.is_empty(),
        "{wanted:?}: the groups are daemon, memory, twenty, inventory, logs and swap"
    );
    Ok(figures)
}

async fn daemon() -> Result<Vec<Figure>> {
    let options = FleetOptions {
        models: vec![SMALL],
        ..FleetOptions::default()
    };
    let mut fleet = Fleet::start(&options)?;
    let mut figures = vec![process::start(&mut fleet)?];
    figures.extend(process::polls(&fleet).await?);
    figures.push(latency::status(&fleet).await?);
    figures.push(terminal::key_to_repaint(&fleet).await?);
    Ok(figures)
}
