//! Image references: `[host/]path[:tag][@digest]`, short and in full.

/// A reference that was read; the parts as Docker completes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// `docker.io` when none was given.
    host: String,
    /// With `library/` where Docker adds it.
    path: String,
    tag: Option<String>,
    pub(super) digest: Option<String>,
}

impl Reference {
    /// Reads a reference; the error is Docker's sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        if digest.as_deref().is_some_and(|digest| !is_digest(digest)) {
            return Err("invalid reference format".to_owned());
        }
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (rest, None),
        };
        if tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return Err("invalid reference format".to_owned());
        }
        let (host, path) = split_host(name);
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(format!(
                "invalid reference format: repository name ({path}) must be lowercase"
            ));
        }
        if !path.split('/').all(is_component) {
            return Err("invalid reference format".to_owned());
        }
        Ok(Self {
            host,
            path,
            tag,
            digest,
        })
    }

    /// The registry's host.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The path on the registry, as error texts show it.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The tag, `latest` when none was given.
    pub(super) fn tag(&self) -> &str {
        self.tag.as_deref().unwrap_or("latest")
    }

    /// Whether a tag was written.
    pub(super) fn is_tagged(&self) -> bool {
        self.tag.is_some()
    }

    /// The repository as people write it: `eugr/spark-vllm`, `alpine`, `ghcr.io/a/b`.
    pub(super) fn name(&self) -> String {
        if self.host != "docker.io" {
            return format!("{}/{}", self.host, self.path);
        }
        self.path
            .strip_prefix("library/")
            .unwrap_or(&self.path)
            .to_owned()
    }

    /// Path with tag, or with digest where one was given.
    pub(super) fn full(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.path),
            None => format!("{}:{}", self.path, self.tag()),
        }
    }

    /// Name with tag, or with digest where one was given: what exactly this image is asked for by.
    pub(super) fn exact(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.name()),
            None => self.familiar(),
        }
    }

    /// Name and tag, as `docker images` knows it.
    pub(super) fn familiar(&self) -> String {
        format!("{}:{}", self.name(), self.tag())
    }
}

fn split_host(name: &str) -> (String, String) {
    if let Some((first, rest)) = name.split_once('/')
        && (first.contains(['.', ':']) || first == "localhost")
    {
        return (first.to_owned(), rest.to_owned());
    }
    let path = if name.contains('/') {
        name.to_owned()
    } else {
        format!("library/{name}")
    };
    ("docker.io".to_owned(), path)
}

fn is_component(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let edge = |b: Option<&u8>| b.is_some_and(|b| inner(*b));
    text.bytes().all(|b| inner(b) || b"._-".contains(&b))
        && edge(text.as_bytes().first())
        && edge(text.as_bytes().last())
}

fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|b| word(b) || b".-".contains(&b))
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_completed() {
        for (text, familiar, host) in [
            ("alpine", "alpine:latest", "docker.io"),
            ("eugr/spark-vllm", "eugr/spark-vllm:latest", "docker.io"),
            ("ghcr.io/a/b:c", "ghcr.io/a/b:c", "ghcr.io"),
            (
                "localhost:5000/x",
                "localhost:5000/x:latest",
                "localhost:5000",
            ),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(
                (reference.familiar().as_str(), reference.host()),
                (familiar, host)
            );
        }
    }

    #[test]
    fn bad_references_are_refused_in_dockers_words() {
        assert_eq!(
            Reference::parse(""),
            Err("invalid reference format".to_owned())
        );
        assert_eq!(
            Reference::parse("a b"),
            Err("invalid reference format".to_owned())
        );
        assert_eq!(
            Reference::parse("UPPER"),
            Err(
                "invalid reference format: repository name (library/UPPER) must be lowercase"
                    .to_owned()
            )
        );
    }
}
