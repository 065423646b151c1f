//! The pane of the models: the menu.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use spark_ipc::model::inventory::Model;

use super::theme::Theme;
use crate::cli::model_nodes;
use crate::format::{UNKNOWN, bytes, pad};
use crate::paint::{Line, Tone};
use crate::state::{Pane, State};
use crate::words;

/// Least columns of the name.
const NAME: usize = 24;

/// Columns after state and name, the most important first: width and text.
type Column = (usize, fn(&Model) -> (Tone, String));
const COLUMNS: [Column; 5] = [
    (9, |m| (Tone::Plain, format!("{:>9}", bytes(m.size_bytes)))),
    (14, |m| (Tone::Plain, model_nodes(m))),
    (11, |m| {
        let fit = words::fit(m.fit.verdict).span();
        (fit.tone, fit.text)
    }),
    (7, |m| {
        (
            Tone::Plain,
            m.quantization.clone().unwrap_or_else(|| UNKNOWN.to_owned()),
        )
    }),
    (20, |m| {
        (
            Tone::Dim,
            m.recipe
                .as_ref()
                .map_or(UNKNOWN.to_owned(), ToString::to_string),
        )
    }),
];

pub(super) fn title(state: &State) -> String {
    let cursor = if state.filtering { "_" } else { "" };
    if state.filtering || !state.filter.is_empty() {
        return format!(" /{}{cursor}", state.filter);
    }
    String::new()
}

pub(super) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let models = state.shown_models();
    if models.is_empty() {
        return theme.lines([empty(state)], area, buffer);
    }
    let keys: Vec<&str> = models.iter().map(|m| m.repo.as_str()).collect();
    let chosen = state.models.place(&keys);
    let from = (chosen + 1).saturating_sub(usize::from(area.height));
    for ((i, model), place) in models.iter().enumerate().skip(from).zip(area.rows()) {
        let line = row(model, usize::from(area.width));
        let marked = i == chosen && state.focus == Pane::Models;
        theme.row(line, marked, place, buffer);
    }
}

fn empty(state: &State) -> Line {
    let list = state.world.as_ref().map(|w| &w.snapshot.models);
    let text = match list {
        Some(list) if !list.models.is_empty() => "No model has these words; Esc drops the filter.",
        Some(list) if list.observed_at.is_some() => "No models on the disks.",
        _ => "The disks have not been listed yet.",
    };
    Line::of(Tone::Dim, text)
}

fn row(model: &Model, width: usize) -> Line {
    let state = words::model(model.state);
    let mut left = width.saturating_sub(14 + NAME);
    let mut columns = Vec::new();
    for (columns_wide, cell) in COLUMNS {
        if left < columns_wide + 2 {
            break;
        }
        left -= columns_wide + 2;
        let (tone, text) = cell(model);
        columns.push((tone, pad(&text, columns_wide)));
    }
    let name = width.saturating_sub(14).min(NAME + left);
    let mut line = Line::of(
        state.tone,
        pad(&format!("{} {}", state.glyph, state.text), 14),
    )
    .add(Tone::Plain, pad(model.repo.as_str(), name));
    for (tone, text) in columns {
        line = line.add(Tone::Plain, "  ").add(tone, text);
    }
    line
}
