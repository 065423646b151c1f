//! The model on disk: what its `config.json` says and whether its weight files are whole.
//!
//! Weight files may be sparse stand-ins of the right size. A file whose first bytes are zero is judged by
//! the size that the cache's manifest (`trees/<commit>.json`) gives; any other is read as safetensors.

use std::path::{Path, PathBuf};

use serde_json::Value;

mod facts;
mod weights;

pub(crate) use self::{
    facts::Facts,
    weights::{WeightError, WeightFile},
};

/// A snapshot that vLLM can begin to load.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// What the configuration says.
    pub(crate) facts: Facts,
    /// Weight files in load order, readable or not.
    pub(crate) files: Vec<WeightFile>,
    folder: PathBuf,
    missing: Vec<String>,
}

/// A model that vLLM refuses before loading, in its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ModelError {
    /// Not in the cache, and nowhere else to look.
    #[error(
        "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find the requested files in the disk cache and outgoing traffic has been disabled. To enable hf.co look-ups and downloads online, set 'local_files_only' to False.\nOSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files.\nCheck your internet connection or see how to run the library in offline mode at 'https://huggingface.co/docs/transformers/installation#offline-mode'. ({0})"
    )]
    Offline(String),
    /// Not in the cache, and the simulated network has no way out.
    #[error(
        "httpx.ConnectError: [Errno -3] Temporary failure in name resolution\nhuggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the files on the Hub and we cannot find the appropriate snapshot folder for the specified revision on the local disk. Please check your internet connection and try again. ({0})"
    )]
    Unreachable(String),
    /// No configuration in the snapshot.
    #[error(
        "OSError: {0} does not appear to have a file named config.json. Checkout 'https://huggingface.co/{0}/tree/main' for available files."
    )]
    NoConfig(String),
    /// The configuration is not JSON.
    #[error("OSError: It looks like the config file at '{0}' is not a valid JSON file.")]
    BadConfig(String),
    /// The repository brings its own code.
    #[error(
        "ValueError: The repository {0} contains custom code which must be executed to correctly load the model. You can inspect the repository content at https://hf.co/{0} .\nPlease pass the argument `trust_remote_code=True` to allow custom code to be run.\nRuntimeError: Failed to load the model config. If the model is a custom model not yet available in the HuggingFace transformers library, consider setting `trust_remote_code=True` in LLM or using the `--trust-remote-code` flag in the CLI."
    )]
    RemoteCode(String),
    /// An architecture that this image does not know.
    #[error(
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig\n  Value error, Model architectures {0} are not supported for now. Supported architectures: dict_keys(['Gemma3ForConditionalGeneration', 'GptOssForCausalLM', 'LlamaForCausalLM', 'Qwen3ForCausalLM', 'Qwen3MoeForCausalLM', ...]) [type=value_error, input_value=ArgsKwargs((), {{'model': ...}}), input_type=ArgsKwargs]"
    )]
    Architecture(String),
}

impl Model {
    /// Opens the snapshot `folder` of `repo`.
    pub(crate) fn open(repo: &str, folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let text = std::fs::read_to_string(&path)
            .map_err(|_no_such_file| ModelError::NoConfig(repo.to_owned()))?;
        let config: Value = serde_json::from_str(&text)
            .map_err(|_not_json| ModelError::BadConfig(path.display().to_string()))?;
        let (files, missing) = weights::list(folder);
        let facts = Facts::read(&config);
        Ok(Self {
            facts,
            files,
            missing,
            folder: folder.to_path_buf(),
        })
    }

    /// Whether this build may and can run it: remote code, architecture.
    pub(crate) fn check(
        &self,
        repo: &str,
        trusted: bool,
        unknown: &[String],
    ) -> Result<(), ModelError> {
        if self.facts.remote_code && !trusted {
            return Err(ModelError::RemoteCode(repo.to_owned()));
        }
        let known = |name: &String| is_language_model(name) && !unknown.contains(name);
        if self.facts.architectures.iter().any(known) {
            return Ok(());
        }
        let names: Vec<String> = self
            .facts
            .architectures
            .iter()
            .map(|name| format!("'{name}'"))
            .collect();
        Err(ModelError::Architecture(format!("[{}]", names.join(", "))))
    }

    /// Where it lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes of all weight files.
    pub(crate) fn weight_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// What loading the `index`-th weight file says.
    pub(crate) fn read_file(&self, index: usize) -> Result<(), WeightError> {
        self.files
            .get(index)
            .map_or(Ok(()), |file| weights::check(&self.folder, file))
    }

    /// What vLLM says after all files are read: weights that no file had.
    pub(crate) fn all_initialised(&self) -> Result<(), WeightError> {
        if self.files.is_empty() {
            return Err(WeightError::NoWeights(self.folder.display().to_string()));
        }
        if self.missing.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = self
            .missing
            .iter()
            .take(8)
            .map(|w| format!("'{w}'"))
            .collect();
        Err(WeightError::NotInitialised(names.join(", ")))
    }
}

/// Architecture names that some vLLM serves; `UNet2DConditionModel` and the like are none.
fn is_language_model(name: &str) -> bool {
    const ENDINGS: [&str; 6] = [
        "ForCausalLM",
        "ForConditionalGeneration",
        "ForSequenceClassification",
        "LMHeadModel",
        "EmbeddingModel",
        "Model",
    ];
    let diffusion = name.contains("UNet") || name.contains("Transformer2D") || name.contains("VAE");
    !diffusion && ENDINGS.iter().any(|ending| name.ends_with(ending))
}
