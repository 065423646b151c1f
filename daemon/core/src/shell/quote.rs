//! Quoting for POSIX shells.

/// `text` in single quotes, where a POSIX shell gives no character a meaning.
///
/// Every word is quoted, whether it looks safe or not: a list of safe characters is one more thing to get
/// wrong. The text must be free of NUL, which [`super::Arg`] sees to: shells drop that byte silently.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Whether every shell reads `text` as one word of itself. For display only.
pub(super) fn is_plain(text: &str) -> bool {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&b);
    !text.is_empty() && text.bytes().all(safe)
}
