//! The dashboard's files, embedded in the binary.
//!
//! Every file is a route of its own, so that a path that is not one of them is 404 and nothing else.

use axum::Router;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::Web;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../static"]
struct Files;

/// A route for each file, and `/` for `index.html`.
pub(super) fn routes() -> Router<Web> {
    let mut router = Router::new();
    for path in Files::iter() {
        let (Some(file), Some(kind)) = (Files::get(&path), content_type(&path)) else {
            continue;
        };
        let tag = etag(&file);
        let serve = move |headers: HeaderMap| {
            let answer = answer(&file, kind, &tag, &headers);
            async move { answer }
        };
        if path == "index.html" {
            router = router.route("/", get(serve.clone()));
        }
        router = router.route(&format!("/{path}"), get(serve));
    }
    router
}

fn answer(file: &EmbeddedFile, kind: &'static str, tag: &str, headers: &HeaderMap) -> Response {
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let same = known.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    let caching = [(ETAG, tag), (CACHE_CONTROL, "no-cache")];
    if same {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    let length = file.data.len().to_string();
    let bytes = bytes::Bytes::copy_from_slice(&file.data);
    (
        caching,
        [(CONTENT_TYPE, kind), (CONTENT_LENGTH, &length)],
        Body::from(bytes),
    )
        .into_response()
}

fn etag(file: &EmbeddedFile) -> String {
    let [a, b, ..] = *file.metadata.sha256_hash().as_chunks::<16>().0 else {
        return String::new();
    };
    format!(
        "\"{:032x}{:032x}\"",
        u128::from_be_bytes(a),
        u128::from_be_bytes(b)
    )
}

/// The type of a file by its name; files of no type here are not served.
fn content_type(path: &str) -> Option<&'static str> {
    if path.ends_with(".d.ts") {
        return None;
    }
    Some(match path.rsplit('.').next()? {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}
