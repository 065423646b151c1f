//! A page over the panes, and the line that is typed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use super::theme::Theme;
use crate::format::{age, cut, wrap};
use crate::page;
use crate::paint::{Line, Tone};
use crate::state::State;
use crate::state::page::Page;
use crate::state::prompt::{Ask, Prompt};

pub(super) fn draw(state: &State, page: &Page, body: Rect, theme: Theme, buffer: &mut Buffer) {
    Clear.render(body, buffer);
    let inner = frame(&title(state, page, body), body, buffer);
    let lines = page::lines(state, page, usize::from(inner.width));
    let most = lines.len().saturating_sub(usize::from(inner.height));
    let lines = lines.into_iter().skip(page.scroll.min(most));
    theme.lines(lines, inner, buffer);
    if state.is_dim() {
        buffer.set_style(inner, Modifier::DIM);
    }
}

/// The subject, and how old what is told of it is.
fn title(state: &State, page: &Page, body: Rect) -> String {
    let read = page.read_at.map(|at| {
        let ago = age(state.now.saturating_duration_since(at).as_secs_f64());
        format!(", read {ago} ago")
    });
    let again = if page.reading && page.content.is_some() {
        ", reading again…"
    } else {
        ""
    };
    let title = format!("{}{}{again}", page.title(), read.unwrap_or_default());
    cut(&title, usize::from(body.width).saturating_sub(6))
}

pub(super) fn prompt(prompt: &Prompt, body: Rect, theme: Theme, buffer: &mut Buffer) {
    let (title, hint) = match &prompt.ask {
        Ask::Download => (
            "Download a model".to_owned(),
            "ORG/NAME, then the nodes if not all: Qwen/Qwen3-0.6B spark1",
        ),
        Ask::CopyTo { repo, from } => (format!("Copy {repo} from {from}"), "To which node?"),
    };
    let width = body.width.saturating_sub(4).min(76);
    let room = usize::from(width.saturating_sub(2));
    let mut lines = vec![Line::of(Tone::Dim, cut(hint, room))];
    let typed = wrap(&format!("> {}_", prompt.text), room).into_iter();
    lines.extend(typed.map(|l| Line::of(Tone::Strong, l)));
    let fault = prompt.fault.iter().flat_map(|f| wrap(f, room));
    lines.extend(fault.map(|l| Line::of(Tone::Bad, l)));
    let height = u16::try_from(lines.len() + 2)
        .unwrap_or(body.height)
        .min(body.height);
    let area = Rect {
        x: body.x + (body.width - width) / 2,
        y: body.y + (body.height - height) / 2,
        width,
        height,
    };
    Clear.render(area, buffer);
    let inner = frame(&cut(&title, room), area, buffer);
    theme.lines(lines, inner, buffer);
}

fn frame(title: &str, area: Rect, buffer: &mut Buffer) -> Rect {
    let block = Block::bordered()
        .border_type(BorderType::Thick)
        .title(format!(" {title} "));
    let inner = block.inner(area);
    block.render(area, buffer);
    inner
}
