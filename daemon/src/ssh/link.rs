//! A connection that is kept: made, watched, made again after a pause, and its state published.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use spark_core::shell::Remote;
use spark_ipc::id::{Fingerprint, InvalidId};
use spark_ipc::model::node::{self, LinkCause, LinkState};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::connect::{Endpoint, Failure, Means, Stages, connect};
use super::exec::{self, Rendered};
use super::host_keys::{HostKeys, KnownHostsError, Shown};
use super::key::{ClientKey, fingerprint};
use super::session::{Session, words};
use super::{Exec, Limits, Lines, Outcome};
use crate::clock::now;
use crate::settings::HostKeyPolicy;
use crate::tasks::Tasks;

/// Lines kept for a reader of a followed command.
const FOLLOW_BUFFER: usize = 1024;

/// Times and counts of a link.
#[derive(Debug, Clone)]
pub struct Options {
    /// For the name, and for TCP, each.
    pub connect_timeout: Duration,
    /// For the server's first word, the key exchange and the log-in, each.
    pub banner_timeout: Duration,
    /// A node that says nothing for three times this long is given up.
    pub keepalive: Duration,
    /// The pause before the second try; doubled after each further failure.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    /// Commands at once. OpenSSH allows 10 on a connection.
    pub channels: usize,
    /// Followed commands at once, among these.
    pub followers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            banner_timeout: Duration::from_secs(10),
            keepalive: Duration::from_secs(10),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            channels: 8,
            followers: 4,
        }
    }
}

/// How often a node with a key that is not accepted is looked at again.
const QUARANTINE_LOOK: Duration = Duration::from_secs(30);

/// Why a host key was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("the node has not shown a host key yet")]
    NothingShown,
    #[error("the node shows another key, {0}")]
    OtherKey(Fingerprint),
    #[error("the fingerprint of the key has an unexpected form")]
    Form(#[from] InvalidId),
    #[error("the host key cannot be kept")]
    Store(#[from] KnownHostsError),
}

/// Reads the policy in force, each time that it is needed.
pub type Policy = Arc<dyn Fn() -> HostKeyPolicy + Send + Sync>;

/// What links are made with.
#[derive(Clone)]
pub struct Credentials {
    pub key: ClientKey,
    pub host_keys: Arc<HostKeys>,
    pub policy: Policy,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("key", &self.key.describe())
            .finish_non_exhaustive()
    }
}

/// The kept connection to one node. Dropping it closes the connection.
#[derive(Debug)]
pub struct Link {
    inner: Arc<Inner>,
    _stop: DropGuard,
}

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    credentials: Credentials,
    options: Options,
    status: watch::Sender<node::Link>,
    session: watch::Sender<Option<Arc<Session>>>,
    shown: Mutex<Option<Shown>>,
    channels: Arc<Semaphore>,
    followers: Arc<Semaphore>,
    wake: Notify,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Link {
    /// Starts connecting and keeps at it until dropped, or until `tasks` shut down.
    pub fn start(
        endpoint: Endpoint,
        credentials: Credentials,
        options: Options,
        tasks: &Tasks,
    ) -> Self {
        let stop = tasks.token().child_token();
        let inner = Arc::new(Inner {
            endpoint,
            credentials,
            status: watch::Sender::new(connecting(None)),
            session: watch::Sender::new(None),
            shown: Mutex::new(None),
            channels: Arc::new(Semaphore::new(options.channels)),
            followers: Arc::new(Semaphore::new(options.followers)),
            options,
            wake: Notify::new(),
            tracker: tasks.tracker().clone(),
            stop: stop.clone(),
        });
        let kept = Arc::clone(&inner);
        let keeping = Box::pin(async move { kept.keep().await });
        tasks.spawn("ssh link", async move {
            stop.run_until_cancelled(keeping).await;
        });
        let guard = inner.stop.clone().drop_guard();
        Self {
            inner,
            _stop: guard,
        }
    }

    /// The state of the connection, as it changes.
    pub fn status(&self) -> watch::Receiver<node::Link> {
        self.inner.status.subscribe()
    }

    /// Tries now instead of after the pause.
    pub fn wake(&self) {
        self.inner.wake.notify_one();
    }

    /// Accepts the host key that the node showed last, if its fingerprint is exactly `wanted`.
    pub fn trust(&self, wanted: &Fingerprint) -> Result<(), TrustError> {
        let shown = self.inner.shown().ok_or(TrustError::NothingShown)?;
        let found = fingerprint(&shown.key)?;
        if found != *wanted {
            return Err(TrustError::OtherKey(found));
        }
        let Endpoint { host, port, .. } = &self.inner.endpoint;
        self.inner
            .credentials
            .host_keys
            .accept(host, *port, &shown.key)?;
        Ok(())
    }

    /// Makes a connection of its own and runs the `checks` on it, leaving the kept one alone.
    pub async fn try_once(
        &self,
        stages: &mut Stages,
        checks: &[(Remote, Limits)],
    ) -> Result<Vec<(Outcome, Duration)>, Failure> {
        let session = Arc::new(self.inner.connect(stages).await?);
        let mut outcomes = Vec::with_capacity(checks.len());
        for (remote, limits) in checks {
            let begun = Instant::now();
            let command = Rendered::new(remote);
            let cancel = self.inner.stop.child_token();
            let run = Box::pin(exec::run(Arc::clone(&session), command, *limits, cancel));
            outcomes.push((run.await, begun.elapsed()));
        }
        Ok(outcomes)
    }
}

