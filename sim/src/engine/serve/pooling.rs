//! `POST /v1/embeddings` of a pooling engine, and `POST /tokenize` of any.

use std::sync::{Arc, atomic::Ordering};

use axum::{Json, body::Bytes, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Server,
    wire::{ApiError, Prompt, Request},
};
use crate::engine::{host::EngineFault, tokens};

/// Length of every vector unless the client asks for less.
const DIMENSIONS: usize = 1024;

#[derive(Deserialize)]
struct Embedding {
    model: Option<String>,
    input: Prompt,
    dimensions: Option<usize>,
}

/// `POST /v1/embeddings`: texts that share words get vectors that point the same way.
pub(crate) async fn embeddings(
    State(server): State<Arc<Server>>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let request: Embedding = serde_json::from_slice(&body)
        .map_err(|error| ApiError::invalid(format!("1 validation error:\n  {error}")))?;
    let name = request.model.unwrap_or_else(|| server.name().to_owned());
    if !server.door.names.contains(&name) {
        return Err(ApiError::no_model(&name));
    }
    let texts = match request.input {
        Prompt::Texts(texts) => texts,
        one => vec![one.text()],
    };
    let used: u64 = texts.iter().map(|text| tokens::count(text) + 1).sum();
    if let Some(long) = texts
        .iter()
        .map(|t| tokens::count(t))
        .find(|n| *n > server.cache.max_len)
    {
        return Err(ApiError::bad(
            Some("input_tokens"),
            format!(
                "This model's maximum context length is {} tokens. However, your request has {long} input tokens. Please reduce the length of the input.",
                server.cache.max_len
            ),
        ));
    }
    server
        .metrics
        .prompt_tokens
        .fetch_add(used, Ordering::Relaxed);
    let broken = server.host.fault() == Some(EngineFault::Garbage);
    let length = request
        .dimensions
        .unwrap_or(DIMENSIONS)
        .clamp(1, DIMENSIONS);
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = if broken {
                vec![0.0; length]
            } else {
                vector(text, length)
            };
            json!({"index": index, "object": "embedding", "embedding": vector})
        })
        .collect();
    Ok(Json(json!({
        "id": format!("embd-{}", uuid::Uuid::new_v4().simple()), "object": "list", "model": name,
        "created": jiff::Timestamp::now().as_second(), "data": data,
        "usage": {"prompt_tokens": used, "total_tokens": used, "completion_tokens": 0},
    })))
}

/// A unit vector: each word adds at places that its hash names.
fn vector(text: &str, length: usize) -> Vec<f64> {
    let mut vector = vec![0.0; length];
    for word in text
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
    {
        for pair in Sha256::digest(word).as_slice().chunks_exact(3) {
            let place = usize::from(pair[0]) << 8 | usize::from(pair[1]);
            vector[place % length] += if pair[2].is_multiple_of(2) { 1.0 } else { -1.0 };
        }
    }
    let norm = vector.iter().map(|x: &f64| x * x).sum::<f64>().sqrt();
    if norm > 0.0 {
        for x in &mut vector {
            *x /= norm;
        }
    }
    vector
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

#[cfg(test)]
mod tests {
    use super::vector;

    #[test]
    fn vectors_are_of_unit_length_and_alike_for_like_texts() {
        let dot = |a: &str, b: &str| -> f64 {
            vector(a, 256)
                .iter()
                .zip(vector(b, 256))
                .map(|(x, y)| x * y)
                .sum()
        };
        assert!((dot("a cat sleeps", "a cat sleeps") - 1.0).abs() < 1e-9);
        assert!(dot("a cat sleeps", "the cat sleeps") > dot("a cat sleeps", "stock market news"));
    }
}
