//! Tables that fit the terminal.

use unicode_width::UnicodeWidthStr;

use crate::format::{cut, pad};
use crate::paint::{Line, Span, Tone};

/// Narrowest a column is cut to.
const LEAST: usize = 4;
const GAP: usize = 2;

/// `rows` under `headers`, in at most `width` columns: the widest columns are cut first.
pub(super) fn lines(headers: &[&str], rows: Vec<Vec<Span>>, width: Option<usize>) -> Vec<Line> {
    let head = headers.iter().map(|h| Span::new(Tone::Dim, *h)).collect();
    let all: Vec<Vec<Span>> = std::iter::once(head).chain(rows).collect();
    let widths = fitted(natural(&all, headers.len()), width);
    all.into_iter()
        .map(|row| row_line(row, &widths, width))
        .collect()
}

fn natural(rows: &[Vec<Span>], columns: usize) -> Vec<usize> {
    let widest = |i: usize| {
        let cells = rows.iter().filter_map(|row| row.get(i));
        cells.map(|cell| cell.text.width()).max().unwrap_or(0)
    };
    (0..columns).map(widest).collect()
}

fn fitted(mut widths: Vec<usize>, limit: Option<usize>) -> Vec<usize> {
    let Some(limit) = limit else { return widths };
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > limit {
        match widths.iter_mut().max() {
            Some(widest) if *widest > LEAST => *widest -= 1,
            _ => break,
        }
    }
    widths
}

fn row_line(row: Vec<Span>, widths: &[usize], limit: Option<usize>) -> Line {
    let mut line = Line::default();
    let mut left = limit.unwrap_or(usize::MAX);
    let last = row.len().saturating_sub(1);
    for (i, (cell, width)) in row.into_iter().zip(widths).enumerate() {
        if i > 0 {
            line = line.add(Tone::Plain, " ".repeat(GAP.min(left)));
            left = left.saturating_sub(GAP);
        }
        let width = (*width).min(left);
        let text = if i == last {
            cut(&cell.text, width)
        } else {
            pad(&cell.text, width)
        };
        left = left.saturating_sub(width);
        line = line.add(cell.tone, text);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: Option<usize>) -> Vec<String> {
        let rows = vec![
            vec![
                "spark1".into(),
                "Qwen/Qwen3.6-35B-A3B-FP8".into(),
                "● ok".into(),
            ],
            vec!["spark2".into(), "模型".into(), "–".into()],
        ];
        let lines = lines(&["NODE", "MODEL", "STATE"], rows, width);
        lines.iter().map(Line::text).collect()
    }

    #[test]
    fn the_widest_column_is_cut_first() {
        assert_eq!(
            shown(None),
            [
                "NODE    MODEL                     STATE",
                "spark1  Qwen/Qwen3.6-35B-A3B-FP8  ● ok",
                "spark2  模型                      –",
            ]
        );
        assert_eq!(shown(Some(25))[1], "spark1  Qwen/Qwen…  ● ok");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 1..45 {
            for line in shown(Some(width)) {
                assert!(line.width() <= width, "{width}: {line:?}");
            }
        }
    }
}
