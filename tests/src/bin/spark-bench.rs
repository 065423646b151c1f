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

async fn measure() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let options = FleetOptions {
        models: vec![SMALL],
        ..FleetOptions::default()
    };
    let mut fleet = Fleet::start(&options)?;
    figures.push(process::start(&mut fleet)?);
    figures.extend(process::polls(&fleet).await?);
    figures.push(latency::status(&fleet).await?);
    figures.push(terminal::key_to_repaint(&fleet).await?);
    drop(fleet);
    figures.extend(process::memory().await?);
    figures.push(process::twenty().await?);
    figures.extend(inventory::listing().await?);
    figures.extend(logs::flood().await?);
    figures.push(swap::own_share().await?);
    Ok(figures)
}