impl Exec for Link {
    fn run<'a>(&'a self, remote: &'a Remote, limits: Limits) -> BoxFuture<'a, Outcome> {
        Box::pin(self.inner.run(remote, limits))
    }

    fn follow<'a>(&'a self, remote: &'a Remote) -> BoxFuture<'a, Result<Lines, LinkCause>> {
        Box::pin(self.inner.follow(remote))
    }
}

impl Inner {
    async fn keep(&self) {
        let mut pause = self.options.first_pause;
        loop {
            let mut accepted = self.credentials.host_keys.changes();
            self.status
                .send_modify(|link| *link = connecting(Some(link)));
            match self.connect(&mut Stages::begin()).await {
                Ok(session) => {
                    pause = self.options.first_pause;
                    self.hold(session).await;
                    self.rest(LinkCause::Lost, pause).await;
                }
                Err(failure) if is_host_key(failure.cause) => {
                    self.publish(&failure, LinkState::Quarantined, None);
                    tokio::select! {
                        changed = accepted.changed() => drop(changed),
                        () = self.wake.notified() => {}
                        // The accepted key may be back. Nothing is sent before the key is known.
                        () = tokio::time::sleep(QUARANTINE_LOOK) => {}
                    }
                }
                Err(failure) => {
                    let wait = jittered(pause);
                    self.publish(&failure, LinkState::BackingOff, Some(wait));
                    self.rest(failure.cause, wait).await;
                    pause = (pause * 2).min(self.options.longest_pause);
                }
            }
        }
    }

    async fn connect(&self, stages: &mut Stages) -> Result<Session, Failure> {
        let means = Means {
            key: &self.credentials.key,
            host_keys: &self.credentials.host_keys,
            policy: (self.credentials.policy)(),
            options: &self.options,
        };
        let made = Box::pin(connect(&self.endpoint, means, stages)).await;
        let shown = match &made {
            Ok(session) => session.shown.clone(),
            Err(failure) => failure.shown.clone(),
        };
        if shown.is_some() {
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        }
        made
    }

    /// Publishes the session until it ends.
    async fn hold(&self, session: Session) {
        let session = Arc::new(session);
        let host_key = session.shown.as_ref().and_then(Shown::describe);
        self.session.send_replace(Some(Arc::clone(&session)));
        self.status.send_replace(node::Link {
            state: LinkState::Connected,
            since: now(),
            cause: None,
            message: None,
            fix: None,
            host_key,
            retry_in_ms: None,
        });
        session.ending.wait().await;
        self.session.send_replace(None);
        let failure = Failure::lost(session.ending.reason(), session.shown.clone());
        self.publish(
            &failure,
            LinkState::BackingOff,
            Some(self.options.first_pause),
        );
    }

