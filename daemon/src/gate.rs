//! The gate between the data plane and the running model.
//!
//! The executor of a swap closes and opens it; the proxy passes through it. A request holds a [`Pass`]
//! from its head to the last byte of its answer, so that a swap can wait until nobody is inside.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The model name that clients use.
    pub served_name: String,
    /// e.g. `http://192.168.1.21:8000`.
    pub base_url: String,
}

/// What the data plane does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Nothing runs: 503.
    NoModel,
    /// A swap is on: 503 with Retry-After.
    Swapping {
        /// The model that is coming, as far as it is known.
        to: Option<String>,
        /// Seconds after which a client should come again.
        retry_after_s: u32,
    },
    /// Requests go there.
    Serving(Upstream),
}

/// The gate; cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate {
    route: watch::Sender<Arc<Route>>,
    inside: watch::Sender<u64>,
}

/// The right to be inside. Dropping it leaves.
#[derive(Debug)]
pub struct Pass {
    pub upstream: Upstream,
    inside: watch::Sender<u64>,
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.inside.send_modify(|n| *n = n.saturating_sub(1));
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            route: watch::Sender::new(Arc::new(Route::NoModel)),
            inside: watch::Sender::new(0),
        }
    }
}

impl Gate {
    /// Enters, or says why not.
    ///
    /// The count is raised before the route is read, so that a swap that closes the gate at the same
    /// moment either sees this request inside or turns it away.
    pub fn enter(&self) -> Result<Pass, Arc<Route>> {
        self.inside.send_modify(|n| *n += 1);
        let route = Arc::clone(&self.route.borrow());
        match &*route {
            Route::Serving(upstream) => Ok(Pass {
                upstream: upstream.clone(),
                inside: self.inside.clone(),
            }),
            Route::NoModel | Route::Swapping { .. } => {
                self.inside.send_modify(|n| *n = n.saturating_sub(1));
                Err(route)
            }
        }
    }

    /// Sends requests elsewhere, or nowhere.
    pub fn set(&self, route: Route) {
        self.route.send_if_modified(|now| {
            let changed = **now != route;
            if changed {
                *now = Arc::new(route);
            }
            changed
        });
    }

    /// The route, and its changes.
    pub fn route(&self) -> watch::Receiver<Arc<Route>> {
        self.route.subscribe()
    }

    /// How many requests are inside, and its changes.
    pub fn inside(&self) -> watch::Receiver<u64> {
        self.inside.subscribe()
    }

    /// Waits until nobody is inside, at most `limit`. Returns how many still are.
    pub async fn drained(&self, limit: Duration) -> u64 {
        let mut inside = self.inside.subscribe();
        let empty = inside.wait_for(|n| *n == 0);
        // The sender lives in `self`, so the wait ends by the count or by the limit.
        if matches!(tokio::time::timeout(limit, empty).await, Ok(Ok(_))) {
            return 0;
        }
        *self.inside.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serving() -> Route {
        Route::Serving(Upstream {
            served_name: "m".into(),
            base_url: "http://127.0.0.1:1".into(),
        })
    }

    #[tokio::test]
    async fn a_closed_gate_turns_requests_away_and_is_empty() {
        let gate = Gate::default();
        assert_eq!(*gate.enter().unwrap_err(), Route::NoModel);
        assert_eq!(gate.drained(Duration::ZERO).await, 0);
    }

    #[tokio::test]
    async fn drained_waits_for_those_inside() {
        let gate = Gate::default();
        gate.set(serving());
        let pass = gate.enter().unwrap();
        gate.set(Route::Swapping {
            to: None,
            retry_after_s: 5,
        });
        assert_eq!(gate.drained(Duration::from_millis(1)).await, 1);
        let waiting = gate.drained(Duration::from_secs(60));
        let leaving = async move { drop(pass) };
        assert_eq!(tokio::join!(waiting, leaving).0, 0);
    }
}
