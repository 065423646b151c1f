//! Requests as `OpenAI`'s clients send them, and vLLM's errors.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::answer::Turn;

/// An error in vLLM's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
    param: Option<&'static str>,
}

impl ApiError {
    /// A request that cannot be served as it is.
    pub(crate) fn bad(param: Option<&'static str>, message: String) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "BadRequestError",
            message,
            param,
        }
    }

    /// A request that is not of the right shape.
    pub(crate) fn invalid(message: String) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "Bad Request",
            message,
            param: None,
        }
    }

    /// A model that is not served here.
    pub(crate) fn no_model(name: &str) -> Self {
        let message = format!("The model `{name}` does not exist.");
        Self {
            status: StatusCode::NOT_FOUND,
            kind: "NotFoundError",
            message,
            param: Some("model"),
        }
    }

    /// The engine is gone.
    pub(crate) fn dead() -> Self {
        let message =
            "EngineCore encountered an issue. See stack trace (above) for the root cause.";
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            kind: "InternalServerError",
            message: message.to_owned(),
            param: None,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = json!({
            "message": self.message, "type": self.kind, "param": self.param,
            "code": self.status.as_u16(),
        });
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}

/// What both completion endpoints understand.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Request {
    /// Served name; absent means the first.
    pub(crate) model: Option<String>,
    /// Conversation of a chat request.
    pub(crate) messages: Vec<Message>,
    /// Text of a completion request.
    pub(crate) prompt: Option<Prompt>,
    /// Limit on the answer.
    pub(crate) max_tokens: Option<i64>,
    /// The newer name of the same.
    pub(crate) max_completion_tokens: Option<i64>,
    /// At least so many tokens.
    pub(crate) min_tokens: u64,
    /// Go on until the limit.
    pub(crate) ignore_eos: bool,
    /// 0 is deterministic.
    pub(crate) temperature: Option<f64>,
    /// In (0, 1].
    pub(crate) top_p: Option<f64>,
    /// Answers wanted.
    pub(crate) n: Option<u32>,
    /// Send pieces as they come.
    pub(crate) stream: bool,
    /// How to stream.
    pub(crate) stream_options: Option<StreamOptions>,
    /// Texts that end the answer.
    pub(crate) stop: Option<Stop>,
    /// Functions the model may call.
    pub(crate) tools: Option<Vec<Tool>>,
    /// `none`, `auto`, `required` or one function.
    pub(crate) tool_choice: Option<Value>,
    /// Makes sampling repeatable.
    pub(crate) seed: Option<i64>,
    /// Switches of the chat template.
    pub(crate) chat_template_kwargs: Option<Value>,
    /// `text`, `json_object` or `json_schema`.
    pub(crate) response_format: Option<Value>,
}

/// `stream_options`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StreamOptions {
    /// Whether a last chunk gives the usage.
    pub(crate) include_usage: bool,
}

/// One or more stop texts.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Stop {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Stop {
    /// All of them.
    pub(crate) fn all(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// Prompt of a completion request.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Prompt {
    /// One text.
    Text(String),
    /// Several; the first is answered.
    Texts(Vec<String>),
    /// Token numbers.
    Tokens(Vec<u32>),
}

impl Prompt {
    /// The prompt as text; token numbers are written out.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Texts(texts) => texts.join("\n"),
            Self::Tokens(ids) => ids.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
        }
    }
}

/// One message.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Message {
    /// Who speaks.
    pub(crate) role: String,
    /// Text, parts, or nothing beside tool calls.
    #[serde(default)]
    pub(crate) content: Option<Value>,
}

impl Message {
    /// The message's text; parts that are not text are left out.
    pub(crate) fn turn(&self) -> Turn {
        let text = match &self.content {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(parts)) => {
                let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
                texts.collect::<Vec<_>>().join("\n")
            }
            _ => String::new(),
        };
        Turn {
            role: self.role.clone(),
            text,
        }
    }
}

/// A tool, which is always a function.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Tool {
    /// The function.
    pub(crate) function: Function,
}

/// A function the model may call.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// JSON schema of its arguments.
    #[serde(default)]
    pub(crate) parameters: Value,
}

impl Request {
    /// Reads `body`, which must have `needed`.
    pub(crate) fn read(body: &[u8], needed: &'static str) -> Result<Self, ApiError> {
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            let at = error.column();
            ApiError::invalid(format!(
                "1 validation error:\n  {{'type': 'json_invalid', 'loc': ('body', {at}), 'msg': 'JSON decode error', 'input': {{}}, 'ctx': {{'error': '{error}'}}}}"
            ))
        })?;
        if value.get(needed).is_none() {
            return Err(ApiError::invalid(format!(
                "1 validation error:\n  {{'type': 'missing', 'loc': ('body', '{needed}'), 'msg': 'Field required', 'input': {{...}}}}"
            )));
        }
        let request: Self = serde_json::from_value(value)
            .map_err(|error| ApiError::invalid(format!("1 validation error:\n  {error}")))?;
        request.check()?;
        Ok(request)
    }

    /// The limit on the answer, if the client gave one.
    pub(crate) fn limit(&self) -> Option<u64> {
        self.max_completion_tokens
            .or(self.max_tokens)
            .and_then(|n| u64::try_from(n).ok())
    }

    fn check(&self) -> Result<(), ApiError> {
        if let Some(n) = self
            .max_completion_tokens
            .or(self.max_tokens)
            .filter(|n| *n < 1)
        {
            let text = format!("max_tokens must be at least 1, got {n}.");
            return Err(ApiError::bad(Some("max_tokens"), text));
        }
        if let Some(t) = self.temperature.filter(|t| *t < 0.0) {
            let text = format!("temperature must be non-negative, got {t:?}.");
            return Err(ApiError::bad(Some("temperature"), text));
        }
        if let Some(p) = self.top_p.filter(|p| !(*p > 0.0 && *p <= 1.0)) {
            let text = format!("top_p must be in (0, 1], got {p:?}.");
            return Err(ApiError::bad(Some("top_p"), text));
        }
        if self.stream_options.is_some() && !self.stream {
            let text = "Stream options can only be defined when `stream=True`.";
            return Err(ApiError::bad(Some("stream_options"), text.to_owned()));
        }
        if self.n == Some(0) {
            return Err(ApiError::bad(
                Some("n"),
                "n must be at least 1, got 0.".to_owned(),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_the_wrong_shape_are_refused() {
        for (body, expected) in [
            ("{", "json_invalid"),
            ("{}", "'loc': ('body', 'messages'), 'msg': 'Field required'"),
            (r#"{"messages":"hi"}"#, "1 validation error"),
            (
                r#"{"messages":[],"max_tokens":0}"#,
                "max_tokens must be at least 1, got 0.",
            ),
            (
                r#"{"messages":[],"temperature":-1}"#,
                "temperature must be non-negative, got -1.0.",
            ),
            (
                r#"{"messages":[],"top_p":1.5}"#,
                "top_p must be in (0, 1], got 1.5.",
            ),
            (
                r#"{"messages":[],"stream_options":{}}"#,
                "Stream options can only be defined",
            ),
        ] {
            let error = Request::read(body.as_bytes(), "messages").expect_err(body);
            assert!(
                error.message.contains(expected),
                "{body}: {}",
                error.message
            );
        }
    }

    #[test]
    fn content_may_come_in_parts() {
        let body = br#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{}},{"type":"text","text":"b"}]}]}"#;
        let request = Request::read(body, "messages").unwrap();
        assert_eq!(request.messages[0].turn().text, "a\nb");
    }
}
