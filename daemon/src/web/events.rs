//! `GET /api/events`: the whole state, then each section as it changes.
//!
//! A reader that is slow is never buffered for: sections are looked at when there is room to write, so it
//! gets the latest value and skips those between.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{BoxStream, ReadyChunks, SelectAll};
use futures_util::{StreamExt as _, stream};
use spark_ipc::model::event::Heartbeat;
use spark_ipc::model::status::Snapshot;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::sections::{Name, Sections};
use super::{Web, sse};
use crate::clock;

const HEARTBEAT: Duration = Duration::from_secs(10);

/// Changes that come closer together than this go out together.
const COALESCE: Duration = Duration::from_millis(100);

/// The state, then its changes, as server-sent events: `snapshot`, then `nodes`, `models`, `units`,
/// `operations`, `alerts`, `traffic`, `settings`, and `heartbeat` every ten seconds.
#[utoipa::path(
    get, path = "/api/events", tag = "state",
    responses((status = 200, content_type = "text/event-stream", body = Snapshot))
)]
pub(super) async fn events(State(web): State<Web>) -> Response {
    let readings = Readings::new(web.sections().clone());
    let events = stream::unfold(readings, async |mut readings| {
        let piece = readings.next().await;
        Some((piece, readings))
    });
    sse::response(events, web.app().tasks.token().clone())
}

/// What one reader is still to be sent.
struct Readings {
    sections: Sections,
    changes: ReadyChunks<SelectAll<BoxStream<'static, Name>>>,
    heartbeat: Interval,
    not_before: Instant,
    ready: VecDeque<Bytes>,
}

impl Readings {
    fn new(sections: Sections) -> Self {
        // The changes are watched before the snapshot is taken, so that none falls between.
        let changes = sections.changes().ready_chunks(8);
        let now = Instant::now();
        let mut heartbeat = tokio::time::interval_at(now + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ready = sections.snapshot(clock::now()).into();
        Self {
            sections,
            changes,
            heartbeat,
            not_before: now,
            ready,
        }
    }

    /// The next piece to write. Cancel-safe.
    async fn next(&mut self) -> Bytes {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return piece;
            }
            let not_before = self.not_before;
            let changes = &mut self.changes;
            let changed = async move {
                tokio::time::sleep_until(not_before).await;
                changes.next().await
            };
            tokio::select! {
                biased;
                _ = self.heartbeat.tick() => {
                    let beat = Heartbeat { now: clock::now() };
                    self.ready.push_back(sse::event("heartbeat", None, &beat));
                }
                Some(names) = changed => self.changed(names),
            }
        }
    }

    fn changed(&mut self, names: Vec<Name>) {
        let now = clock::now();
        let names: BTreeSet<Name> = names.into_iter().collect();
        for name in names {
            self.ready.extend(self.sections.event(name, now));
        }
        self.not_before = Instant::now() + COALESCE;
    }
}
