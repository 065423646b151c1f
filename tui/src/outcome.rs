//! How an operation goes and how it ended, in lines.

use spark_ipc::Time;
use spark_ipc::id::NodeId;
use spark_ipc::model::operation::{
    Advice, Operation, OperationKind, OperationState, Progress, Step, StepState,
};

use crate::exit::Exit;
use crate::format::{bytes, duration};
use crate::paint::{Line, Tone};
use crate::preview::joined;
use crate::words;

/// How the command that waited for `operation` ends.
pub fn exit(operation: &Operation) -> Exit {
    match operation.state {
        OperationState::Succeeded | OperationState::Running => Exit::Done,
        OperationState::Cancelled => Exit::Cancelled,
        OperationState::Failed | OperationState::RolledBack | OperationState::Interrupted => {
            Exit::Failed
        }
    }
}

/// One sentence: `Swapped A → B on spark1+spark2 in 94 s`. `replaced` names what ran before.
pub fn sentence(operation: &Operation, replaced: &[String]) -> Line {
    let word = words::operation(operation.state);
    let (noun, done) = words::kind(operation.kind);
    let subject = &operation.subject;
    let on = match places(operation).as_slice() {
        [] => String::new(),
        nodes => format!(" on {}", joined(nodes)),
    };
    let took = operation
        .ended_at
        .map(|end| format!(" in {}", duration(end.seconds_since(operation.started_at))))
        .unwrap_or_default();
    let before: Vec<&str> = replaced
        .iter()
        .map(String::as_str)
        .filter(|r| r != subject)
        .collect();
    let text = match (operation.state, operation.kind) {
        (OperationState::Succeeded, OperationKind::Swap) if !before.is_empty() => {
            format!("{done} {} → {subject}{on}{took}", before.join(", "))
        }
        (OperationState::Succeeded, OperationKind::Swap) => {
            format!("Started {subject}{on}{took}")
        }
        (OperationState::Succeeded, _) => format!("{done} {subject}{on}{took}"),
        (OperationState::Running, _) => format!("The {noun} of {subject}{on} goes on"),
        (OperationState::RolledBack, _) => format!(
            "The {noun} of {subject}{on} failed{took}; {} runs again",
            operation
                .last_good
                .as_deref()
                .unwrap_or("the last good model"),
        ),
        (state, _) => {
            let word = words::operation(state).text;
            format!("The {noun} of {subject}{on} {}{took}", was(word))
        }
    };
    Line::of(word.tone, format!("{} ", word.glyph)).add(Tone::Strong, text)
}

/// Its nodes, head first; of a swap, those that launch: it also holds the nodes of what it stops.
fn places(operation: &Operation) -> Vec<NodeId> {
    let launches = |node: &NodeId| {
        let mut steps = operation.steps.iter();
        steps.any(|s| s.name == "launch" && s.node.as_ref() == Some(node))
    };
    let launching: Vec<NodeId> = operation
        .nodes
        .iter()
        .filter(|n| launches(n))
        .cloned()
        .collect();
    if launching.is_empty() {
        operation.nodes.clone()
    } else {
        launching
    }
}

fn was(word: &str) -> String {
    match word {
        "failed" => word.to_owned(),
        other => format!("was {other}"),
    }
}

/// Why it failed and what to do: the advice where there is one, else the bare error.
pub fn trouble(operation: &Operation) -> Vec<Line> {
    let mut lines = match (&operation.advice, &operation.error) {
        (Some(advice), _) => advice_lines(advice),
        (None, Some(error)) => vec![Line::of(Tone::Bad, error.clone())],
        (None, None) => Vec::new(),
    };
    if operation.state == OperationState::Failed
        && let Some(last) = &operation.last_good
    {
        lines.push(Line::of(
            Tone::Dim,
            format!("The last good model was {last}."),
        ));
    }
    lines
}

fn advice_lines(advice: &Advice) -> Vec<Line> {
    let place = match (&advice.node, advice.rank) {
        (Some(node), Some(rank)) => format!(" ({node}, rank {rank})"),
        (Some(node), None) => format!(" ({node})"),
        _ => String::new(),
    };
    let mut lines = vec![
        Line::of(Tone::Bad, format!("{}{place}", advice.title)),
        Line::plain(format!("cause:  {}", advice.cause)),
        Line::of(Tone::Strong, format!("remedy: {}", advice.remedy)),
    ];
    let evidence = advice.evidence.iter();
    lines.extend(evidence.map(|e| Line::of(Tone::Dim, format!("  | {e}"))));
    lines
}

/// `✔ drain spark1  0.4 s  detail`.
pub fn step(step: &Step, now: Option<Time>) -> Line {
    let word = words::step(step.state);
    let node = step.node.as_ref().map(|n| format!(" {n}"));
    let mut line = Line::of(word.tone, format!("{} ", word.glyph)).add(
        if step.state == StepState::Pending {
            Tone::Dim
        } else {
            Tone::Plain
        },
        format!("{}{}", words::spaced(&step.name), node.unwrap_or_default()),
    );
    let end = step.ended_at.or(now);
    if let (Some(start), Some(end)) = (step.started_at, end) {
        line = line.add(
            Tone::Dim,
            format!("  {}", duration(end.seconds_since(start))),
        );
    }
    if let Some(detail) = &step.detail {
        line = line.add(Tone::Plain, format!("  {detail}"));
    }
    line
}

