//! Weight files of a snapshot: which there should be, and whether each can be read.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// One weight file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WeightFile {
    /// Its path inside the snapshot.
    pub(crate) name: String,
    /// Its size; 0 when the link leads nowhere.
    pub(crate) bytes: u64,
    path: PathBuf,
}

/// A weight file that cannot be loaded, in the words of Python.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WeightError {
    /// A link without a file behind it.
    #[error("FileNotFoundError: No such file or directory: \"{0}\"")]
    Dangling(String),
    /// Cut short: the download ended early.
    #[error(
        "safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer ({0})"
    )]
    Truncated(String),
    /// Not safetensors at all.
    #[error(
        "safetensors_rust.SafetensorError: Error while deserializing header: InvalidHeaderDeserialization ({0})"
    )]
    Corrupt(String),
    /// Too short for a header.
    #[error(
        "safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooSmall ({0})"
    )]
    Empty(String),
    /// No weight file in the snapshot.
    #[error("RuntimeError: Cannot find any model weights with `{0}`")]
    NoWeights(String),
    /// The index names weights that no present file has.
    #[error("ValueError: Following weights were not initialized from checkpoint: {{{0}}}")]
    NotInitialised(String),
}

/// Weight files in load order, and the names of weights whose file is not in the snapshot.
pub(super) fn list(folder: &Path) -> (Vec<WeightFile>, Vec<String>) {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".safetensors"))
        .collect();
    names.sort();
    let wanted = index(folder);
    let mut missing = Vec::new();
    for (weight, file) in &wanted {
        if !names.contains(file) {
            missing.push(weight.clone());
        }
    }
    if !wanted.is_empty() {
        names.retain(|name| wanted.values().any(|file| file == name));
    }
    (
        names
            .into_iter()
            .map(|name| weight_file(folder, name))
            .collect(),
        missing,
    )
}

fn weight_file(folder: &Path, name: String) -> WeightFile {
    let path = folder.join(&name);
    let bytes = std::fs::metadata(&path).map_or(0, |meta| meta.len());
    WeightFile { name, bytes, path }
}

fn index(folder: &Path) -> BTreeMap<String, String> {
    let read = || {
        let text = std::fs::read_to_string(folder.join("model.safetensors.index.json")).ok()?;
        let index: Value = serde_json::from_str(&text).ok()?;
        serde_json::from_value(index.get("weight_map")?.clone()).ok()
    };
    read().unwrap_or_default()
}

/// Opens `file` as the loader would.
pub(super) fn check(folder: &Path, file: &WeightFile) -> Result<(), WeightError> {
    let shown = || file.path.display().to_string();
    let Ok(mut open) = File::open(&file.path) else {
        return Err(WeightError::Dangling(shown()));
    };
    let mut head = [0_u8; 8];
    if open.read_exact(&mut head).is_err() {
        return Err(WeightError::Empty(shown()));
    }
    let whole = match u64::from_le_bytes(head) {
        0 => manifest_size(folder, &file.name).unwrap_or(file.bytes),
        header => match data_end(&mut open, header) {
            Some(end) => 8 + header + end,
            None => return Err(WeightError::Corrupt(shown())),
        },
    };
    if whole == file.bytes {
        Ok(())
    } else {
        Err(WeightError::Truncated(shown()))
    }
}

/// The end of the tensor data that a safetensors header of `length` bytes describes.
fn data_end(file: &mut File, length: u64) -> Option<u64> {
    // The format itself caps headers at 100 MB.
    if length > 100_000_000 {
        return None;
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text).ok()?;
    let header: Value = serde_json::from_slice(&text).ok()?;
    let ends = header
        .as_object()?
        .values()
        .filter_map(|tensor| tensor.pointer("/data_offsets/1").and_then(Value::as_u64));
    Some(ends.max().unwrap_or(0))
}

/// The size that the cache's manifest gives for `name`.
fn manifest_size(folder: &Path, name: &str) -> Option<u64> {
    let commit = folder.file_name()?.to_str()?;
    let path = folder
        .parent()?
        .parent()?
        .join("trees")
        .join(format!("{commit}.json"));
    let manifest: Value = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
    manifest.get("files")?.get(name)?.get("size")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(content: &[u8]) -> Result<(), WeightError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("model.safetensors"), content).unwrap();
        let (files, _) = list(folder.path());
        check(folder.path(), &files[0])
    }

    fn safetensors(data: usize) -> Vec<u8> {
        let header = br#"{"w":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#;
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(header);
        file.extend(std::iter::repeat_n(1, data));
        file
    }

    #[test]
    fn whole_and_stand_in_files_load_and_broken_ones_do_not() {
        assert_eq!(outcome(&safetensors(4)), Ok(()));
        assert_eq!(outcome(&[0; 64]), Ok(()));
        assert!(matches!(
            outcome(&safetensors(3)),
            Err(WeightError::Truncated(_))
        ));
        assert!(matches!(outcome(b""), Err(WeightError::Empty(_))));
        assert!(matches!(
            outcome(b"<html>not a model</html>"),
            Err(WeightError::Corrupt(_))
        ));
    }

    #[test]
    fn a_stand_in_is_judged_by_the_manifest() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("snapshots/abc");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::create_dir_all(root.path().join("trees")).unwrap();
        std::fs::write(folder.join("model.safetensors"), [0; 64]).unwrap();
        let manifest = r#"{"format_version":1,"files":{"model.safetensors":{"size":128}}}"#;
        std::fs::write(root.path().join("trees/abc.json"), manifest).unwrap();
        let (files, _) = list(&folder);
        assert!(matches!(
            check(&folder, &files[0]),
            Err(WeightError::Truncated(_))
        ));
    }

    #[test]
    fn the_index_tells_what_is_missing() {
        let root = tempfile::tempdir().unwrap();
        let map = r#"{"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}}"#;
        std::fs::write(root.path().join("model.safetensors.index.json"), map).unwrap();
        std::fs::write(root.path().join("m-1.safetensors"), [0; 16]).unwrap();
        std::fs::write(root.path().join("other.safetensors"), [0; 16]).unwrap();
        let (files, missing) = list(root.path());
        assert_eq!(
            files.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(),
            ["m-1.safetensors"]
        );
        assert_eq!(missing, ["b"]);
    }
}
