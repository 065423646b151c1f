//! Why a call failed, for people: one sentence, what to do, and the id to quote.

use std::io::ErrorKind;

use spark_ipc::client::ClientError;
use spark_ipc::{ApiError, ErrorCode};

use crate::exit::Exit;

/// A failed call, told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Trouble {
    pub exit: Exit,
    /// A machine code: one of the API's, or `unreachable`, `not_permitted`, `timed_out`, `protocol`.
    pub code: &'static str,
    pub message: String,
    pub hint: Option<String>,
    pub request_id: Option<String>,
}

impl Trouble {
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit,
            code,
            message: message.into(),
            hint: None,
            request_id: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match error {
            ClientError::Connect { source, .. } => connect(message, &source),
            ClientError::Transport(_) => Self::new(Exit::Unreachable, "unreachable", message)
                .hint("is the daemon being restarted? try again in a moment"),
            ClientError::TimedOut(_) => Self::new(Exit::Unreachable, "unreachable", message)
                .hint("the daemon is there but stalled: look at its log"),
            ClientError::Api(error) => api(*error),
            ClientError::Decode { .. } => Self::new(Exit::Failed, "protocol", message)
                .hint("compare `spark-control --version` with the daemon's version"),
        }
    }
}

fn connect(message: String, source: &std::io::Error) -> Trouble {
    if source.kind() == ErrorKind::PermissionDenied {
        return Trouble::new(Exit::NotPermitted, "not_permitted", message)
            .hint("you may not use the daemon's socket: join its group, or use --url HOST:9999");
    }
    Trouble::new(
        Exit::Unreachable,
        "unreachable",
        format!("{message}: {source}"),
    )
    .hint(
        "start it with `spark-controld serve` (or `spark-sim demo` to try it), \
         or say where it is with --socket PATH or --url HOST:PORT",
    )
}

fn api(error: ApiError) -> Trouble {
    let exit = match error.code {
        ErrorCode::NotFound => Exit::NotFound,
        ErrorCode::Busy | ErrorCode::Conflict => Exit::Busy,
        ErrorCode::Unreachable => Exit::Unreachable,
        ErrorCode::Forbidden => Exit::NotPermitted,
        ErrorCode::Invalid | ErrorCode::Blocked | ErrorCode::Unsupported | ErrorCode::Internal => {
            Exit::Failed
        }
    };
    let mut message = error.message;
    for field in &error.fields {
        message.push_str("; ");
        if !field.path.is_empty() {
            message.push_str(&field.path);
            message.push_str(": ");
        }
        message.push_str(&field.message);
    }
    Trouble {
        exit,
        code: error.code.as_str(),
        message,
        hint: error.hint,
        request_id: Some(error.request_id).filter(|id| !id.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_exit() {
        let table = [
            (ErrorCode::Invalid, Exit::Failed),
            (ErrorCode::NotFound, Exit::NotFound),
            (ErrorCode::Busy, Exit::Busy),
            (ErrorCode::Conflict, Exit::Busy),
            (ErrorCode::Blocked, Exit::Failed),
            (ErrorCode::Unreachable, Exit::Unreachable),
            (ErrorCode::Forbidden, Exit::NotPermitted),
            (ErrorCode::Unsupported, Exit::Failed),
            (ErrorCode::Internal, Exit::Failed),
        ];
        for (code, exit) in table {
            let error = ClientError::Api(Box::new(ApiError::new(code, "x")));
            assert_eq!(Trouble::from(error).exit, exit, "{code:?}");
        }
    }

    #[test]
    fn a_socket_that_may_not_be_used_is_not_permitted() {
        let told = |kind: ErrorKind| {
            Trouble::from(ClientError::Connect {
                endpoint: "/run/x".into(),
                source: kind.into(),
            })
        };
        assert_eq!(told(ErrorKind::PermissionDenied).exit, Exit::NotPermitted);
        assert_eq!(told(ErrorKind::NotFound).exit, Exit::Unreachable);
        assert!(
            told(ErrorKind::NotFound)
                .hint
                .unwrap()
                .contains("spark-controld")
        );
    }
}
