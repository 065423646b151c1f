//! Bars and sparklines as text: told apart by glyph, not only by colour.

use spark_ipc::model::node::UnifiedMemory;

use crate::format::{share, share_bytes};
use crate::paint::{Line, Tone};

/// The parts of the memory bar: GPU, other, reclaimable, free.
const PARTS: [(char, Tone); 4] = [
    ('█', Tone::Good),
    ('▓', Tone::Busy),
    ('░', Tone::Plain),
    ('·', Tone::Dim),
];

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// MemTotal as one bar of `width` columns. When the parts are not known, used and free alone.
pub(super) fn memory(memory: &UnifiedMemory, width: usize) -> Line {
    let total = memory.total_bytes;
    let used = total.saturating_sub(memory.available_bytes);
    let gpu = memory.gpu_bytes.unwrap_or(0);
    let other = memory
        .other_bytes
        .unwrap_or_else(|| used.saturating_sub(gpu));
    let cache = memory.reclaimable_bytes.unwrap_or(0);
    let mut line = Line::of(Tone::Dim, "[");
    let (mut sum, mut columns) = (0_u64, 0);
    for ((glyph, tone), part) in PARTS.into_iter().zip([gpu, other, cache]) {
        sum = sum.saturating_add(part);
        // Each part ends where its sum ends, so that rounding never adds up.
        let end = share_bytes(sum, total, width);
        line = line.add(tone, glyph.to_string().repeat(end.saturating_sub(columns)));
        columns = columns.max(end);
    }
    let (glyph, tone) = PARTS[3];
    line.add(
        tone,
        glyph.to_string().repeat(width.saturating_sub(columns)),
    )
    .add(Tone::Dim, "]")
}

/// The last `width` of `values`, each 0 to 1; a gap is a blank.
pub(super) fn spark(values: &[Option<f64>], width: usize) -> String {
    let from = values.len().saturating_sub(width);
    let recent = values.get(from..).unwrap_or_default();
    let level = |value: f64| LEVELS[share(value, 1.0, LEVELS.len() - 1)];
    recent.iter().map(|v| v.map_or(' ', level)).collect()
}

/// A gauge of `width` columns, brackets included.
pub(super) fn gauge(fraction: f64, width: usize) -> Line {
    let inner = width.saturating_sub(2);
    let filled = share(fraction, 1.0, inner);
    Line::of(Tone::Dim, "[")
        .add(Tone::Busy, "█".repeat(filled))
        .add(Tone::Dim, "░".repeat(inner - filled))
        .add(Tone::Dim, "]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_bar_is_exactly_as_wide_as_asked() {
        let unified = |gpu, other, cache| UnifiedMemory {
            total_bytes: 100,
            available_bytes: 20,
            gpu_bytes: gpu,
            other_bytes: other,
            reclaimable_bytes: cache,
            ..UnifiedMemory::default()
        };
        let text = |m: &UnifiedMemory| memory(m, 20).text();
        assert_eq!(
            text(&unified(Some(60), Some(20), Some(10))),
            "[████████████▓▓▓▓░░··]"
        );
        assert_eq!(text(&unified(None, None, None)), "[▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓····]");
        // A daemon that contradicts itself does not break the line.
        assert_eq!(
            text(&unified(Some(900), Some(900), Some(900)))
                .chars()
                .count(),
            22
        );
    }

    #[test]
    fn gaps_are_not_zeroes() {
        let values = [Some(0.0), None, Some(0.5), Some(1.0), Some(7.0)];
        assert_eq!(spark(&values, 9), "▁ ▅██");
        assert_eq!(spark(&values, 2), "██");
        assert_eq!(spark(&[], 5), "");
    }
}
