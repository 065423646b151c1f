//! What every answer has: a request id, the security headers, and one shape for errors.

use std::any::Any;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use spark_ipc::{ApiError, ErrorCode};

use super::Web;
use super::fault::Fault;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Set unless the answer has its own. `Referrer-Policy` must not be `no-referrer`: browsers would then
/// send `Origin: null` with the dashboard's own forms.
const SECURITY_HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), hid=()",
    ),
];

/// Wraps a request: counts it, names it, and finishes its answer.
pub(super) async fn wrap(State(web): State<Web>, request: Request, next: Next) -> Response {
    let _counted = web.counters().begin();
    let id = uuid::Uuid::now_v7().to_string();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    if let Some(fault) = response.extensions_mut().remove::<Fault>() {
        let headers = std::mem::take(response.headers_mut());
        response = fault.answer(&id);
        for (name, value) in &headers {
            response
                .headers_mut()
                .entry(name)
                .or_insert_with(|| value.clone());
        }
    }
    let status = response.status();
    if status.is_server_error() {
        web.counters().failed();
    }
    tracing::debug!(%method, ?path, status = status.as_u16(), request_id = id, "request answered");
    finish(&mut response, &id);
    response
}

fn finish(response: &mut Response, id: &str) {
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        let value = || HeaderValue::from_static(value);
        headers
            .entry(HeaderName::from_static(name))
            .or_insert_with(value);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// The answer of a handler that panicked; its place is in the log, by the panic hook.
#[expect(clippy::needless_pass_by_value, reason = "the panic layer calls it so")]
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    tracing::error!(cause = ?text, "a request made the daemon panic");
    Fault::from(ApiError::new(
        ErrorCode::Internal,
        "the daemon made a mistake with this request",
    ))
    .with_hint("its log has the cause")
    .into_response()
}
