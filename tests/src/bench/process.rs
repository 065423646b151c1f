//! What the daemon's process takes: time to listen, memory, processor time and round trips of polls.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use spark_ipc::Time;
use spark_ipc::id::NodeId;
use spark_ipc::model::status::Snapshot;

use super::Figure;
use crate::daemon::Daemon;
use crate::fleet::{Fleet, FleetOptions, SMALL};

/// Time over which polls are counted; processor time is told in steps of 10 ms, so it must be long.
const MEASURED: Duration = Duration::from_secs(30);

/// Start to listening, against starting any program at all.
pub fn start(fleet: &mut Fleet) -> Result<Figure> {
    let mut daemon = Vec::new();
    for _ in 0..7 {
        fleet.daemon.terminate()?;
        let began = Instant::now();
        fleet.daemon.start()?;
        daemon.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    let mut nothing = Vec::new();
    for _ in 0..7 {
        let began = Instant::now();
        Command::new("/bin/true").stdin(Stdio::null()).status()?;
        nothing.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    let figure = Figure::new(
        "start_to_listening",
        median(&mut daemon),
        "ms",
        "start of /bin/true",
        median(&mut nothing),
    );
    Ok(figure.at_most(100.0))
}

/// Processor time and SSH sessions of one poll, with nobody attached: what the daemon spends by itself.
pub async fn polls(fleet: &Fleet) -> Result<Vec<Figure>> {
    fleet.daemon.settled().await?;
    // The first polls also list disks and look at units; what is measured is the steady state.
    seen(&fleet.daemon, 5).await?;
    let before = newest_readings(&fleet.daemon).await?;
    let (cpu, sessions, began) = (cpu_ms(&fleet.daemon)?, sessions(fleet), Instant::now());
    tokio::time::sleep(MEASURED).await;
    let (spent, took) = (cpu_ms(&fleet.daemon)? - cpu, began.elapsed());
    let sessions = count(self::sessions(fleet) - sessions);
    let polled = polls_since(&fleet.daemon, &before).await?;
    let tool = prober_ms(fleet)?;
    let nodes = count(fleet.sparks.len());
    Ok(vec![
        Figure::new(
            "poll_cpu",
            spent / polled,
            "ms",
            "sh + true on this machine",
            tool,
        )
        .at_most(2.0),
        Figure::new(
            "poll_round_trips",
            sessions / polled,
            "",
            "polls in the history",
            1.0,
        )
        .at_most(1.1),
        Figure::new(
            "poll_period",
            took.as_secs_f64() * nodes / polled,
            "s",
            "POLL_INTERVAL_S",
            1.0,
        ),
    ])
}

/// The poll loop of twenty nodes at the default interval: share of one core, percent.
pub async fn twenty() -> Result<Figure> {
    let options = FleetOptions {
        nodes: 20,
        models: vec![SMALL],
        settings: vec![("POLL_INTERVAL_S", "5".to_owned())],
        ..FleetOptions::default()
    };
    let fleet = Fleet::start(&options)?;
    fleet.daemon.settled().await?;
    seen(&fleet.daemon, 60).await?;
    let (cpu, began) = (cpu_ms(&fleet.daemon)?, Instant::now());
    tokio::time::sleep(MEASURED).await;
    let spent = cpu_ms(&fleet.daemon)? - cpu;
    let share = spent / (began.elapsed().as_secs_f64() * 1000.0) * 100.0;
    let tool = prober_ms(&fleet)?;
    Ok(Figure::new("poll_20_nodes_cpu", share, "%", "ms of sh + true", tool).at_most(5.0))
}

/// When each node was read last.
async fn newest_readings(daemon: &Daemon) -> Result<BTreeMap<NodeId, Option<Time>>> {
    let status = daemon.status().await?;
    Ok(status
        .nodes
        .iter()
        .map(|n| (n.id.clone(), n.observed_at))
        .collect())
}

/// Readings in the history of all nodes that are newer than those.
async fn polls_since(daemon: &Daemon, before: &BTreeMap<NodeId, Option<Time>>) -> Result<f64> {
    let status = daemon.status().await?;
    let newer = status.nodes.iter().map(|node| {
        let last = before.get(&node.id).copied().flatten();
        node.history.iter().filter(|point| point.at > last).count()
    });
    Ok(count(newer.sum()))
}

/// Memory with two nodes, and with twenty.
pub async fn memory() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut two = 1.0;
    for (nodes, name, goal) in [
        (2, "rss_idle_2_nodes", 25.0),
        (20, "rss_idle_20_nodes", 40.0),
    ] {
        let options = FleetOptions {
            nodes,
            models: vec![SMALL],
            ..FleetOptions::default()
        };
        let fleet = Fleet::start(&options)?;
        fleet.daemon.settled().await?;
        seen(&fleet.daemon, u32::try_from(nodes)? * 15).await?;
        let rss = rss_mib(&fleet.daemon)?;
        let figure = if nodes == 2 {
            two = rss;
            Figure::new(name, rss, "MiB", "goal", goal)
        } else {
            Figure::new(name, rss, "MiB", "2 nodes", two)
        };
        figures.push(figure.at_most(goal));
    }
    Ok(figures)
}

/// Waits until `n` polls more were published; gives how many were.
async fn seen(daemon: &Daemon, n: u32) -> Result<f64> {
    let first = daemon.status().await?;
    let last: BTreeMap<_, _> = first
        .nodes
        .iter()
        .map(|node| (node.id.clone(), node.observed_at))
        .collect();
    let polls = std::cell::Cell::new(0u32);
    let last = std::cell::RefCell::new(last);
    daemon
        .wait_for("polls", |s: &Snapshot| {
            for node in &s.status.nodes {
                let before = last.borrow_mut().insert(node.id.clone(), node.observed_at);
                if before != Some(node.observed_at) {
                    polls.set(polls.get() + 1);
                }
            }
            polls.get() >= n
        })
        .await?;
    Ok(f64::from(polls.get()))
}

/// Sessions that the servers have opened.
pub(super) fn sessions(fleet: &Fleet) -> usize {
    fleet
        .sparks
        .iter()
        .map(|s| s.sshd.log().matches("Starting session: command").count())
        .sum()
}

/// Wall time of the least that a shell script takes on this machine.
fn prober_ms(fleet: &Fleet) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..9 {
        let began = Instant::now();
        Command::new("/bin/sh")
            .args(["-c", "/bin/true"])
            .current_dir(fleet.folder())
            .status()?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(median(&mut times))
}

/// Processor time of the daemon so far.
pub(super) fn cpu_ms(daemon: &Daemon) -> Result<f64> {
    let stat =
        std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid().context("no daemon")?))?;
    let after = stat.rsplit(')').next().context("no stat")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks: f64 = [11, 12]
        .iter()
        .filter_map(|i| fields.get(*i)?.parse::<f64>().ok())
        .sum();
    // Linux counts in hundredths of a second for user space, whatever the kernel's own rate.
    Ok(ticks * 10.0)
}

pub(super) fn rss_mib(daemon: &Daemon) -> Result<f64> {
    let status = std::fs::read_to_string(format!(
        "/proc/{}/status",
        daemon.pid().context("no daemon")?
    ))?;
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn count(n: usize) -> f64 {
    n as f64
}
