//! How fast it goes, when it will be there, and whether it stands still.

use super::STALL_S;

/// Seconds over which the rate is smoothed: a figure that people can read, that still follows a change.
const SMOOTH_S: f64 = 15.0;

/// Measures growth. Times are seconds of any one clock, bytes are what is there.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    last: Option<(f64, u64)>,
    rate: Option<f64>,
    grew_at: Option<f64>,
}

/// What a [`Meter`] knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Bytes a second.
    pub rate: Option<f64>,
    /// Seconds since the last new byte.
    pub still_s: f64,
}

impl Meter {
    /// Takes a reading.
    pub fn take(&mut self, at_s: f64, bytes: u64) -> Pace {
        let grew = self.last.is_none_or(|(_, before)| bytes != before);
        if grew || self.grew_at.is_none() {
            self.grew_at = Some(at_s);
        }
        if let Some((before_s, before)) = self.last {
            let passed = at_s - before_s;
            if passed > 0.0 {
                let now = as_f64(bytes.saturating_sub(before)) / passed;
                let weight = 1.0 - (-passed / SMOOTH_S).exp();
                self.rate = Some(self.rate.map_or(now, |rate| rate + weight * (now - rate)));
            }
        }
        self.last = Some((at_s, bytes));
        Pace {
            rate: self.rate,
            still_s: self.grew_at.map_or(0.0, |grew| at_s - grew),
        }
    }
}

impl Pace {
    /// Seconds until `left` bytes more are there; `None` while it stands still.
    pub fn eta_s(&self, left: u64) -> Option<f64> {
        self.rate.filter(|r| *r >= 1.0).map(|r| as_f64(left) / r)
    }

    /// Whether it has stood still so long that somebody should look.
    pub fn stalled(&self) -> bool {
        self.still_s >= STALL_S
    }
}

/// What a transfer that runs is doing, in words.
pub fn stage(pace: Pace, done: u64, total: Option<u64>) -> &'static str {
    let all = total.is_some_and(|total| total > 0 && done >= total);
    match (all, pace.still_s >= 5.0) {
        (true, true) => "verifying",
        _ if pace.stalled() => "stalled",
        _ => "transferring",
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bytes below 2^53 are exact, and a rate is shown with three figures"
)]
pub(crate) fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_found_and_a_change_is_followed() {
        let mut meter = Meter::default();
        assert_eq!(meter.take(0.0, 0).rate, None);
        let mut pace = meter.take(2.0, 200);
        for n in 2..=20 {
            pace = meter.take(f64::from(n) * 2.0, u64::try_from(n * 200).unwrap());
        }
        assert!((pace.rate.unwrap() - 100.0).abs() < 0.1, "{pace:?}");
        assert_eq!(pace.eta_s(1000).map(f64::round), Some(10.0));
        let mut bytes = 4000;
        for n in 21..=60 {
            bytes += 400;
            pace = meter.take(f64::from(n) * 2.0, bytes);
        }
        assert!((pace.rate.unwrap() - 200.0).abs() < 2.0, "{pace:?}");
    }

    #[test]
    fn standing_still_is_a_stall_after_two_minutes() {
        let mut meter = Meter::default();
        meter.take(0.0, 10);
        assert!(!meter.take(119.0, 10).stalled());
        assert!(meter.take(120.0, 10).stalled());
        let pace = meter.take(121.0, 11);
        assert!(!pace.stalled() && pace.still_s == 0.0);
    }

    #[test]
    fn what_is_all_there_and_still_runs_is_being_verified() {
        let pace = |still_s| Pace {
            rate: None,
            still_s,
        };
        assert_eq!(stage(pace(6.0), 100, Some(100)), "verifying");
        assert_eq!(stage(pace(1.0), 100, Some(100)), "transferring");
        assert_eq!(stage(pace(130.0), 50, Some(100)), "stalled");
        assert_eq!(stage(pace(130.0), 100, Some(100)), "verifying");
        assert_eq!(stage(pace(6.0), 50, None), "transferring");
    }

    #[test]
    fn nobody_knows_when_what_stands_still_will_be_there() {
        let mut meter = Meter::default();
        meter.take(0.0, 0);
        let pace = meter.take(2.0, 0);
        assert_eq!(pace.eta_s(100), None);
    }
}