    fn publish(&self, failure: &Failure, state: LinkState, retry: Option<Duration>) {
        let (message, fix) = words(failure.cause, &self.endpoint, failure.detail.as_deref());
        tracing::info!(host = %self.endpoint.host, cause = ?failure.cause, %message, "no SSH connection");
        let host_key = failure.shown.as_ref().and_then(Shown::describe);
        self.status.send_modify(|link| {
            *link = node::Link {
                state,
                since: now(),
                cause: Some(failure.cause),
                message: Some(message),
                fix: Some(fix),
                host_key: host_key.or_else(|| link.host_key.take()),
                retry_in_ms: retry.and_then(|pause| u64::try_from(pause.as_millis()).ok()),
            };
        });
    }

    /// Pauses, at most `pause`. A log-in that was refused pauses longer, lest the node bans us.
    async fn rest(&self, cause: LinkCause, pause: Duration) {
        let least = if cause == LinkCause::Auth {
            self.options.first_pause * 10
        } else {
            pause
        };
        tokio::select! {
            () = tokio::time::sleep(pause.max(least)) => {}
            () = self.wake.notified() => {}
        }
    }

    /// The session, waiting while the first connection is being made.
    async fn session(&self) -> Result<Arc<Session>, LinkCause> {
        let mut status = self.status.subscribe();
        loop {
            if let Some(session) = self.session.borrow().clone() {
                return Ok(session);
            }
            if let Some(cause) = status.borrow_and_update().cause {
                return Err(cause);
            }
            tokio::select! {
                changed = status.changed() => if changed.is_err() { return Err(LinkCause::Lost) },
                () = self.stop.cancelled() => return Err(LinkCause::Lost),
            }
        }
    }

    async fn run(&self, remote: &Remote, limits: Limits) -> Outcome {
        let deadline = Instant::now() + limits.deadline;
        let ready = async {
            let slot = Arc::clone(&self.channels).acquire_owned().await;
            let slot = slot.map_err(|_closed| LinkCause::Lost)?;
            Ok((slot, self.session().await?))
        };
        let (slot, session) = match timeout_at(deadline, ready).await {
            Ok(Ok(ready)) => ready,
            Ok(Err(cause)) => return Outcome::Refused(cause),
            Err(_) => return Outcome::Refused(LinkCause::TimedOut),
        };
        let limits = Limits {
            deadline: deadline - Instant::now(),
            ..limits
        };
        // A task of its own, so that a caller who goes away does not leave the command running.
        let cancel = self.stop.child_token();
        let _guard = cancel.clone().drop_guard();
        let (sender, outcome) = oneshot::channel();
        let running = Box::pin(exec::run(session, Rendered::new(remote), limits, cancel));
        self.tracker.spawn(async move {
            drop(sender.send(running.await));
            drop(slot);
        });
        outcome.await.unwrap_or_else(|_| Outcome::Lost {
            cause: "the daemon is shutting down".to_owned(),
        })
    }

    async fn follow(&self, remote: &Remote) -> Result<Lines, LinkCause> {
        let no_room = |_full| LinkCause::Protocol;
        // Both permits live as long as the command.
        let follower = Arc::clone(&self.followers)
            .try_acquire_owned()
            .map_err(no_room)?;
        let channel = Arc::clone(&self.channels)
            .try_acquire_owned()
            .map_err(no_room)?;
        let session = self.session().await?;
        let cancel = self.stop.child_token();
        let guard = cancel.clone().drop_guard();
        let (sender, events) = mpsc::channel(FOLLOW_BUFFER);
        let following = Box::pin(exec::follow(session, Rendered::new(remote), sender, cancel));
        self.tracker.spawn(async move {
            following.await;
            drop((follower, channel));
        });
        Ok(Lines::new(events, guard))
    }

    fn shown(&self) -> Option<Shown> {
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The state while a connection is made: what was wrong before stays visible until it stands.
fn connecting(before: Option<&node::Link>) -> node::Link {
    let before = before.cloned();
    node::Link {
        state: LinkState::Connecting,
        since: now(),
        cause: before.as_ref().and_then(|link| link.cause),
        message: before.as_ref().and_then(|link| link.message.clone()),
        fix: before.as_ref().and_then(|link| link.fix.clone()),
        host_key: before.and_then(|link| link.host_key),
        retry_in_ms: None,
    }
}

fn is_host_key(cause: LinkCause) -> bool {
    matches!(cause, LinkCause::HostKeyUnknown | LinkCause::HostKeyChanged)
}

/// Three to five quarters of `pause`, so that nodes that vanished together do not come back together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.75 + rand::random::<f64>() / 2.0)
}
