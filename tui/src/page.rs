//! What a page says, in lines of a width: the same words as the command line's.

use spark_ipc::model::inventory::{Model, ModelDetail};
use spark_ipc::model::operation::Operation;
use spark_ipc::model::transfer::DeletePreview;

use crate::cli;
use crate::format::wrap;
use crate::outcome;
use crate::paint::{Line, Tone};
use crate::state::State;
use crate::state::page::{Content, Page};
use crate::words;

/// The lines of `page`, none wider than `width`.
pub fn lines(state: &State, page: &Page, width: usize) -> Vec<Line> {
    let content = match &page.content {
        None => return vec![Line::of(Tone::Busy, format!("◐ {}", page.waiting()))],
        Some(Err(why)) => vec![Line::of(Tone::Bad, format!("✖ {why}"))],
        Some(Ok(content)) => told(state, content, width),
    };
    let lines = content.into_iter();
    lines.flat_map(|line| wrapped(line, width)).collect()
}

fn told(state: &State, content: &Content, width: usize) -> Vec<Line> {
    match content {
        Content::Model(detail, users) => model(state, detail, users.as_deref()),
        Content::Logs(text) if text.trim().is_empty() => {
            vec![Line::of(Tone::Dim, "It has written nothing.")]
        }
        Content::Logs(text) => text.lines().map(Line::plain).collect(),
        Content::Health(health, history) => {
            let mut lines = vec![Line::of(Tone::Strong, "Right answers")];
            lines.extend(cli::health_lines(health, Some(width)));
            lines.push(Line::default());
            lines.push(Line::of(Tone::Strong, "Uptime and changes, oldest first"));
            lines.extend(cli::history_lines(history, Some(width)));
            lines
        }
        Content::Doctor(report) => cli::doctor_lines(report, false),
    }
}

fn model(state: &State, detail: &ModelDetail, users: Result<&DeletePreview, &String>) -> Vec<Line> {
    // The list goes on while the page is open; the detail was read once.
    let models = state.world.iter().flat_map(|w| &w.snapshot.models.models);
    let now = models.into_iter().find(|m| m.repo == detail.model.repo);
    let fresh = ModelDetail {
        model: now.unwrap_or(&detail.model).clone(),
        ..detail.clone()
    };
    let mut lines = transfers(state, &fresh.model);
    lines.extend(cli::model_facts(&fresh));
    lines.push(Line::default());
    lines.push(Line::of(Tone::Strong, "On the disks, and in use by"));
    match users {
        Ok(preview) => lines.extend(cli::deletion_lines(preview)),
        Err(why) => lines.push(Line::of(Tone::Warn, format!("▲ not known: {why}"))),
    }
    lines
}

/// What is being done with `model` now.
fn transfers(state: &State, model: &Model) -> Vec<Line> {
    let operations = state
        .world
        .iter()
        .flat_map(|w| &w.snapshot.status.operations);
    operations
        .filter(|o| !o.state.is_final() && o.subject == model.repo.as_str())
        .map(running)
        .collect()
}

/// `◐ download 45 % 1.2 GiB of 2.6 GiB, 40 s left`.
pub fn running(operation: &Operation) -> Line {
    let text = format!(
        "◐ {} of {}: {}",
        words::kind(operation.kind).0,
        operation.subject,
        outcome::progress(operation)
    );
    Line::of(Tone::Busy, text)
}

/// `line` in lines of at most `width`; one that is too long loses its tones but the first.
pub fn wrapped(line: Line, width: usize) -> Vec<Line> {
    if line.width() <= width {
        return vec![line];
    }
    let spans = &mut line.0.iter();
    let tone = spans
        .find(|s| s.tone != Tone::Dim)
        .map_or(Tone::Dim, |s| s.tone);
    wrap(&line.text(), width)
        .into_iter()
        .map(|part| Line::of(tone, part))
        .collect()
}
