//! The last line: the keys of the moment; and the toast above it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use super::theme::Theme;
use crate::format::{cut, wrap};
use crate::keymap::{self, Mode};
use crate::paint::{Line, Span, Tone};
use crate::state::State;

/// Keys with their words, as many as fit; the help's is the first and always there.
pub(super) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let mut line = Line::default();
    let mode = state.mode();
    let refusal = state.refusal().filter(|_| mode == Mode::Browse);
    for (key, word) in keymap::footer(mode, state.focus, refusal.is_none()) {
        let more = Line(vec![
            Span::new(Tone::Strong, key),
            Span::new(Tone::Dim, format!(" {word}  ")),
        ]);
        if line.width() + more.width() > usize::from(area.width) {
            break;
        }
        line = line.join(more);
    }
    if let Some(reason) = refusal {
        let room = usize::from(area.width).saturating_sub(line.width());
        line = line.add(Tone::Warn, cut(&format!("read only: {reason}"), room));
    }
    theme.line(line).render(area, buffer);
}

/// The last message, at the bottom right, over what is there.
pub(super) fn toast(state: &State, theme: Theme, body: Rect, buffer: &mut Buffer) {
    let Some(message) = state.messages.toast(state.now) else {
        return;
    };
    let most = usize::from(body.width).saturating_sub(4).min(70);
    let mut lines = wrap(&message.text, most);
    lines.truncate(usize::from(body.height / 2).max(1));
    let width = lines
        .iter()
        .map(|l| Line::plain(l.as_str()).width())
        .max()
        .unwrap_or(0);
    let width = u16::try_from(width + 2)
        .unwrap_or(body.width)
        .min(body.width);
    let height = u16::try_from(lines.len()).unwrap_or(1).min(body.height);
    let area = Rect::new(body.right() - width, body.bottom() - height, width, height);
    Clear.render(area, buffer);
    let lines = lines
        .into_iter()
        .map(|l| Line::of(message.tone, format!(" {l}")));
    theme.lines(lines, area, buffer);
    buffer.set_style(area, ratatui::style::Modifier::REVERSED);
}
