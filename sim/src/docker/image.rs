//! Images of a node, and the catalogue of those that a Spark owner has.
//!
//! Names, entrypoints and quirks are those of published images: the community builds start a shell,
//! NVIDIA's wraps its command, `vllm/vllm-openai` *is* the server, and 26.05 comes without Ray.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::engine::host::EngineImage;
use crate::services::Kind;

use super::reference::Reference;

mod service;

/// What runs in an image, which decides what its programs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Software {
    /// vLLM, with `vllm`, `hf` and `nvidia-smi`.
    Vllm,
    /// A small Linux.
    Base,
    /// A support service, a NIM, or what others start.
    Service(Kind),
}

/// An image as kept in `images.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Image {
    /// `sha256:…`, the same on every node that has this image.
    pub(super) id: String,
    pub(super) tags: Vec<String>,
    pub(super) digests: Vec<String>,
    /// `arm64` or `amd64`.
    pub(super) architecture: String,
    pub(super) entrypoint: Option<Vec<String>>,
    pub(super) command: Option<Vec<String>>,
    pub(super) env: Vec<String>,
    pub(super) created: String,
    pub(super) size_bytes: u64,
    pub(super) software: Software,
    pub(super) engine: EngineImage,
}

impl Image {
    /// The image that the world knows under `name`; an unknown name is a plain vLLM build.
    pub(super) fn published(name: &str) -> Self {
        let reference = Reference::parse(name);
        let name = reference
            .as_ref()
            .map_or_else(|_e| name.to_owned(), Reference::familiar);
        // A local tag names the same image as the one it was made from.
        let origin = if name == "vllm-node:latest" {
            "eugr/spark-vllm:latest"
        } else {
            name.as_str()
        };
        let mut image = Self::plain(origin);
        image.tags = vec![name.clone()];
        image.dress(origin);
        image
    }

    fn plain(origin: &str) -> Self {
        let repository = origin
            .rsplit_once(':')
            .map_or(origin, |(repository, _)| repository);
        let words = |list: &[&str]| Some(list.iter().map(|w| (*w).to_owned()).collect());
        Self {
            id: format!("sha256:{}", hex(&format!("image {origin}"))),
            tags: vec![origin.to_owned()],
            digests: vec![format!(
                "{repository}@sha256:{}",
                hex(&format!("manifest {origin}"))
            )],
            architecture: "arm64".to_owned(),
            entrypoint: None,
            command: words(&["bash"]),
            env: vec![
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
                "NVIDIA_VISIBLE_DEVICES=all".to_owned(),
            ],
            created: "2026-10-15T06:12:44.218953721Z".to_owned(),
            size_bytes: 18_742_133_902,
            software: Software::Vllm,
            engine: EngineImage::default(),
        }
    }

    /// What is special about a well-known image.
    fn dress(&mut self, origin: &str) {
        let words = |list: &[&str]| Some(list.iter().map(|w| (*w).to_owned()).collect());
        let (repository, tag) = origin.rsplit_once(':').unwrap_or((origin, "latest"));
        if let Some(service) = service::of(repository, tag) {
            return self.make_service(&service);
        }
        match repository {
            "nvcr.io/nvidia/vllm" => {
                self.entrypoint = words(&["/opt/nvidia/nvidia_entrypoint.sh"]);
                self.command = None;
                self.size_bytes = 22_918_004_115;
                self.engine.has_ray = !tag.starts_with("26.05");
            }
            "vllm/vllm-openai" => {
                self.entrypoint = words(&["vllm", "serve"]);
                self.command = None;
                self.size_bytes = 15_301_886_264;
            }
            "sparkarena/spark-vllm-docker" => self.add_mxfp4(),
            "ghcr.io/anemll/dspark-vllm-gx10" => {
                self.entrypoint = words(&["vllm", "serve"]);
                self.command = None;
            }
            "alpine" | "busybox" | "ubuntu" | "debian" => self.make_base(words(&["/bin/sh"])),
            "onerahmet/openai-whisper-asr-webservice" => {
                self.make_base(words(&["whisper-asr-webservice"]));
                "amd64".clone_into(&mut self.architecture);
            }
            _ => {}
        }
    }

