//! Figures in words: sizes, ages, durations; and text cut to a width.
//!
//! What is not known is `–`, never zero.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How an unknown value is shown.
pub const UNKNOWN: &str = "–";

const KIB: f64 = 1024.0;

/// `value` shown by `show`, or [`UNKNOWN`].
pub fn or_unknown<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), show)
}

/// A number of bytes with three figures: `34.2 GiB`.
pub fn bytes(count: u64) -> String {
    let mut value = as_f64(count);
    let mut units = ["B", "KiB", "MiB", "GiB", "TiB"].iter().peekable();
    while value >= KIB && units.len() > 1 {
        value /= KIB;
        units.next();
    }
    let unit = units.next().copied().unwrap_or("B");
    if unit == "B" || value >= 100.0 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// A number of bytes in GiB without the unit: `98.2`.
pub fn gib(count: u64) -> String {
    format!("{:.1}", as_f64(count) / (KIB * KIB * KIB))
}

/// A number of parameters: `35B`.
pub fn parameters(count: u64) -> String {
    let value = as_f64(count);
    if value >= 1e9 {
        let billions = value / 1e9;
        let digits = usize::from(billions < 10.0);
        format!("{billions:.digits$}B")
    } else {
        format!("{:.0}M", value / 1e6)
    }
}

/// A span of time: `0.4 s`, `94 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = Duration::from_secs_f64(seconds.min(1e9).round()).as_secs();
    match whole {
        0..120 => format!("{whole} s"),
        120..7200 => pair(whole / 60, "min", whole % 60, "s"),
        7200..172_800 => pair(whole / 3600, "h", whole % 3600 / 60, "min"),
        _ => pair(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
    }
}

fn pair(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large} {large_unit}")
    } else {
        format!("{large} {large_unit} {small} {small_unit}")
    }
}

/// An age, in whole units: `2 s`, `14 s`, `3 min`, `2 h`, `5 d`.
pub fn age(seconds: f64) -> String {
    let whole = Duration::from_secs_f64(seconds.clamp(0.0, 1e9)).as_secs();
    match whole {
        0..120 => format!("{whole} s"),
        120..7200 => format!("{} min", whole / 60),
        7200..172_800 => format!("{} h", whole / 3600),
        _ => format!("{} d", whole / 86_400),
    }
}

/// Reads `90`, `90s`, `20m`, `1h`, `7d`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor = match text.strip_prefix(digits) {
        Some("" | "s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        Some("d") => 86_400,
        _ => return Err("expected a number with s, m, h or d, such as 20m".to_owned()),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .map(Duration::from_secs)
        .ok_or_else(|| "expected a number with s, m, h or d, such as 20m".to_owned())
}

/// `text` cut to `width` columns; a cut text ends in `…`.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > width {
            break;
        }
        used += w;
        out.push(c);
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// `text` cut or padded to exactly `width` columns.
pub fn pad(text: &str, width: usize) -> String {
    let mut out = cut(text, width);
    let missing = width.saturating_sub(out.width());
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

/// `text` broken into lines of at most `width` columns, at spaces where there are any.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.width() + 1 + word.width() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            push_word(&mut lines, &mut line, word, width);
        }
        lines.push(line);
    }
    lines
}

/// Adds `word`, which may be longer than a line.
fn push_word(lines: &mut Vec<String>, line: &mut String, word: &str, width: usize) {
    let mut used = line.width();
    for c in word.chars() {
        let columns = c.width().unwrap_or(0);
        if used + columns > width && !line.is_empty() {
            lines.push(std::mem::take(line));
            used = 0;
        }
        line.push(c);
        used += columns;
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "three figures are shown; bytes below 2^53 are exact"
)]
fn as_f64(count: u64) -> f64 {
    count as f64
}

/// `part / whole` in columns of `width`, rounded.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to 0..=width, which is a screen's"
)]
pub fn share(part: f64, whole: f64, width: usize) -> usize {
    if whole <= 0.0 || !part.is_finite() {
        return 0;
    }
    ((part / whole).clamp(0.0, 1.0) * width as f64).round() as usize
}

/// [`share`] of byte counts.
pub fn share_bytes(part: u64, whole: u64, width: usize) -> usize {
    share(as_f64(part), as_f64(whole), width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        let gib = 1_u64 << 30;
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(34 * gib + gib / 4), "34.2 GiB");
        assert_eq!(bytes(121 * gib), "121 GiB");
        assert_eq!(parameters(35_000_000_000), "35B");
        assert_eq!(parameters(600_000_000), "600M");
        assert_eq!(duration(0.42), "0.4 s");
        assert_eq!(duration(94.4), "94 s");
        assert_eq!(duration(200.0), "3 min 20 s");
        assert_eq!(duration(7500.0), "2 h 5 min");
        assert_eq!(age(14.9), "14 s");
        assert_eq!(age(190.0), "3 min");
        assert_eq!(or_unknown(None, bytes), "–");
    }

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(parse_duration("20m"), Ok(Duration::from_secs(1200)));
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1h"), Ok(Duration::from_secs(3600)));
        for bad in ["", "m", "-1s", "1w", "1m30s", "99999999999999999999h"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn cutting_counts_columns_not_bytes() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("模型模型", 5), "模型…");
        assert_eq!(cut("模型", 3), "模…");
        assert_eq!(cut("x", 0), "");
        assert_eq!(pad("ab", 4), "ab  ");
        assert_eq!(pad("模型x", 4), "模… ");
    }

    #[test]
    fn wrapping_breaks_at_spaces_and_inside_long_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("a\nb", 9), ["a", "b"]);
    }
}
