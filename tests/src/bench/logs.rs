//! A container that writes 200 000 lines a second: what following it costs, and whether the rest stays live.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use spark_ipc::id::UnitId;

use super::Figure;
use super::latency;
use super::process::rss_mib;
use crate::fleet::{Fleet, FleetOptions, SMALL};

/// Time over which the log is followed.
const MEASURED: Duration = Duration::from_secs(20);

/// `docker logs --follow` of a node, as fast as is asked: each loop writes a tenth of a second's lines at once.
const FLOOD: &str = r#"#!/bin/sh
case "$1 $2" in
"logs --follow")
    block=$(yes '2026-11-23T12:00:00.000000000Z INFO 11-23 12:00:00 [loggers.py:123] Engine 000: Avg prompt throughput: 0.0 tokens/s' | head -n 20000)
    while :; do
        printf '%s\n' "$block" || exit
        sleep 0.1
    done ;;
esac
exec "$SPARK_SIM_NODE/bin/docker" "$@"
"#;

/// Memory that following takes, lines that came and lines that were counted as dropped, and the status's p99
/// beside it.
pub async fn flood() -> Result<Vec<Figure>> {
    let options = FleetOptions {
        nodes: 1,
        models: vec![SMALL],
        record: true,
        ..FleetOptions::default()
    };
    let fleet = Fleet::start(&options)?;
    let swapped = fleet.daemon.swapped_when_settled(SMALL).await?;
    ensure!(swapped.error.is_none(), "{:?}", swapped.error);
    let status = fleet.daemon.status().await?;
    let unit = status
        .units
        .iter()
        .find(|u| u.launch.is_some())
        .context("no unit")?;
    let quiet = latency::status(&fleet).await?.value;
    // The node's record comes before its own docker in PATH.
    let recorder = fleet
        .sparks
        .first()
        .context("no node")?
        .dir
        .join("record/bin/docker");
    std::fs::write(&recorder, FLOOD)?;
    let mut follower = Follower::open(&fleet, &unit.id).await?;
    let busy = follower.watch(&fleet).await?;
    follower.figures(quiet, busy)
}

/// What came of a log that is followed, and the most memory that the daemon took meanwhile.
struct Follower {
    answer: reqwest::Response,
    lines: u64,
    dropped: u64,
    /// Resident memory before, and at its most, in MiB.
    before: f64,
    most: f64,
}

impl Follower {
    async fn open(fleet: &Fleet, unit: &UnitId) -> Result<Self> {
        let before = rss_mib(&fleet.daemon)?;
        let address = fleet.daemon.address();
        let url = format!("http://{address}/api/units/{unit}/logs?follow=true&tail=10");
        let client = reqwest::Client::builder().no_proxy().build()?;
        let answer = client.get(url).send().await?.error_for_status()?;
        Ok(Self {
            answer,
            lines: 0,
            dropped: 0,
            before,
            most: before,
        })
    }

    /// Follows for [`MEASURED`]; the p99 in ms of a status that is asked for beside it, half way.
    async fn watch(&mut self, fleet: &Fleet) -> Result<f64> {
        let began = Instant::now();
        let mut busy = None;
        while began.elapsed() < MEASURED {
            let chunk = self.answer.chunk().await?.context("the log ended")?;
            self.count(&String::from_utf8_lossy(&chunk))?;
            self.most = self.most.max(rss_mib(&fleet.daemon)?);
            if busy.is_none() && began.elapsed() > MEASURED / 2 {
                busy = Some(latency::few(fleet, 200).await?);
            }
        }
        busy.context("not asked")
    }

    fn count(&mut self, text: &str) -> Result<()> {
        self.lines += u64::try_from(text.matches("event: log").count())?;
        for (at, _) in text.match_indices(" lines were dropped here") {
            let head = text.get(..at).unwrap_or_default();
            let number = head.rsplit(' ').next().and_then(|n| n.parse::<u64>().ok());
            self.dropped += number.unwrap_or(0);
        }
        Ok(())
    }

    fn figures(&self, quiet: f64, busy: f64) -> Result<Vec<Figure>> {
        let rate = |n: u64| u32::try_from(n).map(|n| f64::from(n) / MEASURED.as_secs_f64());
        let of_all = |name, n| {
            Ok::<_, anyhow::Error>(Figure::new(
                name,
                rate(n)?,
                "/s",
                "lines a second",
                200_000.0,
            ))
        };
        let memory = self.most - self.before;
        Ok(vec![
            Figure::new(
                "log_flood_memory",
                memory,
                "MiB",
                "daemon before",
                self.before,
            )
            .at_most(8.0),
            of_all("log_flood_shown", self.lines)?,
            of_all("log_flood_dropped", self.dropped)?,
            Figure::new("log_flood_status_p99", busy, "ms", "quiet p99", quiet).at_most(50.0),
        ])
    }
}
