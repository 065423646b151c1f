//! The registries that the world's images come from.
//!
//! They have what the images' catalogue has, each with the tags that exist, as a list of builds or as one single
//! build; NVIDIA's NIMs are only for those who logged in. Refusals are those of Docker 28.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::commands::MANIFEST_INSPECT;
use super::flags::Parsed;
use super::image::{self, Image, Software};
use super::reference::Reference;
use super::store::Store;
use crate::faults::RegistryTrouble;
use crate::node::{DEFAULT_IMAGES, Node, files};
use crate::tools::{Env, Outcome, Refusal, console};

/// How much smaller layers are on their way, in percent.
const COMPRESSED_PERCENT: u64 = 46;

/// Layers of every image.
const LAYERS: u64 = 9;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An image in its registry.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) image: Image,
    repository: String,
    /// The processors it is built for.
    pub(super) architectures: Vec<&'static str>,
    /// Whether it is a list of builds, of which the client takes the one that fits.
    pub(super) is_list: bool,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    /// `sha256:…`
    pub(super) digest: String,
    /// Bytes on their way.
    pub(super) compressed: u64,
    /// Bytes on the disk.
    pub(super) unpacked: u64,
}

/// Who asks, from where.
pub(super) struct Client<'a> {
    pub(super) node: &'a Node,
    pub(super) env: &'a Env,
}

impl Published {
    /// Its layers, the lowest first.
    pub(super) fn layers(&self) -> Vec<Layer> {
        let total = self.image.size_bytes;
        let layer = |at: u64| {
            // The upper half of an image is most of it.
            let unpacked = total * (at + 1) * 2 / (LAYERS * (LAYERS + 1));
            Layer {
                digest: format!(
                    "sha256:{}",
                    image::hex(&format!("layer {at} {}", self.image.id))
                ),
                compressed: unpacked * COMPRESSED_PERCENT / 100,
                unpacked,
            }
        };
        (0..LAYERS).map(layer).collect()
    }

    /// The digest under which it was published.
    pub(super) fn digest(&self) -> &str {
        let digest = self
            .image
            .digests
            .first()
            .and_then(|digest| digest.split_once('@'));
        digest.map_or("", |(_, digest)| digest)
    }

    /// The digest of one build: the same under every tag, as a repository here changes no more.
    fn digest_of(&self, architecture: &str) -> String {
        format!(
            "sha256:{}",
            image::hex(&format!("{architecture} {}", self.repository))
        )
    }

    /// Whether `digest` is that of one of its builds.
    fn build(&self, digest: &str) -> bool {
        self.architectures
            .iter()
            .any(|architecture| self.digest_of(architecture) == digest)
    }

    fn manifest(&self) -> Value {
        let layers = self.layers().into_iter().map(|layer| {
            json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": layer.compressed,
                   "digest": layer.digest})
        });
        json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 9134, "digest": self.image.id},
            "layers": layers.collect::<Value>(),
        })
    }

    fn list(&self) -> Value {
        let entry = |architecture: &&'static str| {
            json!({"mediaType": MANIFEST, "size": 2204, "digest": self.digest_of(architecture),
                   "platform": {"architecture": architecture, "os": "linux"}})
        };
        json!({
            "schemaVersion": 2, "mediaType": INDEX,
            "manifests": self.architectures.iter().map(entry).collect::<Value>(),
        })
    }
}

