//! A point in time, RFC 3339 in UTC on the wire.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point in time. On the wire: RFC 3339, UTC, e.g. `2026-11-23T18:54:18.25Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
#[serde(transparent)]
pub struct Time(pub jiff::Timestamp);

impl Time {
    /// Seconds from `earlier` to `self`; 0 when `earlier` is later.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.duration_since(earlier.0).as_secs_f64().max(0.0)
    }

    /// `self` moved by `seconds` (saturating at the ends of time).
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        let span = jiff::SignedDuration::from_secs(seconds);
        Self(self.0.saturating_add(span).unwrap_or(self.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<jiff::Timestamp> for Time {
    fn from(value: jiff::Timestamp) -> Self {
        Self(value)
    }
}
