//! The poll loop of one node.

use std::sync::Arc;
use std::time::Duration;

use spark_core::health::Tracked;
use spark_core::probe::{self, Depth, Problem, Warning};
use spark_core::shell::Remote;
use spark_ipc::model::node;
use spark_ipc::model::node::{LinkCause, LinkState};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::store::Store;
use crate::settings::Live;
use crate::ssh::{Exec, Limits, Link, Outcome};

/// A look that takes longer is given up; the node ends it by itself a little later.
const DEADLINE: Duration = Duration::from_secs(35);

/// What a look prints: a few KiB, and some for each container.
const MAX_OUTPUT: usize = 1 << 20;

/// Every so many looks one is a full one; so is the first after a connection was made.
const FULL_EVERY: u32 = 6;

/// Polls one node for as long as it runs.
pub(super) struct Poll {
    /// Which node of the store it is.
    pub(super) place: usize,
    pub(super) link: Arc<Link>,
    pub(super) kick: Arc<Notify>,
    pub(super) store: Arc<Store>,
    pub(super) interval_s: Live<u64>,
}

impl Poll {
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut status = self.link.status();
        let (light, full) = (probe::command(Depth::Light), probe::command(Depth::Full));
        let mut next = Instant::now();
        let mut looks = 0u32;
        while !stop.is_cancelled() {
            let link = status.borrow_and_update().clone();
            let connected = link.state == LinkState::Connected;
            self.publish(link);
            if !connected {
                looks = 0;
            } else if Instant::now() >= next {
                let is_full = looks.is_multiple_of(FULL_EVERY);
                self.look(if is_full { &full } else { &light }).await;
                looks = looks.wrapping_add(1);
                next = Instant::now() + Duration::from_secs(self.interval_s.get().max(1));
            }
            next = self.wait(&mut status, next, connected).await;
        }
    }

    /// Waits for the next look, a kick, or a change of the link; returns when the next look is due.
    async fn wait(
        &self,
        status: &mut watch::Receiver<node::Link>,
        next: Instant,
        connected: bool,
    ) -> Instant {
        let interval = Duration::from_secs(self.interval_s.get().max(1));
        // While there is no link there is nothing to look at, but values age all the same.
        let alarm = if connected {
            next
        } else {
            Instant::now() + interval
        };
        tokio::select! {
            () = sleep_until(alarm) => {
                self.store.update(self.place, interval.as_secs_f64(), Tracked::age);
                next
            }
            () = self.kick.notified() => Instant::now(),
            changed = status.changed() => {
                drop(changed);
                next
            }
        }
    }

    fn publish(&self, link: node::Link) {
        self.store
            .update(self.place, self.seconds(), |one, moment| {
                let changed = one.node.link != link;
                if changed {
                    one.observe_link(link, moment);
                }
                changed
            });
    }

    async fn look(&self, command: &Remote) {
        let begun = Instant::now();
        let limits = Limits {
            max_stdout: MAX_OUTPUT,
            ..Limits::within(DEADLINE)
        };
        let outcome = self.link.run(command, limits).await;
        let (reading, mut warnings) = match outcome {
            Outcome::Exited {
                status: 0, stdout, ..
            } => probe::read(&stdout),
            Outcome::Exited { status, stderr, .. } => {
                return self.warn(Problem::Failed(status, stderr));
            }
            Outcome::TimedOut => return self.warn(Problem::TooSlow),
            Outcome::Refused(LinkCause::Protocol) => {
                let said =
                    "the node refuses another session; its sshd may allow too few (MaxSessions)";
                return self.warn(Problem::Failed(255, said.to_owned()));
            }
            // The link tells by itself what happened.
            Outcome::Lost { .. } | Outcome::Refused(_) => return,
        };
        warnings.truncate(20);
        let took_ms = begun.elapsed().as_secs_f64() * 1000.0;
        self.store
            .update(self.place, self.seconds(), |one, moment| {
                one.observe(reading, &warnings, took_ms, moment);
                true
            });
    }

    /// Says what was wrong with a look that gave nothing.
    fn warn(&self, problem: Problem) {
        let problem = match problem {
            Problem::Failed(status, said) => {
                Problem::Failed(status, spark_ipc::text::clean_line(&said, 200))
            }
            other => other,
        };
        let warning = Warning {
            section: "poll",
            problem,
        }
        .to_string();
        self.store
            .update(self.place, self.seconds(), |one, moment| {
                one.node.warnings = vec![warning];
                one.age(moment);
                true
            });
    }

    fn seconds(&self) -> f64 {
        Duration::from_secs(self.interval_s.get().max(1)).as_secs_f64()
    }
}
