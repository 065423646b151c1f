//! The webhook's decisions: which receivers are allowed, when to try again, how a body is signed, and which
//! events two states of the world lie apart.

mod events;
mod receiver;

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

pub use events::{Seen, between};
pub use receiver::{BadReceiver, Receiver, allowed_address};

/// Header of the signature: `sha256=` and the hexadecimal HMAC-SHA256 of the body under the secret.
pub const SIGNATURE_HEADER: &str = "x-spark-control-signature";
/// Header of the event's id, the same in every try.
pub const ID_HEADER: &str = "x-spark-control-delivery";
/// Header of the event's name.
pub const EVENT_HEADER: &str = "x-spark-control-event";
/// Requests for one event before it is given up.
pub const TRIES: u32 = 4;

/// The value of [`SIGNATURE_HEADER`] for `body`, as GitHub signs its webhooks.
pub fn signature(secret: &str, body: &[u8]) -> String {
    #[expect(
        clippy::expect_used,
        reason = "RFC 2104: an HMAC takes a key of any length"
    )]
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length is a key");
    mac.update(body);
    let bytes = mac.finalize().into_bytes();
    let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
    hex.fold("sha256=".to_owned(), |text, byte| text + &byte)
}

/// The pause after try `tries` (from 1): 1, 5, 25 seconds, and as much again times `random` in 0..1 halves, so
/// that many daemons do not come back together.
pub fn pause(tries: u32, random: f64) -> Duration {
    let base = 5_f64.powi(i32::try_from(tries.saturating_sub(1)).unwrap_or(0).min(3));
    Duration::from_secs_f64(base * (1.0 + random.clamp(0.0, 1.0) / 2.0))
}

/// Whether an answer with this status may be another one the next time.
pub fn worth_another_try(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 425 | 429)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_rfc_4231_says() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn pauses_grow_and_are_spread() {
        let at = |tries, random| pause(tries, random).as_secs_f64();
        assert_eq!((at(1, 0.0), at(2, 0.0), at(3, 0.0)), (1.0, 5.0, 25.0));
        assert_eq!((at(1, 1.0), at(3, 1.0)), (1.5, 37.5));
    }

    #[test]
    fn only_what_may_change_is_tried_again() {
        for status in [500, 502, 503, 429, 408] {
            assert!(worth_another_try(status), "{status}");
        }
        for status in [200, 301, 400, 401, 404, 410] {
            assert!(!worth_another_try(status), "{status}");
        }
    }
}
