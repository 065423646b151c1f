//! All alerts in one list: those of the nodes, of other watchers, of the engines' queues, and of launches.
//!
//! The nodes' alerts are judged where their readings are folded, so that none is missed between two looks. This task
//! judges what has no poll of its own, and is the one writer of the section.

mod engines;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::select_all;
use spark_core::alert::{self, EngineMemory, Vitals};
use spark_ipc::model::alert::Alert;
use spark_ipc::model::operation::Operation;
use spark_ipc::model::unit::Unit;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

use crate::clock;
use crate::engine::Engines;
use crate::tasks::Tasks;

/// Alerts of launches end by the clock alone.
const TICK: Duration = Duration::from_secs(30);

/// What the list is made of.
#[derive(Debug)]
pub struct Surroundings {
    pub tasks: Tasks,
    /// Alerts that others have judged; their order is kept.
    pub judged: Vec<watch::Receiver<Arc<Vec<Alert>>>>,
    pub units: watch::Receiver<Arc<Vec<Unit>>>,
    /// Newest first.
    pub operations: watch::Receiver<Arc<Vec<Operation>>>,
    pub engine: Engines,
}

/// Starts to watch; gives the whole list, as it changes.
pub fn start(around: Surroundings) -> watch::Receiver<Arc<Vec<Alert>>> {
    let (list, receiver) = watch::channel(Arc::default());
    let (looks, vitals) = watch::channel(Arc::default());
    let (tasks, stop) = (around.tasks.clone(), around.tasks.token().clone());
    let poll = engines::poll(around.units.clone(), around.engine.clone(), looks);
    let poll_stop = stop.clone();
    tasks.spawn("engine vitals", async move {
        poll_stop.run_until_cancelled(poll).await;
    });
    tasks.spawn("alerts", async move {
        stop.run_until_cancelled(gather(around, vitals, list)).await;
    });
    receiver
}

async fn gather(
    around: Surroundings,
    vitals: watch::Receiver<Arc<Vec<Vitals>>>,
    list: watch::Sender<Arc<Vec<Alert>>>,
) {
    let judged = around.judged.iter().cloned();
    let mut changes = select_all(judged.map(|alerts| WatchStream::new(alerts).map(|_changed| ())));
    let mut operations = around.operations.clone();
    let mut looks = vitals.clone();
    let mut memory = EngineMemory::default();
    let mut queues = Vec::new();
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            next = changes.next() => if next.is_none() { return },
            changed = operations.changed() => if changed.is_err() { return },
            changed = looks.changed() => if changed.is_err() { return },
            _ = tick.tick() => {}
        }
        let now = clock::now();
        let seen = Arc::clone(&looks.borrow_and_update());
        queues = alert::engines(&queues, &mut memory, &seen, now);
        let mut alerts: Vec<Alert> = Vec::new();
        for judged in &around.judged {
            alerts.extend(judged.borrow().iter().cloned());
        }
        alerts.extend(queues.iter().cloned());
        alerts.extend(alert::launches(&operations.borrow_and_update(), now));
        list.send_if_modified(|current| {
            let changed = **current != alerts;
            if changed {
                *current = Arc::new(alerts);
            }
            changed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spark_ipc::id::NodeId;
    use spark_ipc::model::alert::{AlertKind, Severity};

    fn alert(id: &str) -> Alert {
        Alert {
            id: id.to_owned(),
            node: NodeId::numbered(1),
            kind: AlertKind::Docker,
            severity: Severity::Critical,
            title: String::new(),
            text: String::new(),
            fix: None,
            since: clock::now(),
        }
    }

    #[tokio::test]
    async fn the_list_follows_every_source() {
        let tasks = Tasks::new();
        let sources = [0, 1].map(|_| watch::Sender::new(Arc::<Vec<Alert>>::default()));
        let units = watch::Sender::new(Arc::default());
        let operations = watch::Sender::new(Arc::default());
        let mut list = start(Surroundings {
            tasks: tasks.clone(),
            judged: sources.iter().map(watch::Sender::subscribe).collect(),
            units: units.subscribe(),
            operations: operations.subscribe(),
            engine: Engines::new().unwrap(),
        });
        sources[1].send_replace(Arc::new(vec![alert("b")]));
        sources[0].send_replace(Arc::new(vec![alert("a")]));
        let both = |alerts: &Arc<Vec<Alert>>| {
            let ids: Vec<&str> = alerts.iter().map(|a| a.id.as_str()).collect();
            ids == ["a", "b"]
        };
        list.wait_for(both).await.unwrap();
        sources[1].send_replace(Arc::default());
        list.wait_for(|alerts| alerts.len() == 1).await.unwrap();
        assert!(tasks.shut_down(Duration::from_secs(5)).await);
    }
}
