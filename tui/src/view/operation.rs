//! The pane of the operation: its steps, how far it is, and its log.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use spark_ipc::model::operation::{LogLine, Operation, StepState};

use super::bar;
use super::theme::Theme;
use crate::format::{age, cut, wrap};
use crate::outcome;
use crate::paint::{Line, Tone};
use crate::state::State;
use crate::words;

/// From this width on, the log stands beside the steps.
const WIDE: u16 = 100;

pub(super) fn title(state: &State) -> String {
    let Some(operation) = &state.operation.operation else {
        return String::new();
    };
    let word = words::operation(operation.state);
    let took = operation
        .ended_at
        .or(state.daemon_now())
        .map(|end| age(end.seconds_since(operation.started_at)));
    format!(
        ": {} {}  {} {} {}",
        words::kind(operation.kind).0,
        operation.subject,
        word.glyph,
        word.text,
        took.unwrap_or_default()
    )
}

pub(super) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(operation) = &state.operation.operation else {
        let text = "Nothing has been done yet. Enter on a model looks at a swap to it.";
        let lines = wrap(text, usize::from(area.width)).into_iter();
        return theme.lines(lines.map(|l| Line::of(Tone::Dim, l)), area, buffer);
    };
    // Without a log the steps have the whole width.
    let wide = area.width >= WIDE && !state.operation.log.is_empty();
    let (width, most) = if wide {
        (area.width * 42 / 100, area.height)
    } else {
        (area.width, area.height - log_rows(state, area.height))
    };
    let facts = facts(state, operation, usize::from(width), usize::from(most));
    let (left, right) = if wide {
        let columns = [
            Constraint::Length(width),
            Constraint::Length(1),
            Constraint::Min(0),
        ];
        let [left, _, right] = Layout::horizontal(columns).areas(area);
        (left, right)
    } else {
        let rows = u16::try_from(facts.len()).unwrap_or(most).min(most);
        let rows = [Constraint::Length(rows), Constraint::Min(0)];
        let [top, bottom] = Layout::vertical(rows).areas(area);
        (top, bottom)
    };
    theme.lines(facts, left, buffer);
    log(state, theme, right, buffer);
}

/// Rows that are kept for the log below the facts: at least a third, once there is one.
fn log_rows(state: &State, height: u16) -> u16 {
    if state.operation.log.is_empty() {
        0
    } else {
        (height / 3).max(1).min(height)
    }
}

/// What it came to or how far it is, then the steps; when they do not fit in `most` rows, the latest.
fn facts(state: &State, operation: &Operation, width: usize, most: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    if operation.state.is_final() {
        let sentence = outcome::sentence(operation, &[]);
        let tone = sentence.0.first().map_or(Tone::Plain, |s| s.tone);
        lines.extend(wrapped(tone, &sentence.text(), width));
        for line in outcome::trouble(operation) {
            let tone = line.0.first().map_or(Tone::Plain, |s| s.tone);
            lines.extend(wrapped(tone, &line.text(), width));
        }
    } else {
        let text = outcome::progress(operation);
        if let Some(fraction) = outcome::fraction(operation) {
            lines.push(bar::gauge(fraction, width.saturating_sub(1).min(60)));
        }
        lines.push(Line::of(Tone::Strong, text));
    }
    let begun = operation
        .steps
        .iter()
        .filter(|s| s.state != StepState::Pending)
        .count();
    let room = most.saturating_sub(lines.len());
    let from = (begun + 1)
        .min(operation.steps.len())
        .saturating_sub(room.max(1));
    let steps = operation.steps.iter().skip(from).take(room);
    lines.extend(steps.map(|step| outcome::step(step, state.daemon_now())));
    lines
}

fn wrapped(tone: Tone, text: &str, width: usize) -> Vec<Line> {
    wrap(text, width)
        .into_iter()
        .map(|l| Line::of(tone, l))
        .collect()
}

fn log(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let followed = &state.operation;
    let paused = followed.back > 0;
    let rows = usize::from(area.height).saturating_sub(usize::from(paused));
    let end = followed.log.len().saturating_sub(followed.back);
    let from = end.saturating_sub(rows);
    let lines = followed.log.iter().skip(from).take(end - from);
    let mut lines: Vec<Line> = lines
        .map(|l| log_line(l, usize::from(area.width), state.zoom))
        .collect();
    if paused {
        let text = format!("paused, {} new below: G follows again", followed.unseen);
        lines.push(Line::of(Tone::Warn, text));
    }
    theme.lines(lines, area, buffer);
}

/// A line of the log; unless `in_full`, without what every line of vLLM begins with: its process, and of
/// mere information also the level, the time and the place in the source.
fn log_line(line: &LogLine, width: usize, in_full: bool) -> Line {
    let place = match (&line.node, line.rank) {
        (Some(node), Some(rank)) => format!("{node}/{rank} "),
        (Some(node), None) => format!("{node} "),
        _ => String::new(),
    };
    let text = if in_full {
        &line.text
    } else {
        brief(&line.text)
    };
    let text = cut(text, width.saturating_sub(place.len()));
    Line::of(Tone::Dim, place).add(Tone::Plain, text)
}

/// `(EngineCore_DP0 pid=230) INFO 11-23 20:08:35 [core.py:96] text` without all that is before the text.
fn brief(text: &str) -> &str {
    let process = text
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(") "))
        .filter(|(process, _)| process.contains("pid="));
    let text = process.map_or(text, |(_, rest)| rest);
    let told = text
        .strip_prefix("INFO ")
        .and_then(|rest| rest.split_once(" ["))
        .and_then(|(_, rest)| rest.split_once("] "));
    told.map_or(text, |(_, rest)| rest).trim_start()
}

#[cfg(test)]
mod tests {
    use super::brief;

    #[test]
    fn what_every_line_begins_with_is_left_out() {
        for (line, told) in [
            (
                "(EngineCore_DP0 pid=230) INFO 11-23 20:08:35 [core.py:96] Initializing",
                "Initializing",
            ),
            (
                "(APIServer pid=1) INFO:     Started server process [1]",
                "INFO:     Started server process [1]",
            ),
            (
                "(Worker_TP1 pid=9) ERROR 11-23 20:08:35 [a.py:1] bad",
                "ERROR 11-23 20:08:35 [a.py:1] bad",
            ),
            (
                "Loading shards: 50% (1/2) [00:01]",
                "Loading shards: 50% (1/2) [00:01]",
            ),
            ("(no process) text", "(no process) text"),
        ] {
            assert_eq!(brief(line), told);
        }
    }
}
