//! The one task that owns the operations: admits, lists, cancels.
//!
//! Planning takes a look at the nodes and runs beside the manager, so a slow node never delays an answer
//! about another. What is planned comes back as a request to be admitted; only here is it decided, one
//! after the other, whether the nodes are free. So of two swaps asked for at once exactly one runs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use spark_core::lane::{self, Lanes};
use spark_core::plan::{Intent, Plan, StopTarget};
use spark_ipc::id::{NodeId, OperationId};
use spark_ipc::model::operation::{
    Operation, OperationKind, OperationState, Progress, StopRequest, SwapRequest,
};
use spark_ipc::model::preflight::{Finding, Preflight, PreflightRequest};
use spark_ipc::{ApiError, ErrorCode, FieldError};
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::feed::Feed;
use super::record::Record;
use super::run::Run;
use super::{Admission, Reply, Request, Seat, Started, capture, recovery, view_steps};
use crate::clock;

/// Ended operations that are shown.
const SHOWN: usize = 100;
/// Ended operations whose log is still there.
const FEEDS: usize = 8;

mod jobs;

struct Manager {
    ctx: Context,
    seat: Seat,
    running: BTreeMap<OperationId, Running>,
    /// Newest first.
    ended: VecDeque<Operation>,
    /// Of ended operations, newest first.
    feeds: VecDeque<(OperationId, Feed)>,
}

struct Running {
    operation: Operation,
    feed: Feed,
    cancel: CancellationToken,
}

/// Runs until the daemon shuts down.
pub(super) async fn manage(seat: Seat, ctx: Context) {
    let mut manager = Manager {
        ctx,
        seat,
        running: BTreeMap::new(),
        ended: VecDeque::new(),
        feeds: VecDeque::new(),
    };
    manager.take_up().await;
    let stop = manager.ctx.tasks.token().clone();
    loop {
        let request = tokio::select! {
            request = manager.seat.requests.recv() => request,
            () = stop.cancelled() => None,
        };
        let Some(request) = request else { return };
        manager.handle(request).await;
    }
}

impl Manager {
    async fn handle(&mut self, request: Request) {
        match request {
            Request::Preflight(request, reply) => self.preflight(request, reply),
            Request::Swap(request, actor, reply) => self.swap(request, actor, reply),
            Request::Stop(request, actor, reply) => self.stop(request, actor, reply),
            Request::Cancel(id, reply) => answer(reply, self.cancel(&id).await),
            Request::Feed(id, reply) => answer(reply, self.feed(&id)),
            Request::Admit(admission) => self.admit(*admission).await,
            Request::Job(planner, actor, reply) => self.plan_job(planner, actor, reply),
            Request::AdmitJob(admission) => self.admit_job(*admission).await,
            Request::Look(look) => {
                self.ctx.tasks.spawn("look", look.0(self.ctx.clone()));
            }
            Request::Updated(operation) => self.updated(*operation),
        }
    }

    fn preflight(&self, request: PreflightRequest, reply: Reply<Preflight>) {
        let ctx = self.ctx.clone();
        let intent = Intent {
            repo: request.repo,
            recipe: request.recipe,
            nodes: request.nodes,
            keep: request.keep,
            allow: request.allow,
        };
        self.ctx.tasks.spawn("preflight", async move {
            let planned = capture::plan(&ctx, &intent, &new_id()).await;
            answer(reply, Ok(capture::view(planned)));
        });
    }

    fn swap(&self, request: SwapRequest, actor: String, reply: Reply<Started>) {
        let dry_run = request.dry_run;
        let intent = Intent {
            repo: request.repo,
            recipe: request.recipe,
            nodes: request.nodes,
            keep: request.keep,
            allow: request.allow,
        };
        // Without nodes the planner would choose; while something runs that choice cannot be made.
        let holder = match (&intent.nodes, dry_run) {
            (_, true) => None,
            (Some(nodes), false) => self.holder(OperationKind::Swap, nodes),
            (None, false) => self.engine_holder(),
        };
        if let Some(holder) = holder {
            return answer(reply, Err(busy(&holder.operation)));
        }
        let (ctx, manager) = (self.ctx.clone(), self.seat.sender.clone());
        self.ctx.tasks.spawn("plan a swap", async move {
            let id = new_id();
            let planned = capture::plan(&ctx, &intent, &id).await;
            if dry_run {
                return answer(
                    reply,
                    Ok(Started::Preflight(Box::new(capture::view(planned)))),
                );
            }
            let admission = Admission {
                planned,
                id,
                actor,
                reply,
            };
            send(&manager, Request::Admit(Box::new(admission))).await;
        });
    }