impl Client<'_> {
    /// What the registry has under `reference`; the error is the daemon's sentence.
    pub(super) fn find(&self, reference: &Reference) -> Result<Published, String> {
        let name = reference.familiar();
        let faults = self.node.faults();
        if faults.no_internet() {
            return Err(unreachable(reference));
        }
        if let Some(trouble) = faults.registry(&name) {
            return Err(sentence(trouble, reference));
        }
        let closed = name.starts_with("nvcr.io/nim/") && !self.is_logged_in("nvcr.io");
        if closed || !exists(&reference.name()) {
            return Err(sentence(RegistryTrouble::Denied, reference));
        }
        let repository = reference.name();
        let unknown = || sentence(RegistryTrouble::ManifestUnknown, reference);
        let published = |tag: &str| self.published(&repository, tag);
        let Some(digest) = &reference.digest else {
            let there = has_tag(&repository, reference.tag());
            return if there {
                Ok(published(reference.tag()))
            } else {
                Err(unknown())
            };
        };
        let tagged = DEFAULT_IMAGES
            .iter()
            .filter_map(|image| image.strip_prefix(&repository)?.strip_prefix(':'));
        let mut found = tagged
            .chain(["latest"])
            .map(published)
            .find(|published| published.digest() == digest || published.build(digest))
            .ok_or_else(unknown)?;
        // What was asked for by its digest gets no tag.
        found.image.tags.clear();
        found.image.digests = vec![format!("{repository}@{digest}")];
        Ok(found)
    }

    fn published(&self, repository: &str, tag: &str) -> Published {
        let name = format!("{repository}:{tag}");
        let image = Image::published(&name);
        let wrong = self.node.faults().wrong_arch(&name);
        let single = ["eugr/", "sparkarena/", "scitrera/", "ghcr.io/spark-arena/"];
        let is_list = !single.iter().any(|owner| name.starts_with(owner));
        let both = matches!(image.software, Software::Base)
            || name.starts_with("vllm/")
            || name.starts_with("nvcr.io/nvidia/");
        let architectures = match (wrong, image.architecture.as_str(), both) {
            (true, ..) | (_, "amd64", _) => vec!["amd64"],
            (_, _, true) => vec!["amd64", "arm64"],
            _ => vec!["arm64"],
        };
        Published {
            image,
            repository: repository.to_owned(),
            architectures,
            is_list,
        }
    }

    /// Whether the user has logged in to the registry on this node.
    fn is_logged_in(&self, host: &str) -> bool {
        let config = files::read_json::<Value>(&config_path(self.node, self.env));
        let entry = config
            .ok()
            .flatten()
            .and_then(|config| config.get("auths")?.get(host).cloned());
        entry.is_some_and(|entry| {
            entry
                .get("auth")
                .and_then(Value::as_str)
                .is_some_and(|auth| !auth.is_empty())
        })
    }
}

/// The client's configuration.
pub(super) fn config_path(node: &Node, env: &Env) -> PathBuf {
    let own = env.get("DOCKER_CONFIG").map(PathBuf::from);
    own.unwrap_or_else(|| node.home().join(".docker"))
        .join("config.json")
}

/// Whether anybody published a repository of this name.
fn exists(name: &str) -> bool {
    let known = DEFAULT_IMAGES.iter().any(|image| {
        image
            .rsplit_once(':')
            .is_some_and(|(repository, _)| repository == name)
    });
    let local = name == "vllm-node";
    let base = [
        "alpine",
        "busybox",
        "ubuntu",
        "debian",
        "ghcr.io/anemll/dspark-vllm-gx10",
    ];
    let service =
        || name.contains('/') && matches!(Image::published(name).software, Software::Service(_));
    !local && (known || base.contains(&name) || service())
}

/// Whether it has this tag: those that nodes have, and those that look like versions.
fn has_tag(name: &str, tag: &str) -> bool {
    let known = DEFAULT_IMAGES.contains(&format!("{name}:{tag}").as_str());
    let version = tag
        .strip_prefix('v')
        .unwrap_or(tag)
        .starts_with(|c: char| c.is_ascii_digit());
    known || version || tag == "latest" || tag.starts_with("cpu-")
}

fn api_host(reference: &Reference) -> &str {
    match reference.host() {
        "docker.io" => "registry-1.docker.io",
        host => host,
    }
}

/// What the daemon says of a registry that refuses.
fn sentence(trouble: RegistryTrouble, reference: &Reference) -> String {
    let host = api_host(reference);
    let name = reference.name();
    match trouble {
        RegistryTrouble::ManifestUnknown if reference.host() == "docker.io" => {
            format!(
                "manifest for {} not found: manifest unknown: manifest unknown",
                reference.familiar()
            )
        }
        RegistryTrouble::ManifestUnknown => "manifest unknown".to_owned(),
        RegistryTrouble::Denied => {
            let why = match reference.host() {
                "docker.io" => ": denied: requested access to the resource is denied",
                _ => "",
            };
            format!(
                "pull access denied for {name}, repository does not exist or may require 'docker login'{why}"
            )
        }
        RegistryTrouble::Unauthorized => format!(
            "Head \"https://{host}/v2/{}/manifests/{}\": unauthorized: authentication required",
            reference.path(),
            reference.tag()
        ),
        RegistryTrouble::NoArm64 => NO_ARM64.to_owned(),
        RegistryTrouble::TooManyRequests => {
            "toomanyrequests: You have reached your unauthenticated pull rate limit. \
                                             https://www.docker.com/increase-rate-limit"
                .to_owned()
        }
        RegistryTrouble::TlsTimeout => {
            format!("Get \"https://{host}/v2/\": net/http: TLS handshake timeout")
        }
        RegistryTrouble::IoTimeout => {
            format!("Get \"https://{host}/v2/\": dial tcp 34.226.66.14:443: i/o timeout")
        }
    }
}

/// What the daemon says of a list in which no build fits.
pub(super) const NO_ARM64: &str =
    "no matching manifest for linux/arm64/v8 in the manifest list entries";

