//! The archive in the making. Whatever goes in is scrubbed here, once, whoever it came from.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::Value;
use spark_core::scrub::{Scrubber, is_secret_name};
use spark_ipc::Time;

/// Most bytes of one file: the end of a log is what tells.
const MAX_FILE: usize = 2 << 20;

/// Files, scrubbed, in the order in which they were added.
#[derive(Debug)]
pub(super) struct Bundle {
    scrubber: Scrubber,
    made: Time,
    files: Vec<(String, String)>,
}

impl Bundle {
    pub(super) fn new(scrubber: Scrubber, made: Time) -> Self {
        Self {
            scrubber,
            made,
            files: Vec::new(),
        }
    }

    /// Adds a text. A long one loses its beginning.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        let mut start = text.len().saturating_sub(MAX_FILE);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        let (cut, kept) = text.split_at(start);
        let scrubbed = self.scrubber.scrub(kept);
        let text = if cut.is_empty() {
            scrubbed
        } else {
            format!("… {start} bytes before this were left out\n{scrubbed}")
        };
        self.files.push((name.to_owned(), text));
    }

    /// Adds a value as JSON, without the values of fields whose name says that they are secret.
    pub(super) fn json<T: Serialize>(&mut self, name: &str, value: &T) {
        let text = match serde_json::to_value(value) {
            Ok(mut value) => {
                blank(&mut value);
                serde_json::to_string_pretty(&value).unwrap_or_default()
            }
            Err(error) => format!("it cannot be shown: {error}"),
        };
        self.text(name, &text);
    }

    /// The archive: `spark-control-report/NAME` for each file.
    pub(super) fn pack(self) -> std::io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        let made = u64::try_from(self.made.0.as_second()).unwrap_or(0);
        for (name, text) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(u64::try_from(text.len()).unwrap_or(0));
            header.set_mode(0o600);
            header.set_mtime(made);
            let path = format!("spark-control-report/{name}");
            archive.append_data(&mut header, path, text.as_bytes())?;
        }
        let mut packed = archive.into_inner()?;
        packed.flush()?;
        packed.finish()
    }
}

/// Takes out what stands behind a name of a secret, and the value of a setting of such a name.
fn blank(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let setting = fields.get("key").and_then(Value::as_str);
            let is_secret = setting.is_some_and(is_secret_name);
            for (name, field) in fields {
                let hidden = is_secret_name(name) || (is_secret && name == "value");
                if hidden && field.is_string() {
                    *field = Value::from("[removed: secret]");
                } else {
                    blank(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(blank),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn bundle() -> Bundle {
        let known = ["a-known-secret".to_owned()];
        Bundle::new(Scrubber::new(known), crate::clock::now())
    }

    /// The files of an archive.
    fn unpacked(packed: &[u8]) -> Vec<(String, String)> {
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
        let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
            let mut entry: tar::Entry<'_, flate2::read::GzDecoder<&[u8]>> = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (name, text)
        };
        archive.entries().unwrap().map(read).collect()
    }

    #[test]
    fn what_was_put_in_comes_out_without_secrets() {
        let mut bundle = bundle();
        bundle.text(
            "units/main.log",
            "HF_TOKEN=hf_abcdefghijklmnop ready\na-known-secret",
        );
        let setting = serde_json::json!({
            "fields": [{"key": "WEBHOOK_URL", "value": "http://x.example/y"}],
            "revision": 3, "password": "hunter2",
        });
        bundle.json("settings.json", &setting);
        let files = unpacked(&bundle.pack().unwrap());
        assert_eq!(files[0].0, "spark-control-report/units/main.log");
        assert_eq!(
            files[0].1,
            "HF_TOKEN=[removed: secret] ready\n[removed: known secret]"
        );
        let settings = &files[1].1;
        assert!(settings.contains("\"revision\": 3"));
        assert!(
            !settings.contains("x.example") && !settings.contains("hunter2"),
            "{settings}"
        );
    }

    #[test]
    fn a_long_text_keeps_its_end() {
        let mut bundle = bundle();
        bundle.text("log", &format!("{}end", "é".repeat(MAX_FILE)));
        let files = unpacked(&bundle.pack().unwrap());
        assert!(files[0].1.ends_with("éend") && files[0].1.len() < MAX_FILE + 100);
        assert!(files[0].1.starts_with("… "));
    }
}
