//! The HTTP side that all services share: faults, the access log, and an end that lets answers finish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{
    Json, Router,
    extract::{ConnectInfo, DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::host::ServiceHost;
use super::start::End;
use crate::engine::{EngineFault, Stage};

/// How long answers may go on after SIGTERM.
const GRACE: Duration = Duration::from_millis(300);

/// How a service's framework behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framework {
    /// `FastAPI` behind uvicorn: logs every request.
    Uvicorn,
    /// A server that logs no requests.
    Quiet,
}

/// What every request passes.
struct Gate {
    host: Arc<dyn ServiceHost>,
    framework: Framework,
    /// Routes that tell of the service and do no work.
    open: &'static [&'static str],
}

/// Serves `router` until SIGTERM; gives the exit code of a clean end.
pub(super) async fn serve(
    host: Arc<dyn ServiceHost>,
    listener: TcpListener,
    router: Router,
    framework: Framework,
    open: &'static [&'static str],
) -> End {
    let stop = host.shutdown();
    let gate = Arc::new(Gate {
        host: Arc::clone(&host),
        framework,
        open,
    });
    let router = router
        .fallback(|| async { detail(StatusCode::NOT_FOUND, "Not Found") })
        .method_not_allowed_fallback(|| async {
            detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
        })
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(gate, pass));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stopped = stop.clone();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stopped.cancelled_owned());
    let ended = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        _served = IntoFuture::into_future(serving) => {}
        () = ended => {}
    }
    if framework == Framework::Uvicorn {
        for line in [
            "Shutting down",
            "Waiting for application shutdown.",
            "Application shutdown complete.",
            "Finished server process [1]",
        ] {
            host.log(&format!("INFO:     {line}"));
        }
    }
    End(0)
}

/// Serves while `loading` goes on; what that gives is kept until the end.
pub(super) async fn while_loading<T>(
    serving: impl Future<Output = End>,
    loading: impl Future<Output = Result<T, End>>,
) -> Result<End, End> {
    let mut serving = std::pin::pin!(serving);
    let loaded = tokio::select! {
        loaded = loading => loaded?,
        end = &mut serving => return Ok(end),
    };
    let end = serving.await;
    drop(loaded);
    Ok(end)
}

/// An answer that says no.
#[derive(Debug)]
pub(super) struct Refused(Box<Response>);

impl From<Response> for Refused {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl From<Refused> for Response {
    fn from(refused: Refused) -> Self {
        *refused.0
    }
}

/// `FastAPI`'s error with one sentence.
pub(super) fn detail(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "detail": text }))).into_response()
}

/// `FastAPI`'s error for a field that is missing from `place`.
pub(super) fn missing(place: &str, field: &str) -> Response {
    let entry = json!([{
        "type": "missing", "loc": [place, field], "msg": "Field required", "input": null,
    }]);
    let body: Value = json!({ "detail": entry });
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

/// Applies the node's faults, passes the request on, and logs it.
async fn pass(
    State(gate): State<Arc<Gate>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let line = format!(
        "{peer} - \"{} {} HTTP/1.1\"",
        request.method(),
        request.uri()
    );
    let works = !gate.open.contains(&request.uri().path());
    let response = match gate.host.fault() {
        Some(EngineFault::Hang {
            stage: Stage::Ready,
        }) => std::future::pending().await,
        Some(EngineFault::Frozen) if works => std::future::pending().await,
        Some(EngineFault::Error) if works => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response()
        }
        _ => next.run(request).await,
    };
    if gate.framework == Framework::Uvicorn {
        let log = format!("INFO:     {line} {}", response.status());
        gate.host.log(&log);
    }
    response
}
