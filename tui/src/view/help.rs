//! The overlays that are read: the keys, and what was said so far.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use super::theme::Theme;
use crate::format::{age, pad, wrap};
use crate::keymap::{self, BINDINGS, Mode};
use crate::paint::{Line, Tone};
use crate::state::State;

const KEYS: usize = 24;

/// The keys of every mode, from the table that dispatches them.
pub(super) fn keys(scroll: usize, body: Rect, theme: Theme, buffer: &mut Buffer) {
    let modes = [
        Some(Mode::Browse),
        None,
        Some(Mode::Dialog),
        Some(Mode::Page),
        Some(Mode::Prompt),
        Some(Mode::Filter),
        Some(Mode::Messages),
        Some(Mode::Help),
    ];
    let mut lines = Vec::new();
    for mode in modes {
        lines.push(Line::of(Tone::Strong, keymap::title(mode)));
        for binding in BINDINGS.iter().filter(|b| b.mode == mode) {
            let place = binding.pane.map(|p| format!(" [{}]", p.title()));
            let help = format!("{}{}", binding.help, place.unwrap_or_default());
            lines.push(
                Line::of(Tone::Busy, pad(&format!("  {}", binding.keys_text()), KEYS))
                    .add(Tone::Plain, help),
            );
        }
    }
    lines.push(Line::of(
        Tone::Dim,
        "Text is selected with the mouse as anywhere: the mouse is left alone.",
    ));
    overlay(" Keys ", lines, scroll, body, theme, buffer);
}

/// Newest first.
pub(super) fn messages(
    state: &State,
    scroll: usize,
    body: Rect,
    theme: Theme,
    buffer: &mut Buffer,
) {
    let width = usize::from(body.width).saturating_sub(12);
    let mut lines = Vec::new();
    for message in state.messages.newest_first() {
        let ago = age(state
            .now
            .saturating_duration_since(message.at)
            .as_secs_f64());
        for (i, part) in wrap(&message.text, width).into_iter().enumerate() {
            let when = if i == 0 {
                format!("{ago:>7}  ")
            } else {
                " ".repeat(9)
            };
            lines.push(Line::of(Tone::Dim, when).add(message.tone, part));
        }
    }
    if lines.is_empty() {
        lines.push(Line::of(Tone::Dim, "Nothing was said yet."));
    }
    overlay(" Messages ", lines, scroll, body, theme, buffer);
}

fn overlay(
    title: &'static str,
    lines: Vec<Line>,
    scroll: usize,
    body: Rect,
    theme: Theme,
    buffer: &mut Buffer,
) {
    Clear.render(body, buffer);
    let block = Block::bordered()
        .border_type(BorderType::Thick)
        .title(title);
    let inner = block.inner(body);
    block.render(body, buffer);
    let most = lines.len().saturating_sub(usize::from(inner.height));
    theme.lines(lines.into_iter().skip(scroll.min(most)), inner, buffer);
}