    fn stop(&self, request: StopRequest, actor: String, reply: Reply<Operation>) {
        let target = match (request.unit, request.all) {
            (Some(unit), false) => StopTarget::Unit(unit),
            (None, true) => StopTarget::All,
            _ => {
                let error = ApiError::new(ErrorCode::Invalid, "name either a unit or all")
                    .with_hint("send {\"unit\": \"main\"} or {\"all\": true}");
                return answer(reply, Err(error));
            }
        };
        let (ctx, manager) = (self.ctx.clone(), self.seat.sender.clone());
        self.ctx.tasks.spawn("plan a stop", async move {
            let id = new_id();
            let planned = capture::plan_stop(&ctx, &target, &id).await;
            let (inner, started) = tokio::sync::oneshot::channel();
            let admission = Admission {
                planned,
                id,
                actor,
                reply: inner,
            };
            send(&manager, Request::Admit(Box::new(admission))).await;
            let Ok(result) = started.await else { return };
            answer(
                reply,
                result.and_then(|started| match started {
                    Started::Operation(operation) => Ok(*operation),
                    Started::Preflight(_) => Err(ApiError::new(
                        ErrorCode::Internal,
                        "a stop was answered with a preview",
                    )),
                }),
            );
        });
    }

    /// Decides whether a plan may begin, and begins it.
    async fn admit(&mut self, admission: Admission) {
        let Admission {
            planned,
            id,
            actor,
            reply,
        } = admission;
        let nodes = match (&planned.plan, &planned.view) {
            (Some(plan), _) => plan.nodes.clone(),
            (None, Some(view)) => view.nodes.clone(),
            (None, None) => Vec::new(),
        };
        // Whatever else stands in the way while another operation is at work there, that comes first.
        let held = planned.blockers.iter().any(|b| b.code == "busy");
        let any = || self.engine_holder().filter(|_| held);
        if let Some(holder) = self.holder(OperationKind::Swap, &nodes).or_else(any) {
            return answer(reply, Err(busy(&holder.operation)));
        }
        let Some(plan) = planned.plan else {
            return answer(reply, Err(refusal(&planned.blockers)));
        };
        let result = self.begin(plan, id, actor).await;
        answer(reply, result.map(|o| Started::Operation(Box::new(o))));
    }

    async fn begin(
        &mut self,
        plan: Plan,
        id: OperationId,
        actor: String,
    ) -> Result<Operation, ApiError> {
        let operation = Operation {
            nodes: plan.nodes.clone(),
            steps: view_steps(&plan),
            ..new_operation(id, plan.kind, plan.subject.clone(), actor)
        };
        let text = serde_json::to_string(&plan).map_err(|e| internal(&e))?;
        self.write_begin(&operation, text).await?;
        self.start(operation.clone(), plan, 0);
        Ok(operation)
    }

    /// An operation is in the journal, with its plan, before anything of it is done.
    async fn write_begin(&self, operation: &Operation, plan: String) -> Result<(), ApiError> {
        let written = self.ctx.journal.begin(operation, plan).await;
        written.map_err(|e| internal(&e))?;
        tracing::info!(operation = %operation.id, kind = ?operation.kind, subject = ?operation.subject, actor = ?operation.actor, "an operation begins");
        Ok(())
    }

    /// The operation is among the running ones; its executor gets the record and the wish to cancel.
    fn enlist(&mut self, operation: Operation) -> (Record, CancellationToken) {
        let (feed, cancel) = (Feed::default(), CancellationToken::new());
        if operation.cancelling {
            cancel.cancel();
        }
        feed.operation(operation.clone());
        let record = Record::new(
            operation.clone(),
            feed.clone(),
            cancel.clone(),
            self.seat.sender.clone(),
        );
        let running = Running {
            operation: operation.clone(),
            feed,
            cancel: cancel.clone(),
        };
        self.running.insert(operation.id, running);
        self.publish();
        (record, cancel)
    }

