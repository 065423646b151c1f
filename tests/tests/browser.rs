//! The dashboard in a real Chromium, on the demo: `tests/web/dashboard.mjs` walks it and judges.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use spark_e2e::demo::Demo;
use spark_e2e::place::{repository, screens};
use spark_e2e::programs::program;

/// The check, beside the packages that it imports, which setup keeps out of the tree.
fn check(url: &str) -> Result<Command> {
    let folder = repository("target/web");
    ensure!(
        folder.join("node_modules").is_dir(),
        "the browser test's packages are missing: sh scripts/setup.sh test"
    );
    for entry in std::fs::read_dir(repository("tests/web"))? {
        let source = entry?.path();
        if source.extension().is_some_and(|e| e == "mjs") {
            let name = source.file_name().context("a file without a name")?;
            replace(&source, &folder.join(name))?;
        }
    }
    let mut command = Command::new("node");
    command.arg(folder.join("dashboard.mjs")).arg(url);
    Ok(command)
}

/// Copies in one step: another test may be reading the old one.
fn replace(source: &Path, target: &Path) -> Result<()> {
    let fresh = target.with_extension(format!("new{}", std::process::id()));
    std::fs::copy(source, &fresh)?;
    Ok(std::fs::rename(fresh, target)?)
}

/// What the check printed.
fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
    format!("{out}{err}")
}

#[test]
fn an_operator_swaps_asks_stops_and_survives_failures_on_the_dashboard() -> Result<()> {
    let demo = Demo::start(40)?;
    let nodes = demo.nodes().map(|n| n.display().to_string()).join(":");
    let output = check(demo.url())?
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
    let output = check(&format!("http://{closed}/"))?.output()?;
    assert!(!output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("ERR_CONNECTION_REFUSED"),
        "{}",
        said(&output)
    );
    Ok(())
}
