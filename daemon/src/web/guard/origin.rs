//! Where a request says it comes from: fetch metadata, `Origin`, `Referer`.

use axum::http::header::{ORIGIN, REFERER};
use axum::http::request::Parts;
use axum::http::{HeaderName, Method};

use super::host::Authority;
use super::{Class, FETCH_DEST, FETCH_MODE, FETCH_SITE, Refusal, is_unsafe};

/// Whether the request comes from our own page, or from no page at all.
pub(super) fn check(class: Class, head: &Parts, served: &Authority) -> Result<(), Refusal> {
    let header = |name: HeaderName| {
        head.headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    match header(FETCH_SITE).as_deref() {
        None | Some("same-origin" | "none") => {}
        Some("cross-site" | "same-site") => {
            let shown = header(FETCH_MODE).as_deref() == Some("navigate")
                && header(FETCH_DEST).as_deref() == Some("document");
            if is_unsafe(head) || !shown || head.method != Method::GET || class != Class::Static {
                return Err(Refusal::CrossOrigin(
                    "the browser says that another site sent it",
                ));
            }
        }
        Some(_) => return Err(Refusal::CrossOrigin("its Sec-Fetch-Site is not known")),
    }
    if let Some(origin) = header(ORIGIN) {
        return if is_served(&origin, served) {
            Ok(())
        } else {
            Err(mismatch("Origin"))
        };
    }
    match header(REFERER) {
        Some(referer) if is_unsafe(head) && !is_served(origin_of(&referer), served) => {
            Err(mismatch("Referer"))
        }
        Some(_) | None => Ok(()),
    }
}

fn mismatch(header: &'static str) -> Refusal {
    match header {
        "Origin" => Refusal::CrossOrigin("its Origin is not this page"),
        _ => Refusal::CrossOrigin("its Referer is not this page"),
    }
}

/// Whether `origin` (`scheme://host[:port]`, nothing after) is the served authority. Behind a proxy that
/// ends TLS the scheme is not known here, so either is right; a port that is not said is the scheme's.
fn is_served(origin: &str, served: &Authority) -> bool {
    let (rest, default) = match origin.split_once("://") {
        Some(("http", rest)) => (rest, 80),
        Some(("https", rest)) => (rest, 443),
        Some(_) | None => return false,
    };
    Authority::parse(rest).is_some_and(|from| {
        from.host == served.host && from.port.unwrap_or(default) == served.port.unwrap_or(default)
    })
}

/// The part of a URL before its path; the whole text where there is none.
fn origin_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(start..).unwrap_or("");
    let end = rest
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    url.get(..end).unwrap_or(url)
}
