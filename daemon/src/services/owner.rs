//! The task's loop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use spark_core::services::{
    Answers, Due, Restarts, Seen, ServiceNode, Told, due, fallen, is_about, view,
};
use spark_ipc::id::ServiceName;
use spark_ipc::model::operation::{Operation, OperationState};
use spark_ipc::model::service::{Service, ServiceState};
use spark_ipc::{ApiError, ErrorCode, Time};
use tokio::sync::{mpsc, oneshot, watch};

use super::boots::Boots;
use super::catalogue::Catalogue;
use super::{Note, Surroundings, health};
use crate::units::Known;
use crate::{clock, deep};

/// Who starts what starts by itself.
const ACTOR: &str = "daemon";
/// Health routes of services that still start are asked as often.
const STARTING: Duration = Duration::from_secs(1);
/// After so long a time in good health, earlier deaths are forgotten.
const STEADY_S: i64 = 600;

struct Owner {
    around: Surroundings,
    catalogue: Arc<Catalogue>,
    boots: Boots,
    services: Vec<Service>,
    answers: Answers,
    restarts: Restarts,
    /// Containers that are being asked.
    asking: BTreeSet<(String, Option<Time>)>,
    /// A start by itself that has been asked for.
    starting: Option<Wish>,
    /// Why a service was not started by itself.
    refusals: BTreeMap<ServiceName, String>,
}

/// A start by itself that has been asked for.
struct Wish {
    service: ServiceName,
    /// It had died.
    again: bool,
    answer: oneshot::Receiver<Result<(), ApiError>>,
}

/// The newest answer of a health route.
type Heard = ((String, Option<Time>), Result<(), String>);

pub(super) async fn own(
    around: Surroundings,
    catalogue: Arc<Catalogue>,
    mut notes: mpsc::Receiver<Note>,
    list: watch::Sender<Arc<Vec<Service>>>,
) {
    let stop = around.tasks.token().clone();
    let mut nodes = around.node_list.clone();
    let mut known = around.units.changes();
    let mut operations = around.operations.list();
    let mut entries = catalogue.watch();
    let mut deep = around.deep.watch();
    let mut owner = Owner {
        boots: Boots::open(around.boots.clone()),
        around,
        catalogue,
        services: Vec::new(),
        answers: Answers::new(),
        restarts: Restarts::new(),
        asking: BTreeSet::new(),
        starting: None,
        refusals: BTreeMap::new(),
    };
    let mut questions = FuturesUnordered::new();
    let mut asked_at = tokio::time::Instant::now();
    loop {
        let wait = owner.interval().saturating_sub(asked_at.elapsed());
        let mut ask = false;
        tokio::select! {
            () = stop.cancelled() => return,
            changed = nodes.changed() => if changed.is_err() { return },
            changed = known.changed() => { if changed.is_err() { return } ask = true; }
            changed = operations.changed() => if changed.is_err() { return },
            changed = entries.changed() => if changed.is_err() { return },
            changed = deep.changed() => if changed.is_err() { return },
            note = notes.recv() => match note { Some(note) => owner.take(note), None => return },
            Some(told) = questions.next(), if !questions.is_empty() => owner.heard(told),
            () = tokio::time::sleep(wait) => {
                ask = true;
                let catalogue = Arc::clone(&owner.catalogue);
                // A panic there is in its own log; the entries stay as they are.
                tokio::task::spawn_blocking(move || catalogue.reread()).await.ok();
            }
            ended = started(&mut owner.starting) => owner.begun(ended),
        }
        let known_now = known.borrow_and_update().clone();
        let running = Arc::clone(&operations.borrow_and_update());
        entries.mark_unchanged();
        let probed = Arc::clone(&deep.borrow_and_update());
        owner.look(&nodes.borrow_and_update().clone(), &known_now, &running);
        owner.note_deep(&probed);
        let publish = |services: &Vec<Service>| {
            list.send_if_modified(|now| {
                let changed = **now != *services;
                if changed {
                    *now = Arc::new(services.clone());
                }
                changed
            });
        };
        publish(&owner.services);
        if ask {
            asked_at = tokio::time::Instant::now();
            for question in owner.questions() {
                questions.push(question);
            }
        }
    }
}

/// The answer to a start that was asked for; never, when none was.
async fn started(starting: &mut Option<Wish>) -> Result<(), ApiError> {
    match starting {
        Some(wish) => (&mut wish.answer).await.unwrap_or_else(|_ended| {
            Err(ApiError::new(ErrorCode::Internal, "it was not answered"))
        }),
        None => std::future::pending().await,
    }
}

impl Owner {
    /// The last deep probe of each that runs; one of an earlier container says nothing of this one.
    fn note_deep(&mut self, known: &deep::Known) {
        for service in &mut self.services {
            let last = known.service(service.name.as_str());
            service.deep = last.filter(|l| service.started_at.is_some_and(|at| l.at >= at));
        }
    }

