//! From an error to an answer: the one place.
//!
//! Handlers return a [`Fault`]. It travels in the extensions of an empty response up to the envelope,
//! which knows the request's id and writes the body.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use spark_ipc::{ApiError, ErrorBody, ErrorCode, FieldError};

/// An error on its way to the client.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    pub(crate) error: Box<ApiError>,
}

impl Fault {
    /// A request that is malformed at `path`; an empty path is the whole body.
    pub(crate) fn invalid(path: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let sentence = if path.is_empty() {
            message.clone()
        } else {
            format!("{path}: {message}")
        };
        let field = FieldError {
            path: path.to_owned(),
            message,
        };
        ApiError::new(ErrorCode::Invalid, sentence)
            .with_fields(vec![field])
            .into()
    }

    /// The same fault with advice.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.error.hint = Some(hint.into());
        self
    }

    /// The same fault with another status than that of its code.
    #[must_use]
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The answer to the request `request_id`.
    pub(super) fn answer(self, request_id: &str) -> Response {
        let error = ApiError {
            request_id: request_id.to_owned(),
            ..*self.error
        };
        (self.status, Json(ErrorBody { error })).into_response()
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        let status = match error.code {
            ErrorCode::Invalid => StatusCode::BAD_REQUEST,
            ErrorCode::NotFound => StatusCode::NOT_FOUND,
            ErrorCode::Busy | ErrorCode::Conflict => StatusCode::CONFLICT,
            ErrorCode::Blocked => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::Unreachable => StatusCode::BAD_GATEWAY,
            ErrorCode::Forbidden => StatusCode::FORBIDDEN,
            ErrorCode::Unsupported => StatusCode::NOT_IMPLEMENTED,
            ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self {
            status,
            error: Box::new(error),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
