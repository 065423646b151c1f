//! From a request of a client to the same request to the engine, and back.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use spark_ipc::model::chat::ServedModels;

use super::relay::{Relay, chain};
use super::traffic::Passing;
use super::{Refusal, Traffic, peek};
use crate::gate::{Gate, Pass, Route};

/// Largest body of a completion, bytes: pictures come in it as base64.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// How long the parts of an exchange may take. There is no limit on the whole: a long answer is long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// To connect to the engine.
    pub(crate) connect: Duration,
    /// For a client to send its body.
    pub(crate) upload: Duration,
    /// To the head of the answer: an unstreamed answer comes only when it is complete.
    pub(crate) head: Duration,
    /// Between two pieces of the answer.
    pub(crate) silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            upload: Duration::from_secs(120),
            head: Duration::from_secs(3600),
            silence: Duration::from_secs(300),
        }
    }
}

/// Passes requests on to the engine behind the gate.
#[derive(Debug, Clone)]
pub(crate) struct Forwarder {
    client: reqwest::Client,
    gate: Gate,
    traffic: Traffic,
    patience: Patience,
}

impl Forwarder {
    /// Fails when the client cannot be made: there is none that would do in its place.
    pub(crate) fn new(gate: Gate, traffic: Traffic) -> Result<Self, reqwest::Error> {
        let patience = Patience::default();
        Ok(Self {
            client: client(patience)?,
            gate,
            traffic,
            patience,
        })
    }

    /// `GET /v1/models`.
    pub(super) async fn models(&self) -> Response {
        let passing = self.traffic.begin();
        match self.gate.enter() {
            Ok(pass) => {
                let request = self.to(&pass, &Method::GET, "/v1/models");
                self.exchange(request, passing, pass).await
            }
            Err(_closed) => {
                let none = ServedModels {
                    object: "list".to_owned(),
                    data: Vec::new(),
                };
                axum::Json(none).into_response()
            }
        }
    }

    /// A completion at `path`, which is one of ours and not of the client.
    pub(super) async fn completion(&self, path: &'static str, request: Request) -> Response {
        let passing = self.traffic.begin();
        // Who cannot be served is told before the body is read, so a client that waits for
        // `100 Continue` sends none.
        let admitted = self
            .gate
            .enter()
            .map_err(|route: std::sync::Arc<Route>| Refusal::closed(&route));
        let read = match admitted {
            Ok(pass) => self.read(&pass, request).await.map(|read| (read, pass)),
            Err(refusal) => Err(refusal),
        };
        match read {
            Ok(((headers, body), pass)) => {
                let request = self
                    .to(&pass, &Method::POST, path)
                    .headers(headers)
                    .body(body);
                self.exchange(request, passing, pass).await
            }
            Err(refusal) => refuse(refusal, &passing),
        }
    }

    /// The headers that are passed on, and the body once it is known to be for the running model.
    async fn read(&self, pass: &Pass, request: Request) -> Result<(HeaderMap, Bytes), Refusal> {
        if request.headers().contains_key(CONTENT_ENCODING) {
            return Err(Refusal::compressed());
        }
        let headers = [ACCEPT, CONTENT_TYPE]
            .into_iter()
            .filter_map(|name| {
                request
                    .headers()
                    .get(&name)
                    .map(|value| (name, value.clone()))
            })
            .collect();
        let body = request.into_body();
        if hyper::body::Body::size_hint(&body).lower() > MAX_BODY_BYTES as u64 {
            return Err(Refusal::too_large(MAX_BODY_BYTES));
        }
        let body = Limited::new(body, MAX_BODY_BYTES).collect();
        let body = match tokio::time::timeout(self.patience.upload, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(Refusal::too_large(MAX_BODY_BYTES));
            }
            Ok(Err(_)) | Err(_) => return Err(Refusal::broken_body()),
        };
        let wanted =
            peek::model(&body).map_err(|error| Refusal::invalid_json(&error.to_string()))?;
        let served = &pass.upstream.served_name;
        match wanted {
            Some(wanted) if wanted != *served => Err(Refusal::other_model(&wanted, served)),
            Some(_) | None => Ok((headers, body)),
        }
    }

    fn to(&self, pass: &Pass, method: &Method, path: &str) -> reqwest::RequestBuilder {
        let base = pass.upstream.base_url.trim_end_matches('/');
        self.client.request(method.clone(), format!("{base}{path}"))
    }

    async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
        passing: Passing,
        pass: Pass,
    ) -> Response {
        let head = tokio::time::timeout(self.patience.head, request.send()).await;
        match head {
            Ok(Ok(answer)) if answer.status().is_redirection() => refuse(
                Refusal::upstream("it answered with a redirection"),
                &passing,
            ),
            Ok(Ok(answer)) => self.relay(answer, passing, pass),
            Ok(Err(error)) => refuse(Refusal::upstream(&chain(&error.without_url())), &passing),
            Err(_elapsed) => refuse(Refusal::upstream_timeout(), &passing),
        }
    }

    fn relay(&self, answer: reqwest::Response, passing: Passing, pass: Pass) -> Response {
        let (head, body) = http::Response::from(answer).into_parts();
        if head.status.is_server_error() {
            passing.failed();
        }
        let kind = Kind::of(head.headers.get(CONTENT_TYPE));
        let relay = Relay::new(
            body,
            kind == Kind::Events,
            self.patience.silence,
            passing,
            pass,
        );
        let mut response = Response::new(Body::new(relay));
        *response.status_mut() = head.status;
        kind.describe(&head.headers, response.headers_mut());
        response
    }
}

fn refuse(refusal: Refusal, passing: &Passing) -> Response {
    if refusal.status.is_server_error() {
        passing.failed();
    }
    refusal.into_response()
}

/// A client that goes only where it is told: no proxy of the environment, no redirection. Idle
/// connections are dropped before the engine's server (uvicorn: 5 s) drops them.
fn client(patience: Patience) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(patience.connect)
        .pool_idle_timeout(Duration::from_secs(3))
        .tcp_keepalive(Duration::from_secs(15))
        .build()
}

/// What the engine says its answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Events,
    Passive,
    /// Something that a browser might run, if it were served as it says.
    Other,
}

impl Kind {
    fn of(content_type: Option<&HeaderValue>) -> Self {
        let text = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        let essence = text
            .split(';')
            .next()
            .unwrap_or("")
            .trim()
            .to_ascii_lowercase();
        match essence.as_str() {
            "text/event-stream" => Self::Events,
            "application/json" | "text/plain" => Self::Passive,
            _ => Self::Other,
        }
    }

    /// The headers of the answer: few of the engine's, and what its kind needs. The answer comes from
    /// our own origin, so whatever a browser could run is handed over as a file.
    fn describe(self, theirs: &HeaderMap, ours: &mut HeaderMap) {
        let mut set = |name: HeaderName, value| ours.insert(name, HeaderValue::from_static(value));
        match self {
            Self::Events => {
                set(CACHE_CONTROL, "no-cache, no-transform");
                set(HeaderName::from_static("x-accel-buffering"), "no");
            }
            Self::Passive => {}
            Self::Other => {
                set(CONTENT_TYPE, "application/octet-stream");
                set(CONTENT_DISPOSITION, "attachment");
                set(
                    HeaderName::from_static("content-security-policy"),
                    "sandbox; default-src 'none'",
                );
            }
        }
        let kept = if self == Self::Other {
            vec![RETRY_AFTER]
        } else {
            vec![CONTENT_TYPE, RETRY_AFTER]
        };
        for name in kept {
            if let Some(value) = theirs.get(&name) {
                ours.insert(name, value.clone());
            }
        }
    }
}
