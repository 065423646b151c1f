//! What an engine does with its model: generate, embed, score, or transcribe.

use std::path::Path;

use super::model::Facts;
use super::settings::{Runner, SettingError};

/// The work of one engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Chat and completions.
    Generate,
    /// Vectors, and scores by their likeness.
    Embed,
    /// Scores of a cross-encoder.
    Score,
    /// Speech to text.
    Transcribe,
}

impl Task {
    /// What vLLM makes of the model in `folder`: by its class (that of `overrides` before its own), and without
    /// `--runner` also by the files of sentence-transformers beside it.
    pub(crate) fn of(
        facts: &Facts,
        runner: Runner,
        overrides: &str,
        folder: &Path,
    ) -> Result<Self, SettingError> {
        let class = facts.architectures.first().map_or("", String::as_str);
        let scores = overrides.contains("ForSequenceClassification")
            || class.ends_with("ForSequenceClassification");
        let pools = scores || class.ends_with("Model") || folder.join("modules.json").exists();
        let pooling = match runner {
            Runner::Auto => pools,
            Runner::Generate if scores || class.ends_with("Model") => {
                let why = "This model does not support `--runner generate`.";
                return Err(SettingError::Value(why.to_owned()));
            }
            Runner::Generate => false,
            Runner::Pooling => true,
        };
        match (pooling, scores, class.starts_with("Whisper")) {
            (false, _, true) => Ok(Self::Transcribe),
            (true, _, true) => {
                let why = "This model does not support `--runner pooling`.";
                Err(SettingError::Value(why.to_owned()))
            }
            (false, _, false) => Ok(Self::Generate),
            (true, true, false) => Ok(Self::Score),
            (true, false, false) => Ok(Self::Embed),
        }
    }

    /// As vLLM names it in its log.
    pub(crate) fn supported(self) -> &'static str {
        match self {
            Self::Generate => "['generate']",
            Self::Embed => "['embed', 'token_embed']",
            Self::Score => "['classify', 'score']",
            Self::Transcribe => "['transcription']",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(class: &str, runner: Runner, overrides: &str) -> Option<Task> {
        let facts = Facts::read(&json!({"architectures": [class]}));
        Task::of(&facts, runner, overrides, Path::new("/nonexistent")).ok()
    }

    #[test]
    fn the_class_and_the_runner_decide() {
        use Runner::{Auto, Generate, Pooling};
        for (class, runner, expected) in [
            ("Qwen3ForCausalLM", Auto, Some(Task::Generate)),
            ("Qwen3ForCausalLM", Pooling, Some(Task::Embed)),
            ("XLMRobertaModel", Auto, Some(Task::Embed)),
            ("XLMRobertaModel", Generate, None),
            (
                "XLMRobertaForSequenceClassification",
                Auto,
                Some(Task::Score),
            ),
            (
                "WhisperForConditionalGeneration",
                Auto,
                Some(Task::Transcribe),
            ),
            ("WhisperForConditionalGeneration", Pooling, None),
        ] {
            assert_eq!(task(class, runner, ""), expected, "{class} {runner:?}");
        }
        let overrides = r#"{"architectures":["Qwen3ForSequenceClassification"]}"#;
        assert_eq!(
            task("Qwen3ForCausalLM", Pooling, overrides),
            Some(Task::Score)
        );
    }

    #[test]
    fn the_files_of_sentence_transformers_make_a_causal_model_embed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("modules.json"), "[]").unwrap();
        let facts = Facts::read(&json!({"architectures": ["Qwen3ForCausalLM"]}));
        let task = |runner| Task::of(&facts, runner, "", folder.path()).ok();
        assert_eq!(task(Runner::Auto), Some(Task::Embed));
        assert_eq!(task(Runner::Generate), Some(Task::Generate));
    }
}
