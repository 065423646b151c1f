//! One SSH connection that stands: its handle, and the word when it breaks.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{self, DisconnectReason};
use russh::keys::PublicKeyOrCertificate;
use spark_core::health::link::{Place, explain};
use spark_ipc::model::node::{HostKeyState, LinkCause};
use spark_ipc::text::clean_line;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::connect::Endpoint;
use super::host_keys::{HostKeys, Shown};
use crate::settings::HostKeyPolicy;

/// An authenticated connection.
pub(super) struct Session {
    pub(super) handle: client::Handle<Client>,
    pub(super) ending: Ending,
    pub(super) shown: Option<Shown>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

/// Tells that a connection has ended, and why.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    ended: CancellationToken,
    reason: Arc<Mutex<Option<String>>>,
}

impl Ending {
    /// Waits for the end.
    pub(super) async fn wait(&self) {
        self.ended.cancelled().await;
    }

    pub(super) fn has_come(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// What the library or the node said; a general word when neither did.
    pub(super) fn reason(&self) -> String {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        reason
            .clone()
            .unwrap_or_else(|| "the connection was closed".to_owned())
    }
}

/// Our side of the protocol's questions: which host keys we take, and what happens at the end.
#[derive(Debug)]
pub(super) struct Client {
    endpoint: Endpoint,
    host_keys: Arc<HostKeys>,
    policy: HostKeyPolicy,
    shown: Arc<Mutex<Option<Shown>>>,
    reason: Arc<Mutex<Option<String>>>,
    /// Dropped with the connection's task, however that ends.
    _ended: DropGuard,
}

/// What [`Client`] leaves behind for whoever connects.
#[derive(Debug)]
pub(super) struct Traces {
    pub(super) ending: Ending,
    shown: Arc<Mutex<Option<Shown>>>,
}

impl Traces {
    pub(super) fn shown(&self) -> Option<Shown> {
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Client {
    pub(super) fn new(
        endpoint: Endpoint,
        host_keys: Arc<HostKeys>,
        policy: HostKeyPolicy,
    ) -> (Self, Traces) {
        let ended = CancellationToken::new();
        let reason = Arc::new(Mutex::new(None));
        let shown = Arc::new(Mutex::new(None));
        let traces = Traces {
            ending: Ending {
                ended: ended.clone(),
                reason: Arc::clone(&reason),
            },
            shown: Arc::clone(&shown),
        };
        let guard = ended.drop_guard();
        (
            Self {
                endpoint,
                host_keys,
                policy,
                shown,
                reason,
                _ended: guard,
            },
            traces,
        )
    }
}

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        offered: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = offered else {
            return Ok(false);
        };
        let (host, port) = (&self.endpoint.host, self.endpoint.port);
        let mut shown = self.host_keys.check(host, port, key);
        if shown.state == HostKeyState::Unknown && self.policy == HostKeyPolicy::AcceptNew {
            match self.host_keys.accept_first(host, port, key) {
                Ok(accepted) => shown = accepted,
                Err(error) => tracing::error!(%host, error = ?error, "cannot keep a host key"),
            }
        }
        let accepted = shown.state == HostKeyState::Accepted;
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        Ok(accepted)
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<russh::Error>,
    ) -> Result<(), russh::Error> {
        let text = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                format!("the node said: {}", info.message)
            }
            DisconnectReason::Error(russh::Error::KeepaliveTimeout) => {
                "the node stopped answering".to_owned()
            }
            DisconnectReason::Error(error) => error.to_string(),
        };
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(clean_line(&text, 200));
        Ok(())
    }
}

/// The cause in words, with what else is known in brackets.
pub(super) fn words(
    cause: LinkCause,
    endpoint: &Endpoint,
    detail: Option<&str>,
) -> (String, String) {
    let place = Place {
        host: &endpoint.host,
        port: endpoint.port,
        user: &endpoint.user,
    };
    let explained = explain(cause, place);
    let message = match detail {
        Some(detail) => format!("{} ({})", explained.message, clean_line(detail, 200)),
        None => explained.message,
    };
    (message, explained.fix)
}
