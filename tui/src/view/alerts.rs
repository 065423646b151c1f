//! The pane of the alerts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::theme::Theme;
use crate::format::{age, wrap};
use crate::paint::{Line, Tone};
use crate::state::{Pane, State};
use crate::words;

pub(super) fn title(state: &State) -> String {
    let count = state
        .world
        .as_ref()
        .map_or(0, |w| w.snapshot.status.alerts.len());
    format!(" ({count})")
}

pub(super) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(world) = &state.world else { return };
    let alerts = &world.snapshot.status.alerts;
    if alerts.is_empty() {
        return theme.lines([Line::of(Tone::Good, "✔ nothing is wrong")], area, buffer);
    }
    let keys: Vec<&str> = alerts.iter().map(|a| a.id.as_str()).collect();
    let chosen = state.alerts.place(&keys);
    let focused = state.focus == Pane::Alerts;
    let from = (chosen + 1).saturating_sub(usize::from(area.height));
    let mut lines = Vec::new();
    for (i, alert) in alerts.iter().enumerate().skip(from) {
        let word = words::severity(alert.severity);
        let since = state
            .daemon_now()
            .map(|now| age(now.seconds_since(alert.since)));
        lines.push(
            Line::of(
                word.tone,
                format!("{} {} {}", word.glyph, alert.node, alert.title),
            )
            .add(Tone::Plain, format!("  {}", alert.text))
            .add(Tone::Dim, format!("  for {}", since.unwrap_or_default())),
        );
        if focused && i == chosen {
            let fix = alert.fix.iter().flat_map(|f| {
                wrap(
                    &format!("fix: {f}"),
                    usize::from(area.width).saturating_sub(2),
                )
            });
            lines.extend(fix.map(|l| Line::of(Tone::Dim, format!("  {l}"))));
        }
    }
    theme.lines(lines, area, buffer);
}
