//! How tones look: the terminal's own sixteen colours, or none.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as Drawn, Span as DrawnSpan};
use ratatui::widgets::Widget;

use crate::paint::{Line, Span, Tone};

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    color: bool,
    pub(super) ascii: bool,
}

impl Theme {
    /// With or without colour; with glyphs or with ASCII alone.
    pub fn new(color: bool, ascii: bool) -> Self {
        Self { color, ascii }
    }

    pub(super) fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        let colored = |color| if self.color { plain.fg(color) } else { plain };
        match tone {
            Tone::Plain => plain,
            Tone::Strong => plain.add_modifier(Modifier::BOLD),
            Tone::Dim => plain.add_modifier(Modifier::DIM),
            Tone::Good => colored(Color::Green),
            Tone::Busy => colored(Color::Cyan),
            Tone::Warn => colored(Color::Yellow),
            Tone::Bad => colored(Color::Red).add_modifier(Modifier::BOLD),
        }
    }

    pub(super) fn span(self, span: Span) -> DrawnSpan<'static> {
        DrawnSpan::styled(span.text, self.style(span.tone))
    }

    pub(super) fn line(self, line: Line) -> Drawn<'static> {
        line.0.into_iter().map(|s| self.span(s)).collect()
    }

    pub(super) fn bold(self, text: String, bold: bool) -> DrawnSpan<'static> {
        let tone = if bold { Tone::Strong } else { Tone::Plain };
        self.span(Span::new(tone, text))
    }

    /// Draws `lines` from the top of `area`, as far as they fit.
    pub(super) fn lines(
        self,
        lines: impl IntoIterator<Item = Line>,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        for (line, row) in lines.into_iter().zip(area.rows()) {
            self.line(line).render(row, buffer);
        }
    }

    /// Draws one line, reversed when it is the chosen one.
    pub(super) fn row(self, line: Line, chosen: bool, area: Rect, buffer: &mut Buffer) {
        self.line(line).render(area, buffer);
        if chosen {
            buffer.set_style(area, Modifier::REVERSED);
        }
    }
}
