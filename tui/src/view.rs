//! The screen: a pure function of the state.
//!
//! Nothing is kept between frames. The last step, [`gate`], goes over every cell: whatever a text may
//! have carried past all other cleaning, no control or direction mark leaves for the terminal.

mod act;
mod alerts;
mod bar;
mod dialog;
mod footer;
mod header;
mod help;
mod layout;
mod models;
mod nodes;
mod operation;
mod page;
mod screens;
mod services;
mod theme;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::widgets::{Block, BorderType, Widget};

use crate::paint::ascii;
use crate::state::link::Phase;
use crate::state::{Overlay, Pane, State};
use layout::Contents;
pub use theme::Theme;

/// Draws `state`.
pub fn view(state: &State, theme: Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    draw(state, theme, area, buffer);
    gate(buffer, theme);
}

fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(areas) = layout::areas(area, state.focus, state.zoom, contents(state)) else {
        return screens::too_small(area, theme, buffer);
    };
    header::draw(state, theme, areas.header, buffer);
    if let Phase::Mismatch { theirs, version } = &state.link.phase {
        screens::mismatch(*theirs, version, areas.body, theme, buffer);
    } else if state.world.is_none() {
        screens::no_data(state, areas.body, theme, buffer);
    } else {
        for (pane, area) in &areas.panes {
            draw_pane(state, theme, *pane, *area, buffer);
        }
    }
    match &state.overlay {
        Some(Overlay::Help(scroll)) => help::keys(*scroll, areas.body, theme, buffer),
        Some(Overlay::Messages(scroll)) => {
            help::messages(state, *scroll, areas.body, theme, buffer);
        }
        Some(Overlay::Dialog(dialog)) => dialog::draw(state, dialog, areas.body, theme, buffer),
        Some(Overlay::Page(page)) => page::draw(state, page, areas.body, theme, buffer),
        Some(Overlay::Prompt(prompt)) => page::prompt(prompt, areas.body, theme, buffer),
        None => {}
    }
    footer::draw(state, theme, areas.footer, buffer);
    footer::toast(state, theme, areas.body, buffer);
}

fn contents(state: &State) -> Contents {
    let Some(world) = &state.world else {
        return Contents::default();
    };
    Contents {
        nodes: world.snapshot.status.nodes.len(),
        models: world.snapshot.models.models.len(),
        alerts: world.snapshot.status.alerts.len(),
        operation: state.operation.operation.is_some(),
    }
}

fn draw_pane(state: &State, theme: Theme, pane: Pane, area: Rect, buffer: &mut Buffer) {
    let focused = state.focus == pane;
    let border = if focused {
        BorderType::Thick
    } else {
        BorderType::Plain
    };
    let title = match pane {
        Pane::Nodes | Pane::Services => String::new(),
        Pane::Models => models::title(state),
        Pane::Operation => operation::title(state),
        Pane::Alerts => alerts::title(state),
    };
    let title = format!(" {} {}{title} ", pane.index() + 1, pane.title());
    let block = Block::bordered()
        .border_type(border)
        .title(theme.bold(title, focused));
    let inner = block.inner(area);
    block.render(area, buffer);
    match pane {
        Pane::Nodes => nodes::draw(state, theme, inner, buffer),
        Pane::Models => models::draw(state, theme, inner, buffer),
        Pane::Operation => operation::draw(state, theme, inner, buffer),
        Pane::Alerts => alerts::draw(state, theme, inner, buffer),
        Pane::Services => services::draw(state, theme, inner, buffer),
    }
    if state.is_dim() {
        buffer.set_style(inner, Modifier::DIM);
    }
}

/// Lets only what may be shown leave; in ASCII, every glyph as its stand-in.
fn gate(buffer: &mut Buffer, theme: Theme) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if is_plain(symbol) || (!theme.ascii && is_drawing(symbol)) {
            continue;
        }
        let clean = spark_ipc::text::clean_text(symbol).replace('\n', " ");
        let shown: String = match (theme.ascii, clean.chars().next()) {
            (true, Some(c)) => ascii(c).to_string(),
            _ => clean,
        };
        if shown != symbol {
            cell.set_symbol(if shown.is_empty() { " " } else { &shown });
        }
    }
}

fn is_plain(symbol: &str) -> bool {
    matches!(symbol.as_bytes(), [b' '..=b'~'])
}

/// Our own lines and blocks, the greater part of a screen.
fn is_drawing(symbol: &str) -> bool {
    let mut chars = symbol.chars();
    matches!(
        (chars.next(), chars.next()),
        (Some('\u{2500}'..='\u{25ff}'), None)
    )
}

#[cfg(test)]
mod tests;
