//! Bytes for the standard input of a command, as base64: no byte of it means anything to a shell.

use std::fmt;

use super::InvalidArg;

/// Base64 on one line. It can be made only from text of that alphabet, so it can end no here-document.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(String);

/// Most characters of a payload: a piece of a file, never a file.
const MOST: usize = 16 << 20;

impl Payload {
    /// Takes base64 as `base64 -w 0` writes it.
    pub fn checked(text: String) -> Result<Self, InvalidArg> {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
        if text.len() <= MOST && text.bytes().all(good) {
            return Ok(Self(text));
        }
        Err(InvalidArg {
            kind: "payload",
            value: spark_ipc::text::clean_line(&text, 40),
            rule: "base64 on one line, at most 16 MiB",
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} characters)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_base64_is_a_payload() {
        assert!(Payload::checked("aGVsbG8=".to_owned()).is_ok());
        for bad in ["a b", "a\n", "SPARK_00'", "$(id)"] {
            assert!(Payload::checked(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
