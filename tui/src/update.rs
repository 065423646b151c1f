//! What a message does to the state: pure, and the only place where the state changes.

mod act;
mod dialog;
mod jobs;
mod keys;
mod pages;

use std::time::Instant;

use spark_ipc::model::event::Event;
use spark_ipc::model::operation::{Operation, OperationEvent};
use spark_ipc::version::{PROTOCOL, VersionInfo};

use crate::effect::Effect;
use crate::msg::{LinkMsg, Msg};
use crate::outcome;
use crate::paint::Tone;
use crate::state::dialog::Question;
use crate::state::link::Phase;
use crate::state::world::World;
use crate::state::{Overlay, Pane, State};
use crate::trouble::Trouble;

/// Takes `msg`, which happened at `now`, in; what is to be done about it comes out.
pub fn update(state: &mut State, now: Instant, msg: Msg) -> Vec<Effect> {
    state.now = now;
    match msg {
        Msg::Key(key) => keys::press(state, key),
        Msg::Paste(text) => {
            keys::paste(state, &text);
            Vec::new()
        }
        Msg::Resize(columns, rows) => {
            state.size = (columns, rows);
            Vec::new()
        }
        Msg::Tick => Vec::new(),
        Msg::Link(LinkMsg::Hello(version)) => {
            hello(state, *version);
            Vec::new()
        }
        Msg::Link(LinkMsg::Lost(trouble)) => {
            lost(state, trouble);
            Vec::new()
        }
        Msg::Event(event) => take_event(state, *event),
        Msg::Preflight { repo, answer } => {
            let answer = answer.map_err(|t| with_hint(&t));
            dialog::take_preflight(state, &repo, answer);
            Vec::new()
        }
        Msg::Looked { act, answer } => {
            jobs::take_look(state, &act, answer);
            Vec::new()
        }
        Msg::Page { topic, answer } => {
            pages::take(state, &topic, answer);
            Vec::new()
        }
        Msg::Started { what, answer } => started(state, what, answer),
        Msg::Answered { what, answer } => {
            match answer {
                Ok(()) => state.messages.say(now, Tone::Good, format!("{what}: done")),
                Err(trouble) => state.messages.tell(now, &what, &trouble),
            }
            Vec::new()
        }
        Msg::Operation {
            id,
            sequence,
            event,
        } => {
            if state.operation.id() == Some(&id) {
                take_news(state, sequence, event);
            }
            Vec::new()
        }
    }
}

fn with_hint(trouble: &Trouble) -> String {
    match &trouble.hint {
        Some(hint) => format!("{} ({hint})", trouble.message),
        None => trouble.message.clone(),
    }
}

fn hello(state: &mut State, version: VersionInfo) {
    state.link.demo = version.demo;
    state.link.trouble = None;
    if version.protocol == PROTOCOL {
        state.link.version = Some(version.version);
    } else {
        state.link.phase = Phase::Mismatch {
            theirs: version.protocol,
            version: version.version,
        };
        // A question that could be agreed to must not wait behind the screen of the mismatch.
        state.overlay = None;
    }
}

fn lost(state: &mut State, trouble: Trouble) {
    let reason = trouble.message.clone();
    state.link.trouble = Some((trouble.message, trouble.hint));
    match state.link.phase {
        Phase::Connecting | Phase::Mismatch { .. } if state.world.is_none() => {
            state.link.phase = Phase::Connecting;
        }
        Phase::Reconnecting { .. } => state.link.phase = Phase::Reconnecting { reason },
        _ => {
            state.link.phase = Phase::Reconnecting { reason };
            state.link.since = state.now;
        }
    }
}

fn take_event(state: &mut State, event: Event) -> Vec<Effect> {
    let first = matches!(event, Event::Snapshot(_));
    let concerns_operations = first || matches!(event, Event::Operations(_));
    if first {
        state.link.phase = Phase::Live;
        state.link.since = state.now;
        state.link.trouble = None;
    }
    state.link.last_data = Some(state.now);
    World::fold(&mut state.world, event, state.now);
    if concerns_operations {
        return follow_newest(state, first);
    }
    Vec::new()
}

/// Follows the operation that runs, else the newest. `anew`: the connection was made again, and with it
/// the stream of the operation has to be.
fn follow_newest(state: &mut State, anew: bool) -> Vec<Effect> {
    let Some(world) = &state.world else {
        return Vec::new();
    };
    let operations = &world.snapshot.status.operations;
    let mine = operations
        .iter()
        .find(|o| Some(&o.id) == state.operation.id());
    if let Some(mine) = mine {
        state.operation.refresh(mine);
    }
    let newest = operations
        .iter()
        .max_by_key(|o| (!o.state.is_final(), o.started_at));
    match newest {
        Some(newest)
            if !state.operation.is_running() && Some(&newest.id) != state.operation.id() =>
        {
            let newest = newest.clone();
            follow(state, newest)
        }
        _ if anew => resume(state),
        _ => Vec::new(),
    }
}

fn follow(state: &mut State, operation: Operation) -> Vec<Effect> {
    let id = operation.id.clone();
    state.operation.begin(operation);
    vec![Effect::Follow { id, after: None }]
}

/// Follows the operation that runs after the one that is followed, around the end.
fn follow_next(state: &mut State) -> Vec<Effect> {
    let operations = state
        .world
        .iter()
        .flat_map(|w| &w.snapshot.status.operations);
    let running: Vec<&Operation> = operations.filter(|o| !o.state.is_final()).collect();
    let mine = running
        .iter()
        .position(|o| Some(&o.id) == state.operation.id());
    let next = running.get(mine.map_or(0, |i| (i + 1) % running.len()));
    match next {
        Some(next) if Some(&next.id) != state.operation.id() => {
            let next = (*next).clone();
            follow(state, next)
        }
        _ => {
            let text = "no other operation is running";
            state.messages.say(state.now, Tone::Warn, text);
            Vec::new()
        }
    }
}

fn resume(state: &State) -> Vec<Effect> {
    let after = state.operation.seen;
    let id = state.operation.id().cloned();
    id.map(|id| Effect::Follow { id, after })
        .into_iter()
        .collect()
}

fn started(
    state: &mut State,
    what: &'static str,
    answer: Result<Box<Operation>, Trouble>,
) -> Vec<Effect> {
    match answer {
        Ok(operation) => {
            state.focus = Pane::Operation;
            state.messages.say(
                state.now,
                Tone::Busy,
                format!("{what} {} has begun", operation.subject),
            );
            follow(state, *operation)
        }
        Err(trouble) => {
            state.messages.tell(state.now, what, &trouble);
            Vec::new()
        }
    }
}

fn take_news(state: &mut State, sequence: Option<u64>, event: OperationEvent) {
    let ran = state.operation.is_running();
    state.operation.apply(sequence, event);
    if let Some(operation) = state
        .operation
        .operation
        .as_ref()
        .filter(|o| ran && o.state.is_final())
    {
        let tone = if outcome::exit(operation) == crate::exit::Exit::Done {
            Tone::Good
        } else {
            Tone::Bad
        };
        let text = outcome::sentence(operation, &[]).text();
        state.messages.say(state.now, tone, text);
        // A question about an operation that has ended is void.
        if matches!(&state.overlay, Some(Overlay::Dialog(d)) if matches!(d.question, Question::Cancel { .. }))
        {
            state.overlay = None;
        }
    }
}

#[cfg(test)]
mod tests;
