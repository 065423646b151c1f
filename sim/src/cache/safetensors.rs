//! Sparse weight files with a real header.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};

/// A header's length is rounded up to this, with spaces, as the format allows.
const PAGE: u64 = 4096;

/// Writes a file of exactly `size` bytes with the tensors `names` of type `dtype` sharing what is
/// behind the header; the bytes themselves are holes. A file that is there keeps its length meanwhile.
pub(super) fn write(path: &Path, size: u64, names: &[String], dtype: &str) -> std::io::Result<()> {
    let mut options = File::options();
    let mut file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    let header = header(size, names, dtype);
    let length = u64::try_from(header.len()).unwrap_or(u64::MAX);
    file.write_all(&length.to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    file.set_len(size)
}

fn header(size: u64, names: &[String], dtype: &str) -> String {
    let count = u64::try_from(names.len()).unwrap_or(0).max(1);
    let element = if dtype.ends_with("32") {
        4
    } else if dtype.ends_with("16") {
        2
    } else {
        1
    };
    // Generous: no name here comes near 160 bytes with its shape and offsets. What is left of the file must be
    // whole elements: a reader takes a byte that no tensor has for a cut.
    let page = (count * 256).next_multiple_of(PAGE);
    let length = page + size.saturating_sub(8 + page) % element;
    let elements = size.saturating_sub(8 + length) / element;
    let mut tensors = Map::new();
    tensors.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    let mut from = 0;
    for (name, index) in names.iter().zip(1..) {
        let to = elements * index / count;
        tensors.insert(
            name.clone(),
            json!({"dtype": dtype, "shape": [to - from], "data_offsets": [from * element, to * element]}),
        );
        from = to;
    }
    let text = Value::Object(tensors).to_string();
    let width = usize::try_from(length).unwrap_or(0);
    format!("{text:<width$}")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_header_describes_every_byte_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.safetensors");
        let names: Vec<String> = (0..37)
            .map(|layer| format!("layers.{layer}.weight"))
            .collect();
        for (size, dtype) in [
            (8 + 12288 + 2 * 1_000_001, "BF16"),
            (8 + 12288 + 4 * 1_000_001 + 3, "I32"),
            (3_046_341_463, "I32"),
        ] {
            write(&path, size, &names, dtype).unwrap();
            assert_eq!(path.metadata().unwrap().len(), size);
            let mut file = File::open(&path).unwrap();
            let mut length = [0; 8];
            file.read_exact(&mut length).unwrap();
            let length = u64::from_le_bytes(length);
            let mut text = vec![0; usize::try_from(length).unwrap()];
            file.read_exact(&mut text).unwrap();
            let header: Map<String, Value> = serde_json::from_slice(&text).unwrap();
            assert_eq!(header.len(), names.len() + 1);
            assert_eq!(header[&names[36]]["data_offsets"][1], size - 8 - length);
            assert_eq!(header[&names[0]]["data_offsets"][0], 0);
        }
    }
}
