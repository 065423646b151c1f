//! What the data plane answers when it does not pass a request on: `OpenAI`'s error shape.
//!
//! Client libraries retry 409, 429 and 5xx by themselves and obey `Retry-After` and `x-should-retry`, so
//! both say what helps.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use spark_ipc::text::clean_line;

use crate::gate::Route;
use crate::web::fault::Fault;

/// An error of the data plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) param: Option<&'static str>,
    pub(super) retry_after_s: Option<u32>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let kind = match status.as_u16() {
            503 => "service_unavailable",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        Self {
            status,
            kind,
            code,
            message: message.into(),
            param: None,
            retry_after_s: None,
        }
    }

    /// The gate is closed.
    pub(super) fn closed(route: &Route) -> Self {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        match route {
            Route::Swapping { to, retry_after_s } => {
                let to = to
                    .as_deref()
                    .map(|to| format!(" to {to}"))
                    .unwrap_or_default();
                let message =
                    format!("The model is being changed{to}. Try again in {retry_after_s} s.");
                let refusal = Self::new(unavailable, "model_swapping", message);
                Self {
                    retry_after_s: Some(*retry_after_s),
                    ..refusal
                }
            }
            Route::NoModel | Route::Serving(_) => {
                let message = "No model is running. Start one in Spark Control.";
                Self::new(unavailable, "no_model", message)
            }
        }
    }

    /// The client wants a model that does not run.
    pub(super) fn other_model(wanted: &str, served: &str) -> Self {
        let wanted = clean_line(wanted, 200);
        let message = format!("The model '{wanted}' does not exist. Available: {served}");
        let refusal = Self::new(StatusCode::NOT_FOUND, "model_not_found", message);
        Self {
            param: Some("model"),
            ..refusal
        }
    }

    pub(super) fn invalid_json(detail: &str) -> Self {
        let message = format!("The body is not a JSON object: {}", clean_line(detail, 200));
        Self::new(StatusCode::BAD_REQUEST, "invalid_json", message)
    }

    pub(super) fn compressed() -> Self {
        let message = "A compressed body is not taken; send it without Content-Encoding.";
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_encoding",
            message,
        )
    }

    pub(super) fn too_large(most: usize) -> Self {
        let message = format!("The body is over {most} bytes.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
    }

    pub(super) fn broken_body() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "incomplete_body",
            "The body did not arrive whole.",
        )
    }

    /// The engine cannot be reached, or broke off before it answered.
    pub(super) fn upstream(detail: &str) -> Self {
        let message = format!("The engine does not answer: {}", clean_line(detail, 200));
        Self::new(StatusCode::BAD_GATEWAY, "upstream_error", message)
    }

    pub(super) fn upstream_timeout() -> Self {
        let message = "The engine did not begin to answer in time.";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", message)
    }

    pub(super) fn unknown_path(method: &Method, path: &str) -> Self {
        let message = format!("Unknown request URL: {method} {}", clean_line(path, 200));
        Self::new(StatusCode::NOT_FOUND, "unknown_url", message)
    }

    /// A fault that the guard or the router found before the request came here.
    pub(crate) fn of_fault(fault: &Fault) -> Self {
        Self::new(
            fault.status,
            fault.error.code.as_str(),
            fault.error.message.clone(),
        )
    }

    /// The error object, as the body of an answer and as the last event of a stream have it.
    pub(super) fn body(&self) -> serde_json::Value {
        json!({"error": {
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        }})
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        let retry = if self.status.is_server_error() {
            "true"
        } else {
            "false"
        };
        headers.insert("x-should-retry", HeaderValue::from_static(retry));
        response
    }
}
