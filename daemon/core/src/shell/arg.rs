//! Data words: values that have passed a grammar, and the few grammars that only commands need.

use std::fmt;

use spark_ipc::id::{ContainerName, ImageRef, NodeId, OperationId, RecipeId, RepoId, UnitId};

use super::quote::{is_plain, quote};

/// A value that may not become a word of a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a valid {kind}: {rule}")]
pub struct InvalidArg {
    pub kind: &'static str,
    pub value: String,
    pub rule: &'static str,
}

impl InvalidArg {
    fn new(kind: &'static str, value: &str, rule: &'static str) -> Self {
        let value = spark_ipc::text::clean_line(value, 200);
        Self { kind, value, rule }
    }
}

/// One data word of a command. It can be made only from checked values, so it holds no NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `$HOME`, which only the node knows.
    Home,
}

impl Arg {
    /// A word of this program's own.
    pub fn lit(text: &'static str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    /// This word with `next` joined to it, e.g. the two sides of a mount.
    #[must_use]
    pub fn then(mut self, next: impl Into<Self>) -> Self {
        self.0.extend(next.into().0);
        self
    }

    /// The word as the node's shell will see it, but for `$HOME`.
    pub fn plain(&self) -> String {
        self.0.iter().map(Piece::plain).collect()
    }

    pub(super) fn quoted(&self) -> String {
        self.0.iter().map(Piece::quoted).collect()
    }

    pub(super) fn shown(&self) -> String {
        if matches!(self.0.as_slice(), [Piece::Text(text)] if is_plain(text)) {
            return self.plain();
        }
        self.quoted()
    }
}

impl Piece {
    fn plain(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Home => "$HOME",
        }
    }

    fn quoted(&self) -> String {
        match self {
            Self::Text(text) => quote(text),
            Self::Home => "\"$HOME\"".to_owned(),
        }
    }
}

macro_rules! arg_from {
    ($($kind:ty),*) => {$(
        impl From<&$kind> for Arg {
            fn from(value: &$kind) -> Self {
                Self(vec![Piece::Text(value.to_string())])
            }
        }
        impl From<$kind> for Arg {
            fn from(value: $kind) -> Self {
                Self::from(&value)
            }
        }
    )*};
}

arg_from!(
    RepoId,
    ImageRef,
    ContainerName,
    UnitId,
    RecipeId,
    OperationId,
    NodeId,
    Flag,
    EnvName,
    EnvValue,
    RawArg,
    u16,
    u32,
    u64
);

macro_rules! text_arg {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks `value`.
            pub fn checked(value: &str) -> Result<Self, InvalidArg> {
                let check: fn(&str) -> bool = $check;
                if check(value) {
                    Ok(Self(value.to_owned()))
                } else {
                    Err(InvalidArg::new($kind, value, $rule))
                }
            }

            /// The checked text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_arg!(
    /// A flag of `vllm serve`, with its value or without: `--max-model-len`, `--quantization=fp8`, `-O3`.
    ///
    /// vLLM's parser reads `_` as `-` and takes dotted JSON keys.
    Flag, "vLLM flag", "--name or --name=value: a-z 0-9 - in the name, no control characters in the value",
    is_flag
);

text_arg!(
    /// The name of an environment variable that a container or a command may be given.
    EnvName, "environment name",
    "1-128 of A-Z a-z 0-9 _ , not beginning with a digit; not PATH, IFS, ENV, BASH_ENV, LD_*, PYTHON*, DOCKER_*",
    is_env_name
);

text_arg!(
    /// The value of an environment variable: one line, at most 32 KiB.
    EnvValue, "environment value", "at most 32768 bytes, no NUL, no line end",
    |v| v.len() <= 32_768 && !v.contains(['\0', '\n', '\r'])
);

text_arg!(
    /// A word of a container's own argument vector, after the image: it may begin with `-`, since Docker
    /// reads nothing there.
    RawArg, "argument", "at most 65536 bytes, no control characters",
    |v| v.len() <= 65_536 && !v.contains(char::is_control)
);