    /// Starts the executor of an operation at step `from`.
    fn start(&mut self, operation: Operation, plan: Plan, from: usize) {
        let offset = operation.steps.len().saturating_sub(plan.steps.len());
        let (record, cancel) = self.enlist(operation);
        let run = Run {
            ctx: self.ctx.clone(),
            record,
            plan,
            offset,
            cancel,
            restoring: false,
            launched: None,
            memory_before: Vec::new(),
        };
        self.ctx.tasks.spawn("operation", run.execute(from));
    }

    /// What an earlier run of the daemon left: the ended operations to show, and the open ones to decide on.
    async fn take_up(&mut self) {
        match self.ctx.journal.recent().await {
            Ok(recent) => {
                self.ended = recent
                    .into_iter()
                    .filter(|o| o.state.is_final())
                    .take(SHOWN)
                    .collect();
            }
            Err(error) => tracing::error!(%error, "the journal's operations cannot be read"),
        }
        let open = self
            .ctx
            .journal
            .open_operations()
            .await
            .unwrap_or_else(|error| {
                tracing::error!(%error, "the journal's open operations cannot be read");
                Vec::new()
            });
        for open in open {
            self.take_up_one(open);
        }
        self.publish();
    }

    fn take_up_one(&mut self, open: crate::journal::OpenOperation) {
        let (record, cancel) = self.enlist(open.operation.clone());
        tracing::info!(operation = %open.operation.id, subject = ?open.operation.subject, "an operation was left open and is taken up");
        let taken_up = recovery::take_up(self.ctx.clone(), record, open, cancel);
        self.ctx.tasks.spawn("operation", taken_up);
    }

    /// The wish to cancel is in the journal before it is answered, so that a restart does not forget it.
    async fn cancel(&mut self, id: &OperationId) -> Result<Operation, ApiError> {
        if let Some(running) = self.running.get_mut(id) {
            running.operation.cancelling = true;
            let operation = running.operation.clone();
            self.ctx
                .journal
                .update(&operation)
                .await
                .map_err(|e| internal(&e))?;
            running.cancel.cancel();
            running.feed.operation(operation.clone());
            self.publish();
            return Ok(operation);
        }
        match self.ended.iter().find(|o| o.id == *id) {
            Some(operation) => Err(ApiError::new(
                ErrorCode::Conflict,
                format!(
                    "operation {id} has ended already ({})",
                    word(operation.state)
                ),
            )),
            None => Err(unknown(id)),
        }
    }

    fn feed(&self, id: &OperationId) -> Result<Feed, ApiError> {
        let running = self.running.get(id).map(|r| r.feed.clone());
        let ended = || {
            self.feeds
                .iter()
                .find(|(of, _)| of == id)
                .map(|(_, feed)| feed.clone())
        };
        let closed = || {
            // Its log is gone; its end is told all the same.
            let operation = self.ended.iter().find(|o| o.id == *id)?;
            let feed = Feed::default();
            feed.operation(operation.clone());
            Some(feed)
        };
        running
            .or_else(ended)
            .or_else(closed)
            .ok_or_else(|| unknown(id))
    }

    fn updated(&mut self, operation: Operation) {
        let id = operation.id.clone();
        if operation.state.is_final() {
            if let Some(ended) = self.running.remove(&id) {
                self.feeds.push_front((id, ended.feed));
                self.feeds.truncate(FEEDS);
                self.ended.push_front(operation);
                self.ended.truncate(SHOWN);
            }
        } else if let Some(running) = self.running.get_mut(&id) {
            let cancelling = running.operation.cancelling;
            running.operation = operation;
            running.operation.cancelling |= cancelling;
        }
        self.publish();
    }

    fn publish(&self) {
        let running = self.running.values().rev().map(|r| &r.operation);
        let list: Vec<Operation> = running.chain(&self.ended).cloned().collect();
        self.seat.list.send_replace(Arc::new(list));
    }

    /// The running operation that keeps one of `kind` off one of `nodes`.
    fn holder(&self, kind: OperationKind, nodes: &[NodeId]) -> Option<&Running> {
        let mut running = self.running.values();
        running.find(|r| lane::holds(&r.operation, kind, nodes))
    }

    /// A running operation that changes what runs, on whichever node.
    fn engine_holder(&self) -> Option<&Running> {
        let mut running = self.running.values();
        running.find(|r| Lanes::of(r.operation.kind).engine)
    }
}

