//! The connectivity log: one task watches nodes, units and services, and keeps what changed.
//!
//! What is a change, and what follows from all of them, is decided in `spark_core::connectivity`; here are the
//! clock and the file. A reader never waits for the disk: the newest entries are a `watch`, and a report is made
//! from memory. A file that cannot be written is told in a warning, and written whole when that is possible again.

mod log;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use spark_core::connectivity::{self as core, Ledger, Record};
use spark_ipc::model::connectivity::{Connectivity as Report, ConnectivitySummary, SubjectKind};
use spark_ipc::model::node::Node;
use spark_ipc::model::service::Service;
use spark_ipc::model::unit::Unit;
use spark_ipc::{ApiError, ErrorCode, Time};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;

use crate::clock;
use crate::deep::Deep;
use crate::tasks::Tasks;
use log::Log;

/// Seconds between two marks that the daemon runs: a killed one is taken to have ended at its last.
const MARK: Duration = Duration::from_secs(15);
/// Questions that may wait.
const QUEUE: usize = 16;
/// What is known in full, so that what is missing from it is gone.
const COMPLETE: [SubjectKind; 3] = [SubjectKind::Node, SubjectKind::Unit, SubjectKind::Service];

/// What the task works with.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub tasks: Tasks,
    /// Where `CONNECTIVITY_LOG` says.
    pub path: PathBuf,
    pub nodes: watch::Receiver<Arc<Vec<Node>>>,
    pub units: watch::Receiver<Arc<Vec<Unit>>>,
    pub services: watch::Receiver<Arc<Vec<Service>>>,
    pub deep: Deep,
}

/// A wish for a report since then.
type Ask = (Time, oneshot::Sender<Report>);

/// The handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct Connectivity {
    asks: mpsc::Sender<Ask>,
    newest: watch::Receiver<Arc<ConnectivitySummary>>,
}

/// The other end of a handle, until its task is started.
#[derive(Debug)]
pub struct Seat {
    questions: mpsc::Receiver<Ask>,
    newest: watch::Sender<Arc<ConnectivitySummary>>,
}

impl Connectivity {
    /// A handle whose task starts later, since it needs what others that need the handle make.
    pub fn channel() -> (Self, Seat) {
        let (asks, questions) = mpsc::channel(QUEUE);
        let newest = watch::Sender::new(Arc::default());
        let handle = Self {
            asks,
            newest: newest.subscribe(),
        };
        (handle, Seat { questions, newest })
    }

    /// The newest entries, and their changes.
    pub fn newest(&self) -> watch::Receiver<Arc<ConnectivitySummary>> {
        self.newest.clone()
    }

    /// What happened since then, timelines and uptime.
    pub async fn report(&self, since: Time) -> Result<Report, ApiError> {
        let (reply, answer) = oneshot::channel();
        let ended = || ApiError::new(ErrorCode::Internal, "the connectivity log is not kept");
        let sent = self.asks.send((since, reply)).await;
        sent.map_err(|_ended| ended())?;
        answer.await.map_err(|_ended| ended())
    }
}

impl Seat {
    /// Reads the log and starts the task.
    pub fn start(self, around: Surroundings) {
        let now = clock::now();
        let (log, opened) = Log::open(around.path.clone());
        let (ledger, gap) = Ledger::resume(opened.records, now);
        if let Some(warning) = &opened.warning {
            tracing::warn!(%warning, "the connectivity log");
        }
        let tasks = around.tasks.clone();
        let keeper = Keeper {
            around,
            ledger,
            log: Some(log),
            found: opened.warning,
            failed: None,
            newest: self.newest,
        };
        let gap = gap.into_iter().map(Record::Entry).collect();
        tasks.spawn("connectivity", keeper.run(self.questions, gap));
    }
}

/// The owner of the ledger and its file.
struct Keeper {
    around: Surroundings,
    ledger: Ledger,
    /// Absent while a thread writes it.
    log: Option<Log>,
    /// What was wrong with the file at the start.
    found: Option<String>,
    /// Why it cannot be written now.
    failed: Option<String>,
    newest: watch::Sender<Arc<ConnectivitySummary>>,
}

impl Keeper {
    async fn run(mut self, mut questions: mpsc::Receiver<Ask>, gap: Vec<Record>) {
        let stop = self.around.tasks.token().clone();
        let (mut nodes, mut units) = (self.around.nodes.clone(), self.around.units.clone());
        let (mut services, mut deep) = (self.around.services.clone(), self.around.deep.watch());
        let mut marks = tokio::time::interval(MARK);
        marks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let started = self
            .ledger
            .observe(&[core::daemon(true)], &[], clock::now());
        self.write([gap, started].concat()).await;
        self.publish();
        loop {
            let mut mark = false;
            tokio::select! {
                () = stop.cancelled() => break,
                Some((since, reply)) = questions.recv() => {
                    let report = core::report(&self.ledger, since, clock::now(), self.warning());
                    if reply.send(report).is_err() {
                        tracing::debug!("nobody waits for this report any more");
                    }
                    continue;
                }
                _ = marks.tick() => mark = true,
                Ok(()) = nodes.changed() => {}
                Ok(()) = units.changed() => {}
                Ok(()) = services.changed() => {}
                Ok(()) = deep.changed() => {}
                else => break,
            }
            self.look(mark).await;
        }
        let ended = self
            .ledger
            .observe(&[core::daemon(false)], &[], clock::now());
        self.write(ended).await;
    }

    /// Compares what is there now with what was, and keeps the difference.
    async fn look(&mut self, mark: bool) {
        let now = clock::now();
        let mut seen = core::nodes(&self.around.nodes.borrow());
        seen.extend(core::units(&self.around.units.borrow()));
        let deep = self.around.deep.watch();
        let probed = Arc::clone(&deep.borrow());
        seen.extend(core::services(&self.around.services.borrow(), |service| {
            probed.service(service.name.as_str())
        }));
        let mut records = self.ledger.observe(&seen, &COMPLETE, now);
        let told = !records.is_empty();
        if mark {
            records.push(self.ledger.mark_alive(now));
        }
        let before = self.failed.clone();
        if !records.is_empty() {
            self.write(records).await;
        }
        if told || before != self.failed {
            self.publish();
        }
    }

    /// Writes on a thread of its own: a slow or full disk holds up nobody but this task.
    async fn write(&mut self, records: Vec<Record>) {
        let Some(mut log) = self.log.take() else {
            return;
        };
        let whole = log.wants_rewriting().then(|| self.ledger.records());
        let written = tokio::task::spawn_blocking(move || {
            let result = match whole {
                Some(all) => log.rewrite(&all),
                None => log.append(&records),
            };
            (log, result)
        });
        match written.await {
            Ok((log, result)) => {
                self.log = Some(log);
                self.note(result.err());
            }
            Err(_panicked) => {
                // The next write makes the file anew.
                self.log = Some(Log::broken(self.around.path.clone()));
            }
        }
    }

    fn note(&mut self, error: Option<std::io::Error>) {
        let path = self.around.path.display();
        let failed = error.map(|error| format!("{path} cannot be written: {error}"));
        if let Some(text) = failed.as_ref().filter(|_| self.failed.is_none()) {
            tracing::warn!(warning = %text, "the connectivity log");
        }
        self.failed = failed;
    }

    fn warning(&self) -> Option<String> {
        self.failed.clone().or_else(|| self.found.clone())
    }

    fn publish(&self) {
        let summary = self.ledger.summary(self.warning());
        self.newest.send_replace(Arc::new(summary));
    }
}
