//! What handlers take from a request, with faults that name the field, the value and the fix.

use std::str::FromStr;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use spark_ipc::id::{InvalidId, RepoId};

use super::fault::Fault;

/// Largest body of a control request, bytes.
pub(super) const MAX_BODY_BYTES: usize = 256 * 1024;

/// A JSON body. It need not be declared so: `curl -d` does not, and the guard looks after browsers.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Fault> {
        let bytes = read(request.into_body(), MAX_BODY_BYTES).await?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body that may be left out.
#[derive(Debug)]
pub(super) struct MaybeBody<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeBody<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Fault> {
        let bytes = read(request.into_body(), MAX_BODY_BYTES).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        parse(&bytes).map(Self)
    }
}

async fn read(body: Body, most: usize) -> Result<bytes::Bytes, Fault> {
    match Limited::new(body, most).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Fault::invalid("", format!("the body is over {most} bytes"))
                .with_status(StatusCode::PAYLOAD_TOO_LARGE))
        }
        Err(_broken) => Err(Fault::invalid("", "the body ended before its length")),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    if bytes.is_empty() {
        return Err(Fault::invalid("", "the body is empty").with_hint("send a JSON object"));
    }
    // serde would take the members of an array for those of the object, in their order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Fault::invalid("", "the body is an array").with_hint("send a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = pointer(error.path());
        fault(&path, error.inner())
    })?;
    json.end().map_err(|error| fault("", &error))?;
    Ok(value)
}

fn fault(path: &str, error: &serde_json::Error) -> Fault {
    let text = error.to_string();
    if error.is_data() {
        // Where it is stands in the path; the place in the bytes helps nobody.
        let what = text.split(" at line ").next().unwrap_or(&text);
        let what = spark_ipc::text::clean_line(what, 400);
        let hint = "correct this field; /api/openapi.json has the schema";
        return Fault::invalid(path, what).with_hint(hint);
    }
    Fault::invalid(
        path,
        format!(
            "the body is not JSON: {}",
            spark_ipc::text::clean_line(&text, 200)
        ),
    )
}

/// `nodes[0]` as a JSON pointer, `/nodes/0`.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let segment = |segment: &Segment| match segment {
        Segment::Seq { index } => format!("/{index}"),
        Segment::Map { key } => {
            // The client's own word, which comes back in the answer.
            let key = spark_ipc::text::clean_line(key, 80);
            format!("/{}", key.replace('~', "~0").replace('/', "~1"))
        }
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    path.iter().map(segment).collect()
}

/// The one id of a path.
#[derive(Debug)]
pub(super) struct PathId<T>(pub(super) T);

impl<S, T> FromRequestParts<S> for PathId<T>
where
    S: Send + Sync,
    T: FromStr<Err = InvalidId>,
{
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let params = params(parts, state).await?;
        let (name, value) = params.iter().next().unwrap_or(("", ""));
        value
            .parse()
            .map(Self)
            .map_err(|error: InvalidId| Fault::invalid(name, error.to_string()))
    }
}

/// The repository of a path: `{org}/{name}`, or `{name}` alone.
#[derive(Debug)]
pub(super) struct PathRepo(pub(super) RepoId);

impl<S: Send + Sync> FromRequestParts<S> for PathRepo {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let params = params(parts, state).await?;
        let pieces: Vec<&str> = params.iter().map(|(_, value)| value).collect();
        let repo = RepoId::new(pieces.join("/"));
        repo.map(Self)
            .map_err(|error| Fault::invalid("repo", error.to_string()))
    }
}

async fn params<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Fault> {
    let params = RawPathParams::from_request_parts(parts, state).await;
    params.map_err(|_encoding| Fault::invalid("path", "the path is not UTF-8"))
}

/// The pairs of a query, each of which a handler must know.
#[derive(Debug)]
pub(super) struct Pairs(pub(super) Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Pairs {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let query = Query::from_request_parts(parts, state).await;
        let Query(pairs) =
            query.map_err(|_encoding| Fault::invalid("query", "the query is malformed"))?;
        Ok(Self(pairs))
    }
}
