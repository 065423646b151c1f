//! A receiver of webhook events: it notes what comes, and answers as it is told.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Longest that an event may take to come.
const PATIENCE: Duration = Duration::from_secs(90);

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Delivery {
    pub fn json(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// The name of the event, from the body.
    pub fn event(&self) -> Result<String> {
        let body = self.json()?;
        Ok(body["event"].as_str().context("no event")?.to_owned())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// How a request is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    Status(u16),
    /// 302 to this address.
    Redirect(String),
    /// 200, and a body without an end.
    Endless,
    /// No answer at all.
    Silence,
}

#[derive(Debug, Clone)]
struct Desk {
    deliveries: mpsc::Sender<Delivery>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

/// A receiver on an address of its own. Dropping it closes it.
#[derive(Debug)]
pub struct Receiver {
    address: String,
    deliveries: mpsc::Receiver<Delivery>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    server: JoinHandle<()>,
}

impl Receiver {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is aborted when the receiver is dropped"
    )]
    pub async fn start(address: Ipv4Addr) -> Result<Self> {
        let listener = tokio::net::TcpListener::bind((address, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (sender, deliveries) = mpsc::channel(1024);
        let replies = Arc::<Mutex<VecDeque<Reply>>>::default();
        let desk = Desk {
            deliveries: sender,
            replies: Arc::clone(&replies),
        };
        let router = Router::new().fallback(receive).with_state(desk);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the receiver ended: {error}");
            }
        });
        Ok(Self {
            address,
            deliveries,
            replies,
            server,
        })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers the next requests so; what comes after them is answered 204.
    pub fn answer(&self, replies: impl IntoIterator<Item = Reply>) {
        let mut waiting = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(replies);
    }

    /// The next request.
    pub async fn next(&mut self) -> Result<Delivery> {
        let next = tokio::time::timeout(PATIENCE, self.deliveries.recv()).await;
        next.context("no event came")?
            .context("the receiver has ended")
    }

    /// The next request with this event; others before it are passed over.
    pub async fn next_of(&mut self, event: &str) -> Result<Delivery> {
        loop {
            let delivery = self.next().await.with_context(|| event.to_owned())?;
            if delivery.event()? == event {
                return Ok(delivery);
            }
        }
    }

    /// Whether nothing has come that was not taken.
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State(desk): State<Desk>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let reply = {
        let mut replies = desk.replies.lock().unwrap_or_else(PoisonError::into_inner);
        replies.pop_front().unwrap_or(Reply::Status(204))
    };
    let delivery = Delivery {
        path: uri.path().to_owned(),
        headers,
        body: body.to_vec(),
    };
    drop(desk.deliveries.send(delivery).await);
    match reply {
        Reply::Status(status) => StatusCode::from_u16(status)
            .unwrap_or(StatusCode::IM_A_TEAPOT)
            .into_response(),
        Reply::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Reply::Endless => {
            let drops =
                futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(65_536)));
            axum::body::Body::from_stream(drops).into_response()
        }
        Reply::Silence => std::future::pending().await,
    }
}
