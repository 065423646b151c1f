//! A container that writes 200 000 lines a second: what following it costs, and whether the rest stays live.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::StreamExt as _;

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
    let before = rss_mib(&fleet.daemon)?;
    let url = format!(
        "http://{}/api/units/{}/logs?follow=true&tail=10",
        fleet.daemon.address(),
        unit.id
    );
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut body = client
        .get(url)
        .send()
        .await?
        .error_for_status()?
        .bytes_stream();
    let (mut lines, mut dropped, mut most) = (0_u64, 0_u64, before);
    let began = Instant::now();
    let (mut busy, mut asked) = (None, false);
    while began.elapsed() < MEASURED {
        let chunk = body.next().await.context("the log ended")??;
        let text = String::from_utf8_lossy(&chunk);
        lines += u64::try_from(text.matches("event: log").count())?;
        for (at, _) in text.match_indices(" lines were dropped here") {
            let head = text.get(..at).unwrap_or_default();
            let number = head.rsplit(' ').next().and_then(|n| n.parse::<u64>().ok());
            dropped += number.unwrap_or(0);
        }
        most = most.max(rss_mib(&fleet.daemon)?);
        if !asked && began.elapsed() > MEASURED / 2 {
            asked = true;
            busy = Some(latency::few(&fleet, 200).await?);
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let rate = |n: u64| u32::try_from(n).map(|n| f64::from(n) / seconds);
    Ok(vec![
        Figure::new(
            "log_flood_memory",
            most - before,
            "MiB",
            "daemon before",
            before,
        )
        .at_most(8.0),
        Figure::new(
            "log_flood_shown",
            rate(lines)?,
            "/s",
            "lines a second",
            200_000.0,
        ),
        Figure::new(
            "log_flood_dropped",
            rate(dropped)?,
            "/s",
            "lines a second",
            200_000.0,
        ),
        Figure::new(
            "log_flood_status_p99",
            busy.context("not asked")?,
            "ms",
            "quiet p99",
            quiet,
        )
        .at_most(50.0),
    ])
}
