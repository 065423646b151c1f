//! Applies the guard to a class of routes, and gives its answers the headers of that class.

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, VARY};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::{Class, check};
use crate::proxy;
use crate::web::fault::Fault;
use crate::web::{Web, cors};

/// The guard of the control plane, and of whatever matched no route.
pub(in crate::web) async fn control(web: State<Web>, request: Request, next: Next) -> Response {
    let mut response = guarded(Class::Control, web, request, next).await;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("Origin, Sec-Fetch-Site"));
    response
}

/// The guard of the dashboard's files.
pub(in crate::web) async fn assets(web: State<Web>, request: Request, next: Next) -> Response {
    guarded(Class::Static, web, request, next).await
}

/// The guard of `/healthz` and `/readyz`.
pub(in crate::web) async fn health(web: State<Web>, request: Request, next: Next) -> Response {
    let mut response = guarded(Class::Health, web, request, next).await;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The guard of the data plane: any origin, CORS, and errors in `OpenAI`'s shape.
pub(in crate::web) async fn data(web: State<Web>, request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response = guarded(Class::Data, web, request, next).await;
    if let Some(fault) = response.extensions_mut().remove::<Fault>() {
        let status = fault.status;
        response = proxy::Refusal::of_fault(&fault).into_response();
        if preflight && status == StatusCode::METHOD_NOT_ALLOWED {
            response = StatusCode::NO_CONTENT.into_response();
        }
    }
    cors::open(&mut response, preflight);
    response
}

async fn guarded(class: Class, State(web): State<Web>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    match check(class, &head, web.hosts()) {
        Ok(()) => next.run(Request::from_parts(head, body)).await,
        Err(refusal) => {
            tracing::info!(?refusal, method = %head.method, path = ?head.uri.path(), "request refused");
            web.counters().refused();
            Fault::from(refusal).into_response()
        }
    }
}
