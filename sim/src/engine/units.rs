//! Units as vLLM prints them: GiB with two decimals, thousands with commas, human-readable integers.

use std::time::Duration;

/// Bytes in one GiB.
pub(crate) const GIB: u64 = 1 << 30;

/// `bytes` in GiB.
#[expect(clippy::cast_precision_loss, reason = "printed with two decimals")]
pub(crate) fn gib(bytes: u64) -> f64 {
    bytes as f64 / GIB as f64
}

/// `bytes * factor`, rounded down; a negative or absurd factor gives 0 or the largest value.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are far below 2^52 and the cast saturates"
)]
pub(crate) fn scale(bytes: u64, factor: f64) -> u64 {
    (bytes as f64 * factor) as u64
}

/// `part / whole` as a number; 0 when there is no whole.
#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio for people and for metrics"
)]
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// `seconds` of the real machine on one that runs `speed` times as fast.
pub(crate) fn at_speed(seconds: f64, speed: f64) -> Duration {
    let speed = if speed > 0.0 { speed } else { 1.0 };
    Duration::try_from_secs_f64(seconds / speed).unwrap_or(Duration::ZERO)
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// vLLM's human-readable integers: `32768`, `32k` = 32 000, `32K` = 32 768, `1.5M`, `16G`.
pub(crate) fn human_int(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Ok(n) = text.parse() {
        return Some(n);
    }
    let unit = text.chars().last()?;
    let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
    let factor: u64 = match unit {
        'k' => 1000,
        'm' => 1_000_000,
        'g' => 1_000_000_000,
        't' => 1_000_000_000_000,
        'K' => 1 << 10,
        'M' => 1 << 20,
        'G' => GIB,
        'T' => 1 << 40,
        _ => return None,
    };
    // vLLM takes fractions only with the decimal suffixes.
    let whole = number.fract() == 0.0 || unit.is_ascii_lowercase();
    (number >= 0.0 && whole).then(|| scale(factor, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn human_integers_follow_vllm() {
        for (text, expected) in [
            ("4096", Some(4096)),
            ("32k", Some(32_000)),
            ("32K", Some(32_768)),
            ("1.5k", Some(1500)),
            ("1.5K", None),
            ("16G", Some(16 * GIB)),
            ("-1", None),
            ("lots", None),
            ("", None),
        ] {
            assert_eq!(human_int(text), expected, "{text:?}");
        }
    }

    #[test]
    fn thousands_have_commas() {
        for (n, expected) in [
            (0, "0"),
            (999, "999"),
            (33_216, "33,216"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(n), expected);
        }
    }

    #[test]
    fn time_shrinks_with_speed() {
        assert_eq!(at_speed(10.0, 100.0), Duration::from_millis(100));
        assert_eq!(at_speed(1.0, 0.0), Duration::from_secs(1));
    }
}
