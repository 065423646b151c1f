//! The pane of the nodes: for each how it is reached, its memory as one bar, its GPU.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use spark_ipc::Time;
use spark_ipc::model::node::{Freshness, Gpu, Node, UnifiedMemory};

use super::bar;
use super::theme::Theme;
use crate::format::{age, bytes, gib, or_unknown};
use crate::paint::{Line, Tone};
use crate::state::{Pane, State};
use crate::words;

/// From this width on, the GPU's figures stand in the first line.
const WIDE: usize = 70;

pub(super) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(world) = &state.world else { return };
    let nodes = &world.snapshot.status.nodes;
    if nodes.is_empty() {
        let text = "No Spark is configured: set SPARK1_HOST and SPARK1_USER.";
        return theme.lines([Line::of(Tone::Warn, text)], area, buffer);
    }
    let rows = usize::from(area.height);
    let each = (rows / nodes.len()).clamp(2, 7);
    let keys: Vec<&str> = nodes.iter().map(|n| n.id.as_str()).collect();
    let chosen = state.nodes.place(&keys);
    let shown = (rows / each).max(1);
    let from = (chosen + 1).saturating_sub(shown);
    let mut top = area.y;
    for (i, node) in nodes.iter().enumerate().skip(from).take(shown) {
        let alert = world
            .snapshot
            .status
            .alerts
            .iter()
            .find(|a| a.node == node.id);
        let alert = alert.map(|a| (words::severity(a.severity), a.title.as_str()));
        let lines = lines(
            node,
            state.daemon_now(),
            alert,
            usize::from(area.width),
            each,
        );
        let height = u16::try_from(lines.len())
            .unwrap_or(0)
            .min(area.bottom().saturating_sub(top));
        let place = Rect {
            y: top,
            height,
            ..area
        };
        theme.lines(lines, place, buffer);
        if node.freshness != Freshness::Fresh {
            let values = Rect {
                y: top + 1,
                height: height.saturating_sub(1),
                ..area
            };
            buffer.set_style(values, Modifier::DIM);
        }
        if i == chosen && state.focus == Pane::Nodes && nodes.len() > 1 {
            buffer.set_style(
                Rect {
                    height: height.min(1),
                    ..place
                },
                Modifier::REVERSED,
            );
        }
        top += height;
    }
}

/// The lines of a node, at most `budget`: those that matter most, in their order on the screen.
fn lines(
    node: &Node,
    now: Option<Time>,
    alert: Option<(words::Word, &str)>,
    width: usize,
    budget: usize,
) -> Vec<Line> {
    let wide = width >= WIDE;
    // (rank, line): the place in the list is the place on the screen.
    let mut ranked = vec![(0, head(node, now, wide))];
    if let Some(message) = &node.link.message {
        ranked.push((1, Line::of(Tone::Warn, format!("  {message}"))));
    }
    if let Some(fix) = &node.link.fix {
        ranked.push((3, Line::of(Tone::Dim, format!("  fix: {fix}"))));
    }
    if let Some((word, title)) = alert {
        ranked.push((6, Line::of(word.tone, format!("  {} {title}", word.glyph))));
    }
    if let Some(memory) = &node.memory {
        ranked.push((2, memory_bar(memory, width)));
        ranked.push((5, memory_figures(memory, width)));
    }
    if !wide && let Some(gpu) = &node.gpu {
        ranked.push((4, Line::plain("  ").join(gpu_figures(gpu))));
    }
    if !node.history.is_empty() {
        ranked.push((7, history(node, width)));
    }
    let mut ranks: Vec<i32> = ranked.iter().map(|r| r.0).collect();
    ranks.sort_unstable();
    let last = ranks
        .get(budget.saturating_sub(1))
        .copied()
        .unwrap_or(i32::MAX);
    ranked
        .into_iter()
        .filter(|r| r.0 <= last)
        .map(|r| r.1)
        .collect()
}

