//! The owner of the book: who is probed when.

use std::sync::Arc;
use std::time::Duration;

use spark_core::deep::{Key, Probed, Target, from_service, from_unit};
use spark_ipc::id::NodeId;
use spark_ipc::model::deep::{DeepLevel, DeepState};
use spark_ipc::model::operation::{OperationKind, OperationState};
use spark_ipc::text::clean_line;
use spark_ipc::{ApiError, ErrorCode};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::probe::{self, Limits};
use super::{Ask, Known, Publish, Surroundings};
use crate::clock;

/// Looked at again when no schedule is set.
const IDLE: Duration = Duration::from_secs(3600);

/// A probe that has ended.
type Ended = (Target, Probed);

struct Owner {
    around: Surroundings,
    known: Known,
    publish: Publish,
    probes: JoinSet<Ended>,
    targets: Vec<Target>,
    /// When the schedule has its next turn.
    next: Instant,
}

pub(super) async fn own(
    around: Surroundings,
    mut questions: mpsc::Receiver<Ask>,
    publish: Publish,
) {
    let stop = around.tasks.token().clone();
    let (mut units, mut services) = (around.units.clone(), around.services.clone());
    let mut operations = around.operations.clone();
    let mut interval = around.interval_s.clone();
    let mut owner = Owner {
        around,
        known: Known::default(),
        publish,
        probes: JoinSet::new(),
        targets: Vec::new(),
        next: Instant::now(),
    };
    owner.schedule();
    owner.look();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(ask) = questions.recv() => owner.answer(ask),
            Some(ended) = owner.probes.join_next() => owner.end(ended.ok()),
            Ok(()) = units.changed() => owner.look(),
            Ok(()) = services.changed() => owner.look(),
            // What waited for the end of an operation is asked then.
            Ok(()) = operations.changed() => owner.look(),
            () = tokio::time::sleep_until(owner.next) => owner.turn(),
            true = interval.changed() => owner.schedule(),
            else => return,
        }
    }
}

impl Owner {
    /// Sets the next turn by the interval of now.
    fn schedule(&mut self) {
        let seconds = self.around.interval_s.get();
        let wait = if seconds == 0 {
            IDLE
        } else {
            Duration::from_secs(seconds)
        };
        self.next = Instant::now() + wait;
        self.known.interval_s = seconds;
        self.published();
    }

    /// Takes the targets of now. One that was never asked is asked at once, where there is a schedule.
    fn look(&mut self) {
        self.targets = self.found();
        if self.known.book.keep(&self.targets) {
            self.published();
        }
        if self.around.interval_s.get() > 0 {
            let never = |t: &Target| t.due && self.known.book.is_new(&t.key);
            self.begin(self.targets.iter().filter(|t| never(t)).cloned().collect());
        }
    }

    fn found(&self) -> Vec<Target> {
        let catalog = Arc::clone(&self.around.catalog.borrow());
        let units = Arc::clone(&self.around.units.borrow());
        let services = Arc::clone(&self.around.services.borrow());
        let recipe = |id: &_| catalog.get(id).map(|entry| &entry.recipe);
        let units = units.iter().filter_map(|unit| from_unit(unit, recipe));
        units
            .chain(services.iter().filter_map(from_service))
            .collect()
    }

    /// Everybody's turn on schedule.
    fn turn(&mut self) {
        if self.around.interval_s.get() > 0 {
            self.begin(self.targets.iter().filter(|t| t.due).cloned().collect());
        }
        self.schedule();
    }

    fn answer(&mut self, ask: Ask) {
        let chosen = self.chosen(ask.names.as_deref());
        let keys = chosen.map(|targets| {
            let keys = targets.iter().map(|t| t.key.clone()).collect::<Vec<Key>>();
            self.begin(targets);
            keys
        });
        if ask.reply.send(keys).is_err() {
            tracing::debug!("nobody waits for this probe any more");
        }
    }

    fn chosen(&self, names: Option<&[String]>) -> Result<Vec<Target>, ApiError> {
        let Some(names) = names else {
            return Ok(self.targets.iter().filter(|t| t.due).cloned().collect());
        };
        let mut chosen: Vec<Target> = Vec::new();
        for name in names {
            let target = self.targets.iter().find(|t| t.key.id == *name);
            let target = target.ok_or_else(|| self.unknown(name))?;
            if !chosen.contains(target) {
                chosen.push(target.clone());
            }
        }
        Ok(chosen)
    }

    fn unknown(&self, name: &str) -> ApiError {
        let name = clean_line(name, 80);
        let message = format!("no running unit or service {name:?} can be asked");
        let known: Vec<&str> = self.targets.iter().map(|t| t.key.id.as_str()).collect();
        let error = ApiError::new(ErrorCode::NotFound, message);
        error.with_hint(format!("those that can: {}", known.join(", ")))
    }

    /// Probes those of `targets` that are not being probed and that nothing is done to.
    fn begin(&mut self, targets: Vec<Target>) {
        let mut begun = false;
        for target in targets {
            if self.known.book.is_running(&target.key) || self.is_disturbed(&target) {
                continue;
            }
            self.known.book.begin(&target.key);
            begun = true;
            let http = self.around.engine.http().clone();
            let dimensions = self.known.book.dimensions(&target.key);
            let limits = if self.known.book.has_passed(&target.key) {
                Limits::WARM
            } else {
                Limits::FIRST
            };
            self.probes.spawn(async move {
                let probed = probe::climb(&http, &target, dimensions, limits).await;
                (target, probed)
            });
        }
        if begun {
            self.published();
        }
    }

    fn end(&mut self, ended: Option<Ended>) {
        let Some((target, mut probed)) = ended else {
            tracing::error!("a probe panicked");
            return;
        };
        if probed.state == DeepState::Failed && self.is_disturbed(&target) {
            probed.state = DeepState::Busy;
            probed.level = DeepLevel::Port;
            probed.error = Some("an operation began while it was asked".to_owned());
            probed.advice = None;
        }
        if probed.state == DeepState::Failed {
            let (level, error) = (probed.level, probed.error.as_deref().unwrap_or_default());
            tracing::warn!(target_id = %target.key.id, ?level, error, "a deep health check failed");
        }
        let now = clock::now();
        self.known
            .book
            .end(&target.key, &target.launch, probed, now);
        self.published();
    }

    /// Whether an operation that starts or stops things works on its node.
    fn is_disturbed(&self, target: &Target) -> bool {
        let touches = |kind| match kind {
            OperationKind::Swap
            | OperationKind::Stop
            | OperationKind::ServiceStart
            | OperationKind::ServiceStop
            | OperationKind::ServiceRestart => true,
            OperationKind::Download
            | OperationKind::Copy
            | OperationKind::Delete
            | OperationKind::Verify
            | OperationKind::ImagePull
            | OperationKind::ImageCopy
            | OperationKind::ImageRemove => false,
        };
        let operations = Arc::clone(&self.around.operations.borrow());
        let running = operations
            .iter()
            .filter(|o| o.state == OperationState::Running);
        let there = |nodes: &[NodeId]| target.node.as_ref().is_none_or(|node| nodes.contains(node));
        running.filter(|o| touches(o.kind)).any(|o| there(&o.nodes))
    }

    fn published(&self) {
        self.publish.send(&self.known);
    }
}
