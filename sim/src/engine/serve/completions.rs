//! `POST /v1/chat/completions` and `POST /v1/completions`, whole and streamed.

use std::{collections::VecDeque, io, sync::Arc};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use http::header;
use serde_json::{Value, json};

use super::{
    Server,
    compose::{Reply, compose},
    feed::{Feed, Piece},
    wire::{ApiError, Message, Request},
};
use crate::engine::answer::Turn;

/// Which of the two endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Chat,
    Text,
}

/// `POST /v1/chat/completions`.
pub(crate) async fn chat(
    State(server): State<Arc<Server>>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let request = Request::read(&body, "messages")?;
    let turns = request.messages.iter().map(Message::turn).collect();
    answer(server, Kind::Chat, request, turns).await
}

/// `POST /v1/completions`.
pub(crate) async fn text(
    State(server): State<Arc<Server>>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let request = Request::read(&body, "prompt")?;
    let text = request
        .prompt
        .as_ref()
        .map_or(String::new(), super::wire::Prompt::text);
    let turns = vec![Turn {
        role: "user".to_owned(),
        text,
    }];
    answer(server, Kind::Text, request, turns).await
}

async fn answer(
    server: Arc<Server>,
    kind: Kind,
    request: Request,
    turns: Vec<Turn>,
) -> Result<Response, ApiError> {
    let frame = Frame::new(&server, kind, &request)?;
    let mut persona = server.persona();
    persona.reasoning &= kind == Kind::Chat;
    let replies = (0..u64::from(request.n.unwrap_or(1)))
        .map(|index| {
            compose(
                &request,
                &turns,
                &persona,
                seed(&request).wrapping_add(index),
            )
        })
        .collect::<Result<Vec<Reply>, ApiError>>()?;
    let prompt = replies.first().map_or(0, |reply| reply.prompt_tokens);
    let finish = replies.first().map_or("stop", |reply| reply.finish);
    let pieces = frame.pieces(&replies);
    let whole = (!request.stream).then(|| frame.whole(&replies));
    send(Feed::begin(server, prompt, pieces, finish).await?, whole).await
}

/// Streams `feed`, or lets it pass and sends `whole`.
async fn send(feed: Feed, whole: Option<Value>) -> Result<Response, ApiError> {
    match whole {
        None => Ok(streamed(feed)),
        Some(whole) => {
            feed.finish().await?;
            Ok(Json(whole).into_response())
        }
    }
}

/// Deterministic for temperature 0 or a given seed.
fn seed(request: &Request) -> u64 {
    match (request.seed, request.temperature) {
        (Some(seed), _) => seed.unsigned_abs(),
        (None, Some(t)) if t.abs() < f64::EPSILON => 0,
        _ => rand::random(),
    }
}

