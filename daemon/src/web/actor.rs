//! Who asked, in the words of the audit log.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::guard::from_browser;
use crate::door::Peer;

/// `socket uid 1000`, `web 192.168.1.20` (a browser), or `api 192.168.1.20` (a program).
#[derive(Debug)]
pub(super) struct Actor(pub(super) String);

impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(match parts.extensions.get::<Peer>() {
            Some(Peer::Socket { uid: Some(uid) }) => format!("socket uid {uid}"),
            Some(Peer::Socket { uid: None }) => "socket".to_owned(),
            Some(Peer::Tcp { remote, .. }) => {
                let kind = if from_browser(&parts.headers) {
                    "web"
                } else {
                    "api"
                };
                format!("{kind} {}", remote.ip().to_canonical())
            }
            None => "unknown".to_owned(),
        }))
    }
}