fn is_flag(v: &str) -> bool {
    let (name, value) = v.split_once('=').map_or((v, ""), |(n, v)| (n, v));
    if value.contains(char::is_control) || v.len() > 65_536 {
        return false;
    }
    if let Some(level) = name.strip_prefix("-O") {
        return v == name && level.len() == 1 && level.bytes().all(|b| b.is_ascii_digit());
    }
    let Some(name) = name.strip_prefix("--") else {
        return false;
    };
    let mut parts = name.split('.');
    let word = |p: &str| {
        !p.is_empty()
            && p.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let key = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let first = parts.next().unwrap_or("").replace('_', "-");
    first.split('-').all(word) && parts.all(key)
}

fn is_env_name(v: &str) -> bool {
    const EXACT: [&str; 4] = ["PATH", "IFS", "ENV", "BASH_ENV"];
    const PREFIXES: [&str; 3] = ["LD_", "PYTHON", "DOCKER_"];
    (1..=128).contains(&v.len())
        && !v.starts_with(|c: char| c.is_ascii_digit())
        && v.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !EXACT.contains(&v)
        && !PREFIXES.iter().any(|p| v.starts_with(p))
}

/// An absolute path on a node, or one in the login user's home directory.
///
/// Read here, expanded there: `~`, `~/x`, `$HOME/x` and `/x` are understood; `~user`, other variables, `..`
/// and segments that begin with `-` are refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HomePath {
    home: bool,
    segments: Vec<String>,
}

impl HomePath {
    /// Reads a path as an operator writes it.
    pub fn checked(value: &str) -> Result<Self, InvalidArg> {
        const RULE: &str = "~/… or /… with segments of A-Z a-z 0-9 . _ + @ = , - , none of them .. or beginning with -";
        let refused = || InvalidArg::new("path", value, RULE);
        let after_home = value
            .strip_prefix("$HOME")
            .or_else(|| value.strip_prefix('~'));
        let rest = after_home.unwrap_or(value);
        let rest = match rest.strip_prefix('/') {
            Some(rest) => rest.strip_suffix('/').unwrap_or(rest),
            None if rest.is_empty() && after_home.is_some() => "",
            None => return Err(refused()),
        };
        let segments: Vec<String> = match rest {
            "" => Vec::new(),
            rest => rest.split('/').map(str::to_owned).collect(),
        };
        if value.len() > 4096 || !segments.iter().all(|s| is_segment(s)) {
            return Err(refused());
        }
        Ok(Self {
            home: after_home.is_some(),
            segments,
        })
    }

    /// This path with one more segment.
    pub fn child(&self, segment: &str) -> Result<Self, InvalidArg> {
        if !is_segment(segment) {
            let rule = "1-255 of A-Z a-z 0-9 . _ + @ = , - , not .. and not beginning with -";
            return Err(InvalidArg::new("path segment", segment, rule));
        }
        let mut path = self.clone();
        path.segments.push(segment.to_owned());
        Ok(path)
    }

    /// Whether the path is in the home directory of the login user.
    pub fn in_home(&self) -> bool {
        self.home
    }
}

impl fmt::Display for HomePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = if self.home { "~" } else { "" };
        let root = if self.segments.is_empty() && !self.home {
            "/"
        } else {
            ""
        };
        write!(f, "{start}{root}")?;
        self.segments.iter().try_for_each(|s| write!(f, "/{s}"))
    }
}

fn is_segment(s: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._+@=,-".contains(&b);
    (1..=255).contains(&s.len())
        && !s.starts_with('-')
        && s != "."
        && s != ".."
        && s.bytes().all(allowed)
}

impl From<&HomePath> for Arg {
    fn from(path: &HomePath) -> Self {
        let rest: String = path.segments.iter().flat_map(|s| ["/", s]).collect();
        if path.home {
            let tail = (!rest.is_empty()).then_some(Piece::Text(rest));
            return Self(std::iter::once(Piece::Home).chain(tail).collect());
        }
        let rest = if rest.is_empty() {
            "/".to_owned()
        } else {
            rest
        };
        Self(vec![Piece::Text(rest)])
    }
}

impl From<HomePath> for Arg {
    fn from(path: HomePath) -> Self {
        Self::from(&path)
    }
}
