//! A light look at the queue of every engine of ours that serves.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use spark_core::alert::Vitals;
use spark_core::units::OWNER;
use spark_ipc::model::unit::{Unit, UnitState};
use tokio::sync::watch;

use crate::clock;
use crate::engine::Engines;

/// A page of metrics is some tens of KiB, and a queue is judged by the minute.
const INTERVAL: Duration = Duration::from_secs(15);

/// Publishes the newest look at each engine, until nobody changes the units any more.
pub(super) async fn poll(
    mut units: watch::Receiver<Arc<Vec<Unit>>>,
    engine: Engines,
    looks: watch::Sender<Arc<Vec<Vitals>>>,
) {
    loop {
        let serving: Vec<Unit> = {
            let all = units.borrow_and_update();
            let ours = |u: &&Unit| u.owner == OWNER && u.state == UnitState::Ready;
            all.iter().filter(ours).cloned().collect()
        };
        let seen = join_all(serving.iter().map(|unit| look(unit, &engine))).await;
        let seen: Vec<Vitals> = seen.into_iter().flatten().collect();
        if !(seen.is_empty() && looks.borrow().is_empty()) {
            looks.send_replace(Arc::new(seen));
        }
        if serving.is_empty() {
            if units.changed().await.is_err() {
                return;
            }
        } else {
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

async fn look(unit: &Unit, engine: &Engines) -> Option<Vitals> {
    let endpoint = unit.endpoint.as_deref()?;
    let head = unit.ranks.first()?;
    match engine.at(endpoint).metrics().await {
        Ok(metrics) => Some(Vitals {
            unit: unit.id.clone(),
            node: head.node.clone(),
            at: clock::now(),
            metrics,
        }),
        Err(error) => {
            // That an engine does not answer is told elsewhere.
            tracing::debug!(unit = %unit.id, %error, "the metrics of an engine cannot be read");
            None
        }
    }
}
