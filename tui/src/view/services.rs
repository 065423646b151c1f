//! The pane of the services, and of every unit on the nodes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use spark_ipc::model::deep::{DeepLevel, DeepState, DeepSummary};
use spark_ipc::model::service::Service;
use spark_ipc::model::unit::Unit;

use super::theme::Theme;
use crate::format::{UNKNOWN, age, bytes, or_unknown, pad, wrap};
use crate::paint::{Line, Span, Tone};
use crate::preview::joined;
use crate::state::services::Entry;
use crate::state::{Pane, State};
use crate::words;

/// Columns of the state and of what a deep probe came to.
const STATE: usize = 14;
const DEEP: usize = 11;
const MEMORY: usize = 9;
const PLACE: usize = 13;
/// Columns of the owner or the kind, from this width on.
const WIDE: usize = 96;

pub(super) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let entries = state.service_entries();
    if entries.is_empty() {
        let text = "No services are known, and nothing runs.";
        return theme.lines([Line::of(Tone::Dim, text)], area, buffer);
    }
    let chosen = state.service_place();
    let focused = state.focus == Pane::Services;
    let width = usize::from(area.width);
    let below = match entries.get(chosen) {
        Some(entry) if focused => about(state, *entry, width),
        _ => Vec::new(),
    };
    let told = u16::try_from(below.len()).unwrap_or(area.height);
    let told = told.min(area.height.saturating_sub(3));
    let list = Rect {
        height: area.height - told,
        ..area
    };
    let from = (chosen + 1).saturating_sub(usize::from(list.height));
    for ((i, entry), place) in entries.iter().enumerate().skip(from).zip(list.rows()) {
        theme.row(row(*entry, width), focused && i == chosen, place, buffer);
    }
    let rest = Rect {
        y: list.bottom(),
        height: told,
        ..area
    };
    theme.lines(below, rest, buffer);
}

fn row(entry: Entry<'_>, width: usize) -> Line {
    match entry {
        Entry::Service(service) => service_row(service, width),
        Entry::Unit(unit) => unit_row(unit, width),
    }
}

/// The cells of a row.
struct Cells<'a> {
    state: Span,
    name: &'a str,
    deep: Option<&'a DeepSummary>,
    place: String,
    memory: Option<u64>,
    what: String,
}

fn service_row(service: &Service, width: usize) -> Line {
    let state = if service.enabled {
        words::service(service.state).span()
    } else {
        Span::new(Tone::Dim, "– not enabled")
    };
    let cells = Cells {
        state,
        name: service.name.as_str(),
        deep: service.deep.as_ref(),
        place: or_unknown(service.node.as_ref(), ToString::to_string),
        memory: service.memory_bytes,
        what: service.title.clone().unwrap_or_default(),
    };
    line(&cells, width)
}

fn unit_row(unit: &Unit, width: usize) -> Line {
    let mut nodes: Vec<_> = unit.ranks.iter().map(|r| r.node.clone()).collect();
    nodes.dedup();
    let taken = if unit.adopted { ", taken over" } else { "" };
    let cells = Cells {
        state: words::unit(unit.state).span(),
        name: unit.id.as_str(),
        deep: unit.deep.as_ref(),
        place: joined(&nodes),
        memory: unit.memory_bytes,
        what: format!("unit of {}{taken}", unit.owner),
    };
    line(&cells, width)
}

fn line(cells: &Cells<'_>, width: usize) -> Line {
    let extra = if width >= WIDE { width / 3 } else { 0 };
    let fixed = STATE + DEEP + PLACE + MEMORY + 4 + extra;
    let name = pad(cells.name, width.saturating_sub(fixed).max(10));
    let deep = words::deep(cells.deep.map(|d| d.state));
    let memory = or_unknown(cells.memory, bytes);
    Line::of(cells.state.tone, pad(&cells.state.text, STATE))
        .add(Tone::Strong, name)
        .add(Tone::Plain, " ")
        .add(deep.tone, pad(&deep.span().text, DEEP))
        .add(Tone::Plain, format!(" {}", pad(&cells.place, PLACE)))
        .add(Tone::Plain, format!(" {memory:>MEMORY$} "))
        .add(Tone::Dim, pad(&cells.what, extra))
}

/// What is known of the chosen one besides its row.
fn about(state: &State, entry: Entry<'_>, width: usize) -> Vec<Line> {
    let mut told: Vec<(Tone, String)> = Vec::new();
    let (message, deep) = match entry {
        Entry::Service(s) => {
            told.push((Tone::Dim, service_facts(s)));
            (s.message.as_ref(), s.deep.as_ref())
        }
        Entry::Unit(u) => {
            let repo = u.repo.as_ref().map_or(UNKNOWN, |r| r.as_str());
            let at = u.endpoint.as_deref().unwrap_or(UNKNOWN);
            told.push((Tone::Dim, format!("{repo}, {at}, owner {}", u.owner)));
            (u.message.as_ref(), u.deep.as_ref())
        }
    };
    told.extend(message.map(|m| (Tone::Warn, format!("▲ {m}"))));
    told.extend(deep.map(|d| deep_line(state, d)));
    told.into_iter()
        .flat_map(|(tone, text)| {
            let lines = wrap(&text, width);
            lines.into_iter().map(move |l| Line::of(tone, l))
        })
        .collect()
}

fn service_facts(service: &Service) -> String {
    let title = service.title.as_deref().unwrap_or(service.name.as_str());
    let auto = if service.autostart {
        ", starts by itself"
    } else {
        ""
    };
    format!(
        "{title}: port {}, up to {}{auto}, {} restarts",
        service.port,
        bytes(service.budget_bytes),
        service.restarts
    )
}

/// `deep health: answer failed 12 s ago: it said 7`.
fn deep_line(state: &State, deep: &DeepSummary) -> (Tone, String) {
    let level = match deep.level {
        DeepLevel::Port => "port",
        DeepLevel::Health => "health route",
        DeepLevel::ModelName => "model name",
        DeepLevel::Inference => "answer",
    };
    let ago = state
        .daemon_now()
        .map(|now| format!(" {} ago", age(now.seconds_since(deep.at))));
    let word = words::deep(Some(deep.state));
    let error = deep.error.as_ref().map(|e| format!(": {e}"));
    let tone = match deep.state {
        DeepState::Failed => Tone::Bad,
        _ => Tone::Dim,
    };
    let text = format!(
        "deep health: {} at the level {level}{}{}",
        word.text,
        ago.unwrap_or_default(),
        error.unwrap_or_default()
    );
    (tone, text)
}
