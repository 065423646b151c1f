//! How fast the daemon answers on loopback.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::Figure;
use crate::fleet::Fleet;

const REQUESTS: usize = 3000;

/// `/api/status` over one kept connection, against `/healthz` in the same run.
pub async fn status(fleet: &Fleet) -> Result<Figure> {
    fleet.daemon.settled().await?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()?;
    let base = format!("http://{}", fleet.daemon.address());
    let health = p99(&client, &format!("{base}/healthz")).await?;
    let status = p99(&client, &format!("{base}/api/status")).await?;
    Ok(Figure::new("api_status_p99", status, "ms", "p99 of /healthz", health).at_most(2.0))
}

/// The p99 of `/api/status` over `requests` requests.
pub(super) async fn few(fleet: &Fleet, requests: usize) -> Result<f64> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()?;
    let url = format!("http://{}/api/status", fleet.daemon.address());
    let mut times = Vec::with_capacity(requests);
    for _ in 0..requests {
        let began = Instant::now();
        client
            .get(&url)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(requests * 99 / 100).copied().unwrap_or(f64::NAN))
}

async fn p99(client: &reqwest::Client, url: &str) -> Result<f64> {
    let mut times = Vec::with_capacity(REQUESTS);
    for n in 0..REQUESTS + 100 {
        let began = Instant::now();
        client
            .get(url)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        // The first hundred warm up.
        if n >= 100 {
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(REQUESTS * 99 / 100).copied().unwrap_or(f64::NAN))
}