/// The daemon's sentence when the registry's name cannot be resolved.
fn unreachable(reference: &Reference) -> String {
    let host = api_host(reference);
    let name = host.split(':').next().unwrap_or(host);
    format!(
        "failed to resolve reference \"{}/{}:{}\": failed to do request: Head \
         \"https://{host}/v2/{}/manifests/{}\": dial tcp: lookup {name} on 127.0.0.53:53: \
         no such host",
        reference.host(),
        reference.path(),
        reference.tag(),
        reference.path(),
        reference.digest.as_deref().unwrap_or(reference.tag()),
    )
}

/// `docker manifest inspect`, which always asks the registry.
pub(super) fn manifest_inspect(store: &Store, parsed: &Parsed, env: &Env) -> Outcome {
    let name = parsed
        .operands
        .last()
        .map(String::as_str)
        .unwrap_or_default();
    let reference = Reference::parse(name).map_err(|why| MANIFEST_INSPECT.refuse(&why))?;
    let client = Client {
        node: &store.node,
        env,
    };
    let published = client
        .find(&reference)
        .map_err(|why| refused(&reference, &why))?;
    let one = reference
        .digest
        .as_deref()
        .is_some_and(|digest| published.build(digest));
    let manifest = if one || !published.is_list {
        published.manifest()
    } else {
        published.list()
    };
    console::out(&format!("{manifest:#}"));
    Ok(0)
}

/// This command talks to the registry itself, and words a few things in its own way.
fn refused(reference: &Reference, why: &str) -> Refusal {
    let text = if why.contains("manifest unknown") {
        format!(
            "no such manifest: {}/{}",
            reference.host(),
            reference.full()
        )
    } else if why.contains("access denied") {
        "errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required".to_owned()
    } else if why.ends_with("no such host") {
        let host = api_host(reference);
        format!(
            "Get \"https://{host}/v2/\": dial tcp: lookup {host} on 127.0.0.53:53: no such host"
        )
    } else {
        why.to_owned()
    };
    Refusal::new(1, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeConfig;
    use crate::faults::{Fault, RegistryFault};

    fn ask(faults: &[Fault], name: &str) -> Result<Published, String> {
        let dir = tempfile::tempdir().unwrap();
        let node = Node::create(&dir.path().join("n"), NodeConfig::default()).unwrap();
        for fault in faults {
            node.set_fault(fault.clone()).unwrap();
        }
        let env = Env::default();
        Client {
            node: &node,
            env: &env,
        }
        .find(&Reference::parse(name).unwrap())
    }

    #[test]
    fn a_registry_has_what_was_published() {
        let listed = ask(&[], "vllm/vllm-openai:latest").unwrap();
        assert_eq!(
            (listed.architectures, listed.is_list),
            (vec!["amd64", "arm64"], true)
        );
        assert!(!ask(&[], "eugr/spark-vllm").unwrap().is_list);
        let foreign = ask(&[], "onerahmet/openai-whisper-asr-webservice").unwrap();
        assert_eq!(foreign.architectures, ["amd64"]);
        let image = ask(&[], "alpine").unwrap();
        let unpacked: u64 = image.layers().iter().map(|layer| layer.unpacked).sum();
        assert!(unpacked.abs_diff(image.image.size_bytes) < 100);
    }

    #[test]
    fn refusals_are_dockers() {
        for (name, words) in [
            (
                "vllm-node",
                "pull access denied for vllm-node, repository does not exist or may require 'docker login'",
            ),
            (
                "eugr/spark-vllm:nope",
                "manifest for eugr/spark-vllm:nope not found: manifest unknown",
            ),
            (
                "ghcr.io/spark-arena/dgx-vllm-eugr-nightly:nope",
                "manifest unknown",
            ),
            (
                "nvcr.io/nim/meta/llama-3.1-8b-instruct-dgx-spark",
                "may require 'docker login'",
            ),
        ] {
            let why = ask(&[], name).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
        for (error, words) in [
            (RegistryTrouble::TooManyRequests, "toomanyrequests: "),
            (
                RegistryTrouble::TlsTimeout,
                "net/http: TLS handshake timeout",
            ),
            (RegistryTrouble::IoTimeout, "i/o timeout"),
            (
                RegistryTrouble::Unauthorized,
                "unauthorized: authentication required",
            ),
            (
                RegistryTrouble::NoArm64,
                "no matching manifest for linux/arm64",
            ),
        ] {
            let fault = Fault::Registry(RegistryFault {
                error,
                image: Some("alpine".to_owned()),
            });
            let why = ask(std::slice::from_ref(&fault), "alpine").unwrap_err();
            assert!(why.contains(words), "{why}");
            assert!(ask(&[fault], "debian").is_ok());
        }
        assert!(
            ask(&[Fault::NoInternet], "alpine")
                .unwrap_err()
                .ends_with("no such host")
        );
    }
}
