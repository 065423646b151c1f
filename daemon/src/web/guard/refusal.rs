//! Why the guard refuses, in words that help.

use std::net::IpAddr;

use axum::http::{HeaderName, StatusCode};
use spark_ipc::text::clean_line;
use spark_ipc::{ApiError, ErrorCode, FieldError};

use crate::web::fault::Fault;

/// Why a request may not come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) enum Refusal {
    /// The path could be read in two ways.
    Path,
    /// A method that nothing here has.
    Method,
    /// No host, several, or none that a browser would write.
    Host(String),
    /// A header that may be there once is there twice.
    Repeated(HeaderName),
    /// Both a length and chunks.
    Framing,
    /// A name that a stranger could own.
    UnknownHost(String),
    /// From somewhere else; the reason.
    CrossOrigin(&'static str),
    /// From the internet.
    PublicPeer(IpAddr),
    /// A browser sent a body that is not JSON.
    NotJson,
    /// A compressed body.
    Compressed,
}

impl Refusal {
    pub(in crate::web) fn status(&self) -> StatusCode {
        match self {
            Self::Path | Self::Host(_) | Self::Repeated(_) | Self::Framing => {
                StatusCode::BAD_REQUEST
            }
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnknownHost(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::CrossOrigin(_) | Self::PublicPeer(_) => StatusCode::FORBIDDEN,
            Self::NotJson | Self::Compressed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    fn code(&self) -> ErrorCode {
        match self {
            Self::Path | Self::Host(_) | Self::Repeated(_) | Self::Framing => ErrorCode::Invalid,
            Self::UnknownHost(_) | Self::CrossOrigin(_) | Self::PublicPeer(_) => {
                ErrorCode::Forbidden
            }
            Self::Method | Self::NotJson | Self::Compressed => ErrorCode::Unsupported,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Path => {
                "the path has encoded separators, empty or dot segments, or ';'".to_owned()
            }
            Self::Method => "this method is not offered".to_owned(),
            Self::Host(text) if text.is_empty() => {
                "the request must have exactly one Host".to_owned()
            }
            Self::Host(text) => format!("{:?} is not a host", clean_line(text, 100)),
            Self::Repeated(name) => format!("the header {name} is there more than once"),
            Self::Framing => "the request has both Content-Length and Transfer-Encoding".to_owned(),
            Self::UnknownHost(name) => {
                format!(
                    "{:?} is not a name of this Spark Control",
                    clean_line(name, 100)
                )
            }
            Self::CrossOrigin(reason) => format!("refused: {reason}"),
            Self::PublicPeer(ip) => format!("refused: {ip} is a public address"),
            Self::NotJson => "the body must be declared as application/json".to_owned(),
            Self::Compressed => "a compressed body is not taken".to_owned(),
        }
    }

    /// The part of the request that is malformed.
    fn field(&self) -> Option<String> {
        match self {
            Self::Path => Some("path".to_owned()),
            Self::Host(_) => Some("host".to_owned()),
            Self::Repeated(name) => Some(name.to_string()),
            _ => None,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::UnknownHost(_) => {
                "use the IP address, or a .local name; or add this name to ALLOWED_HOSTS, in the \
                 settings or in the environment of the daemon"
            }
            Self::CrossOrigin(_) => {
                "open the dashboard itself; a reverse proxy must keep the Host header as it is"
            }
            Self::PublicPeer(_) => "come through a VPN or an SSH tunnel",
            Self::NotJson => "send the header 'Content-Type: application/json'",
            Self::Compressed => "send it without Content-Encoding",
            Self::Path | Self::Method | Self::Host(_) | Self::Repeated(_) | Self::Framing => {
                return None;
            }
        })
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let mut error = ApiError::new(refusal.code(), refusal.message());
        error.hint = refusal.hint().map(str::to_owned);
        if let Some(path) = refusal.field() {
            let message = refusal.message();
            error.fields = vec![FieldError { path, message }];
        }
        Self {
            status: refusal.status(),
            error: Box::new(error),
        }
    }
}