/// An operation that begins now, without nodes and steps yet.
fn new_operation(
    id: OperationId,
    kind: OperationKind,
    subject: String,
    actor: String,
) -> Operation {
    Operation {
        id,
        kind,
        subject,
        state: OperationState::Running,
        nodes: Vec::new(),
        steps: Vec::new(),
        progress: Progress::default(),
        error: None,
        advice: None,
        actor,
        started_at: clock::now(),
        ended_at: None,
        cancelling: false,
        seq: 0,
        last_good: None,
        own_ms: None,
    }
}

fn new_id() -> OperationId {
    #[expect(
        clippy::expect_used,
        reason = "a UUID in lower case fits the grammar of operation ids"
    )]
    OperationId::new(uuid::Uuid::now_v7().to_string()).expect("a UUID is an operation id")
}

fn busy(holder: &Operation) -> ApiError {
    let nodes: Vec<&str> = holder.nodes.iter().map(NodeId::as_str).collect();
    let message = format!(
        "{} holds {}: {}",
        kind(holder),
        nodes.join(" and "),
        holder.subject
    );
    let mut error = ApiError::new(ErrorCode::Busy, message).with_hint(format!(
        "wait for operation {} to end, or cancel it",
        holder.id
    ));
    error.operation = Some(Box::new(holder.clone()));
    error
}

fn kind(operation: &Operation) -> &'static str {
    match operation.kind {
        OperationKind::Swap => "a swap",
        OperationKind::Stop => "a stop",
        OperationKind::Download => "a download",
        OperationKind::Copy => "a copy",
        OperationKind::Delete => "a deletion",
        OperationKind::Verify => "a verification",
        OperationKind::ImagePull => "the pull of an image",
        OperationKind::ImageCopy => "the copy of an image",
        OperationKind::ImageRemove => "the removal of an image",
        OperationKind::ServiceStart => "the start of a service",
        OperationKind::ServiceStop => "the stop of a service",
        OperationKind::ServiceRestart => "the restart of a service",
    }
}

fn word(state: OperationState) -> &'static str {
    match state {
        OperationState::Running => "running",
        OperationState::Succeeded => "succeeded",
        OperationState::Failed => "failed",
        OperationState::RolledBack => "rolled back",
        OperationState::Cancelled => "cancelled",
        OperationState::Interrupted => "interrupted",
    }
}

/// The blockers as one error. A thing that does not exist is `not_found`, not `blocked`.
fn refusal(blockers: &[Finding]) -> ApiError {
    let first = blockers.first();
    let missing = blockers.iter().all(|b| b.code.starts_with("unknown_")) && first.is_some();
    let message = match blockers {
        [] => "there is nothing to do".to_owned(),
        [one] => one.message.clone(),
        [first, rest @ ..] => format!("{} (and {} more)", first.message, rest.len()),
    };
    let fields = blockers.iter().map(|b| FieldError {
        path: b
            .node
            .as_ref()
            .map_or_else(|| b.code.clone(), |n| format!("{}@{n}", b.code)),
        message: match &b.fix {
            Some(fix) => format!("{}. {fix}", b.message.trim_end_matches('.')),
            None => b.message.clone(),
        },
    });
    let foreign = first.is_some() && blockers.iter().all(|b| b.code == "foreign_unit");
    let code = if missing {
        ErrorCode::NotFound
    } else if foreign {
        ErrorCode::Conflict
    } else {
        ErrorCode::Blocked
    };
    let mut error = ApiError::new(code, message).with_fields(fields.collect());
    error.hint = first.and_then(|b| b.fix.clone());
    error
}

fn unknown(id: &OperationId) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("there is no operation {id}"))
        .with_hint("GET /api/operations lists them")
}

fn internal(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(%error, "an operation could not begin");
    ApiError::new(
        ErrorCode::Internal,
        format!("the operation could not begin: {error}"),
    )
}

/// A caller that has gone away does not need its answer.
fn answer<T>(reply: Reply<T>, result: Result<T, ApiError>) {
    if reply.send(result).is_err() {
        tracing::debug!("a caller went away before its answer");
    }
}

async fn send(manager: &tokio::sync::mpsc::Sender<Request>, request: Request) {
    if manager.send(request).await.is_err() {
        tracing::debug!("the manager of operations has ended");
    }
}
