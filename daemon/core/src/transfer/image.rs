//! Images: what the nodes have, and what a registry has before it is pulled.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use spark_ipc::Time;
use spark_ipc::id::{ImageRef, NodeId};
use spark_ipc::model::transfer::{Image, ImageList, ImageOnNode, ImagesUnknown};
use spark_ipc::text::clean_line;

use crate::shell::{InvalidArg, RawArg, Remote};

use super::fault::{self, Fault, FaultId};

/// An image on one node.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalImage {
    pub id: String,
    pub architecture: Option<String>,
    pub size_bytes: Option<u64>,
    pub created: Option<Time>,
    pub tags: Vec<String>,
    pub used_by: Vec<String>,
}

/// Lists the images of a node.
pub fn list_command() -> Remote {
    Remote::script("images", include_str!("scripts/images.sh")).timeout(60)
}

/// Reads the answer of [`list_command`].
pub fn read_list(output: &str) -> Result<Vec<LocalImage>, String> {
    let mut images = Vec::new();
    let mut containers: Vec<(String, String)> = Vec::new();
    let mut ended = false;
    for line in output.lines() {
        let (word, rest) = line.split_once('\t').unwrap_or((line, ""));
        match word {
            "image" => images.extend(local_image(rest)),
            "container" => {
                let (image, name) = rest.split_once(' ').unwrap_or((rest, ""));
                containers.push((image.to_owned(), clean_line(name, 120)));
            }
            "end" => ended = true,
            _ => {}
        }
    }
    if !ended {
        return Err("the list of images was cut".to_owned());
    }
    for image in &mut images {
        let of_it = containers.iter().filter(|(from, _)| is_of(image, from));
        image.used_by = of_it.map(|(_, name)| name.clone()).collect();
    }
    Ok(images)
}

fn local_image(text: &str) -> Option<LocalImage> {
    let mut parts = text.splitn(5, ' ');
    let id = parts.next().filter(|id| id.starts_with("sha256:"))?;
    let architecture = parts.next().filter(|a| !a.is_empty());
    let size = parts.next().and_then(|s| s.parse().ok());
    let created = parts.next().and_then(|c| c.parse::<jiff::Timestamp>().ok());
    let tags: Option<Vec<String>> = serde_json::from_str(parts.next().unwrap_or("null")).ok()?;
    Some(LocalImage {
        id: clean_line(id, 80),
        architecture: architecture.map(|a| clean_line(a, 32)),
        size_bytes: size,
        created: created.map(Time),
        tags: tags
            .unwrap_or_default()
            .iter()
            .map(|t| clean_line(t, 255))
            .collect(),
        used_by: Vec::new(),
    })
}

fn is_of(image: &LocalImage, from: &str) -> bool {
    let tagged = with_tag(from);
    image.tags.contains(&tagged)
        || image.id == from
        || image.id.strip_prefix("sha256:") == Some(from)
}

/// `reference` with its tag written out: Docker adds `latest` by itself.
pub fn with_tag(reference: &str) -> String {
    let last = reference.rsplit('/').next().unwrap_or(reference);
    if last.contains([':', '@']) {
        reference.to_owned()
    } else {
        format!("{reference}:latest")
    }
}

/// The lists of all nodes as one, with those that recipes need and no node has.
pub fn merge(
    lists: Vec<(NodeId, Result<Vec<LocalImage>, String>)>,
    recipes: &[(String, ImageRef)],
) -> ImageList {
    let mut found: BTreeMap<String, Vec<ImageOnNode>> = BTreeMap::new();
    for (_, image) in recipes {
        found.entry(with_tag(image.as_str())).or_default();
    }
    let (mut answered, mut unknown) = (Vec::new(), Vec::new());
    for (node, list) in lists {
        match list {
            Err(reason) => unknown.push(ImagesUnknown { node, reason }),
            Ok(images) => {
                for image in images {
                    for tag in &image.tags {
                        let on_node = view(&node, &image);
                        found.entry(tag.clone()).or_default().push(on_node);
                    }
                }
                answered.push(node);
            }
        }
    }
    let images = found.into_iter().map(|(reference, nodes)| {
        let has = |node: &&NodeId| !nodes.iter().any(|n| n.node == **node);
        let ids: BTreeSet<&String> = nodes.iter().map(|n| &n.id).collect();
        let of_it = recipes
            .iter()
            .filter(|(_, i)| with_tag(i.as_str()) == reference);
        Image {
            missing_on: answered.iter().filter(has).cloned().collect(),
            differs: ids.len() > 1,
            recipes: of_it.map(|(id, _)| id.clone()).collect(),
            reference,
            nodes,
        }
    });
    ImageList {
        images: images.collect(),
        unknown,
    }
}

fn view(node: &NodeId, image: &LocalImage) -> ImageOnNode {
    ImageOnNode {
        node: node.clone(),
        id: image.id.clone(),
        size_bytes: image.size_bytes,
        architecture: image.architecture.clone(),
        created: image.created,
        used_by: image.used_by.clone(),
    }
}

/// Asks the registry for the manifest of an image; with `digest`, for one entry of its list.
pub fn registry_command(image: &ImageRef, digest: Option<&str>) -> Result<Remote, InvalidArg> {
    let remote = Remote::script("image-look", include_str!("scripts/image_look.sh")).arg(image);
    let remote = match digest {
        None => remote,
        Some(digest) => {
            let name = image.as_str().split('@').next().unwrap_or_default();
            let slash = name.rfind('/').map_or(0, |i| i + 1);
            let (path, last) = name.split_at_checked(slash).unwrap_or(("", name));
            let bare = last.split(':').next().unwrap_or(last);
            remote.arg(RawArg::checked(&format!("{path}{bare}@{digest}"))?)
        }
    };
    Ok(remote.timeout(60))
}

