//! The one thing of a request that is looked at: which model it is for.

use serde::Deserialize;

/// The members of a request that matter here; all others are skipped, not kept.
#[derive(Debug, Deserialize)]
struct Head {
    #[serde(default)]
    model: Option<String>,
}

/// The model of the request; `None` when it names none. A body that names it twice is refused, since
/// the engine could take the other one.
pub(super) fn model(body: &[u8]) -> Result<Option<String>, serde_json::Error> {
    let head: Head = serde_json::from_slice(body)?;
    // serde would take the members of an array for those of the object, in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(serde::de::Error::custom("it is an array"));
    }
    Ok(head.model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_that_of_the_outermost_object() {
        let nested = br#"{"metadata":{"model":"a"},"mod\u0065l":"b","tools":[{"model":"c"}]}"#;
        assert_eq!(model(nested).unwrap().as_deref(), Some("b"));
        assert_eq!(model(br#"{"messages":[]}"#).unwrap(), None);
        assert_eq!(model(br#"{"model":null}"#).unwrap(), None);
    }

    #[test]
    fn what_two_readers_could_take_differently_is_refused() {
        for body in [
            &br#"{"model":"a","model":"b"}"#[..],
            br#"{"model":5}"#,
            br#"{"model":"a"} {}"#,
            br#"{"model":"a""#,
            b"[]",
            br#"["a"]"#,
            b"",
            b"\xff\xfe{\0}\0",
        ] {
            assert!(model(body).is_err(), "{:?}", String::from_utf8_lossy(body));
        }
    }
}
