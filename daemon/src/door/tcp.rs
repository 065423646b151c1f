//! The TCP door: dashboard, proxy clients, anybody on the network.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use tokio::net::TcpListener;

use super::connection::Connections;
use super::{Limits, Peer};
use crate::tasks::Tasks;

/// Serves `router` until the daemon shuts down and the open requests have ended.
pub async fn serve(listener: TcpListener, router: Router, tasks: Tasks) {
    serve_within(listener, router, tasks, Limits::tcp()).await;
}

/// [`serve`] with other limits.
pub async fn serve_within(listener: TcpListener, router: Router, tasks: Tasks, limits: Limits) {
    let connections = Connections::new(router, &tasks, limits);
    let crowd = Crowd::default();
    while let Some(((stream, remote), slot)) = connections.next(|| listener.accept()).await {
        let Some(place) = crowd.enter(remote.ip(), limits.connections_per_peer) else {
            tracing::debug!(%remote, "too many connections from one address");
            continue;
        };
        // Without it, small pieces of a stream wait for the acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(?error, "TCP_NODELAY was refused");
        }
        let local = stream.local_addr().ok();
        connections.serve(stream, Peer::Tcp { remote, local }, (slot, place));
    }
    drop(listener);
    connections.drained().await;
}

/// How many connections each address has.
#[derive(Debug, Clone, Default)]
struct Crowd {
    // Held for one look-up, never across an await.
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection of an address. Dropping it leaves.
struct Place {
    crowd: Crowd,
    ip: IpAddr,
}

impl Crowd {
    fn enter(&self, ip: IpAddr, most: usize) -> Option<Place> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(ip).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Place {
            crowd: self.clone(),
            ip,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self
            .crowd
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let crowd = Crowd::default();
        let ip = IpAddr::from([127, 0, 0, 1]);
        let first = crowd.enter(ip, 2).unwrap();
        let _second = crowd.enter(ip, 2).unwrap();
        assert!(crowd.enter(ip, 2).is_none());
        assert!(crowd.enter(IpAddr::from([127, 0, 0, 2]), 2).is_some());
        drop(first);
        assert!(crowd.enter(ip, 2).is_some());
    }
}
