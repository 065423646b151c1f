//! Server-sent events, written.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// A comment goes out when nothing else did for so long, so that proxies keep the connection.
const IDLE: Duration = Duration::from_secs(15);

const OPENING: Bytes = Bytes::from_static(b": spark-control\n\n");
const KEEP_ALIVE: Bytes = Bytes::from_static(b":\n\n");
const BYE: Bytes = Bytes::from_static(b"event: bye\ndata: {}\n\n");

/// Answers with `events` as they come, until they end or the daemon shuts down (`event: bye`).
pub(super) fn response<S>(events: S, token: CancellationToken) -> Response
where
    S: Stream<Item = Bytes> + Send + 'static,
{
    let open = Some((Box::pin(events), token));
    let body = stream::unfold(open, async |open| {
        let (mut events, token) = open?;
        tokio::select! {
            biased;
            () = token.cancelled() => Some((BYE, None)),
            event = tokio::time::timeout(IDLE, events.next()) => {
                let event = event.unwrap_or(Some(KEEP_ALIVE))?;
                Some((event, Some((events, token))))
            }
        }
    });
    let body = stream::once(async { OPENING })
        .chain(body)
        .map(Ok::<_, Infallible>);
    let buffering = HeaderName::from_static("x-accel-buffering");
    (
        [(CONTENT_TYPE, "text/event-stream"), (buffering, "no")],
        Body::from_stream(body),
    )
        .into_response()
}

/// One event as it is written.
pub(super) fn event<T: Serialize>(name: &str, id: Option<u64>, data: &T) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: {name}\n{id}data: {data}\n\n").into()
}
