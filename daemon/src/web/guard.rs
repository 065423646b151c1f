//! The guard: which requests may come in at all.
//!
//! There is no login, so what protects the operator is that a page of somebody else, open in their
//! browser, cannot act here. Two rules carry that on plain HTTP, where browsers send no fetch metadata:
//! the `Host` must be one that no stranger can own (a rebinding name never gets in), and `Origin` or
//! `Referer`, where present, must be the served host. Programs send neither and pass.
//!
//! The rules are one pure function over the head of a request, [`check`]; [`layer`] applies it.

mod host;
pub(super) mod layer;
mod origin;
mod refusal;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, REFERER, TRANSFER_ENCODING,
    UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method};

pub use host::{AllowedHosts, Hosts};
pub(super) use refusal::Refusal;

use crate::door::Peer;
use host::Authority;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SERVICE_WORKER: HeaderName = HeaderName::from_static("service-worker");

/// What a route is to the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Reads and changes of ours; and whatever matched no route.
    Control,
    /// The dashboard's own files: no data.
    Static,
    /// For client applications anywhere, browsers included.
    Data,
    /// `/healthz`, `/readyz`: no data, asked by machines under any name.
    Health,
}

/// Whether the request with this head may come in.
pub(super) fn check(class: Class, head: &Parts, hosts: &Hosts) -> Result<(), Refusal> {
    clean_path(head.uri.path())?;
    known_method(&head.method)?;
    single_headers(&head.headers)?;
    if head.headers.contains_key(SERVICE_WORKER) {
        return Err(Refusal::CrossOrigin(
            "a service worker may not be served from here",
        ));
    }
    match head.extensions.get::<Peer>() {
        Some(Peer::Socket { .. }) => return no_browser(&head.headers),
        Some(Peer::Tcp { remote, local }) if class == Class::Control => near(*remote, *local)?,
        Some(Peer::Tcp { .. }) | None => {}
    }
    if class == Class::Health {
        return Ok(());
    }
    let served = served(head)?;
    if class == Class::Data {
        return Ok(());
    }
    if !hosts.allow(&served) {
        return Err(Refusal::UnknownHost(served.host.to_string()));
    }
    origin::check(class, head, &served)?;
    json_body(head)
}

/// A path that means the same to everybody who reads it.
fn clean_path(path: &str) -> Result<(), Refusal> {
    let lower = path.to_ascii_lowercase();
    let dots = lower.replace("%2e", ".");
    let hidden = ["%2f", "%5c", "%00", "%7f", "\\", "//", ";", "%3b"];
    let bad = hidden.iter().any(|piece| lower.contains(piece))
        || dots.split('/').any(|segment| matches!(segment, "." | ".."))
        || lower.contains("%0")
        || lower.contains("%1")
        || path.bytes().any(|byte| byte.is_ascii_control());
    if bad { Err(Refusal::Path) } else { Ok(()) }
}

fn known_method(method: &Method) -> Result<(), Refusal> {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    if known.contains(method) {
        Ok(())
    } else {
        Err(Refusal::Method)
    }
}

/// What must not be said twice, and framing that two readers could take differently.
fn single_headers(headers: &HeaderMap) -> Result<(), Refusal> {
    let once = [
        ORIGIN,
        REFERER,
        FETCH_SITE,
        CONTENT_TYPE,
        CONTENT_LENGTH,
        TRANSFER_ENCODING,
    ];
    for name in once {
        if headers.get_all(&name).iter().count() > 1 {
            return Err(Refusal::Repeated(name));
        }
    }
    if headers.contains_key(CONTENT_LENGTH) && headers.contains_key(TRANSFER_ENCODING) {
        return Err(Refusal::Framing);
    }
    Ok(())
}

/// A browser cannot reach the socket: whatever claims to come from one is not what it says.
fn no_browser(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(ORIGIN) || headers.contains_key(REFERER) {
        return Err(Refusal::CrossOrigin("the socket is not for browsers"));
    }
    Ok(())
}

/// Control is for the local network: a peer with a public address is refused unless it is on our link.
fn near(remote: SocketAddr, local: Option<SocketAddr>) -> Result<(), Refusal> {
    let peer = remote.ip().to_canonical();
    let on_link = local.is_some_and(|local| same_link(peer, local.ip().to_canonical()));
    if on_link || is_private(peer) {
        Ok(())
    } else {
        Err(Refusal::PublicPeer(peer))
    }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let carrier_grade = a == 100 && (64..128).contains(&b);
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || carrier_grade
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

fn same_link(peer: IpAddr, ours: IpAddr) -> bool {
    match (peer, ours) {
        (IpAddr::V4(a), IpAddr::V4(b)) => a
            .octets()
            .iter()
            .zip(b.octets())
            .take(3)
            .all(|(a, b)| *a == b),
        (IpAddr::V6(a), IpAddr::V6(b)) => a
            .segments()
            .iter()
            .zip(b.segments())
            .take(4)
            .all(|(a, b)| *a == b),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// The one authority that the request is for.
fn served(head: &Parts) -> Result<Authority, Refusal> {
    let mut values = head.headers.get_all(HOST).iter();
    let (Some(host), None) = (values.next(), values.next()) else {
        return Err(Refusal::Host(String::new()));
    };
    let text = String::from_utf8_lossy(host.as_bytes());
    let refused = || Refusal::Host(text.clone().into_owned());
    if let Some(authority) = head.uri.authority()
        && !authority.as_str().eq_ignore_ascii_case(&text)
    {
        return Err(refused());
    }
    Authority::parse(&text).ok_or_else(refused)
}

/// Whether the request changes something, or could turn into something that does.
fn is_unsafe(head: &Parts) -> bool {
    let reads = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
    !reads || head.headers.contains_key(UPGRADE)
}

/// From a browser a body must be declared JSON, which no form of another site can send unasked.
fn json_body(head: &Parts) -> Result<(), Refusal> {
    let headers = &head.headers;
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let empty = !headers.contains_key(TRANSFER_ENCODING)
        && text(CONTENT_LENGTH).is_none_or(|length| length.trim() == "0");
    if !is_unsafe(head) || empty {
        return Ok(());
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Refusal::Compressed);
    }
    let essence = text(CONTENT_TYPE)
        .and_then(|value| value.split(';').next())
        .unwrap_or("");
    let json = essence.trim().eq_ignore_ascii_case("application/json");
    if json || !from_browser(headers) {
        Ok(())
    } else {
        Err(Refusal::NotJson)
    }
}

/// Whether the request has a header that browsers send and programs do not.
pub(super) fn from_browser(headers: &HeaderMap) -> bool {
    [ORIGIN, REFERER, FETCH_SITE, FETCH_MODE, FETCH_DEST]
        .iter()
        .any(|name| headers.contains_key(name))
}
