//! One webhook request: to an address that was looked at, without a proxy, a redirect or an endless answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use spark_core::webhook::{
    EVENT_HEADER, ID_HEADER, Receiver, SIGNATURE_HEADER, allowed_address, signature,
};
use spark_ipc::model::webhook::WebhookEvent;

use crate::settings::Secret;

/// Time for one request, answer included.
const LIMIT: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read; the rest is of no interest.
const MOST: usize = 64 * 1024;

/// Why an event did not arrive. The text tells nothing about the receiver's network: it could be used to
/// look around in it.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) text: &'static str,
    pub(super) status: Option<u16>,
    pub(super) again: bool,
}

impl Failure {
    pub(super) fn unset() -> Self {
        Self {
            text: "no usable receiver is set any more",
            status: None,
            again: false,
        }
    }

    fn network() -> Self {
        Self {
            text: "the receiver cannot be reached, is not allowed, or did not answer within 10 s",
            status: None,
            again: true,
        }
    }

    fn status(status: u16) -> Self {
        Self {
            text: "the receiver did not accept the event (only 2xx counts, redirects are not followed)",
            status: Some(status),
            again: true,
        }
    }
}

/// Makes the requests; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    own_port: u16,
}

impl Sender {
    pub(super) fn new(own_port: u16) -> Self {
        Self { own_port }
    }

    /// Sends `event` once; gives the status, which is 2xx.
    pub(super) async fn send(
        &self,
        event: &WebhookEvent,
        receiver: &Receiver,
        secret: Option<&Secret>,
    ) -> Result<u16, Failure> {
        let body = serde_json::to_vec(event).map_err(|_plain_data| Failure::unset())?;
        let ours = receiver.address().is_some_and(|ip| ip.is_loopback());
        if ours && receiver.port() == self.own_port {
            return Err(Failure::network());
        }
        // A client of its own: events are rare, and no connection outlives what was checked about it.
        let client = self.client(receiver).map_err(|_tls| Failure::network())?;
        let mut request = client
            .post(receiver.as_str())
            .header("content-type", "application/json")
            .header(ID_HEADER, &event.id)
            .header(EVENT_HEADER, event.event.as_str());
        if let Some(secret) = secret {
            request = request.header(SIGNATURE_HEADER, signature(secret.expose(), &body));
        }
        let answered = async {
            let answer = request
                .body(body)
                .send()
                .await
                .map_err(|_any| Failure::network())?;
            let status = answer.status();
            let mut read = 0;
            let mut chunks = answer.bytes_stream();
            while let Some(Ok(chunk)) = chunks.next().await {
                read += chunk.len();
                if read > MOST {
                    break;
                }
            }
            if status.is_success() {
                Ok(status.as_u16())
            } else {
                Err(Failure::status(status.as_u16()))
            }
        };
        let answer = tokio::time::timeout(LIMIT, answered).await;
        answer.unwrap_or_else(|_elapsed| Err(Failure::network()))
    }

    fn client(&self, receiver: &Receiver) -> Result<reqwest::Client, reqwest::Error> {
        let checked = Checked {
            loopback: receiver.allows_loopback(),
            own_port: self.own_port,
            port: receiver.port(),
        };
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("spark-control/", env!("CARGO_PKG_VERSION")))
            .timeout(LIMIT)
            .dns_resolver(Arc::new(checked))
            .build()
    }
}

/// Resolves a name once and connects only to what it resolved to, if every address of it is allowed: a name
/// with one forbidden address is a trap.
#[derive(Debug)]
struct Checked {
    loopback: bool,
    own_port: u16,
    port: u16,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (loopback, ours) = (self.loopback, self.own_port == self.port);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            for address in &found {
                allowed_address(address.ip(), loopback)?;
                if ours && address.ip().is_loopback() {
                    return Err("it is the daemon itself".into());
                }
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
