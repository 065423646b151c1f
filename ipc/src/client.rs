//! A client of the API over the Unix socket or TCP.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use interprocess::local_socket::tokio::{Stream, prelude::*};
use interprocess::local_socket::{GenericFilePath, ToFsName};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::event::Event;
use crate::sse::{Splitter, SseEvent};
use crate::{ApiError, ErrorBody};

/// How long one call may take, connection included. Streams have no limit but this one for their head.
const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// Where the daemon is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The Unix socket at this path.
    Socket(PathBuf),
    /// `HOST:PORT` of the TCP door.
    Tcp(String),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Tcp(address) => write!(f, "http://{address}"),
        }
    }
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("no daemon at {endpoint}")]
    Connect {
        endpoint: String,
        #[source]
        source: std::io::Error,
    },
    /// The connection broke, or the answer was not HTTP.
    #[error("the connection to the daemon broke")]
    Transport(#[source] hyper::Error),
    /// No answer in time.
    #[error("the daemon did not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The daemon refused, and said why.
    #[error(transparent)]
    Api(Box<ApiError>),
    /// The daemon answered something that this client does not understand.
    #[error("the daemon's answer (HTTP {status}) is not understood: {detail}")]
    Decode { status: u16, detail: String },
}

impl ClientError {
    /// Whether it says that the daemon is not there (rather than that it refused).
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. } | Self::Transport(_) | Self::TimedOut(_)
        )
    }
}

/// A client: cheap to clone, one connection a call.
#[derive(Debug, Clone)]
pub struct Client {
    endpoint: Endpoint,
    deadline: Duration,
}

impl Client {
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            deadline: CALL_DEADLINE,
        }
    }

    /// The same client with more or less patience: some calls have the daemon ask others first.
    #[must_use]
    pub fn within(&self, deadline: Duration) -> Self {
        Self {
            endpoint: self.endpoint.clone(),
            deadline,
        }
    }

    /// Where it calls.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// `GET path`, decoded.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let response = self.send("GET", path, None, &[]).await?;
        decode(response).await
    }

    /// `GET path` as text (a log).
    pub async fn text(&self, path: &str) -> Result<String, ClientError> {
        let response = self.send("GET", path, None, &[]).await?;
        let (status, body) = collect(response).await?;
        if status.is_success() {
            Ok(String::from_utf8_lossy(&body).into_owned())
        } else {
            Err(refused(status.as_u16(), &body))
        }
    }

    /// `GET path` as it is (an archive).
    pub async fn bytes(&self, path: &str) -> Result<Bytes, ClientError> {
        let response = self.send("GET", path, None, &[]).await?;
        let (status, body) = collect(response).await?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(refused(status.as_u16(), &body))
        }
    }

    /// `POST path` with a JSON body, decoded.
    pub async fn post<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|e| undecodable(0, &e))?;
        let response = self.send("POST", path, Some(body), &[]).await?;
        decode(response).await
    }

    /// `PUT path` with a JSON body, decoded.
    pub async fn put<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|e| undecodable(0, &e))?;
        let response = self.send("PUT", path, Some(body), &[]).await?;
        decode(response).await
    }

    /// `DELETE path`, decoded.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let response = self.send("DELETE", path, None, &[]).await?;
        decode(response).await
    }

    /// `GET path` as a stream of events, after `last_id` where one is given.
    pub async fn events(
        &self,
        path: &str,
        last_id: Option<u64>,
    ) -> Result<EventStream, ClientError> {
        let id = last_id.map(|id| id.to_string());
        let headers: Vec<(&str, &str)> = [("accept", "text/event-stream")]
            .into_iter()
            .chain(id.as_deref().map(|id| ("last-event-id", id)))
            .collect();
        let response = self.send("GET", path, None, &headers).await?;
        EventStream::of(response).await
    }

    /// `POST path` with a JSON body, the answer as a stream of events (a streamed chat completion).
    pub async fn post_events<B: Serialize + Sync>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<EventStream, ClientError> {
        let body = serde_json::to_vec(body).map_err(|e| undecodable(0, &e))?;
        let response = self
            .send("POST", path, Some(body), &[("accept", "text/event-stream")])
            .await?;
        EventStream::of(response).await
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Result<hyper::Response<Incoming>, ClientError> {
        let host = match &self.endpoint {
            Endpoint::Socket(_) => "localhost",
            Endpoint::Tcp(address) => address,
        };
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|e| undecodable(0, &e))?;
        tokio::time::timeout(self.deadline, self.exchange(request))
            .await
            .unwrap_or(Err(ClientError::TimedOut(self.deadline)))
    }

    async fn exchange(
        &self,
        request: hyper::Request<Full<Bytes>>,
    ) -> Result<hyper::Response<Incoming>, ClientError> {
        let failed = |source| ClientError::Connect {
            endpoint: self.endpoint.to_string(),
            source,
        };
        match &self.endpoint {
            Endpoint::Socket(path) => {
                let name = path
                    .as_os_str()
                    .to_fs_name::<GenericFilePath>()
                    .map_err(failed)?;
                let stream = Stream::connect(name).await.map_err(failed)?;
                roundtrip(stream, request).await
            }
            Endpoint::Tcp(address) => {
                let stream = tokio::net::TcpStream::connect(address)
                    .await
                    .map_err(failed)?;
                roundtrip(stream, request).await
            }
        }
    }
}

