//! What a repository consists of, and how a cache keeps it.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::catalog::Model;
use super::{Extent, repo_dir, safetensors};
use crate::node::NodeError;
use crate::node::files::{write_atomic, write_json};

/// A repository at one commit: its files in the order in which a download takes them.
#[derive(Debug, Clone)]
pub struct RepoLayout {
    /// `ORG/NAME`.
    pub repo: String,
    /// The commit that `refs/main` names.
    pub commit: String,
    /// Its files.
    pub files: Vec<RepoFile>,
    manifest: bool,
    dtype: String,
}

/// One file of a repository.
#[derive(Debug, Clone)]
pub struct RepoFile {
    /// Path in the repository.
    pub path: String,
    /// Name of its blob.
    pub blob: String,
    /// Size in bytes.
    pub size: u64,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    /// These bytes.
    Text(String),
    /// Weights in safetensors, with these tensors.
    Tensors(Vec<String>),
    /// Weights in GGUF.
    Gguf,
    /// Something else of which no byte matters.
    Opaque,
}

impl RepoFile {
    /// Whether it holds weights.
    pub fn is_weight(&self) -> bool {
        !matches!(self.content, Content::Text(_))
    }

    fn text(repo: &str, path: &str, text: String) -> Self {
        Self {
            path: path.to_owned(),
            blob: digest(&[repo, path, &text]).chars().take(40).collect(),
            size: u64::try_from(text.len()).unwrap_or(0),
            content: Content::Text(text),
        }
    }

    fn json(repo: &str, path: &str, value: &Value) -> Self {
        Self::text(repo, path, format!("{value:#}\n"))
    }
}

impl RepoLayout {
    /// The files of `model`.
    pub fn of(model: &Model) -> Self {
        let mut files = small_files(model);
        files.extend(weight_files(model));
        files.extend(other_files(model));
        Self {
            repo: model.repo.clone(),
            commit: digest(&[&model.repo, "main"]).chars().take(40).collect(),
            files,
            manifest: model.manifest,
            dtype: model.dtype.clone(),
        }
    }

    /// Writes as much of the repository into the cache at `hub` as `extent` says.
    pub fn write(&self, hub: &Path, extent: Extent) -> Result<(), NodeError> {
        let mut shard = 0;
        for file in &self.files {
            let wanted = !file.is_weight() || {
                shard += 1;
                extent.has(shard - 1)
            };
            if wanted {
                self.write_file(hub, file)?;
            }
        }
        let dir = repo_dir(hub, &self.repo);
        if self.manifest {
            write_json(
                &dir.join(format!("trees/{}.json", self.commit)),
                &self.tree(),
            )?;
        }
        write_atomic(&dir.join("refs/main"), self.commit.as_bytes())
    }

    /// Whether `found` is `file`, as far as its bytes matter: its size, and what it begins with.
    pub fn is_intact(&self, file: &RepoFile, found: &Path) -> io::Result<bool> {
        if fs::metadata(found)?.len() != file.size {
            return Ok(false);
        }
        let name = format!("spark-sim-{}-{}", std::process::id(), file.blob);
        let whole = std::env::temp_dir().join(name);
        file.write(&whole, &self.dtype)?;
        let expected = beginning(&whole);
        fs::remove_file(&whole)?;
        Ok(expected? == beginning(found)?)
    }

    /// Writes one file: its blob, and the link to it.
    pub fn write_file(&self, hub: &Path, file: &RepoFile) -> Result<(), NodeError> {
        let blob = self.blob_path(hub, file);
        make_folder_of(&blob)?;
        file.write(&blob, &self.dtype)
            .map_err(NodeError::io("write", &blob))?;
        self.link(hub, file)
    }

    /// Makes the partial file of a download, which has its length, the blob of `file`.
    pub fn finish(&self, hub: &Path, file: &RepoFile, partial: &Path) -> Result<(), NodeError> {
        let blob = self.blob_path(hub, file);
        file.write(partial, &self.dtype)
            .and_then(|()| fs::rename(partial, &blob))
            .map_err(NodeError::io("write", &blob))?;
        self.link(hub, file)
    }

