//! CORS of the data plane: open to every origin, without credentials.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

/// What client libraries of `OpenAI` and Anthropic send. `*` would not cover `authorization`.
const ALLOWED_HEADERS: &str = "authorization, content-type, accept, x-api-key, x-request-id, \
    anthropic-version, anthropic-beta, anthropic-dangerous-direct-browser-access, openai-organization, \
    openai-project, openai-beta, x-stainless-arch, x-stainless-async, x-stainless-helper-method, \
    x-stainless-lang, x-stainless-os, x-stainless-package-version, x-stainless-retry-count, \
    x-stainless-runtime, x-stainless-runtime-version, x-stainless-timeout";

/// Opens `response` to every origin; the answer to a preflight also says what may be sent.
pub(super) fn open(response: &mut Response, preflight: bool) {
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "cross-origin",
    );
    if preflight {
        set(ACCESS_CONTROL_ALLOW_METHODS, "GET, POST");
        set(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        set(ACCESS_CONTROL_MAX_AGE, "600");
    } else {
        set(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            "x-request-id, retry-after, x-should-retry",
        );
    }
}
