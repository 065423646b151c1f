//! Which events lie between two states of the world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use spark_ipc::Time;
use spark_ipc::id::NodeId;
use spark_ipc::model::alert::Alert;
use spark_ipc::model::node::{Freshness, Node};
use spark_ipc::model::operation::{Operation, OperationKind, OperationState};
use spark_ipc::model::service::{Service, ServiceState};
use spark_ipc::model::webhook::{WebhookEvent, WebhookEventName};

/// The sections that events come from, as they were at one moment.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// When the daemon started: what ended before is history, not news.
    pub since: Option<Time>,
    pub nodes: Arc<Vec<Node>>,
    pub services: Arc<Vec<Service>>,
    pub operations: Arc<Vec<Operation>>,
    pub alerts: Arc<Vec<Alert>>,
    /// Whether each node was last known to be up. A node of which nothing is known is not in it.
    pub up: BTreeMap<NodeId, bool>,
    /// The same of services.
    pub service_up: BTreeMap<String, bool>,
}

/// The events from `before` to the sections of `now`, which gets `before`'s knowledge of what was up. `id` makes
/// the id of an event.
pub fn between(
    before: &Seen,
    now: &mut Seen,
    at: Time,
    mut id: impl FnMut() -> String,
) -> Vec<WebhookEvent> {
    let mut bare = |event, text: String| WebhookEvent {
        id: id(),
        event,
        at,
        text,
        node: None,
        service: None,
        model: None,
        operation: None,
        error: None,
        advice: None,
        alert: None,
        cleared: None,
    };
    let mut events = Vec::new();
    nodes(before, now, &mut events, &mut bare);
    services(before, now, &mut events, &mut bare);
    swaps(before, now, &mut events, &mut bare);
    alerts(before, now, &mut events, &mut bare);
    events
}

/// Down only when the node does not answer any more; what is merely late is neither.
fn is_up(node: &Node) -> Option<bool> {
    match node.freshness {
        Freshness::Fresh => Some(true),
        Freshness::Unreachable => Some(false),
        Freshness::Stale | Freshness::Unknown => None,
    }
}

type Bare<'a> = dyn FnMut(WebhookEventName, String) -> WebhookEvent + 'a;

fn nodes(before: &Seen, now: &mut Seen, events: &mut Vec<WebhookEvent>, bare: &mut Bare<'_>) {
    now.up = before.up.clone();
    let list = Arc::clone(&now.nodes);
    for node in list.iter() {
        let Some(up) = is_up(node) else { continue };
        let was = now.up.insert(node.id.clone(), up);
        let (name, text) = match (was, up) {
            (Some(true), false) => {
                let why = node.link.message.as_deref().unwrap_or("it does not answer");
                let text = format!("{} is down: {why}", node.name);
                (WebhookEventName::NodeDown, text)
            }
            (Some(false), true) => (
                WebhookEventName::NodeUp,
                format!("{} is up again", node.name),
            ),
            _ => continue,
        };
        events.push(WebhookEvent {
            node: Some(node.id.clone()),
            ..bare(name, text)
        });
    }
}

/// Off is where the operator put it; starting is on the way.
fn service_is_up(service: &Service) -> Option<bool> {
    match service.state {
        ServiceState::Ready => Some(true),
        ServiceState::Failed | ServiceState::CrashLoop | ServiceState::Degraded => Some(false),
        ServiceState::Unknown | ServiceState::Off | ServiceState::Starting => None,
    }
}

fn services(before: &Seen, now: &mut Seen, events: &mut Vec<WebhookEvent>, bare: &mut Bare<'_>) {
    now.service_up = before.service_up.clone();
    let list = Arc::clone(&now.services);
    for service in list.iter() {
        let Some(up) = service_is_up(service) else {
            continue;
        };
        let name = service.name.to_string();
        let was = now.service_up.insert(name.clone(), up);
        let (event, text) = match (was, up) {
            (Some(true), false) => (
                WebhookEventName::ServiceDown,
                format!("{name} does not work any more"),
            ),
            (Some(false), true) => (WebhookEventName::ServiceUp, format!("{name} works again")),
            _ => continue,
        };
        events.push(WebhookEvent {
            service: Some(name),
            ..bare(event, text)
        });
    }
}

fn swaps(before: &Seen, now: &Seen, events: &mut Vec<WebhookEvent>, bare: &mut Bare<'_>) {
    for operation in now.operations.iter().rev() {
        if operation.kind != OperationKind::Swap {
            continue;
        }
        let was = before.operations.iter().find(|o| o.id == operation.id);
        let ended = operation.state.is_final();
        let subject = &operation.subject;
        let old = |at: Option<Time>| at.is_none_or(|at| now.since.is_some_and(|since| at < since));
        if was.is_none() && !old(Some(operation.started_at)) {
            let text = format!("the swap to {subject} has begun");
            events.push(about(operation, bare(WebhookEventName::SwapStarted, text)));
        }
        if !ended || was.is_some_and(|o| o.state.is_final()) || old(operation.ended_at) {
            continue;
        }
        let (name, text) = match operation.state {
            OperationState::Succeeded => (
                WebhookEventName::SwapDone,
                format!("{subject} runs and answers"),
            ),
            OperationState::RolledBack => {
                let last = operation
                    .last_good
                    .as_deref()
                    .unwrap_or("the last good model");
                let text = format!("the swap to {subject} failed; {last} runs again");
                (WebhookEventName::SwapFailed, text)
            }
            OperationState::Cancelled => (
                WebhookEventName::SwapFailed,
                format!("the swap to {subject} was cancelled"),
            ),
            _ => (
                WebhookEventName::SwapFailed,
                format!("the swap to {subject} failed"),
            ),
        };
        events.push(WebhookEvent {
            error: operation.error.clone(),
            advice: operation.advice.clone(),
            ..about(operation, bare(name, text))
        });
    }
}

fn about(operation: &Operation, event: WebhookEvent) -> WebhookEvent {
    WebhookEvent {
        model: Some(operation.subject.clone()),
        operation: Some(operation.id.clone()),
        ..event
    }
}

fn alerts(before: &Seen, now: &Seen, events: &mut Vec<WebhookEvent>, bare: &mut Bare<'_>) {
    let ids = |list: &[Alert]| list.iter().map(|a| a.id.clone()).collect::<BTreeSet<_>>();
    let (old, new) = (ids(&before.alerts), ids(&now.alerts));
    let raised = now.alerts.iter().filter(|a| !old.contains(&a.id));
    let cleared = before.alerts.iter().filter(|a| !new.contains(&a.id));
    let both = raised.map(|a| (a, false)).chain(cleared.map(|a| (a, true)));
    for (alert, cleared) in both {
        let word = if cleared { "cleared" } else { "raised" };
        let text = format!("{} {word} on {}: {}", alert.title, alert.node, alert.text);
        events.push(WebhookEvent {
            node: Some(alert.node.clone()),
            alert: Some(alert.clone()),
            cleared: Some(cleared),
            ..bare(WebhookEventName::Alert, text)
        });
    }
}

#[cfg(test)]
mod tests;
