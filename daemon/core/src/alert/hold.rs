//! An alert must last before it is raised, and be gone for a while before it is cleared.

use std::collections::BTreeMap;

use spark_ipc::Time;
use spark_ipc::model::alert::Alert;

/// How long a finding must last, and be gone, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Timing {
    pub(super) raise_s: f64,
    pub(super) clear_s: f64,
}

impl Timing {
    /// For what is certain by itself, or has a window of its own.
    pub(super) const AT_ONCE: Self = Self::new(0.0, 0.0);

    pub(super) const fn new(raise_s: f64, clear_s: f64) -> Self {
        Self { raise_s, clear_s }
    }
}

/// An alert that a rule would raise now.
pub(super) struct Found {
    pub(super) alert: Alert,
    pub(super) timing: Timing,
}

/// When each finding, by the id of its alert, began and was last there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Holds(BTreeMap<String, Held>);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Held {
    first: Time,
    last: Time,
    clear_s: f64,
}

impl Holds {
    /// The alerts that stand at `now`. One that is not found any more keeps its last words until it is cleared.
    pub(super) fn settle(
        &mut self,
        previous: &[Alert],
        found: Vec<Found>,
        now: Time,
    ) -> Vec<Alert> {
        let stood = |id: &str| previous.iter().find(|alert| alert.id == id);
        let mut standing = Vec::new();
        for Found { mut alert, timing } in found {
            let held = self.0.entry(alert.id.clone()).or_insert(Held {
                first: now,
                last: now,
                clear_s: timing.clear_s,
            });
            held.last = now;
            let before = stood(&alert.id);
            if before.is_some() || now.seconds_since(held.first) >= timing.raise_s {
                alert.since = before.map_or(held.first, |alert| alert.since);
                standing.push(alert);
            }
        }
        self.0.retain(|id, held| {
            held.last == now || (stood(id).is_some() && now.seconds_since(held.last) < held.clear_s)
        });
        let lingers = |alert: &&Alert| {
            self.0.contains_key(&alert.id) && standing.iter().all(|other| other.id != alert.id)
        };
        let kept: Vec<Alert> = previous.iter().filter(lingers).cloned().collect();
        standing.extend(kept);
        standing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spark_ipc::id::NodeId;
    use spark_ipc::model::alert::{AlertKind, Severity};

    const TIMING: Timing = Timing::new(30.0, 20.0);

    fn at(second: i64) -> Time {
        Time("2026-11-23T12:00:00Z".parse().unwrap()).plus_seconds(second)
    }

    fn found() -> Found {
        Found {
            alert: Alert {
                id: "spark1/docker".to_owned(),
                node: NodeId::numbered(1),
                kind: AlertKind::Docker,
                severity: Severity::Critical,
                title: String::new(),
                text: String::new(),
                fix: None,
                since: at(0),
            },
            timing: TIMING,
        }
    }

    /// Whether the alert stands after each ten seconds in which it was found, or not.
    fn series(seen: &[bool]) -> Vec<bool> {
        let (mut holds, mut alerts) = (Holds::default(), Vec::new());
        let step = |(n, seen): (i64, &bool)| {
            let found = seen.then(found).into_iter().collect();
            alerts = holds.settle(&alerts, found, at(n * 10));
            !alerts.is_empty()
        };
        (0..).zip(seen).map(step).collect()
    }

    #[test]
    fn it_is_raised_after_it_has_lasted_and_cleared_after_it_has_been_gone() {
        let seen = [true, true, true, true, false, true, false, false, false];
        let stands = [false, false, false, true, true, true, true, false, false];
        assert_eq!(series(&seen), stands);
    }

    #[test]
    fn what_comes_and_goes_is_never_raised() {
        assert_eq!(series(&[true, false].repeat(20)), vec![false; 40]);
    }

    #[test]
    fn it_began_when_it_was_first_found() {
        let (mut holds, mut alerts) = (Holds::default(), Vec::new());
        for second in [5, 20, 35] {
            alerts = holds.settle(&alerts, vec![found()], at(second));
        }
        assert_eq!(alerts[0].since, at(5));
    }
}
