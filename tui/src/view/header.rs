//! The header: how the connection is, what runs, what the proxy does.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use spark_ipc::model::alert::Severity;
use spark_ipc::model::status::Status;
use spark_ipc::model::unit::{Unit, UnitState};

use super::theme::Theme;
use crate::format::{age, cut};
use crate::paint::{Line, Tone};
use crate::preview::joined;
use crate::state::State;
use crate::state::link::Phase;
use crate::words;

pub(super) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let status = state.world.as_ref().map(|w| &w.snapshot.status);
    let alerts = status.map(alert_count).unwrap_or_default();
    let mut first = connection(state, width.saturating_sub(alerts.width() + 1));
    if area.height == 1
        && let Some(status) = status
    {
        first = first
            .add(Tone::Dim, "  ")
            .join(running(state, status, false));
    }
    let gap = width.saturating_sub(first.width() + alerts.width());
    let lines = [
        first.add(Tone::Plain, " ".repeat(gap)).join(alerts),
        status.map(|s| second(state, s, width)).unwrap_or_default(),
    ];
    theme.lines(lines, area, buffer);
}

fn connection(state: &State, width: usize) -> Line {
    let link = &state.link;
    let demo = if link.demo { " demo" } else { "" };
    let name = Line::of(
        Tone::Strong,
        if width >= 60 {
            "Spark Control"
        } else {
            "Spark"
        },
    )
    .add(Tone::Warn, demo)
    .add(Tone::Plain, "  ");
    let place = cut(&link.endpoint, width.saturating_sub(40).min(50));
    match &link.phase {
        Phase::Live => name
            .add(Tone::Good, "● live")
            .add(Tone::Dim, format!("  {place}")),
        Phase::Connecting => name
            .add(Tone::Busy, "◐ connecting")
            .add(Tone::Dim, format!("  {place}")),
        Phase::Reconnecting { .. } => {
            let last = link
                .last_data
                .map(|at| state.now.saturating_duration_since(at));
            let last = last.map_or(0.0, |d| d.as_secs_f64());
            name.add(Tone::Bad, "✖ reconnecting…")
                .add(Tone::Warn, format!(" last data {} ago", age(last)))
        }
        Phase::Mismatch { .. } => name.add(Tone::Bad, "✖ another protocol"),
    }
}

fn alert_count(status: &Status) -> Line {
    let critical = status
        .alerts
        .iter()
        .filter(|a| a.severity == Severity::Critical)
        .count();
    let warnings = status.alerts.len() - critical;
    let mut line = Line::default();
    if critical > 0 {
        line = line.add(Tone::Bad, format!("✖ {critical} critical "));
    }
    if warnings > 0 {
        line = line.add(Tone::Warn, format!("▲ {warnings} "));
    }
    line
}

/// What runs and what the proxy does, in as many words as fit.
fn second(state: &State, status: &Status, width: usize) -> Line {
    let full = running(state, status, true).join(proxy(status, true));
    if full.width() <= width {
        return full;
    }
    let shorter = running(state, status, false).join(proxy(status, true));
    if shorter.width() <= width {
        return shorter;
    }
    running(state, status, false).join(proxy(status, false))
}

/// The unit that matters most: the one of ours, else any.
fn running(state: &State, status: &Status, in_full: bool) -> Line {
    let shown = |u: &&Unit| u.state != UnitState::Stopped;
    let ours = |u: &&Unit| shown(u) && u.owner == "spark-control";
    let unit = status
        .units
        .iter()
        .find(ours)
        .or_else(|| status.units.iter().find(shown));
    let Some(unit) = unit else {
        return Line::of(Tone::Dim, "○ nothing runs");
    };
    let word = words::unit(unit.state);
    let mut nodes: Vec<_> = unit.ranks.iter().map(|r| r.node.clone()).collect();
    nodes.dedup();
    let model = unit
        .repo
        .as_ref()
        .map(ToString::to_string)
        .or_else(|| unit.served_name.clone());
    let since = unit.ready_at.or(unit.started_at).filter(|_| in_full);
    let since = since.zip(state.daemon_now());
    let since = since.map(|(at, now)| format!(" for {}", age(now.seconds_since(at))));
    let others = status.units.iter().filter(shown).count().saturating_sub(1);
    let more = if others > 0 {
        format!(" (+{others})")
    } else {
        String::new()
    };
    Line::of(word.tone, format!("{} {} ", word.glyph, word.text))
        .add(Tone::Strong, model.unwrap_or_else(|| unit.id.to_string()))
        .add(
            Tone::Plain,
            format!(" on {}{}{more}", joined(&nodes), since.unwrap_or_default()),
        )
}

fn proxy(status: &Status, in_full: bool) -> Line {
    let word = words::proxy(status.proxy.state);
    let line =
        Line::of(Tone::Dim, "  proxy ").add(word.tone, format!("{} {}", word.glyph, word.text));
    if in_full {
        let in_flight = format!(", {} in flight", status.proxy.requests_in_flight);
        return line.add(Tone::Dim, in_flight);
    }
    line
}
