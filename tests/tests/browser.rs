//! The dashboard in a real Chromium, on the demo: `tests/web/dashboard.mjs` walks it and judges.

use std::process::Output;

use anyhow::{Context, Result};
use spark_e2e::browser::walk;
use spark_e2e::demo::Demo;
use spark_e2e::place::screens;
use spark_e2e::programs::program;

/// What the check printed.
fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
    format!("{out}{err}")
}

#[test]
fn an_operator_swaps_asks_stops_and_survives_failures_on_the_dashboard() -> Result<()> {
    let demo = Demo::start(40)?;
    let nodes = demo.nodes().map(|n| n.display().to_string()).join(":");
    let output = walk("dashboard.mjs", demo.url())?
        .arg(screens()?)
        .env("SPARK_SIM", program("spark-sim")?)
        .env("SPARK_SIM_NODES", nodes)
        .output()
        .context("cannot run node")?;
    println!("{}", said(&output));
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("dashboard: all passed"));
    Ok(())
}

#[test]
fn a_dashboard_that_is_not_there_fails_the_check() -> Result<()> {
    let closed = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let output = walk("dashboard.mjs", &format!("http://{closed}/"))?.output()?;
    assert!(!output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("ERR_CONNECTION_REFUSED"),
        "{}",
        said(&output)
    );
    Ok(())
}