    /// Writes what a client knows before the first file comes: which commit the revision is, and, when it
    /// keeps one, the manifest.
    pub fn announce(&self, hub: &Path, revision: &str, manifest: bool) -> Result<(), NodeError> {
        let dir = repo_dir(hub, &self.repo);
        if manifest {
            let tree = dir.join(format!("trees/{}.json", self.commit));
            write_json(&tree, &self.tree())?;
        }
        if revision == self.commit {
            return Ok(());
        }
        write_atomic(&dir.join("refs").join(revision), self.commit.as_bytes())
    }

    /// Where the blob of `file` lies.
    pub fn blob_path(&self, hub: &Path, file: &RepoFile) -> PathBuf {
        repo_dir(hub, &self.repo).join("blobs").join(&file.blob)
    }

    /// Links `file` into the snapshot.
    pub fn link(&self, hub: &Path, file: &RepoFile) -> Result<(), NodeError> {
        let snapshot = repo_dir(hub, &self.repo)
            .join("snapshots")
            .join(&self.commit);
        let link = snapshot.join(&file.path);
        make_folder_of(&link)?;
        let up = "../".repeat(2 + file.path.matches('/').count());
        match symlink(format!("{up}blobs/{}", file.blob), &link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(NodeError::io("link", &link)(error))
            }
            _ => Ok(()),
        }
    }

    fn tree(&self) -> Value {
        let files: Map<String, Value> = self
            .files
            .iter()
            .map(|file| (file.path.clone(), file.manifest_entry()))
            .collect();
        json!({"format_version": 1, "files": files})
    }
}

/// What a file begins with: more than any header has.
fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    const MOST: u64 = 1 << 20;
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl RepoFile {
    fn write(&self, path: &Path, dtype: &str) -> io::Result<()> {
        match &self.content {
            Content::Text(text) => fs::write(path, text),
            Content::Tensors(names) => safetensors::write(path, self.size, names, dtype),
            Content::Gguf => {
                // Magic and version; no reader of this cache looks further.
                stamp(path, b"GGUF\x03\0\0\0", self.size)
            }
            Content::Opaque => stamp(path, b"", self.size),
        }
    }

    fn manifest_entry(&self) -> Value {
        if self.is_weight() {
            json!({"size": self.size, "blob_id": digest(&[&self.blob]).get(..40),
                "lfs_sha256": self.blob, "lfs_size": self.size})
        } else {
            json!({"size": self.size, "blob_id": self.blob})
        }
    }
}

impl Extent {
    /// Whether the weight file with this number is on the disk.
    fn has(self, shard: usize) -> bool {
        match self {
            Self::Complete => true,
            Self::WithoutShard(missing) => shard != missing,
            Self::ConfigOnly => false,
            Self::Downloading(done) => shard < done,
        }
    }
}

/// Configuration, tokenizer and the index of the weights.
fn small_files(model: &Model) -> Vec<RepoFile> {
    let repo = &model.repo;
    let mut files = vec![
        RepoFile::text(
            repo,
            ".gitattributes",
            "*.safetensors filter=lfs diff=lfs merge=lfs -text\n".to_owned(),
        ),
        RepoFile::text(
            repo,
            "README.md",
            format!("---\nlibrary_name: transformers\n---\n# {repo}\n"),
        ),
    ];
    if model.gguf.is_some() {
        return files;
    }
    let config = Value::Object(model.config.clone());
    files.push(RepoFile::json(repo, "config.json", &config));
    if let Some(generation) = &model.generation_config {
        files.push(RepoFile::json(repo, "generation_config.json", generation));
    }
    for (path, value) in &model.extra {
        files.push(RepoFile::json(repo, path, value));
    }
    files.extend(tokenizer(model));
    if model.shards > 1 {
        let index = index(model);
        files.push(RepoFile::json(repo, "model.safetensors.index.json", &index));
    }
    files
}

fn tokenizer(model: &Model) -> Vec<RepoFile> {
    let repo = &model.repo;
    let tokenizer = json!({"version": "1.0", "added_tokens": [], "normalizer": null,
        "model": {"type": "BPE", "vocab": {}, "merges": []}});
    let settings = json!({"tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": model.config.get("max_position_embeddings")});
    vec![
        RepoFile::json(repo, "tokenizer.json", &tokenizer),
        RepoFile::json(repo, "tokenizer_config.json", &settings),
        RepoFile::text(
            repo,
            "chat_template.jinja",
            chat_template(&model.chat_template),
        ),
    ]
}