/// Sends the pieces as server-sent events. A dead engine breaks the connection, as a dead process does.
fn streamed(feed: Feed) -> Response {
    let events = stream::unfold(Some(feed), |feed| async {
        let mut feed = feed?;
        match feed.next().await {
            Some(Ok(data)) => Some((Ok(Bytes::from(format!("data: {data}\n\n"))), Some(feed))),
            Some(Err(_dead)) => Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), None)),
            None => Some((Ok(Bytes::from_static(b"data: [DONE]\n\n")), None)),
        }
    });
    let head = [(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")];
    (head, Body::from_stream(events)).into_response()
}

/// What is the same in every chunk of one answer.
struct Frame {
    kind: Kind,
    id: String,
    created: i64,
    model: String,
    usage: bool,
    reasoning_field: &'static str,
}

impl Frame {
    fn new(server: &Server, kind: Kind, request: &Request) -> Result<Self, ApiError> {
        let model = match &request.model {
            Some(name) if !server.door.names.contains(name) => {
                return Err(ApiError::no_model(name));
            }
            Some(name) => name.clone(),
            None => server.name().to_owned(),
        };
        let prefix = if kind == Kind::Chat {
            "chatcmpl"
        } else {
            "cmpl"
        };
        let asked = request
            .stream_options
            .as_ref()
            .is_some_and(|options| options.include_usage);
        Ok(Self {
            kind,
            id: format!("{prefix}-{}", uuid::Uuid::new_v4().simple()),
            created: jiff::Timestamp::now().as_second(),
            model,
            usage: asked || server.door.force_usage,
            reasoning_field: server.reasoning_field,
        })
    }

    fn object(&self, chunk: bool) -> &'static str {
        match (self.kind, chunk) {
            (Kind::Chat, true) => "chat.completion.chunk",
            (Kind::Chat, false) => "chat.completion",
            (Kind::Text, _) => "text_completion",
        }
    }

    fn chunk(&self, tokens: u64, choices: &Value) -> Piece {
        let (id, created, model) = (&self.id, self.created, &self.model);
        let object = self.object(true);
        let data = json!({
            "id": id, "object": object, "created": created, "model": model, "choices": choices,
        });
        Piece { tokens, data }
    }

    /// Everything a stream sends, in order.
    fn pieces(&self, replies: &[Reply]) -> VecDeque<Piece> {
        let mut pieces = VecDeque::new();
        for (index, reply) in replies.iter().enumerate() {
            match self.kind {
                Kind::Chat => self.chat_pieces(index, reply, &mut pieces),
                Kind::Text => self.text_pieces(index, reply, &mut pieces),
            }
        }
        if self.usage {
            let mut last = self.chunk(0, &json!([]));
            last.data["usage"] = usage(replies);
            pieces.push_back(last);
        }
        pieces
    }

    fn chat_pieces(&self, index: usize, reply: &Reply, pieces: &mut VecDeque<Piece>) {
        let mut push = |tokens: u64, delta: Value, finish: Option<&str>| {
            let choice = json!([{
                "index": index, "delta": delta, "logprobs": null, "finish_reason": finish,
            }]);
            pieces.push_back(self.chunk(tokens, &choice));
        };
        push(0, json!({"role": "assistant", "content": ""}), None);
        for token in &reply.reasoning {
            push(1, json!({ self.reasoning_field: token }), None);
        }
        for token in &reply.content {
            push(1, json!({ "content": token }), None);
        }
        if let Some(call) = &reply.call {
            let function = json!({"name": call.name, "arguments": ""});
            let first =
                json!({"id": self.call_id(), "type": "function", "index": 0, "function": function});
            push(1, json!({ "tool_calls": [first] }), None);
            for token in &call.arguments {
                let more = json!({"index": 0, "function": {"arguments": token}});
                push(1, json!({ "tool_calls": [more] }), None);
            }
        }
        push(0, json!({"content": ""}), Some(reply.finish));
    }

    fn text_pieces(&self, index: usize, reply: &Reply, pieces: &mut VecDeque<Piece>) {
        let mut push = |tokens: u64, text: &str, finish: Option<&str>| {
            let choice = json!([{
                "index": index, "text": text, "logprobs": null, "finish_reason": finish,
                "stop_reason": null,
            }]);
            pieces.push_back(self.chunk(tokens, &choice));
        };
        for token in &reply.content {
            push(1, token, None);
        }
        push(0, "", Some(reply.finish));
    }

    fn call_id(&self) -> String {
        format!("chatcmpl-tool-{}", self.id.trim_start_matches("chatcmpl-"))
    }

    /// The answer that is sent at once.
    fn whole(&self, replies: &[Reply]) -> Value {
        let choices: Vec<Value> = replies
            .iter()
            .enumerate()
            .map(|(index, reply)| match self.kind {
                Kind::Chat => json!({
                    "index": index, "message": self.message(reply), "logprobs": null,
                    "finish_reason": reply.finish, "stop_reason": null,
                }),
                Kind::Text => json!({
                    "index": index, "text": reply.content.concat(), "logprobs": null,
                    "finish_reason": reply.finish, "stop_reason": null, "prompt_logprobs": null,
                }),
            })
            .collect();
        json!({
            "id": self.id, "object": self.object(false), "created": self.created,
            "model": self.model, "choices": choices, "usage": usage(replies),
            "service_tier": null, "system_fingerprint": null, "prompt_logprobs": null,
            "kv_transfer_params": null,
        })
    }

    fn message(&self, reply: &Reply) -> Value {
        let calls: Vec<Value> = reply
            .call
            .iter()
            .map(|call| {
                let function = json!({"name": call.name, "arguments": call.arguments.concat()});
                json!({"id": self.call_id(), "type": "function", "function": function})
            })
            .collect();
        let or_null = |tokens: &[String]| match tokens {
            [] => Value::Null,
            some => Value::String(some.concat()),
        };
        let mut message = json!({
            "role": "assistant", "content": or_null(&reply.content), "refusal": null,
            "annotations": null, "audio": null, "function_call": null, "tool_calls": calls,
        });
        message[self.reasoning_field] = or_null(&reply.reasoning);
        message
    }
}

/// The counts of all answers together.
fn usage(replies: &[Reply]) -> Value {
    let mut usage = replies.first().map_or(Value::Null, Reply::usage);
    if let [first, _, ..] = replies {
        let completion: u64 = replies.iter().map(Reply::completion_tokens).sum();
        usage["completion_tokens"] = json!(completion);
        usage["total_tokens"] = json!(first.prompt_tokens + completion);
    }
    usage
}