async fn roundtrip<S>(
    stream: S,
    request: hyper::Request<Full<Bytes>>,
) -> Result<hyper::Response<Incoming>, ClientError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(ClientError::Transport)?;
    drive(connection);
    sender
        .send_request(request)
        .await
        .map_err(ClientError::Transport)
}

/// The connection ends when its response has been read or dropped; a fault of it is seen by the reader.
#[expect(
    clippy::disallowed_methods,
    reason = "a client has no task tracker; the task ends with its connection"
)]
fn drive<C>(connection: C)
where
    C: Future<Output = Result<(), hyper::Error>> + Send + 'static,
{
    tokio::spawn(async move {
        if connection.await.is_err() {
            // Told to the reader of the body.
        }
    });
}

async fn collect(
    response: hyper::Response<Incoming>,
) -> Result<(hyper::StatusCode, Bytes), ClientError> {
    let status = response.status();
    let collect = response.into_body().collect();
    let body = tokio::time::timeout(CALL_DEADLINE, collect)
        .await
        .map_err(|_elapsed| ClientError::TimedOut(CALL_DEADLINE))?
        .map_err(ClientError::Transport)?
        .to_bytes();
    Ok((status, body))
}

async fn decode<T: DeserializeOwned>(
    response: hyper::Response<Incoming>,
) -> Result<T, ClientError> {
    let (status, body) = collect(response).await?;
    if status.is_success() {
        serde_json::from_slice(&body).map_err(|e| undecodable(status.as_u16(), &e))
    } else {
        Err(refused(status.as_u16(), &body))
    }
}

fn refused(status: u16, body: &[u8]) -> ClientError {
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(body) => ClientError::Api(Box::new(body.error)),
        Err(_not_ours) => {
            let text = String::from_utf8_lossy(body);
            ClientError::Decode {
                status,
                detail: crate::text::clean_line(&text, 300),
            }
        }
    }
}

fn undecodable(status: u16, error: &dyn fmt::Display) -> ClientError {
    ClientError::Decode {
        status,
        detail: error.to_string(),
    }
}

/// A stream of server-sent events.
#[derive(Debug)]
pub struct EventStream {
    body: Incoming,
    splitter: Splitter,
    ready: std::collections::VecDeque<SseEvent>,
}

impl EventStream {
    async fn of(response: hyper::Response<Incoming>) -> Result<Self, ClientError> {
        let status = response.status();
        if !status.is_success() {
            return match decode::<serde_json::Value>(response).await {
                Err(error) => Err(error),
                Ok(value) => Err(undecodable(status.as_u16(), &value)),
            };
        }
        Ok(Self {
            body: response.into_body(),
            splitter: Splitter::default(),
            ready: std::collections::VecDeque::new(),
        })
    }

    /// The next event; `None` when the stream has ended.
    pub async fn next(&mut self) -> Result<Option<SseEvent>, ClientError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            let frame = frame.map_err(ClientError::Transport)?;
            if let Some(data) = frame.data_ref() {
                let events = self.splitter.push(data).map_err(|e| undecodable(200, &e))?;
                self.ready.extend(events);
            }
        }
    }

    /// The next event of `/api/events`, decoded; `None` when the stream has ended.
    pub async fn next_event(&mut self) -> Result<Option<Event>, ClientError> {
        match self.next().await? {
            None => Ok(None),
            Some(e) => Event::decode(&e.name, &e.data)
                .map(Some)
                .map_err(|e| undecodable(200, &e)),
        }
    }
}
