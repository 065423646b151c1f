//! Names and ids with a grammar: a value of one of these types has been checked.
//!
//! The constructors are the only way in (also through serde), so whoever holds one need not ask again.
//! Each grammar is ASCII, length-bound, and never lets a value begin with `-`, so that none can be taken
//! for an option by a program that it is passed to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that does not fit its grammar: which kind, which value, what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a valid {kind}: {rule}")]
pub struct InvalidId {
    pub kind: &'static str,
    pub value: String,
    pub rule: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "schema", schema(value_type = String))]
        pub struct $name(String);

        impl $name {
            /// Checks `value` against the grammar.
            pub fn new(value: impl Into<String>) -> Result<Self, InvalidId> {
                let value = value.into();
                let check: fn(&str) -> bool = $check;
                if check(&value) {
                    Ok(Self(value))
                } else {
                    let value = crate::text::clean_line(&value, 200);
                    Err(InvalidId { kind: $kind, value, rule: $rule })
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

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(value: &str) -> Result<Self, InvalidId> {
                Self::new(value)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = String::deserialize(deserializer)?;
                Self::new(value).map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// The id of a node: `spark1`, `spark2`, … (from the number of its `SPARKn_HOST` variable).
    NodeId, "node id", "1-32 of a-z 0-9 - , beginning with a letter",
    |v| v.len() <= 32
        && v.starts_with(|c: char| c.is_ascii_lowercase())
        && v.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

id!(
    /// A Hugging Face repository id: `org/name`, or `name` for the few without an organisation.
    RepoId, "repository id",
    "ORG/NAME of A-Z a-z 0-9 . _ - (each part begins and ends with a letter or digit, at most 96; no -- or ..)",
    is_repo
);

id!(
    /// The id of a recipe in `models.yaml` or in the overrides.
    RecipeId, "recipe id", "1-64 of a-z 0-9 . _ - , beginning with a letter or digit",
    |v| v.len() <= 64
        && v.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && v.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
);

id!(
    /// The id of a unit: a set of containers, one a rank, that serves one model (`main`), or a foreign
    /// container (`spark1.vllm_node`).
    UnitId, "unit id", "1-128 of A-Z a-z 0-9 . _ - , beginning with a letter or digit",
    |v| is_word(v, 128)
);

id!(
    /// The id of an operation (a UUID, time-ordered).
    OperationId, "operation id", "8-64 of a-z 0-9 -",
    |v| (8..=64).contains(&v.len())
        && v.starts_with(|c: char| c.is_ascii_alphanumeric())
        && v.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

id!(
    /// The name of a support service: `kokoro`, `parakeet-nim`.
    ServiceName, "service name", "1-40 of a-z 0-9 - , beginning with a letter",
    |v| v.len() <= 40
        && v.starts_with(|c: char| c.is_ascii_lowercase())
        && v.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

id!(
    /// The name of a Docker container (moby's grammar, at most 63).
    ContainerName, "container name", "1-63 of A-Z a-z 0-9 _ . - , beginning with a letter or digit",
    |v| is_word(v, 63)
);

id!(
    /// A Docker image reference: `[domain[:port]/]path[:tag][@digest]`.
    ImageRef, "image reference", "[domain[:port]/]path[:tag][@digest], path in lower case, at most 255",
    is_image
);

id!(
    /// The SHA-256 fingerprint of an SSH host key as OpenSSH prints it: `SHA256:` and 43 base64 characters.
    Fingerprint, "key fingerprint", "SHA256: and 43 base64 characters",
    |v| v.strip_prefix("SHA256:").is_some_and(|b| {
        b.len() == 43 && b.bytes().all(|c| c.is_ascii_alphanumeric() || b"+/".contains(&c))
    })
);

fn is_word(v: &str, max: usize) -> bool {
    v.len() <= max
        && v.starts_with(|c: char| c.is_ascii_alphanumeric())
        && v.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// Hugging Face's rule for repository ids, in ASCII.
fn is_repo(v: &str) -> bool {
    let part = |p: &str| is_word(p, 96) && p.ends_with(|c: char| c.is_ascii_alphanumeric());
    let mut parts = v.split('/');
    let first = parts.next().is_some_and(part);
    let second = parts.next().is_none_or(part);
    first
        && second
        && parts.next().is_none()
        && v.len() <= 193
        && !v.contains("--")
        && !v.contains("..")
        && !v.to_ascii_lowercase().ends_with(".git")
}

/// The grammar of the distribution project's `reference` package, without its rarest forms.
fn is_image(v: &str) -> bool {
    if v.is_empty() || v.len() > 255 {
        return false;
    }
    let (rest, digest) = v.split_once('@').map_or((v, None), |(r, d)| (r, Some(d)));
    let name_end = rest.rfind('/').map_or(0, |i| i + 1);
    let (path, tag) = match rest.get(name_end..).and_then(|last| last.find(':')) {
        Some(i) => (
            rest.get(..name_end + i).unwrap_or(""),
            rest.get(name_end + i + 1..),
        ),
        None => (rest, None),
    };
    digest.is_none_or(is_digest) && tag.is_none_or(is_tag) && is_image_name(path)
}

fn is_image_name(name: &str) -> bool {
    let mut parts: Vec<&str> = name.split('/').collect();
    let domain_like = |p: &str| p.contains('.') || p.contains(':') || p == "localhost";
    if parts.len() > 1 && domain_like(parts[0]) {
        let domain = parts.remove(0);
        let (host, port) = domain
            .split_once(':')
            .map_or((domain, None), |(h, p)| (h, Some(p)));
        let host_ok = is_word(host, 200) && !host.contains('_');
        let port_ok = port.is_none_or(|p| p.parse::<u16>().is_ok_and(|n| n > 0));
        if !host_ok || !port_ok {
            return false;
        }
    }
    parts.iter().all(|p| is_path_component(p))
}

fn is_path_component(p: &str) -> bool {
    let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = p.as_bytes();
    let ends_ok =
        bytes.first().is_some_and(|b| alnum(*b)) && bytes.last().is_some_and(|b| alnum(*b));
    let separators_ok = p
        .split(|c: char| c.is_ascii_alphanumeric())
        .all(|s| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|b| b == b'-'));
    ends_ok && separators_ok && bytes.iter().all(|b| alnum(*b) || b"._-".contains(b))
}

fn is_tag(tag: &str) -> bool {
    tag.len() <= 128
        && tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && tag
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty()
            && algorithm
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+._-".contains(&b))
            && hex.len() >= 32
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

impl RepoId {
    /// The name of this repository's folder in a Hugging Face cache: `models--ORG--NAME`.
    pub fn cache_folder(&self) -> String {
        format!("models--{}", self.0.replacen('/', "--", 1))
    }

    /// The repository whose cache folder is `folder`; `None` when it is not a model's.
    pub fn from_cache_folder(folder: &str) -> Option<Self> {
        Self::new(folder.strip_prefix("models--")?.replacen("--", "/", 1)).ok()
    }

    /// The part after the organisation.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl NodeId {
    /// The id of the node that `SPARKn_HOST` describes.
    pub fn numbered(n: u32) -> Self {
        Self(format!("spark{n}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr<Err = InvalidId>>(good: &[&str], bad: &[&str]) {
        for v in good {
            assert!(v.parse::<T>().is_ok(), "{v:?} should be accepted");
        }
        for v in bad {
            assert!(v.parse::<T>().is_err(), "{v:?} should be refused");
        }
    }

    #[test]
    fn repository_ids_follow_the_hub() {
        check::<RepoId>(
            &["Qwen/Qwen3.6-35B-A3B-FP8", "gpt2", "a/b", "01-ai/Yi_1.5"],
            &[
                "",
                "/",
                "a/",
                "/b",
                "a/b/c",
                "-a/b",
                "a/-b",
                "a/b-",
                "a--b/c",
                "a..b",
                "a/b.git",
                "a b",
                "a/b\n",
                "größe/x",
                "../etc",
                "a/$(id)",
            ],
        );
    }

    #[test]
    fn image_references_follow_the_distribution_grammar() {
        check::<ImageRef>(
            &[
                "vllm-node",
                "eugr/spark-vllm:latest",
                "nvcr.io/nvidia/vllm:26.05.post1-py3",
                "localhost:5000/a/b",
                "ghcr.io/spark-arena/dgx-vllm-eugr-nightly:latest",
                "a/b@sha256:0123456789abcdef0123456789abcdef",
            ],
            &[
                "",
                "-v",
                "A/b",
                "a b",
                "a:tag:tag",
                "a:-x",
                "a@sha256:xyz",
                "a//b",
                "/a",
                "a/",
                "--privileged",
                "host:0/a",
                "a;b",
                "a$b",
            ],
        );
    }

    #[test]
    fn cache_folders_round_trip() {
        let repo = RepoId::new("Qwen/Qwen3-0.6B").unwrap();
        assert_eq!(repo.cache_folder(), "models--Qwen--Qwen3-0.6B");
        assert_eq!(
            RepoId::from_cache_folder("models--Qwen--Qwen3-0.6B"),
            Some(repo)
        );
        assert_eq!(RepoId::from_cache_folder("datasets--a--b"), None);
    }

    #[test]
    fn fingerprints_and_names() {
        check::<Fingerprint>(
            &["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"],
            &[
                "MD5:aa",
                "SHA256:",
                "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            ],
        );
        check::<ContainerName>(&["sparkctl-main-r0", "a"], &["-rf", "", "a b", "a/b", ".a"]);
        check::<NodeId>(&["spark1", "spark-2"], &["1spark", "Spark1", "spark_1", ""]);
    }
}
