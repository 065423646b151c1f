//! The terminal client in a real terminal, on simulated Sparks behind real OpenSSH servers.

use anyhow::{Context, Result};
use spark_e2e::fleet::{Fleet, FleetOptions, SMALL, SOLO};
use spark_e2e::programs::program;
use spark_e2e::tmux::Tmux;

async fn fleet(nodes: usize) -> Result<Fleet> {
    let fleet = Fleet::start(&FleetOptions {
        nodes,
        ..FleetOptions::default()
    })?;
    fleet.daemon.settled().await?;
    Ok(fleet)
}

/// The shell's line that starts the client.
fn client(fleet: &Fleet) -> Result<String> {
    let socket = fleet.daemon.socket();
    Ok(format!(
        "clear; {} --socket {}",
        program("spark-control")?.display(),
        socket.display()
    ))
}

/// The settings of a terminal, as `stty` tells them.
fn settings(tmux: &Tmux) -> Result<String> {
    tmux.run("clear; stty -g; echo .")?;
    let screen = tmux.wait_for("the settings", |s| s.lines().any(|l| l == "."))?;
    let line = screen.lines().find(|l| l.matches(':').count() > 5);
    Ok(line.context("stty told nothing")?.to_owned())
}

#[tokio::test]
async fn an_operator_swaps_at_120x40() -> Result<()> {
    operate(120, 40).await
}

#[tokio::test]
async fn an_operator_swaps_at_80x24() -> Result<()> {
    operate(80, 24).await
}

async fn operate(columns: u16, rows: u16) -> Result<()> {
    let fleet = fleet(2).await?;
    let tmux = Tmux::start(columns, rows)?;
    let leave = |name: &str| tmux.leave(&format!("terminal-{columns}x{rows}-{name}"));
    tmux.run(&client(&fleet)?)?;
    let screen = tmux.wait_for_text("● live")?;
    for text in [
        "spark1",
        "spark2",
        SMALL,
        "Qwen/Qwen3.5-122B-A10B-",
        "nothing runs",
        "GiB free",
    ] {
        assert!(screen.contains(text), "{text:?} is missing:\n{screen}");
    }
    leave("start")?;
    read_the_help(&tmux, &leave)?;
    filter(&tmux)?;
    look_without_acting(&tmux, &leave)?;
    assert!(fleet.daemon.status().await?.operations.is_empty());
    swap(&tmux, &leave)?;
    let (model, text) = fleet.daemon.ask("What is 12*17?").await?;
    assert!(
        model == "qwen3-0.6b" && text.contains("204"),
        "{model} {text}"
    );
    Ok(())
}

fn read_the_help(tmux: &Tmux, leave: &dyn Fn(&str) -> Result<()>) -> Result<()> {
    tmux.press("?")?;
    let screen = tmux.wait_for_text(" Keys ")?;
    assert!(screen.contains("look at a swap to this model"), "{screen}");
    leave("help")?;
    tmux.press("Escape")?;
    tmux.wait_for("the help to close", |s| !s.contains(" Keys "))?;
    Ok(())
}

fn filter(tmux: &Tmux) -> Result<()> {
    tmux.press("/")?;
    tmux.type_text("0.6B")?;
    let alone =
        |s: &str| s.contains(SMALL) && !s.contains("Qwen3.6-35B") && !s.contains("Qwen3.5-122B");
    tmux.wait_for("the filtered list", alone)?;
    tmux.press("Enter")?;
    tmux.wait_for_text("swap…")?;
    Ok(())
}

/// The preview opens on Cancel: Enter, pressed once too often, does nothing.
fn look_without_acting(tmux: &Tmux, leave: &dyn Fn(&str) -> Result<()>) -> Result<()> {
    tmux.press("Enter")?;
    let screen = tmux.wait_for_text("docker run")?;
    assert!(screen.contains(&format!("Swap to {SMALL}?")), "{screen}");
    assert!(tmux.is_marked("[ Cancel  n ]")?, "Cancel has no focus");
    leave("preview")?;
    tmux.press("Enter")?;
    tmux.wait_for("the question to close", |s| !s.contains("[ Cancel"))?;
    Ok(())
}

