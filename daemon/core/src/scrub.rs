//! Taking secrets out of text that leaves the house, such as a bug report.
//!
//! Two nets: the values that we know to be secret, wherever they stand; and the shapes that secrets have, for those
//! that we do not know of (a token in a container's log, a password in somebody's URL). Removing too much is
//! harmless here, so the shapes are wide.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Known values shorter than this are words, not secrets.
const LEAST: usize = 6;

/// Removes secrets from text.
#[derive(Debug, Clone, Default)]
pub struct Scrubber {
    /// Longest first, so that no part of one is left.
    known: Vec<String>,
}

impl Scrubber {
    /// A scrubber that also knows these values.
    pub fn new(known: impl IntoIterator<Item = String>) -> Self {
        let mut known: Vec<String> = known
            .into_iter()
            .map(|secret| secret.trim().to_owned())
            .filter(|secret| secret.len() >= LEAST)
            .collect();
        known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        known.dedup();
        Self { known }
    }

    /// `text` with each secret replaced by `[removed: WHAT]`.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = Cow::Borrowed(text);
        for secret in &self.known {
            if text.contains(secret) {
                text = Cow::Owned(text.replace(secret, "[removed: known secret]"));
            }
        }
        for shape in SHAPES.iter() {
            if let Cow::Owned(scrubbed) = shape.replace(&text) {
                text = Cow::Owned(scrubbed);
            }
        }
        text.into_owned()
    }
}

/// Whether a setting or variable of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    SECRET_NAME.is_match(name)
}

static SECRET_NAME: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?i)(?:token|secret|passw|passphrase|credential|api_?key|apikey|private|webhook_?url|_key$)",
    )
});

/// One shape of a secret. What stands before and after it (groups `a` and `z`) is kept.
struct Shape {
    what: &'static str,
    regex: Regex,
}

impl Shape {
    fn replace<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.regex.replace_all(text, |captures: &Captures<'_>| {
            let kept = |name| captures.name(name).map_or("", |m| m.as_str());
            format!("{}[removed: {}]{}", kept("a"), self.what, kept("z"))
        })
    }
}

static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let shape = |(what, pattern): &(&'static str, &str)| Shape {
        what,
        regex: compiled(pattern),
    };
    PATTERNS.iter().map(shape).collect()
});

/// Names after which a value is a secret.
macro_rules! names {
    () => {
        r"(?:[a-z0-9_.-]*(?:token|secret|passw(?:or)?d|passphrase|api[_-]?key|apikey|access[_-]?key|private[_-]?key|credentials?))"
    };
}

/// Whole blocks first, then what a header or a name introduces, then shapes of single words.
const PATTERNS: &[(&str, &str)] = &[
    (
        "private key",
        // A block that was cut before its end is a secret all the same: its lines are base64.
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?s:.*?-----END [A-Z0-9 ]*PRIVATE KEY-----|(?:(?:\\n|\s)*[A-Za-z0-9+/=:,. -]+)*)",
    ),
    (
        "password in a URL",
        r"(?P<a>\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/@:]*:[^\s/@]+(?P<z>@)",
    ),
    (
        "webhook",
        r"(?i)(?P<a>https?://(?:hooks\.[a-z0-9.-]+|(?:[a-z]+\.)?discord(?:app)?\.com/api/webhooks|[a-z0-9.-]*webhook[a-z0-9.-]*|api\.telegram\.org)/)[^\s\x22'<>\[]+",
    ),
    (
        "webhook",
        r"(?i)(?P<a>https?://[^\s\x22'<>/]+/(?:[^\s\x22'<>]*/)?(?:web)?hooks?/)[^\s\x22'<>\[]+",
    ),
    (
        "authorization",
        r"(?i)(?P<a>\b(?:proxy-)?authorization\\?[\x22']?\s*[:=]\s*\\?[\x22']?)(?:(?:bearer|basic|token|digest)\s+)?[^\s\x22'\\,;}\[]+",
    ),
    (
        "bearer token",
        r"(?i)(?P<a>\bbearer\s+)[A-Za-z0-9._~+/=-]{6,}",
    ),
    (
        "cookie",
        r"(?i)(?P<a>\b(?:set-)?cookie\s*:\s*)[^\s\[][^\r\n]*",
    ),
    // In double quotes, in those that stand in quoted JSON themselves, in single ones, and bare.
    (
        "secret",
        concat!(
            r"(?i)(?P<a>\b",
            names!(),
            r"[\x22']?\s*[:=]\s*\x22)(?:[^\x22\\]|\\.)+"
        ),
    ),
    (
        "secret",
        concat!(r"(?i)(?P<a>\b", names!(), r"\\\x22\s*:\s*\\\x22)[^\x22\\]+"),
    ),
    (
        "secret",
        concat!(r"(?i)(?P<a>\b", names!(), r"[\x22']?\s*[:=]\s*')[^']+"),
    ),
    (
        "secret",
        concat!(
            r"(?i)(?P<a>\b",
            names!(),
            r"[\x22']?\s*[:=]\s*)[^\s\x22',;&}\]\[\\]+"
        ),
    ),
    (
        "secret",
        concat!(
            r"(?i)(?P<a>(?:^|\s|[\x22'\[,])--?",
            names!(),
            r"(?:[\x22']\s*,\s*[\x22']|\s+))[^\s\x22',\]\[]+"
        ),
    ),
    (
        "secret",
        r"(?i)(?P<a>[?&](?:sig|signature|x-amz-signature|x-amz-credential|x-amz-security-token|key|code|auth)=)[^\s&\x22'\[]+",
    ),
    ("Hugging Face token", r"\b(?:hf|api_org)_[A-Za-z0-9]{8,}\b"),
    ("NGC key", r"\bnvapi-[A-Za-z0-9_-]{8,}"),
    (
        "access key",
        r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{12,}|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{16,}|\bglpat-[A-Za-z0-9_-]{12,}|\bxox[abprs]-[A-Za-z0-9-]{8,}|\bAKIA[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,}",
    ),
    (
        "JSON web token",
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
    ),
];

#[expect(
    clippy::expect_used,
    reason = "the patterns are part of the program and every one is tested"
)]
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the table holds valid expressions")
}

#[cfg(test)]
mod tests;
