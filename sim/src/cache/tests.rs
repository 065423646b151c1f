//! The caches as a lister sees them: by names, links, sizes and indexes.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use super::*;
use crate::node::NodeConfig;

fn node() -> (tempfile::TempDir, Node) {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::create(&dir.path().join("n"), NodeConfig::default()).unwrap();
    (dir, node)
}

fn snapshot(node: &Node, repo: &str) -> PathBuf {
    let dir = repo_dir(&node.hub(), repo);
    let commit = fs::read_to_string(dir.join("refs/main")).unwrap();
    assert_eq!(commit.len(), 40);
    dir.join("snapshots").join(commit)
}

/// The shards that the index wants and the snapshot does not have.
fn missing(node: &Node, repo: &str) -> BTreeSet<String> {
    let snapshot = snapshot(node, repo);
    let index = fs::read(snapshot.join("model.safetensors.index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let shards = index["weight_map"].as_object().unwrap().values();
    let shards: BTreeSet<String> = shards
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    shards
        .into_iter()
        .filter(|shard| !snapshot.join(shard).exists())
        .collect()
}

#[test]
fn a_complete_model_has_every_byte_and_takes_no_space() {
    let (_dir, node) = node();
    let before = node.disk().used;
    assert!(put(&node, "openai/gpt-oss-120b", Extent::Complete).unwrap());
    assert!(missing(&node, "openai/gpt-oss-120b").is_empty());
    let shard = snapshot(&node, "openai/gpt-oss-120b").join("model-00000-of-00014.safetensors");
    assert!(fs::read_link(&shard).unwrap().starts_with("../../blobs"));
    let used = node.disk().used - before;
    assert!((65_248_815_744..65_250_000_000).contains(&used), "{used}");
    let blocks: u64 = std::os::unix::fs::MetadataExt::blocks(&fs::metadata(&shard).unwrap());
    assert!(blocks * 512 < 1 << 20);
}

#[test]
fn the_manifest_names_the_sizes_on_disk() {
    let (_dir, node) = node();
    let repo = "Qwen/Qwen3.6-35B-A3B-FP8";
    put(&node, repo, Extent::Complete).unwrap();
    let snapshot = snapshot(&node, repo);
    let commit = snapshot.file_name().unwrap().to_str().unwrap();
    let tree = repo_dir(&node.hub(), repo).join(format!("trees/{commit}.json"));
    let tree: serde_json::Value = serde_json::from_slice(&fs::read(tree).unwrap()).unwrap();
    let files = tree["files"].as_object().unwrap();
    assert!(files.len() > 14);
    for (path, entry) in files {
        assert_eq!(
            entry["size"],
            fs::metadata(snapshot.join(path)).unwrap().len(),
            "{path}"
        );
    }
}

#[test]
fn a_missing_shard_is_in_the_index_and_not_on_the_disk() {
    let (_dir, node) = node();
    put(&node, "google/gemma-4-26B-A4B-it", Extent::WithoutShard(1)).unwrap();
    let missing = missing(&node, "google/gemma-4-26B-A4B-it");
    assert_eq!(
        missing.into_iter().collect::<Vec<_>>(),
        ["model-00002-of-00002.safetensors"]
    );
}

#[test]
fn a_config_alone_has_no_weights() {
    let (_dir, node) = node();
    put(
        &node,
        "meta-llama/Llama-3.3-70B-Instruct",
        Extent::ConfigOnly,
    )
    .unwrap();
    let snapshot = snapshot(&node, "meta-llama/Llama-3.3-70B-Instruct");
    assert!(snapshot.join("config.json").exists());
    let weights =
        |entry: fs::DirEntry| entry.path().extension().is_some_and(|e| e == "safetensors");
    assert!(!fs::read_dir(snapshot).unwrap().flatten().any(weights));
}

#[test]
fn a_download_grows_file_by_file_until_the_model_is_whole() {
    let (_dir, node) = node();
    let repo = "Qwen/Qwen3-Coder-Next-FP8";
    put(&node, repo, Extent::Downloading(11)).unwrap();
    let partial = || {
        let blobs = fs::read_dir(repo_dir(&node.hub(), repo).join("blobs")).unwrap();
        let mut partial = blobs.flatten().filter(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "incomplete")
        });
        partial.next().map(|entry| entry.metadata().unwrap().len())
    };
    let first = partial().unwrap();
    advance(&node, Duration::from_secs(2)).unwrap();
    assert!(partial().unwrap() > first);
    assert_eq!(missing(&node, repo).len(), 29);
    advance(&node, Duration::from_secs(60)).unwrap();
    assert!(missing(&node, repo).len() < 29);
    advance(&node, Duration::from_secs(3600)).unwrap();
    assert_eq!((partial(), missing(&node, repo).len()), (None, 0));
    advance(&node, Duration::from_secs(1)).unwrap();
}

#[test]
fn a_split_gguf_set_keeps_its_names_and_folder() {
    let (_dir, node) = node();
    let repo = "unsloth/Qwen3-235B-A22B-Instruct-2507-GGUF";
    put(&node, repo, Extent::WithoutShard(1)).unwrap();
    let folder = snapshot(&node, repo).join("UD-Q2_K_XL");
    let stem = "Qwen3-235B-A22B-Instruct-2507-UD-Q2_K_XL";
    assert!(folder.join(format!("{stem}-00001-of-00002.gguf")).exists());
    assert!(!folder.join(format!("{stem}-00002-of-00002.gguf")).exists());
}

#[test]
fn the_demo_has_a_model_for_every_state() {
    let (_dir, node) = node();
    put_demo(&node, 0).unwrap();
    for (repo, first, _) in DEMO {
        assert_eq!(
            repo_dir(&node.hub(), repo).exists(),
            first.is_some(),
            "{repo}"
        );
    }
    assert!(!put(&node, "nobody/nothing", Extent::Complete).unwrap());
}
