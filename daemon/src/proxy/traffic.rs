//! What goes through the data plane, counted and published.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use spark_ipc::model::status::{Proxy, ProxyState};
use tokio::sync::{Notify, watch};

use crate::gate::{Gate, Route};
use crate::tasks::Tasks;

/// The counts are published at most this often.
const EVERY: Duration = Duration::from_millis(250);

/// The counts; cheap to clone.
#[derive(Debug, Clone)]
pub struct Traffic {
    counts: Arc<Counts>,
    published: watch::Receiver<Arc<Proxy>>,
}

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
    failed: AtomicU64,
    changed: Notify,
}

impl Traffic {
    /// Starts the task that publishes the counts and the route of `gate`.
    pub fn start(gate: &Gate, tasks: &Tasks) -> Self {
        let counts = Arc::new(Counts::default());
        let route = gate.route();
        let (publish, published) = watch::channel(Arc::new(counts.with(&route.borrow())));
        let publisher = Publisher {
            counts: Arc::clone(&counts),
            route,
            publish,
        };
        let token = tasks.token().clone();
        tasks.spawn("traffic", async move {
            token.run_until_cancelled(publisher.run()).await;
        });
        Self { counts, published }
    }

    /// The data plane as it is, and its changes.
    pub fn watch(&self) -> watch::Receiver<Arc<Proxy>> {
        self.published.clone()
    }

    /// Counts a request in, until the answer is dropped.
    pub(super) fn begin(&self) -> Passing {
        self.counts.begun.fetch_add(1, Ordering::Relaxed);
        self.counts.changed.notify_one();
        Passing {
            counts: Arc::clone(&self.counts),
        }
    }
}

/// One request that goes through.
#[derive(Debug)]
pub(super) struct Passing {
    counts: Arc<Counts>,
}

impl Passing {
    /// It failed: refused with a 5xx, or broken off by the engine.
    pub(super) fn failed(&self) {
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.counts.ended.fetch_add(1, Ordering::Relaxed);
        self.counts.changed.notify_one();
    }
}

impl Counts {
    fn with(&self, route: &Route) -> Proxy {
        let (state, model, upstream) = match route {
            Route::NoModel => (ProxyState::NoModel, None, None),
            Route::Swapping { .. } => (ProxyState::Swapping, None, None),
            Route::Serving(upstream) => {
                let upstream = upstream.clone();
                (
                    ProxyState::Serving,
                    Some(upstream.served_name),
                    Some(upstream.base_url),
                )
            }
        };
        // Ended first: read the other way, a request that ends in between would be counted as -1.
        let ended = self.ended.load(Ordering::Relaxed);
        let begun = self.begun.load(Ordering::Relaxed);
        Proxy {
            state,
            model,
            upstream,
            requests_in_flight: begun.saturating_sub(ended),
            requests_total: begun,
            errors_total: self.failed.load(Ordering::Relaxed),
        }
    }
}

struct Publisher {
    counts: Arc<Counts>,
    route: watch::Receiver<Arc<Route>>,
    publish: watch::Sender<Arc<Proxy>>,
}

impl Publisher {
    async fn run(mut self) {
        loop {
            let route = Arc::clone(&self.route.borrow_and_update());
            let proxy = self.counts.with(&route);
            self.publish.send_if_modified(|published| {
                let changed = **published != proxy;
                if changed {
                    *published = Arc::new(proxy);
                }
                changed
            });
            tokio::time::sleep(EVERY).await;
            tokio::select! {
                () = self.counts.changed.notified() => {}
                changed = self.route.changed() => if changed.is_err() { return },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::Upstream;

    #[tokio::test(start_paused = true)]
    async fn the_route_and_the_counts_are_published() {
        let (gate, tasks) = (Gate::default(), Tasks::new());
        let traffic = Traffic::start(&gate, &tasks);
        let mut seen = traffic.watch();
        assert_eq!(seen.borrow_and_update().state, ProxyState::NoModel);
        gate.set(Route::Serving(Upstream {
            served_name: "m".into(),
            base_url: "http://x".into(),
        }));
        let passing = traffic.begin();
        let serving = seen
            .wait_for(|proxy| proxy.state == ProxyState::Serving)
            .await
            .unwrap()
            .clone();
        assert_eq!(serving.model.as_deref(), Some("m"));
        assert_eq!((serving.requests_total, serving.requests_in_flight), (1, 1));
        passing.failed();
        drop(passing);
        let idle = seen
            .wait_for(|proxy| proxy.requests_in_flight == 0)
            .await
            .unwrap()
            .clone();
        assert_eq!((idle.requests_total, idle.errors_total), (1, 1));
        assert!(tasks.shut_down(Duration::from_secs(1)).await);
    }
}
