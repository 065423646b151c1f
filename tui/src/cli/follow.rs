//! Following an operation to its end, or as far as one cares.
//!
//! The operation belongs to the daemon: leaving (Ctrl-C, a time-out, a lost connection) never stops it,
//! and the last line says how to come back.

use std::time::Duration;

use serde_json::json;
use spark_ipc::model::operation::{Operation, OperationEvent, Step, StepState};

use super::context::Context;
use super::failure::Failure;
use crate::exit::Exit;
use crate::format::share;
use crate::paint::{Line, Tone};
use crate::trouble::Trouble;
use crate::{outcome, wire, words};

/// Tries to get a lost stream back before giving up, a half second apart.
const TRIES: u32 = 40;

/// Follows `operation`, shows its steps, and says how it ended.
pub(super) async fn to_the_end(
    context: &mut Context,
    operation: Operation,
    timeout: Duration,
    replaced: &[String],
) -> Result<Exit, Failure> {
    let (noun, id) = (words::kind(operation.kind).0, operation.id.clone());
    let come_back = format!("follow with spark-control ops wait {id}");
    tokio::select! {
        biased;
        signal = tokio::signal::ctrl_c() => {
            signal?;
            context.out.clear_progress()?;
            let text = format!("Detached: the {noun} goes on; {come_back}");
            Err(Trouble::new(Exit::Interrupted, "detached", text).into())
        }
        ended = stream(context, operation) => ended_as(context, &ended?, replaced),
        () = tokio::time::sleep(timeout) => {
            context.out.clear_progress()?;
            let text = format!("waited long enough: the {noun} goes on");
            Err(Trouble::new(Exit::TimedOut, "timed_out", text).hint(come_back).into())
        }
    }
}

/// Says that `operation` was started and is not waited for.
pub(super) fn left_running(context: &mut Context, operation: &Operation) -> Result<Exit, Failure> {
    let schema = schema(operation);
    if context.json {
        return context.print_json(&schema, &json!({ "changed": true, "operation": operation }));
    }
    let text = if context.quiet {
        operation.id.to_string()
    } else {
        let noun = words::kind(operation.kind).0;
        format!(
            "The {noun} has begun; follow with spark-control ops wait {}",
            operation.id
        )
    };
    context.out.line(&Line::plain(text))?;
    Ok(Exit::Done)
}

fn schema(operation: &Operation) -> String {
    format!("spark.{}/1", words::kind(operation.kind).0)
}

fn ended_as(
    context: &mut Context,
    operation: &Operation,
    replaced: &[String],
) -> Result<Exit, Failure> {
    if context.json {
        let body = json!({ "changed": true, "operation": operation });
        context.print_json(&schema(operation), &body)?;
    } else {
        context.out.line(&outcome::sentence(operation, replaced))?;
        context.out.lines(&outcome::trouble(operation))?;
    }
    Ok(outcome::exit(operation))
}

/// The operation at its end.
async fn stream(context: &mut Context, operation: Operation) -> Result<Operation, Failure> {
    let id = operation.id.clone();
    let mut teller = Teller::default();
    teller.tell(context, &operation)?;
    if operation.state.is_final() {
        return Ok(operation);
    }
    let mut tries = 0;
    let mut seen = None;
    loop {
        let trouble = match once(context, id.as_str(), &mut seen, &mut teller).await {
            Ok(Some(operation)) => return Ok(operation),
            Ok(None) => Trouble::new(Exit::Unreachable, "unreachable", "the stream ended"),
            Err(Failure::Told(trouble)) if trouble.exit == Exit::Unreachable => *trouble,
            Err(other) => return Err(other),
        };
        tries += 1;
        if tries > TRIES {
            let come_back = format!("the operation may go on: spark-control ops wait {id}");
            return Err(trouble.hint(come_back).into());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Reads one stream: the operation when it ended, nothing when the stream ended before.
async fn once(
    context: &mut Context,
    id: &str,
    seen: &mut Option<u64>,
    teller: &mut Teller,
) -> Result<Option<Operation>, Failure> {
    let path = format!("/api/operations/{id}/events");
    let mut stream = context.client.events(&path, *seen).await?;
    while let Some(raw) = stream.next().await? {
        if let Some(sequence) = raw.id.as_deref().and_then(|id| id.parse().ok()) {
            *seen = Some(sequence);
        }
        let event = serde_json::from_str(&wire::clean_json(&raw.data));
        if let Ok(OperationEvent::Operation { operation }) = event {
            teller.tell(context, &operation)?;
            if operation.state.is_final() {
                return Ok(Some(*operation));
            }
        }
    }
    let operation: Operation = context.client.get(&format!("/api/operations/{id}")).await?;
    Ok(operation.state.is_final().then_some(operation))
}

/// Tells each step once when it ends, and in between how far it is.
#[derive(Debug, Default)]
struct Teller {
    told: Vec<StepState>,
    stage: String,
}

impl Teller {
    fn tell(&mut self, context: &mut Context, operation: &Operation) -> Result<(), Failure> {
        if context.json || context.quiet {
            return Ok(());
        }
        for (i, step) in operation.steps.iter().enumerate() {
            let before = self.told.get(i).copied();
            if before != Some(step.state) && is_over(step) {
                context.out.line(&outcome::step(step, None))?;
            }
        }
        self.told = operation.steps.iter().map(|s| s.state).collect();
        if operation.state.is_final() {
            return context.out.clear_progress();
        }
        if context.out.is_tty {
            return context.out.progress(&bar(operation));
        }
        self.tell_stage(context, operation)
    }

    /// Off a terminal: one line when another stage begins.
    fn tell_stage(&mut self, context: &mut Context, operation: &Operation) -> Result<(), Failure> {
        let running = operation
            .steps
            .iter()
            .find(|s| s.state == StepState::Running);
        let stage = operation.progress.stage.clone();
        let stage = stage
            .or_else(|| running.map(|s| words::spaced(&s.name)))
            .unwrap_or_default();
        if stage.is_empty() || stage == self.stage {
            return Ok(());
        }
        self.stage.clone_from(&stage);
        context
            .out
            .line(&Line::of(Tone::Busy, "◐ ").add(Tone::Plain, stage))
    }
}

fn is_over(step: &Step) -> bool {
    matches!(step.state, StepState::Done | StepState::Failed)
}

/// `◐ loading weights 45 %, 40 s left [#########-----------]`.
fn bar(operation: &Operation) -> String {
    const WIDTH: usize = 24;
    let text = format!("◐ {}", outcome::progress(operation));
    match outcome::fraction(operation) {
        None => text,
        Some(fraction) => {
            let filled = share(fraction, 1.0, WIDTH);
            format!(
                "{text} [{}{}]",
                "█".repeat(filled),
                "░".repeat(WIDTH - filled)
            )
        }
    }
}