fn swap(tmux: &Tmux, leave: &dyn Fn(&str) -> Result<()>) -> Result<()> {
    tmux.press("Enter")?;
    tmux.wait_for_text("  y ]")?;
    tmux.press("y")?;
    let title = format!("Operation: swap {SMALL}  ");
    tmux.wait_for_text(&format!("{title}◐ running"))?;
    leave("running")?;
    let screen = tmux.wait_for_text(&format!("{title}✔ succeeded"))?;
    assert!(screen.contains("✔ open"), "{screen}");
    let header = tmux.wait_for_text(&format!("● ready {SMALL} on spark"))?;
    assert!(header.contains("proxy ● serving"), "{header}");
    leave("ended")
}

/// Typed, looked at, agreed to, watched; then read in full, and not deleted by a look.
#[tokio::test]
async fn an_operator_downloads_a_model_and_looks_around() -> Result<()> {
    let fleet = Fleet::start(&FleetOptions {
        nodes: 1,
        models: vec![SMALL],
        ..FleetOptions::default()
    })?;
    fleet.daemon.settled().await?;
    let tmux = Tmux::start(80, 24)?;
    tmux.run(&client(&fleet)?)?;
    tmux.wait_for_text("● live")?;
    tmux.press("d")?;
    tmux.type_text(SOLO)?;
    tmux.wait_for_text(&format!("> {SOLO}_"))?;
    tmux.press("Enter")?;
    tmux.wait_for_text("[ Download  y ]")?;
    tmux.press("y")?;
    tmux.wait_for_text("✔ succeeded")?;
    tmux.press("2")?;
    tmux.press("i")?;
    let page = tmux.wait_for_text("can be deleted")?;
    assert!(page.contains("On the disks, and in use by"), "{page}");
    tmux.press("Escape")?;
    tmux.press("5")?;
    let services = tmux.wait_for_text("5 Services")?;
    assert!(services.contains("kokoro"), "{services}");
    tmux.press("h")?;
    tmux.wait_for_text("Right answers")?;
    tmux.leave("terminal-80x24-health")
}

#[tokio::test]
async fn without_its_daemon_it_shows_the_age_of_its_data_and_refuses_to_act() -> Result<()> {
    let mut fleet = fleet(1).await?;
    let tmux = Tmux::start(120, 40)?;
    tmux.run(&client(&fleet)?)?;
    tmux.wait_for_text("● live")?;
    fleet.daemon.kill()?;
    let lost = tmux.wait_for_text("reconnecting… last data")?;
    assert!(lost.contains("spark1") && lost.contains(SMALL), "{lost}");
    // The age goes on.
    tmux.wait_for_text("last data 3 s ago")?;
    for (key, refusal) in [("Enter", "cannot swap"), ("S", "cannot stop")] {
        tmux.press(key)?;
        let screen = tmux.wait_for_text(refusal)?;
        assert!(!screen.contains("[ Cancel"), "{screen}");
    }
    tmux.leave("terminal-120x40-reconnecting")?;
    fleet.daemon.start()?;
    tmux.wait_for_text("● live")?;
    tmux.press("Enter")?;
    tmux.wait_for_text("docker run")?;
    Ok(())
}

#[tokio::test]
async fn however_it_ends_the_terminal_is_as_it_was() -> Result<()> {
    let fleet = fleet(1).await?;
    let tmux = Tmux::start(120, 40)?;
    let before = settings(&tmux)?;
    for (how, code) in [("q", 0), ("C-c", 0), ("TERM", 130)] {
        tmux.run(&format!("{}; echo ended $?", client(&fleet)?))?;
        tmux.wait_for_text("● live")?;
        if how == "TERM" {
            let pid = rustix::process::Pid::from_raw(tmux.foreground()?).context("no process")?;
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        } else {
            tmux.press(how)?;
        }
        let ended = tmux.wait_for(how, |s| s.lines().any(|l| l.starts_with("ended")))?;
        assert!(ended.contains(&format!("ended {code}\n")), "{how}: {ended}");
        assert!(!ended.contains("panicked"), "{ended}");
        assert_eq!(
            tmux.cursor_and_screen()?,
            "1 0",
            "{how}: cursor shown, no alternate screen"
        );
        assert_eq!(settings(&tmux)?, before, "{how}");
    }
    Ok(())
}
