//! The webhook: events go out signed, are tried again, and hold nobody up.
//!
//! One task watches the sections of the view and makes events of their changes; another sends them, one after
//! the other. Between them is a bounded queue: an event that finds it full is dropped and counted. Receiver and
//! secret are read for each request, so that a change of the settings is in force with the next one.

mod request;

use std::sync::Arc;
use std::time::Duration;

use spark_core::webhook::{Receiver, Seen, TRIES, between, pause, worth_another_try};
use spark_ipc::model::webhook::{WebhookDelivery, WebhookEvent, WebhookEventName, WebhookStatus};
use spark_ipc::{ApiError, ErrorCode};
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::settings::{Live, Secret};
use crate::tasks::Tasks;
use crate::view::View;
use request::Sender;

/// Events that may wait.
const QUEUE: usize = 256;

/// What the settings say about the webhook.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub url: Option<Secret>,
    pub secret: Option<Secret>,
    /// Names of the events that are sent; empty for all.
    pub events: Vec<String>,
    pub allow_loopback: bool,
}

impl Wanted {
    fn receiver(&self) -> Option<Receiver> {
        let url = self.url.as_ref()?.expose();
        match Receiver::parse(url, self.allow_loopback) {
            Ok(receiver) => Some(receiver),
            Err(error) => {
                tracing::warn!(%error, "WEBHOOK_URL cannot be used");
                None
            }
        }
    }

    fn wants(&self, event: WebhookEventName) -> bool {
        self.events.is_empty() || self.events.iter().any(|e| e == event.as_str())
    }
}

/// What the webhook is built on.
#[derive(Debug)]
pub struct Surroundings {
    pub tasks: Tasks,
    pub view: View,
    /// Where it is told how the webhook goes; a section of the view.
    pub status: watch::Sender<Arc<Option<WebhookStatus>>>,
    pub wanted: Live<Wanted>,
    /// Our own ports: an event never comes back to us.
    pub own_port: u16,
}

/// The handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhook {
    wanted: Live<Wanted>,
    sender: Sender,
}

impl Webhook {
    /// Starts both tasks.
    pub fn start(around: Surroundings) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let sender = Sender::new(around.own_port);
        let handle = Self {
            wanted: around.wanted.clone(),
            sender: sender.clone(),
        };
        let tasks = around.tasks.clone();
        let courier = Courier {
            tasks: tasks.clone(),
            wanted: around.wanted.clone(),
            sender,
            status: around.status.clone(),
        };
        tasks.spawn("webhook", courier.carry(waiting));
        tasks.spawn("webhook events", observe(around, queue));
        handle
    }

    /// Sends a test event now, once, and tells what came of it.
    ///
    /// # Errors
    /// `conflict` when no receiver is set.
    pub async fn test(&self) -> Result<WebhookDelivery, ApiError> {
        let wanted = self.wanted.get();
        let Some(receiver) = wanted.receiver() else {
            let error = ApiError::new(ErrorCode::Conflict, "no usable webhook is set");
            return Err(
                error.with_hint("set WEBHOOK_URL first, e.g. https://hooks.example.org/spark")
            );
        };
        let event = WebhookEvent {
            id: new_id(),
            event: WebhookEventName::Test,
            at: clock::now(),
            text: "a test of the webhook of Spark Control".to_owned(),
            node: None,
            service: None,
            model: None,
            operation: None,
            error: None,
            advice: None,
            alert: None,
            cleared: None,
        };
        let answer = self
            .sender
            .send(&event, &receiver, wanted.secret.as_ref())
            .await;
        Ok(delivery(&event, 1, &answer))
    }
}

fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn delivery(
    event: &WebhookEvent,
    tries: u32,
    answer: &Result<u16, request::Failure>,
) -> WebhookDelivery {
    let status = match answer {
        Ok(status) => Some(*status),
        Err(failure) => failure.status,
    };
    WebhookDelivery {
        id: event.id.clone(),
        event: event.event,
        at: clock::now(),
        delivered: answer.is_ok(),
        tries,
        status,
        error: answer.as_ref().err().map(|f| f.text.to_owned()),
    }
}