    fn interval(&self) -> Duration {
        let starting = self
            .services
            .iter()
            .any(|s| s.state == ServiceState::Starting);
        let usual = Duration::from_secs(self.around.interval_s.get());
        if starting { usual.min(STARTING) } else { usual }
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Answered {
                container,
                started_at,
                at,
            } => {
                let seen = Seen {
                    answered_at: Some(at),
                    silent: None,
                };
                self.answers.insert((container, started_at), seen);
            }
            Note::Acted(name) => {
                let nodes = self.around.node_list.borrow().clone();
                let place = self
                    .services
                    .iter()
                    .find(|s| s.name == name)
                    .and_then(|s| s.node.clone());
                let node = match &place {
                    Some(id) => nodes.iter().find(|n| n.id == *id),
                    None => nodes.first(),
                };
                if let Some(boot) = node.and_then(|n| n.identity.boot_id.as_deref()) {
                    self.boots.use_up(&name, boot);
                }
            }
        }
    }

    fn heard(&mut self, (key, answer): Heard) {
        self.asking.remove(&key);
        let seen = self.answers.entry(key).or_default();
        match answer {
            Ok(()) => {
                seen.answered_at = Some(clock::now());
                seen.silent = None;
            }
            Err(why) => seen.silent = Some(why),
        }
    }

    /// Folds everything into the list, and starts what is due.
    fn look(
        &mut self,
        nodes: &[spark_ipc::model::node::Node],
        known: &Known,
        operations: &[Operation],
    ) {
        let none = Vec::new();
        let places: Vec<ServiceNode<'_>> = nodes
            .iter()
            .map(|n| ServiceNode {
                node: &n.id,
                host: &n.host,
                containers: known.containers.get(&n.id).map(Vec::as_slice),
                gpu_processes: n.gpu_processes.as_ref().unwrap_or(&none),
            })
            .collect();
        self.forget(known);
        self.follow(nodes, operations);
        let catalog = self.catalogue.now();
        let now = clock::now();
        let mut services = view(
            &catalog,
            &places,
            &Told {
                answers: &self.answers,
                restarts: &self.restarts,
                operations,
            },
            &self.services,
            now,
        );
        for service in &mut services {
            let quiet = matches!(service.state, ServiceState::Off | ServiceState::Failed);
            if let (true, Some(why)) = (quiet, self.refusals.get(&service.name)) {
                service.message = Some(why.clone());
            }
        }
        self.services = services;
        self.calm(now);
        let fallen = fallen(&catalog, &places);
        if self.starting.is_none() && self.around.autostart.get() {
            let next = due(
                &self.services,
                nodes,
                operations,
                self.boots.tried(),
                &fallen,
            );
            if let Some(next) = next {
                self.begin(next);
            }
        }
    }

    /// What containers that are gone have said.
    fn forget(&mut self, known: &Known) {
        let there: BTreeSet<&str> = known
            .containers
            .values()
            .flatten()
            .map(|c| c.id.as_str())
            .collect();
        // An answer may be told before its container has been inspected; a handful of old ones does no harm.
        if self.answers.len() > 64 {
            self.answers
                .retain(|(id, _), _| there.contains(id.as_str()));
        }
    }

    /// What the operator does with a service uses up its boot and forgives its deaths.
    fn follow(&mut self, nodes: &[spark_ipc::model::node::Node], operations: &[Operation]) {
        let by_hand = |o: &&Operation| o.state == OperationState::Running && o.actor != ACTOR;
        for operation in operations.iter().filter(by_hand) {
            let names: Vec<ServiceName> = self
                .services
                .iter()
                .filter(|s| is_about(operation, &s.name))
                .map(|s| s.name.clone())
                .collect();
            for name in names {
                self.restarts.remove(&name);
                self.refusals.remove(&name);
                let boots = nodes
                    .iter()
                    .filter(|n| operation.nodes.contains(&n.id))
                    .filter_map(|n| n.identity.boot_id.as_deref());
                for boot in boots {
                    self.boots.use_up(&name, boot);
                }
            }
        }
    }

    fn calm(&mut self, now: Time) {
        for service in self
            .services
            .iter()
            .filter(|s| s.state == ServiceState::Ready)
        {
            self.refusals.remove(&service.name);
            if now.0.as_second() - service.since.0.as_second() >= STEADY_S {
                self.restarts.remove(&service.name);
            }
        }
    }

    /// Asks for the start of a service that is due.
    fn begin(&mut self, due: Due) {
        tracing::info!(service = %due.service, node = %due.node, again = due.again, "a service starts by itself");
        self.boots.use_up(&due.service, &due.boot_id);
        let (reply, answer) = oneshot::channel();
        self.starting = Some(Wish {
            service: due.service.clone(),
            again: due.again,
            answer,
        });
        let operations = self.around.operations.clone();
        let stop = self.around.tasks.token().clone();
        self.around.tasks.spawn("start a service", async move {
            let wish = operations.start_service(due.service, Some(due.node), ACTOR.to_owned());
            let begun = tokio::select! {
                () = stop.cancelled() => return,
                begun = wish => begun.map(|_operation| ()),
            };
            if reply.send(begun).is_err() {
                tracing::debug!("the task of the services has ended");
            }
        });
    }

    fn begun(&mut self, answer: Result<(), ApiError>) {
        let Some(Wish {
            service: name,
            again,
            ..
        }) = self.starting.take()
        else {
            return;
        };
        match answer {
            Ok(()) => {
                self.refusals.remove(&name);
                if again {
                    *self.restarts.entry(name).or_default() += 1;
                }
            }
            // Somebody was faster: its time comes again.
            Err(error) if error.code == ErrorCode::Busy => self.boots.give_back(&name),
            Err(error) => {
                tracing::warn!(service = %name, %error, "a service could not start by itself");
                let why = format!("not started by itself: {}", error.message);
                self.refusals.insert(name, why);
            }
        }
    }

    /// One question to each running service that is not being asked.
    fn questions(&mut self) -> Vec<impl Future<Output = Heard> + use<>> {
        let mut questions = Vec::new();
        for service in &self.services {
            let (Some(base), Some(id)) = (&service.endpoint, &service.container_id) else {
                continue;
            };
            let key = (id.clone(), service.started_at);
            if !self.asking.insert(key.clone()) {
                continue;
            }
            let url = format!("{base}{}", service.health);
            let engine = self.around.engine.clone();
            questions.push(async move { (key, health::ask(&engine, &url).await) });
        }
        questions
    }
}
