//! What stands in place of the panes when there is nothing for them to show.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use spark_ipc::version::PROTOCOL;

use super::layout::LEAST;
use super::theme::Theme;
use crate::format::{cut, wrap};
use crate::paint::{Line, Tone};
use crate::state::State;

/// One line: how large the screen is and how large it has to be.
pub(super) fn too_small(area: Rect, theme: Theme, buffer: &mut Buffer) {
    let (w, h) = LEAST;
    let text = format!(
        "{}x{} is too small: {w}x{h} at least",
        area.width, area.height
    );
    centered(
        vec![Line::of(Tone::Warn, cut(&text, usize::from(area.width)))],
        area,
        theme,
        buffer,
    );
}

pub(super) fn mismatch(theirs: u32, version: &str, area: Rect, theme: Theme, buffer: &mut Buffer) {
    let width = usize::from(area.width).saturating_sub(4).min(70);
    let older = if theirs < PROTOCOL {
        "the daemon"
    } else {
        "this client"
    };
    let text = format!(
        "The daemon is version {version} and speaks protocol {theirs}. This client is version {} and \
         speaks protocol {PROTOCOL}. Upgrade {older}, which is the older one.",
        env!("CARGO_PKG_VERSION"),
    );
    let mut lines = vec![
        Line::of(Tone::Bad, "✖ Two versions that do not fit"),
        Line::default(),
    ];
    lines.extend(wrap(&text, width).into_iter().map(Line::plain));
    centered(lines, area, theme, buffer);
}

/// Before the first data.
pub(super) fn no_data(state: &State, area: Rect, theme: Theme, buffer: &mut Buffer) {
    let width = usize::from(area.width).saturating_sub(4).min(76);
    let endpoint = format!("Connecting to {}", state.link.endpoint);
    let mut lines: Vec<Line> = wrap(&endpoint, width)
        .into_iter()
        .map(|l| Line::of(Tone::Busy, l))
        .collect();
    if let Some((message, hint)) = &state.link.trouble {
        lines.push(Line::default());
        lines.extend(
            wrap(message, width)
                .into_iter()
                .map(|l| Line::of(Tone::Bad, l)),
        );
        if let Some(hint) = hint {
            lines.push(Line::default());
            lines.extend(wrap(hint, width).into_iter().map(Line::plain));
        }
    }
    centered(lines, area, theme, buffer);
}

fn centered(lines: Vec<Line>, area: Rect, theme: Theme, buffer: &mut Buffer) {
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let top = area.height.saturating_sub(rows) / 2;
    let widest = lines.iter().map(Line::width).max().unwrap_or(0);
    let left = area
        .width
        .saturating_sub(u16::try_from(widest).unwrap_or(u16::MAX))
        / 2;
    let place = Rect {
        x: area.x + left,
        y: area.y + top,
        width: area.width - left,
        height: area.height - top,
    };
    theme.lines(lines, place, buffer);
}
