//! The terminal client: from a key to the frame that shows it, while a node hangs.

use anyhow::Result;
use spark_control::bench::Bench;

use super::Figure;
use super::process::median;
use crate::fleet::Fleet;

const PRESSES: usize = 200;

/// The worst of many presses at 120x40 with a frozen node, against the median of them.
pub async fn key_to_repaint(fleet: &Fleet) -> Result<Figure> {
    let snapshot = fleet.daemon.settled().await?;
    for spark in &fleet.sparks {
        spark.sshd.freeze_sessions();
    }
    let mut bench = Bench::new(fleet.daemon.client(), snapshot, 120, 40).await;
    let mut times = Vec::new();
    for n in 0..PRESSES {
        let key = if n % 2 == 0 { 'j' } else { 'k' };
        times.push(bench.press(key).await.as_secs_f64() * 1000.0);
    }
    for spark in &fleet.sparks {
        spark.sshd.thaw_sessions();
    }
    let worst = times.iter().copied().fold(0.0, f64::max);
    Ok(Figure::new(
        "key_to_repaint_worst",
        worst,
        "ms",
        "median of the presses",
        median(&mut times),
    )
    .at_most(16.0))
}