#[derive(Debug, Deserialize)]
struct RegistryManifest {
    #[serde(default)]
    manifests: Vec<Entry>,
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Debug, Deserialize)]
struct Platform {
    architecture: String,
    #[serde(default)]
    os: String,
}

#[derive(Debug, Deserialize)]
struct Layer {
    #[serde(default)]
    size: u64,
}

/// What a registry has of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InRegistry {
    /// A list with a build for ARM, whose sizes are behind this digest.
    Listed(String),
    /// One build; its architecture is not in the manifest.
    Single { bytes: u64 },
    /// There are builds, none of them for ARM.
    NotForArm(Vec<String>),
}

/// Reads a manifest of a registry.
pub fn read_registry(output: &str) -> Result<InRegistry, String> {
    let manifest: RegistryManifest = serde_json::from_str(output.trim())
        .map_err(|error| format!("the registry's manifest cannot be read: {error}"))?;
    if manifest.manifests.is_empty() {
        let bytes = manifest.layers.iter().map(|l| l.size).sum();
        return Ok(InRegistry::Single { bytes });
    }
    let platforms = manifest
        .manifests
        .iter()
        .filter_map(|e| e.platform.as_ref());
    let names: BTreeSet<String> = platforms
        .filter(|p| p.architecture != "unknown")
        .map(|p| clean_line(&format!("{}/{}", p.os, p.architecture), 40))
        .collect();
    let arm = |e: &&Entry| {
        let on_arm = |p: &Platform| p.architecture == "arm64" && p.os == "linux";
        is_digest(&e.digest) && e.platform.as_ref().is_some_and(on_arm)
    };
    Ok(match manifest.manifests.iter().find(arm) {
        Some(entry) => InRegistry::Listed(entry.digest.clone()),
        None => InRegistry::NotForArm(names.into_iter().collect()),
    })
}

fn is_digest(digest: &str) -> bool {
    digest
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Why the registry refused.
pub fn refused(stderr: &str) -> Fault {
    let fault = fault::classify(&stderr.lines().collect::<Vec<_>>());
    match fault.id {
        FaultId::NotFound => Fault {
            id: FaultId::NoSuchImage,
            ..fault
        },
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARM: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

    fn listed(id: &str, tag: &str) -> String {
        format!(
            "image\t{id} arm64 18742133902 2026-05-01T10:00:00Z [\"{tag}\"]\ncontainer\t{tag} main-r0\nend\n"
        )
    }

    #[test]
    fn the_lists_become_one_with_what_is_missing_and_what_differs() {
        let node = NodeId::numbered;
        let read = |id: &str| read_list(&listed(id, "vllm-node:latest"));
        let recipe = |id: &str, image: &str| (id.to_owned(), ImageRef::new(image).unwrap());
        let list = merge(
            vec![
                (node(1), read("sha256:aa")),
                (node(2), read("sha256:bb")),
                (node(3), Err("no answer".to_owned())),
            ],
            &[recipe("x", "vllm-node"), recipe("y", "a/b:1")],
        );
        assert_eq!(list.unknown.len(), 1);
        let [wanted, present] = list.images.as_slice() else {
            panic!("{list:?}")
        };
        assert_eq!(
            (wanted.reference.as_str(), wanted.nodes.len()),
            ("a/b:1", 0)
        );
        assert_eq!(wanted.missing_on, [node(1), node(2)]);
        assert!(present.differs && present.missing_on.is_empty());
        assert_eq!(present.recipes, ["x"]);
        assert_eq!(present.nodes[0].used_by, ["main-r0"]);
        assert_eq!(present.nodes[0].size_bytes, Some(18_742_133_902));
    }

    #[test]
    fn a_cut_list_is_no_list() {
        assert!(read_list("image\tsha256:aa arm64 1 x []\n").is_err());
    }

    #[test]
    fn an_image_without_a_build_for_arm_is_told_before_the_pull() {
        let entry = |arch: &str, digest: &str| {
            format!(
                r#"{{"digest":"{digest}","platform":{{"architecture":"{arch}","os":"linux"}}}}"#
            )
        };
        let list = |entries: &[String]| format!(r#"{{"manifests":[{}]}}"#, entries.join(","));
        let both = list(&[entry("amd64", ARM), entry("arm64", ARM)]);
        assert_eq!(read_registry(&both), Ok(InRegistry::Listed(ARM.to_owned())));
        let other = list(&[entry("amd64", ARM), entry("unknown", ARM)]);
        assert_eq!(
            read_registry(&other),
            Ok(InRegistry::NotForArm(vec!["linux/amd64".to_owned()]))
        );
        let single = r#"{"layers":[{"size":5},{"size":7}]}"#;
        assert_eq!(read_registry(single), Ok(InRegistry::Single { bytes: 12 }));
        assert!(read_registry("<html>").is_err());
    }

    #[test]
    fn the_entry_of_a_list_is_asked_for_by_its_digest() {
        let words = |image: &str| {
            let image = ImageRef::new(image).unwrap();
            registry_command(&image, Some(ARM))
                .unwrap()
                .argv()
                .pop()
                .unwrap()
        };
        assert_eq!(
            words("nvcr.io/nvidia/vllm:26.02-py3"),
            format!("nvcr.io/nvidia/vllm@{ARM}")
        );
        assert_eq!(
            words("localhost:5000/a:1"),
            format!("localhost:5000/a@{ARM}")
        );
    }

    #[test]
    fn a_registry_says_why() {
        assert_eq!(
            refused("no such manifest: docker.io/a/b:c").id,
            FaultId::NoSuchImage
        );
        assert_eq!(
            refused("unauthorized: authentication required").id,
            FaultId::RegistryLogin
        );
    }
}