fn head(node: &Node, now: Option<Time>, wide: bool) -> Line {
    let word = words::node(node);
    let seen = node
        .observed_at
        .zip(now)
        .map(|(at, now)| age(now.seconds_since(at)));
    let line = Line::of(word.tone, format!("{} ", word.glyph))
        .add(Tone::Strong, node.name.clone())
        .add(word.tone, format!(" {}", word.text))
        .add(Tone::Dim, format!(" {} ago  ", or_unknown(seen, |s| s)));
    match &node.gpu {
        Some(gpu) if wide => line.join(gpu_figures(gpu)),
        _ => line.add(Tone::Dim, node.host.clone()),
    }
}

/// `GPU 45 %  61 °C  38 W  2400/3003 MHz`.
fn gpu_figures(gpu: &Gpu) -> Line {
    let hot = gpu.temperature_c.is_some_and(|t| t >= 85.0);
    let clock = or_unknown(gpu.sm_clock_mhz, |c| c.to_string());
    let most = or_unknown(gpu.max_sm_clock_mhz, |c| c.to_string());
    let mut line = Line::of(Tone::Dim, "GPU ")
        .add(
            Tone::Plain,
            or_unknown(gpu.utilization_percent, |v| format!("{v:.0} %")),
        )
        .add(
            if hot { Tone::Bad } else { Tone::Plain },
            format!(
                "  {}",
                or_unknown(gpu.temperature_c, |v| format!("{v:.0} °C"))
            ),
        )
        .add(
            Tone::Plain,
            format!("  {}", or_unknown(gpu.power_w, |v| format!("{v:.0} W"))),
        )
        .add(Tone::Dim, format!("  {clock}/{most} MHz"));
    if !gpu.throttle.is_empty() {
        line = line.add(Tone::Warn, format!("  ▲ {}", gpu.throttle.join(", ")));
    }
    line
}

fn memory_bar(memory: &UnifiedMemory, width: usize) -> Line {
    let free = format!(" {} free", bytes(memory.available_bytes));
    let columns = width.saturating_sub(free.len() + 8);
    Line::of(Tone::Dim, "  mem ")
        .join(bar::memory(memory, columns.clamp(4, 60)))
        .add(Tone::Plain, free)
}

fn memory_figures(memory: &UnifiedMemory, width: usize) -> Line {
    let part = |value: Option<u64>| or_unknown(value, gib);
    let line = Line::of(Tone::Dim, "      █ ")
        .add(Tone::Plain, format!("{} GPU", part(memory.gpu_bytes)))
        .add(Tone::Dim, " ▓ ")
        .add(Tone::Plain, format!("{} other", part(memory.other_bytes)))
        .add(Tone::Dim, " ░ ")
        .add(
            Tone::Plain,
            format!("{} cache", part(memory.reclaimable_bytes)),
        );
    let total = format!(" of {}", bytes(memory.total_bytes));
    if line.width() + total.len() > width {
        return line;
    }
    line.add(Tone::Dim, total)
}

/// GPU load and memory over the last ten minutes, 0 to 100 %.
fn history(node: &Node, width: usize) -> Line {
    let total = node.memory.as_ref().map_or(0, |m| m.total_bytes);
    let gpu: Vec<_> = node
        .history
        .iter()
        .map(|p| p.gpu_percent.map(|v| v / 100.0))
        .collect();
    let memory: Vec<_> = node
        .history
        .iter()
        .map(|p| p.memory_used_bytes.map(|used| part_of(used, total)))
        .collect();
    let each = (width.saturating_sub(16) / 2).min(120);
    Line::of(Tone::Dim, "  gpu ")
        .add(Tone::Good, format!("{:<each$}", bar::spark(&gpu, each)))
        .add(Tone::Dim, "  mem ")
        .add(Tone::Busy, bar::spark(&memory, each))
}

#[expect(clippy::cast_precision_loss, reason = "a share for eight levels")]
fn part_of(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
