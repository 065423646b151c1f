//! A question: what would happen, and two buttons with their keys on them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::widgets::{Block, BorderType, Clear, Widget};
use spark_ipc::model::preflight::Preflight;

use super::act;
use super::theme::Theme;
use crate::page::wrapped;
use crate::paint::{Line, Tone};
use crate::preview;
use crate::state::State;
use crate::state::dialog::{Dialog, Question};

const WIDEST: u16 = 84;

pub(super) fn draw(state: &State, dialog: &Dialog, body: Rect, theme: Theme, buffer: &mut Buffer) {
    let width = body.width.saturating_sub(4).min(WIDEST);
    let text_width = usize::from(width.saturating_sub(4));
    let lines = text(state, dialog, text_width);
    let wanted = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .saturating_add(4);
    let height = wanted.min(body.height);
    let area = Rect {
        x: body.x + (body.width - width) / 2,
        y: body.y + (body.height - height) / 2,
        width,
        height,
    };
    Clear.render(area, buffer);
    let block = Block::bordered()
        .border_type(BorderType::Thick)
        .title(title(dialog));
    let inner = block.inner(area);
    block.render(area, buffer);
    let rows = inner.height.saturating_sub(2);
    let most = lines.len().saturating_sub(usize::from(rows));
    let place = Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        height: rows,
        ..inner
    };
    let scroll = dialog.scroll.min(most);
    theme.lines(lines.into_iter().skip(scroll), place, buffer);
    more(most - scroll, area, theme, buffer);
    buttons(
        state,
        dialog,
        Rect {
            y: inner.bottom().saturating_sub(1),
            height: 1,
            ..place
        },
        theme,
        buffer,
    );
}

/// In the bottom border, how much is below.
fn more(below: usize, area: Rect, theme: Theme, buffer: &mut Buffer) {
    if below == 0 {
        return;
    }
    let line = Line::of(Tone::Warn, format!(" {below} more lines below: j "));
    let width = u16::try_from(line.width()).unwrap_or(area.width);
    let place = Rect {
        x: area.right().saturating_sub(width + 2),
        y: area.bottom().saturating_sub(1),
        width,
        height: 1,
    };
    theme.lines([line], place.intersection(area), buffer);
}

fn title(dialog: &Dialog) -> String {
    match &dialog.question {
        Question::Act { act, .. } => format!(" {} ", act.title()),
        Question::Swap { repo, .. } => format!(" Swap to {repo}? "),
        Question::Stop { unit, .. } => format!(" Stop {unit}? "),
        Question::Cancel { .. } => " Cancel the operation? ".to_owned(),
        Question::Trust { node, .. } => format!(" Accept the host key of {node}? "),
    }
}

fn text(state: &State, dialog: &Dialog, width: usize) -> Vec<Line> {
    let lines = match &dialog.question {
        Question::Swap {
            preflight: None, ..
        } => vec![Line::of(Tone::Busy, "◐ checking what it would do…")],
        Question::Swap {
            preflight: Some(Err(why)),
            ..
        } => vec![Line::of(Tone::Bad, format!("✖ {why}"))],
        Question::Swap {
            preflight: Some(Ok(preflight)),
            ..
        } => {
            let world = state.world.as_ref();
            let units = world
                .map(|w| w.snapshot.status.units.as_slice())
                .unwrap_or_default();
            let mut lines = questions(preflight);
            lines.extend(preview::lines(preflight, units, false));
            lines.extend(preview::commands(preflight));
            lines.extend(preview::checks(preflight));
            lines
        }
        Question::Act { act, look } => act::lines(act, look.as_ref()),
        Question::Stop { what, .. } => vec![
            Line::plain(what.clone()),
            Line::of(
                Tone::Dim,
                "Requests in flight are let end first; then clients get 503.",
            ),
        ],
        Question::Cancel { what, transfer, .. } => vec![
            Line::plain(format!("The {what}.")),
            Line::of(
                Tone::Dim,
                if *transfer {
                    "What has come so far stays; begun again, it goes on from there."
                } else {
                    "What it has started so far is stopped again."
                },
            ),
        ],
        Question::Trust {
            node,
            fingerprint,
            accepted,
        } => {
            let mut lines = vec![
                Line::plain(format!("{node} shows the key")),
                Line::of(Tone::Strong, fingerprint.as_str()),
            ];
            if let Some(accepted) = accepted {
                lines.push(Line::of(
                    Tone::Bad,
                    format!("✖ not the one that was accepted: {accepted}"),
                ));
            }
            lines.push(Line::of(
                Tone::Dim,
                "Compare it on the Spark: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
            ));
            lines
        }
    };
    lines
        .into_iter()
        .flat_map(|line| wrapped(line, width))
        .collect()
}

/// The next flag that wants a yes, and the key that gives it.
fn questions(preflight: &Preflight) -> Vec<Line> {
    let Some(next) = preflight.confirm.first() else {
        return Vec::new();
    };
    let left = preflight.confirm.len();
    vec![
        Line::of(
            Tone::Warn,
            format!("▲ {} needs your yes ({left} left)", next.name),
        ),
        Line::plain(format!("  {}", next.why)),
        Line::of(
            Tone::Dim,
            format!("  a allows {} for this launch", next.name),
        ),
    ]
}

fn buttons(state: &State, dialog: &Dialog, area: Rect, theme: Theme, buffer: &mut Buffer) {
    let cancel = "[ Cancel  n ]";
    let refusal = dialog.refusal().or(state.refusal());
    let act = match refusal {
        Some(reason) => format!("( {}: {reason} )", dialog.verb()),
        None => format!("[ {}  y ]", dialog.verb()),
    };
    let tone = if refusal.is_some() {
        Tone::Dim
    } else {
        Tone::Plain
    };
    let line = Line::plain(cancel)
        .add(Tone::Plain, "   ")
        .add(tone, act.as_str());
    let act_from = u16::try_from(cancel.len() + 3).unwrap_or(0);
    theme.line(line).render(area, buffer);
    let (from, width) = if dialog.agree {
        (act_from, u16::try_from(act.chars().count()).unwrap_or(0))
    } else {
        (0, u16::try_from(cancel.len()).unwrap_or(0))
    };
    let marked = Rect {
        x: area.x + from,
        width,
        ..area
    }
    .intersection(area);
    buffer.set_style(marked, Modifier::REVERSED);
}
