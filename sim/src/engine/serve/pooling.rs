//! What a pooling engine serves: `/v1/embeddings`, `/rerank` (and `/v1`, `/v2`), `/score`; `/tokenize` of any.

use std::sync::{Arc, atomic::Ordering};

use axum::{Json, body::Bytes, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Server,
    wire::{ApiError, Prompt, Request},
};
use crate::engine::tokens;
use crate::services::vectors;

#[derive(Deserialize)]
struct Embedding {
    model: Option<String>,
    input: Prompt,
    dimensions: Option<usize>,
    encoding_format: Option<String>,
}

fn parsed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("1 validation error:\n  {error}")))
}

/// The served name that was asked for.
pub(super) fn name(server: &Server, asked: Option<String>) -> Result<String, ApiError> {
    let name = asked.unwrap_or_else(|| server.name().to_owned());
    if server.door.names.contains(&name) {
        Ok(name)
    } else {
        Err(ApiError::no_model(&name))
    }
}

/// Tokens of `texts`, when each fits the context.
fn counted(server: &Server, texts: &[String]) -> Result<u64, ApiError> {
    let most = server.cache.max_len;
    if let Some(long) = texts
        .iter()
        .map(|text| tokens::count(text))
        .find(|count| *count > most)
    {
        return Err(ApiError::bad(
            Some("input_tokens"),
            format!(
                "This model's maximum context length is {most} tokens. However, your request has {long} input tokens. Please reduce the length of the input."
            ),
        ));
    }
    let used = texts.iter().map(|text| tokens::count(text) + 1).sum();
    let counter = &server.metrics.prompt_tokens;
    counter.fetch_add(used, Ordering::Relaxed);
    Ok(used)
}

/// `POST /v1/embeddings`.
pub(crate) async fn embeddings(
    State(server): State<Arc<Server>>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let request: Embedding = parsed(&body)?;
    let name = name(&server, request.model)?;
    let texts = match request.input {
        Prompt::Texts(texts) => texts,
        one => vec![one.text()],
    };
    let used = counted(&server, &texts)?;
    let length = server.vector_length;
    if let Some(wanted) = request.dimensions {
        if !server.matryoshka {
            return Err(ApiError::bad(
                None,
                format!(
                    "Model \"{}\" does not support matryoshka representation, changing output dimensions will lead to poor results.",
                    server.model
                ),
            ));
        }
        if wanted == 0 || wanted > length {
            let text = format!("Dimensions must be between 1 and {length}, got {wanted}.");
            return Err(ApiError::bad(None, text));
        }
    }
    let fault = server.host.fault();
    let wanted = request.dimensions.unwrap_or(length);
    let found = vectors::of(fault.as_ref(), &texts, length, wanted);
    let base64 = request.encoding_format.as_deref() == Some("base64");
    Ok(Json(json!({
        "id": format!("embd-{}", uuid::Uuid::new_v4().simple()), "object": "list", "model": name,
        "created": jiff::Timestamp::now().as_second(), "data": vectors::list(&found, base64),
        "usage": {"prompt_tokens": used, "total_tokens": used, "completion_tokens": 0},
    })))
}

/// A text, also as an object with one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Text(String),
    Object { text: String },
}

impl Document {
    fn text(self) -> String {
        match self {
            Self::Text(text) | Self::Object { text } => text,
        }
    }
}

#[derive(Deserialize)]
struct Rerank {
    model: Option<String>,
    query: String,
    documents: Vec<Document>,
    #[serde(default)]
    top_n: usize,
}

/// `POST /rerank`, `/v1/rerank`, `/v2/rerank`; 0 asks for all.
pub(crate) async fn rerank(
    State(server): State<Arc<Server>>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let request: Rerank = parsed(&body)?;
    let name = name(&server, request.model)?;
    let documents: Vec<String> = request.documents.into_iter().map(Document::text).collect();
    let used = counted(&server, &documents)? + tokens::count(&request.query);
    let fault = server.host.fault();
    let mut ranked = vectors::ranked(fault.as_ref(), &request.query, &documents);
    if request.top_n > 0 {
        ranked.truncate(request.top_n);
    }
    let row = |(index, score): (usize, f64)| {
        let text = documents.get(index);
        json!({"index": index, "document": {"text": text}, "relevance_score": score})
    };
    Ok(Json(json!({
        "id": format!("rerank-{}", uuid::Uuid::new_v4().simple()), "model": name,
        "usage": {"prompt_tokens": used, "total_tokens": used},
        "results": ranked.into_iter().map(row).collect::<Vec<_>>(),
    })))
}

/// One text or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    fn all(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

#[derive(Deserialize)]
struct Score {
    model: Option<String>,
    #[serde(alias = "queries")]
    text_1: Texts,
    #[serde(alias = "documents")]
    text_2: Texts,
}

/// `POST /score`: one text against many, or pair by pair.
pub(crate) async fn score(
    State(server): State<Arc<Server>>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let request: Score = parsed(&body)?;
    let name = name(&server, request.model)?;
    let (first, second) = (request.text_1.all(), request.text_2.all());
    if first.len() != 1 && first.len() != second.len() {
        let text = "Input lengths must be either 1:1, 1:N or N:N";
        return Err(ApiError::bad(None, text.to_owned()));
    }
    let used = counted(&server, &first)? + counted(&server, &second)?;
    let fault = server.host.fault();
    let score = |(index, text): (usize, &String)| {
        let query = first
            .get(index)
            .or(first.first())
            .map_or("", String::as_str);
        let ranked = vectors::ranked(fault.as_ref(), query, std::slice::from_ref(text));
        let score = ranked.first().map_or(0.0, |(_, score)| *score);
        json!({"index": index, "object": "score", "score": score})
    };
    let data: Vec<Value> = second.iter().enumerate().map(score).collect();
    Ok(Json(json!({
        "id": format!("score-{}", uuid::Uuid::new_v4().simple()), "object": "list", "model": name,
        "created": jiff::Timestamp::now().as_second(), "data": data,
        "usage": {"prompt_tokens": used, "total_tokens": used},
    })))
}

/// `POST /tokenize` for a prompt.
pub(crate) async fn tokenize(
    State(server): State<Arc<Server>>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let request = Request::read(&body, "prompt")?;
    let pieces = tokens::tokens(&request.prompt.map_or(String::new(), |prompt| prompt.text()));
    let ids: Vec<u16> = pieces
        .iter()
        .map(|piece| {
            let hash = Sha256::digest(piece);
            u16::from_le_bytes([hash[0], hash[1]])
        })
        .collect();
    Ok(Json(json!({
        "count": ids.len(), "max_model_len": server.cache.max_len, "tokens": ids,
        "token_strs": null,
    })))
}