/// A template with the marks by which each family can be told.
fn chat_template(kind: &str) -> String {
    let (open, close, think) = match kind {
        "harmony" => ("<|start|>", "<|end|>", false),
        "gemma" => ("<|turn>", "<turn|>", true),
        "llama" => ("<|start_header_id|>", "<|eot_id|>", false),
        "qwen" | "think" => ("<|im_start|>", "<|im_end|>", true),
        _ => ("<|im_start|>", "<|im_end|>", false),
    };
    let tail = if think {
        "{% if enable_thinking is not defined or enable_thinking %}<think>{% endif %}"
    } else {
        ""
    };
    format!(
        "{{% for message in messages %}}{open}{{{{ message.role }}}}\n\
         {{{{ message.content }}}}{close}\n{{% endfor %}}\
         {{% if add_generation_prompt %}}{open}assistant\n{tail}{{% endif %}}\n"
    )
}

fn index(model: &Model) -> Value {
    let mut map = Map::new();
    for shard in 0..model.shards {
        for name in tensors(model, shard) {
            map.insert(name, Value::String(shard_name(model, shard)));
        }
    }
    json!({"metadata": {"total_size": model.weight_bytes}, "weight_map": map})
}

fn weight_files(model: &Model) -> Vec<RepoFile> {
    let count = u64::try_from(model.shards).unwrap_or(1);
    (0..model.shards)
        .zip(0..)
        .map(|(shard, number)| {
            let share = |number: u64| model.weight_bytes / count * number;
            let end = if number + 1 == count {
                model.weight_bytes
            } else {
                share(number + 1)
            };
            let path = shard_name(model, shard);
            RepoFile {
                blob: digest(&[&model.repo, &path]),
                size: end - share(number),
                content: match model.gguf {
                    Some(_) => Content::Gguf,
                    None => Content::Tensors(tensors(model, shard)),
                },
                path,
            }
        })
        .collect()
}

fn other_files(model: &Model) -> Vec<RepoFile> {
    let file = |other: &super::catalog::OtherFile| RepoFile {
        path: other.path.clone(),
        blob: digest(&[&model.repo, &other.path]),
        size: other.size,
        content: match Path::new(&other.path).extension() {
            Some(extension) if extension == "gguf" => Content::Gguf,
            _ => Content::Opaque,
        },
    };
    model.others.iter().map(file).collect()
}

/// Makes `path` a file of `size` bytes that begins with `head`, and never shorter than it was.
fn stamp(path: &Path, head: &[u8], size: u64) -> io::Result<()> {
    use io::Write as _;
    let mut options = fs::File::options();
    let mut file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.write_all(head)?;
    file.set_len(size)
}

fn shard_name(model: &Model, shard: usize) -> String {
    let number = model.first_shard + shard;
    // gpt-oss counts from 0 to the number after `of`.
    let last = model.first_shard + model.shards - 1;
    match &model.gguf {
        Some(stem) => format!("{stem}-{number:05}-of-{last:05}.gguf"),
        None if model.shards == 1 => "model.safetensors".to_owned(),
        None => format!("model-{number:05}-of-{last:05}.safetensors"),
    }
}

/// The tensors in one weight file: the layers in order, embeddings first and the head last.
fn tensors(model: &Model, shard: usize) -> Vec<String> {
    let prefix = &model.layer_prefix;
    let mut names = vec![format!(
        "{}.embed_tokens.weight",
        prefix.trim_end_matches(".layers")
    )];
    for layer in 0..model.layers() {
        for part in [
            "input_layernorm",
            "self_attn.qkv_proj",
            "self_attn.o_proj",
            "mlp.gate",
            "mlp.down_proj",
        ] {
            names.push(format!("{prefix}.{layer}.{part}.weight"));
        }
    }
    names.push("lm_head.weight".to_owned());
    let bound = |shard: usize| names.len() * shard / model.shards;
    names
        .get(bound(shard)..bound(shard + 1))
        .unwrap_or_default()
        .to_vec()
}

fn make_folder_of(path: &Path) -> Result<(), NodeError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(NodeError::io("create", folder))
}

/// SHA-256 of the parts in hex: a name that is the same each time.
fn digest(parts: &[&str]) -> String {
    let bytes = Sha256::digest(parts.join("\n"));
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}
