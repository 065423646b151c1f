//! One model on one node, as the lister there describes it.

use serde::Deserialize;
use serde_json::Value;
use spark_ipc::id::RepoId;
use spark_ipc::text::clean_line;

use crate::shell::Remote;

mod params;

/// Most bytes of one model's configuration that are carried.
const CONFIG_LIMIT: usize = 64 * 1024;
/// Most characters of one key or text of it.
const TEXT_LIMIT: usize = 1000;

/// Whether the files of a model are all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskState {
    Complete,
    /// Files are missing or dangling.
    Partial,
    /// As partial, and an unfinished file grew in the last minute.
    Downloading,
    /// Only configuration, tokenizer or index files: no weights were begun.
    NoWeights,
    /// No snapshot at all.
    Empty,
}

/// A model on one node.
#[derive(Debug, Clone, PartialEq)]
pub struct DiskModel {
    pub repo: RepoId,
    pub state: DiskState,
    /// The snapshot's commit.
    pub commit: Option<String>,
    pub revisions: u32,
    /// Bytes of all its files, each counted once.
    pub size_bytes: u64,
    /// Bytes of the weight files of the snapshot.
    pub weight_bytes: u64,
    /// Bytes of all weights, as the index of the shards tells them.
    pub index_bytes: Option<u64>,
    pub incomplete_bytes: u64,
    /// The first eight files that are missing or dangling.
    pub missing: Vec<String>,
    pub missing_count: u32,
    /// What files there are that tell its kind, e.g. `gguf`, `pooling`, `chat_template`, `adapter`; none when the
    /// node could not be asked for them.
    pub markers: Vec<String>,
    /// The model that an adapter was made for, as `adapter_config.json` names it.
    pub adapter_base: Option<String>,
    /// The facts of `config.json` that decisions rest on, else those of `params.json` in its words.
    pub config: Option<Value>,
    /// `quantization` of `hf_quant_config.json`.
    pub quant_config: Option<Value>,
    pub warnings: Vec<String>,
}

impl DiskModel {
    pub fn complete(&self) -> bool {
        self.state == DiskState::Complete
    }

    /// Bytes of the weights once all of them are there.
    pub fn full_weight_bytes(&self) -> u64 {
        let unfinished = !self.complete();
        let told = self.index_bytes.filter(|_| unfinished);
        told.unwrap_or(0).max(self.weight_bytes)
    }

    pub(crate) fn has(&self, marker: &str) -> bool {
        self.markers.iter().any(|m| m == marker)
    }
}

/// Lists the models of a node; changes nothing there.
pub fn command() -> Remote {
    Remote::script("list-models", include_str!("list.sh")).timeout(120)
}

/// One line of the lister.
#[derive(Debug, Deserialize)]
struct Line {
    folder: String,
    state: DiskState,
    #[serde(default)]
    commit: String,
    #[serde(default)]
    revisions: u32,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    weight_bytes: u64,
    index_bytes: Option<u64>,
    #[serde(default)]
    incomplete_bytes: u64,
    #[serde(default)]
    missing: Vec<String>,
    #[serde(default)]
    missing_n: u32,
    #[serde(default)]
    markers: Vec<String>,
    adapter_base: Option<String>,
    config: Option<Value>,
    params: Option<Value>,
    quant_config: Option<Value>,
    #[serde(default)]
    warnings: Vec<String>,
}

/// The last line, which tells a whole answer from a cut one.
#[derive(Debug, Deserialize)]
struct End {
    hub: String,
    #[serde(default)]
    warnings: Vec<String>,
}

/// Whether the lister's answer came to its end. Nothing tells what a cut one left out.
pub fn is_whole(output: &str) -> bool {
    let last = output.lines().rev().find(|l| !l.trim().is_empty());
    last.is_some_and(|line| serde_json::from_str::<End>(line).is_ok())
}

