//! The last that the daemon said, and when it said it.

use std::time::Instant;

use spark_ipc::Time;
use spark_ipc::model::event::Event;
use spark_ipc::model::status::Snapshot;

/// The read-model with the two clocks that ages are reckoned with.
#[derive(Debug, Clone)]
pub struct World {
    pub snapshot: Snapshot,
    /// The daemon's clock in its last event.
    said_at: Time,
    /// Our clock when that event came.
    received: Instant,
}

impl World {
    pub fn new(snapshot: Snapshot, received: Instant) -> Self {
        Self {
            said_at: snapshot.status.now,
            snapshot,
            received,
        }
    }

    /// The daemon's clock at our moment `at`. Wall clocks of the two machines are never compared.
    pub fn now(&self, at: Instant) -> Time {
        let passed = at.saturating_duration_since(self.received).as_secs();
        self.said_at
            .plus_seconds(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    /// Takes an event in; a section before the first snapshot is dropped.
    pub fn fold(world: &mut Option<Self>, event: Event, received: Instant) {
        match (world, event) {
            (world, Event::Snapshot(snapshot)) => *world = Some(Self::new(*snapshot, received)),
            (Some(world), event) => world.apply(event, received),
            (None, _) => {}
        }
    }

    fn apply(&mut self, event: Event, received: Instant) {
        let status = &mut self.snapshot.status;
        let said_at = match event {
            Event::Nodes(e) => {
                status.nodes = e.section.nodes;
                e.now
            }
            Event::Models(e) => {
                self.snapshot.models = e.section;
                e.now
            }
            Event::Units(e) => {
                status.units = e.section.units;
                e.now
            }
            Event::Services(e) => {
                status.services = e.section.services;
                e.now
            }
            Event::Operations(e) => {
                status.operations = e.section.operations;
                e.now
            }
            Event::Alerts(e) => {
                status.alerts = e.section.alerts;
                e.now
            }
            Event::Traffic(e) => {
                status.proxy = e.section.proxy;
                e.now
            }
            Event::Settings(e) => {
                self.snapshot.settings = e.section;
                e.now
            }
            Event::Connectivity(e) => {
                status.connectivity = e.section.connectivity;
                e.now
            }
            Event::Heartbeat(e) => e.now,
            Event::Snapshot(_) | Event::Unknown(_) => return,
        };
        self.snapshot.status.now = said_at;
        self.said_at = said_at;
        self.received = received;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use spark_ipc::model::event::{Alerts, Changed, Heartbeat};
    use std::time::Duration;

    #[test]
    fn a_section_replaces_only_itself_and_moves_the_clock() {
        let start = Instant::now();
        let mut world = None;
        World::fold(
            &mut world,
            Event::Heartbeat(Heartbeat {
                now: fixture::now(),
            }),
            start,
        );
        assert!(
            world.is_none(),
            "a section before the snapshot has no place"
        );
        World::fold(
            &mut world,
            Event::Snapshot(Box::new(fixture::snapshot())),
            start,
        );
        let later = fixture::now().plus_seconds(30);
        let alerts = Changed {
            now: later,
            section: Alerts { alerts: Vec::new() },
        };
        World::fold(
            &mut world,
            Event::Alerts(alerts),
            start + Duration::from_secs(9),
        );
        let world = world.unwrap();
        assert!(world.snapshot.status.alerts.is_empty());
        assert_eq!(world.snapshot.status.nodes.len(), 2);
        assert_eq!(
            world.now(start + Duration::from_secs(14)),
            later.plus_seconds(5)
        );
    }
}
