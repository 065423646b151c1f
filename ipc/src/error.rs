//! The one error shape of the control plane.

use serde::{Deserialize, Serialize};

/// Stable machine codes of control errors. The set is closed: clients match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request is malformed; `fields` says where. HTTP 400.
    Invalid,
    /// No such thing. HTTP 404.
    NotFound,
    /// Another operation holds the node. HTTP 409.
    Busy,
    /// The thing changed since it was read. HTTP 409 or 412.
    Conflict,
    /// The world does not allow it; the blockers are in `fields`. HTTP 422.
    Blocked,
    /// A node does not answer. HTTP 502.
    Unreachable,
    /// Not from there (host or origin refused). HTTP 403 or 421.
    Forbidden,
    /// Known, but not offered here. HTTP 405, 415 or 501.
    Unsupported,
    /// A fault of the daemon. HTTP 500.
    Internal,
}

impl ErrorCode {
    /// The code as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Busy => "busy",
            Self::Conflict => "conflict",
            Self::Blocked => "blocked",
            Self::Unreachable => "unreachable",
            Self::Forbidden => "forbidden",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }
}

/// One fault of one field: `path` is a JSON pointer or the name of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FieldError {
    pub path: String,
    pub message: String,
}

/// What went wrong, for people (`message`, `hint`) and programs (`code`, `fields`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[error("{message}")]
pub struct ApiError {
    pub code: ErrorCode,
    /// One sentence that names the thing and the value.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Every faulty field, or every blocker, at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldError>,
    /// For [`ErrorCode::Busy`]: the operation that holds the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Box<crate::model::operation::Operation>>,
    /// The request's `x-request-id`, set by the daemon when it answers.
    #[serde(default)]
    pub request_id: String,
}

impl ApiError {
    /// An error with a code and a message, nothing else.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            fields: Vec::new(),
            operation: None,
            request_id: String::new(),
        }
    }

    /// The same error with advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with its faulty fields.
    #[must_use]
    pub fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.fields = fields;
        self
    }
}

/// The body of every refused control request: `{"error": {...}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    pub error: ApiError,
}