/// Reads the lister's answer. What cannot be read is left out and warned of.
pub fn read(output: &str) -> (Vec<DiskModel>, Vec<String>) {
    let mut models = Vec::new();
    let mut warnings = Vec::new();
    let mut ended = false;
    for line in output.lines().filter(|l| !l.trim().is_empty()) {
        if let Ok(end) = serde_json::from_str::<End>(line) {
            ended = true;
            let hub = clean_line(&end.hub, 200);
            warnings.extend(
                end.warnings
                    .iter()
                    .map(|w| format!("{hub}: {}", clean_line(w, 200))),
            );
        } else if let Some((folder, text)) = config_line(line) {
            attach_config(&mut models, folder, text);
        } else {
            match serde_json::from_str::<Line>(line) {
                Ok(line) => match model(line) {
                    Ok(model) => {
                        // A lister that died half way is followed by the plain one.
                        models.retain(|m: &DiskModel| m.repo != model.repo);
                        models.push(model);
                    }
                    Err(warning) => warnings.push(warning),
                },
                Err(error) => warnings.push(format!(
                    "models: cannot read {:?}: {error}",
                    clean_line(line, 120)
                )),
            }
        }
    }
    if !ended {
        warnings.push("models: the list was cut".to_owned());
    }
    models.sort_by(|a, b| a.repo.cmp(&b.repo));
    (models, warnings)
}

fn model(line: Line) -> Result<DiskModel, String> {
    let Some(repo) = RepoId::from_cache_folder(&line.folder) else {
        let folder = clean_line(&line.folder, 120);
        return Err(format!(
            "models: {folder:?} is not the folder of a repository"
        ));
    };
    let clean = |texts: &[String], most: usize| -> Vec<String> {
        texts
            .iter()
            .take(most)
            .map(|t| clean_line(t, 200))
            .collect()
    };
    let is_commit =
        line.commit.len() <= 64 && line.commit.bytes().all(|b| b.is_ascii_alphanumeric());
    let params = line.params.filter(is_small_object);
    let config = line.config.filter(is_small_object);
    Ok(DiskModel {
        repo,
        state: line.state,
        commit: (is_commit && !line.commit.is_empty()).then_some(line.commit),
        revisions: line.revisions,
        size_bytes: line.bytes,
        weight_bytes: line.weight_bytes,
        index_bytes: line.index_bytes,
        incomplete_bytes: line.incomplete_bytes,
        missing: clean(&line.missing, 8),
        missing_count: line
            .missing_n
            .max(u32::try_from(line.missing.len()).unwrap_or(u32::MAX)),
        markers: clean(&line.markers, 32),
        adapter_base: line
            .adapter_base
            .map(|base| clean_line(&base, 200))
            .filter(|base| !base.is_empty()),
        config: config
            .or_else(|| params.as_ref().map(params::as_config))
            .map(cleaned),
        quant_config: line.quant_config.filter(is_small_object).map(cleaned),
        warnings: clean(&line.warnings, 8),
    })
}

fn is_small_object(value: &Value) -> bool {
    value.is_object() && value.to_string().len() <= CONFIG_LIMIT
}

/// `value` with every key and text in it cleaned: whoever published the model wrote them, and they are shown.
fn cleaned(value: Value) -> Value {
    match value {
        Value::String(text) => clean_line(&text, TEXT_LIMIT).into(),
        Value::Array(items) => items.into_iter().map(cleaned).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, field)| (clean_line(&key, TEXT_LIMIT), cleaned(field)))
            .collect(),
        plain => plain,
    }
}

/// A line of the lister without Python: the folder and its `config.json` as it is.
fn config_line(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("config\t")?.split_once('\t')
}

fn attach_config(models: &mut [DiskModel], folder: &str, text: &str) {
    let Some(repo) = RepoId::from_cache_folder(folder) else {
        return;
    };
    let Some(model) = models.iter_mut().find(|m| m.repo == repo) else {
        return;
    };
    match serde_json::from_str::<Value>(text) {
        Ok(config) if is_small_object(&config) => model.config = Some(cleaned(config)),
        _ => model.warnings.push("config.json cannot be read".to_owned()),
    }
}

#[cfg(test)]
mod tests;