/// The part that is done, 0 to 1, where it can be told.
pub fn fraction(operation: &Operation) -> Option<f64> {
    let (done, total) = (operation.progress.done?, operation.progress.total?);
    (total > 0.0).then(|| (done / total).clamp(0.0, 1.0))
}

/// The stage in words, with what is left: `loading weights 45 %, 40 s left`.
pub fn progress(operation: &Operation) -> String {
    let running = operation
        .steps
        .iter()
        .find(|s| s.state == StepState::Running);
    let stage = operation.progress.stage.clone();
    let mut text = stage
        .or_else(|| running.map(|s| words::spaced(&s.name)))
        .unwrap_or_else(|| words::operation(operation.state).text.to_owned());
    if operation.cancelling && !operation.state.is_final() {
        text = format!("cancelling: {text}");
    }
    if let Some(fraction) = fraction(operation) {
        text = format!("{text} {:.0} %", fraction * 100.0);
    }
    if let Some(moved) = moved(&operation.progress) {
        text = format!("{text}, {moved}");
    }
    if let Some(eta) = operation
        .progress
        .eta_s
        .filter(|_| !operation.state.is_final())
    {
        text = format!("{text}, {} left", duration(eta.round()));
    }
    text
}

/// What a transfer has moved: `3.1 GiB of 17.0 GiB, 112.0 MiB/s`; none for what is not counted in bytes.
fn moved(progress: &Progress) -> Option<String> {
    let done = progress.done.filter(|_| progress.unit == "bytes")?;
    let of = progress.total.map(|t| format!(" of {}", whole_bytes(t)));
    let rate = progress.rate.filter(|r| *r > 0.0);
    let rate = rate.map(|r| format!(", {}/s", whole_bytes(r)));
    Some(format!(
        "{}{}{}",
        whole_bytes(done),
        of.unwrap_or_default(),
        rate.unwrap_or_default()
    ))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size that is shown, never below zero"
)]
fn whole_bytes(count: f64) -> String {
    bytes(count.max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_outcome_is_one_sentence() {
        let said = |state, replaced: &[&str]| {
            let mut operation = fixture::swap(state);
            operation.last_good = Some("a/b".into());
            let replaced: Vec<String> = replaced.iter().map(|r| (*r).to_owned()).collect();
            sentence(&operation, &replaced).text()
        };
        let table = [
            (
                said(OperationState::Succeeded, &["a/b"]),
                "✔ Swapped a/b → Qwen/Qwen3.6-35B-A3B-FP8 on spark1+spark2 in 94 s",
            ),
            (
                said(OperationState::Succeeded, &[]),
                "✔ Started Qwen/Qwen3.6-35B-A3B-FP8 on spark1+spark2 in 94 s",
            ),
            (
                said(OperationState::Failed, &[]),
                "✖ The swap of Qwen/Qwen3.6-35B-A3B-FP8 on spark1+spark2 failed in 94 s",
            ),
            (
                said(OperationState::RolledBack, &[]),
                "▲ The swap of Qwen/Qwen3.6-35B-A3B-FP8 on spark1+spark2 failed in 94 s; a/b runs again",
            ),
            (
                said(OperationState::Cancelled, &[]),
                "○ The swap of Qwen/Qwen3.6-35B-A3B-FP8 on spark1+spark2 was cancelled in 94 s",
            ),
        ];
        for (said, expected) in table {
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn a_failure_names_cause_remedy_and_evidence() {
        let mut operation = fixture::swap(OperationState::Failed);
        operation.advice = Some(fixture::advice());
        let text: Vec<String> = trouble(&operation).iter().map(Line::text).collect();
        assert_eq!(
            text,
            [
                "Not enough memory (spark2, rank 1)",
                "cause:  the KV cache does not fit",
                "remedy: lower --gpu-memory-utilization",
                "  | ValueError: No available memory for the cache blocks.",
            ]
        );
    }

    #[test]
    fn progress_tells_stage_share_and_time_left() {
        let mut operation = fixture::swap(OperationState::Running);
        assert_eq!(progress(&operation), "loading weights 45 %, 40 s left");
        operation.cancelling = true;
        assert_eq!(
            progress(&operation),
            "cancelling: loading weights 45 %, 40 s left"
        );
        operation.progress = Progress::default();
        assert_eq!(progress(&operation), "cancelling: load");
    }

    #[test]
    fn progress_of_a_transfer_tells_its_bytes_and_its_rate() {
        let mut operation = fixture::swap(OperationState::Running);
        operation.progress = Progress {
            done: Some(3.0 * 1024.0 * 1024.0 * 1024.0),
            total: Some(12.0 * 1024.0 * 1024.0 * 1024.0),
            unit: "bytes".to_owned(),
            rate: Some(112.0 * 1024.0 * 1024.0),
            eta_s: Some(84.0),
            stage: Some("downloading".to_owned()),
        };
        assert_eq!(
            progress(&operation),
            "downloading 25 %, 3.0 GiB of 12.0 GiB, 112 MiB/s, 84 s left"
        );
        operation.progress.rate = None;
        operation.progress.eta_s = None;
        assert_eq!(
            progress(&operation),
            "downloading 25 %, 3.0 GiB of 12.0 GiB"
        );
    }
}