/// Makes events of the changes of the view, until the daemon shuts down.
async fn observe(around: Surroundings, queue: mpsc::Sender<WebhookEvent>) {
    let Surroundings {
        tasks,
        mut view,
        status,
        mut wanted,
        own_port: _,
    } = around;
    let mut before = Seen {
        since: Some(clock::now()),
        ..Seen::default()
    };
    loop {
        publish(&status, &wanted.get(), |_| ());
        let mut now = Seen {
            since: before.since,
            nodes: Arc::clone(&view.nodes.borrow_and_update()),
            services: Arc::clone(&view.services.borrow_and_update()),
            operations: Arc::clone(&view.operations.borrow_and_update()),
            alerts: Arc::clone(&view.alerts.borrow_and_update()),
            ..Seen::default()
        };
        for event in between(&before, &mut now, clock::now(), new_id) {
            offer(event, &wanted.get(), &queue, &status);
        }
        before = now;
        let changed = tokio::select! {
            changed = view.nodes.changed() => changed.is_ok(),
            changed = view.services.changed() => changed.is_ok(),
            changed = view.operations.changed() => changed.is_ok(),
            changed = view.alerts.changed() => changed.is_ok(),
            changed = wanted.changed() => changed,
            () = tasks.token().cancelled() => false,
        };
        if !changed {
            return;
        }
    }
}

/// Into the queue, if it is wanted and there is room. Never waits.
fn offer(
    event: WebhookEvent,
    wanted: &Wanted,
    queue: &mpsc::Sender<WebhookEvent>,
    status: &watch::Sender<Arc<Option<WebhookStatus>>>,
) {
    if wanted.url.is_none() || !wanted.wants(event.event) {
        return;
    }
    let name = event.event.as_str();
    let dropped = queue.try_send(event).is_err();
    if dropped {
        tracing::warn!(
            event = name,
            "the queue of the webhook is full: an event is dropped"
        );
    }
    let waiting = u64::try_from(queue.max_capacity() - queue.capacity()).unwrap_or(0);
    publish(status, wanted, |status| {
        status.queued = waiting;
        status.dropped_total += u64::from(dropped);
    });
}

/// Changes the status; there is none while no receiver is set.
fn publish(
    status: &watch::Sender<Arc<Option<WebhookStatus>>>,
    wanted: &Wanted,
    change: impl FnOnce(&mut WebhookStatus),
) {
    let url = wanted.url.as_ref().map(|url| url.expose().to_owned());
    status.send_if_modified(|status| {
        let before = Arc::clone(status);
        let Some(url) = url else {
            *status = Arc::default();
            return before.is_some();
        };
        let mut now = Option::clone(&before).unwrap_or_else(|| WebhookStatus {
            receiver: String::new(),
            signed: false,
            queued: 0,
            delivered_total: 0,
            failed_total: 0,
            dropped_total: 0,
            last: None,
        });
        let shown = Receiver::parse(&url, wanted.allow_loopback).map(|r| r.shown());
        now.receiver = shown.unwrap_or_else(|error| format!("unusable: {error}"));
        now.signed = wanted.secret.is_some();
        change(&mut now);
        let changed = (*before).as_ref() != Some(&now);
        *status = Arc::new(Some(now));
        changed
    });
}

/// Sends what waits, in its order.
struct Courier {
    tasks: Tasks,
    wanted: Live<Wanted>,
    sender: Sender,
    status: watch::Sender<Arc<Option<WebhookStatus>>>,
}

impl Courier {
    async fn carry(self, mut waiting: mpsc::Receiver<WebhookEvent>) {
        loop {
            let event = tokio::select! {
                event = waiting.recv() => event,
                () = self.tasks.token().cancelled() => None,
            };
            let Some(event) = event else { return };
            let Some(done) = self.deliver(&event).await else {
                return;
            };
            let queued = u64::try_from(waiting.len()).unwrap_or(0);
            publish(&self.status, &self.wanted.get(), |status| {
                status.queued = queued;
                status.delivered_total += u64::from(done.delivered);
                status.failed_total += u64::from(!done.delivered);
                status.last = Some(done);
            });
        }
    }

    /// `None` when the daemon shuts down.
    async fn deliver(&self, event: &WebhookEvent) -> Option<WebhookDelivery> {
        let mut tries = 0;
        loop {
            tries += 1;
            let wanted = self.wanted.get();
            let answer = match wanted.receiver() {
                Some(receiver) => {
                    let sending = self.sender.send(event, &receiver, wanted.secret.as_ref());
                    tokio::select! {
                        answer = sending => answer,
                        () = self.tasks.token().cancelled() => return None,
                    }
                }
                None => Err(request::Failure::unset()),
            };
            let again = match &answer {
                Ok(_) => false,
                Err(failure) => failure.again && failure.status.is_none_or(worth_another_try),
            };
            if !again || tries >= TRIES {
                let done = delivery(event, tries, &answer);
                if let Some(error) = &done.error {
                    tracing::warn!(event = event.event.as_str(), id = %event.id, tries, %error, "an event was not delivered");
                }
                return Some(done);
            }
            if !self.rest(pause(tries, rand::random())).await {
                return None;
            }
        }
    }

    async fn rest(&self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            () = self.tasks.token().cancelled() => false,
        }
    }
}
