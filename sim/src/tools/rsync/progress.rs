//! The line of `--info=progress2`.

use std::io::Write as _;
use std::time::{Duration, Instant};

/// How often the line is written.
const EVERY: Duration = Duration::from_millis(500);

/// Counts what is done of the whole transfer.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
    total: u64,
    sent: u64,
    begun: Instant,
    last: Option<Instant>,
    files: usize,
    to_check: usize,
    all: usize,
}

impl Progress {
    pub(super) fn new(shown: bool, total: u64, all: usize) -> Self {
        Self {
            shown,
            total,
            sent: 0,
            begun: Instant::now(),
            last: None,
            files: 0,
            to_check: all,
            all,
        }
    }

    /// Bytes were sent.
    pub(super) fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
        if self.last.is_none_or(|last| last.elapsed() >= EVERY) {
            self.write();
        }
    }

    /// An entry is done; `new` when it was sent and not only looked at.
    pub(super) fn entry(&mut self, new: bool) {
        self.files += usize::from(new);
        self.to_check = self.to_check.saturating_sub(1);
    }

    /// Bytes of content so far.
    pub(super) fn bytes(&self) -> u64 {
        self.sent
    }

    /// The last line.
    pub(super) fn end(&mut self) {
        self.write();
        if self.shown {
            crate::tools::console::out("");
        }
    }

    fn write(&mut self) {
        self.last = Some(Instant::now());
        if !self.shown {
            return;
        }
        let elapsed = self.begun.elapsed().as_secs_f64();
        let text = line(self.sent, self.total, elapsed);
        let counts = format!(
            "(xfr#{}, to-chk={}/{})",
            self.files, self.to_check, self.all
        );
        let mut out = std::io::stdout();
        write!(out, "\r{text} {counts}")
            .and_then(|()| out.flush())
            .ok();
    }
}

/// Bytes with commas, percent, rate and time left, in rsync's columns.
fn line(sent: u64, total: u64, elapsed_s: f64) -> String {
    let percent = u128::from(sent) * 100 / u128::from(total.max(1));
    #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
    let (rate, left) = (
        sent as f64 / elapsed_s.max(0.001),
        total.saturating_sub(sent) as f64,
    );
    let (rate, unit) = match rate / 1024.0 {
        kb if kb >= 1024.0 * 1024.0 => (kb / 1024.0 / 1024.0, "GB/s"),
        kb if kb >= 1024.0 => (kb / 1024.0, "MB/s"),
        kb => (kb, "kB/s"),
    };
    let per_s = sent.max(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "whole seconds of a time that is never negative"
    )]
    let eta = (left * elapsed_s / per_s as f64) as u64;
    format!(
        "{:>15} {percent:>3}% {rate:>7.2}{unit} {:>4}:{:02}:{:02}",
        commas(sent),
        eta / 3600,
        eta / 60 % 60,
        eta % 60
    )
}

fn commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_the_columns_of_the_real_one() {
        assert_eq!(
            line(12_345_678_901, 28_710_880_000, 19.23),
            " 12,345,678,901  43%  612.26MB/s    0:00:25"
        );
        assert_eq!(
            line(0, 0, 0.0),
            "              0   0%    0.00kB/s    0:00:00"
        );
    }
}