    fn make_service(&mut self, service: &service::ServiceImage) {
        let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        self.software = Software::Service(service.kind);
        service.architecture.clone_into(&mut self.architecture);
        self.entrypoint = Some(words(service.entrypoint)).filter(|words| !words.is_empty());
        self.command = Some(words(service.command)).filter(|words| !words.is_empty());
        self.env.extend(words(service.env));
        self.size_bytes = service.size_bytes;
    }

    fn make_base(&mut self, command: Option<Vec<String>>) {
        self.software = Software::Base;
        self.command = command;
        self.env.truncate(1);
        self.size_bytes = 8_412_331;
    }

    /// The flags that only the MXFP4 build of gpt-oss has.
    fn add_mxfp4(&mut self) {
        let flags = json!([
            {"flags": ["--mxfp4-backend"], "dest": "mxfp4_backend", "type": "str",
             "choices": ["CUTLASS", "MARLIN", "TRITON"]},
            {"flags": ["--mxfp4-layers"], "dest": "mxfp4_layers", "type": "str"},
        ]);
        self.engine.extra_flags = serde_json::from_value(flags).unwrap_or_default();
    }

    /// The id as listings show it.
    pub(super) fn short_id(&self) -> &str {
        self.id.get(7..19).unwrap_or(&self.id)
    }

    /// Whether the text names this image: a tag, a digest, an id or the start of one.
    pub(super) fn answers_to(&self, name: &str) -> bool {
        let hex = name.strip_prefix("sha256:").unwrap_or(name);
        let by_id = hex.len() >= 4
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
            && self
                .id
                .strip_prefix("sha256:")
                .is_some_and(|id| id.starts_with(hex));
        by_id || Reference::parse(name).is_ok_and(|wanted| self.has(&wanted))
    }

    fn has(&self, wanted: &Reference) -> bool {
        let digest = wanted
            .digest
            .as_ref()
            .map(|digest| format!("{}@{digest}", wanted.name()));
        match digest {
            Some(digest) => self.digests.contains(&digest),
            None => self.tags.contains(&wanted.familiar()),
        }
    }
}

/// SHA-256 of a text in hex: ids that are the same on every node.
pub(super) fn hex(text: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(text)
        .iter()
        .fold(String::new(), |mut out, byte| {
            write!(out, "{byte:02x}").ok();
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_the_same_id_on_every_node_and_under_its_local_name() {
        let a = Image::published("eugr/spark-vllm:latest");
        assert_eq!(a.id, Image::published("vllm-node").id);
        assert_ne!(a.id, Image::published("vllm/vllm-openai:latest").id);
        assert_eq!(a.id.len(), 71);
    }

    #[test]
    fn it_answers_to_tag_digest_and_id() {
        let image = Image::published("ghcr.io/spark-arena/dgx-vllm-eugr-nightly:latest");
        assert!(image.answers_to("ghcr.io/spark-arena/dgx-vllm-eugr-nightly"));
        assert!(image.answers_to(&image.digests[0]));
        assert!(image.answers_to(image.short_id()) && image.answers_to(&image.id));
        assert!(!image.answers_to("ghcr.io/spark-arena/dgx-vllm-eugr-nightly:old"));
    }

    #[test]
    fn quirks_of_published_images() {
        assert!(
            !Image::published("nvcr.io/nvidia/vllm:26.05-py3")
                .engine
                .has_ray
        );
        let server = Image::published("vllm/vllm-openai:latest");
        assert_eq!(
            server.entrypoint.as_deref(),
            Some(&["vllm".to_owned(), "serve".to_owned()][..])
        );
        assert_eq!(
            Image::published("sparkarena/spark-vllm-docker:mxfp4")
                .engine
                .extra_flags
                .len(),
            2
        );
        assert_eq!(
            Image::published("onerahmet/openai-whisper-asr-webservice:latest").architecture,
            "amd64"
        );
    }
}
