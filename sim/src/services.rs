//! Containers beside the model: speech, embeddings, NIMs, and what others have started.
//!
//! Each is an image that `docker run` starts on a node, with a real process that writes the log of the real
//! service, takes its memory, needs its time, listens on its port at the node's (or the container's) address,
//! and refuses what the real one refuses. Nothing here is a model: see [`crate::audio`] and [`crate::likeness`] for
//! what stands in for them.
//!
//! | image (any tag unless named) | port | ready | work |
//! |---|---|---|---|
//! | `ghcr.io/remsky/kokoro-fastapi-cpu`, `-gpu` | 8880 | `/health` | `/v1/audio/speech`, `/v1/audio/voices` |
//! | `ghcr.io/huggingface/text-embeddings-inference:121-1.9`, `:cpu-arm64-latest` (other tags are amd64) | 80 (`PORT`, `--port`) | `/health` | `/embed`, `/v1/embeddings`, `/rerank`, `/info` |
//! | `…/spark-embed` | 8000 (`PORT`) | `/health` 503, then 200 | `/v1/embeddings`, `/v1/rerank` with `RERANK_MODEL` |
//! | `nvcr.io/nim/nvidia/parakeet-1-1b-ctc-en-us`, `…-rnnt-multilingual` | 9000, gRPC 50051 | `/v1/health/ready` 503, then 200 | `/v1/audio/transcriptions` |
//! | `nvcr.io/nim/nvidia/magpie-tts-multilingual` | 9000, gRPC 50051 | the same | `/v1/audio/synthesize`, `/v1/audio/list_voices` |
//! | `…/parakeet-tdt-v3-spark` | 8010 (`PORT`) | `/health` 200 with `"status":"loading"`, then `"ok"` | `/v1/audio/transcriptions` |
//! | `ghcr.io/speaches-ai/speaches:latest-cpu` (`-cuda` is amd64) | 8000 | `/health` | `/v1/audio/transcriptions` |
//! | `…/*sortformer*`, `…/*diariz*` | 8000 (`PORT`) | `/health` 503, then 200 | `/v1/audio/diarization`, `/v1/audio/diarizations` |
//! | `nvcr.io/nim/*/*-dgx-spark` (other LLM NIMs are amd64) | 8000 | `/v1/health/ready` | chat, completions, `/v1/models` |
//! | `ollama/ollama` | 11434 | `/` | `/api/tags`, `/api/chat` |
//!
//! Embedding, rerank and whisper models under `vllm serve` are the engine's own ([`crate::engine`]). What can go
//! wrong with all of them is `spark-sim fault DIR set service --mode …` ([`crate::faults`]).

use std::sync::Arc;

use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};

use crate::form::Form;

mod diarizer;
mod door;
mod fetch;
mod host;
mod kokoro;
mod llm_nim;
mod models;
mod nim;
mod ollama;
mod spark_embed;
mod speech;
mod speech_nim;
mod start;
mod tei;
mod transcribers;
pub(crate) mod transcript;
pub(crate) mod vectors;

pub(crate) use self::host::ServiceHost;
use self::{
    door::Refused,
    speech_nim::Skill,
    start::{End, Start},
    transcribers::Dialect,
};

/// What runs in a service's image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    KokoroCpu,
    KokoroGpu,
    Tei,
    SparkEmbed,
    ParakeetNim,
    MagpieNim,
    ParakeetTdt,
    Speaches,
    Sortformer,
    LlmNim,
    Ollama,
}

/// Programs of all the images; each is a link to this executable.
pub(crate) const PROGRAMS: [&str; 7] = [
    "entrypoint.sh",
    "text-embeddings-router",
    "uvicorn",
    "start_server.sh",
    "list-model-profiles",
    "nim_list_model_profiles",
    "ollama",
];

impl Kind {
    /// The programs that its image has.
    pub(crate) fn programs(self) -> &'static [&'static str] {
        match self {
            Self::KokoroCpu | Self::KokoroGpu => &["entrypoint.sh"],
            Self::Tei => &["text-embeddings-router"],
            Self::SparkEmbed | Self::ParakeetTdt | Self::Speaches | Self::Sortformer => {
                &["uvicorn"]
            }
            Self::ParakeetNim | Self::MagpieNim => &[
                "start_server.sh",
                "list-model-profiles",
                "nim_list_model_profiles",
                "nvidia-smi",
            ],
            Self::LlmNim => &["start_server.sh", "list-model-profiles", "nvidia-smi"],
            Self::Ollama => &["ollama"],
        }
    }
}

/// Runs `program` of an image of `kind` with `args` until it ends, and gives its exit code. `image` is the last part
/// of the image's name.
pub(crate) async fn run(
    kind: Kind,
    image: &str,
    program: &str,
    args: &[String],
    host: Arc<dyn ServiceHost>,
) -> i32 {
    let start = Start::new(Arc::clone(&host));
    if program.ends_with("model-profiles") || program.ends_with("model_profiles") {
        let nim = match kind {
            Kind::ParakeetNim => speech_nim::nim(Skill::Hear, image),
            Kind::MagpieNim => speech_nim::nim(Skill::Speak, image),
            _ => llm_nim::nim(image),
        };
        return nim.list_profiles(&start);
    }
    let service = async {
        let ended = match kind {
            Kind::KokoroCpu => kokoro::run(start, false).await,
            Kind::KokoroGpu => kokoro::run(start, true).await,
            Kind::Tei => tei::run(start, args).await,
            Kind::SparkEmbed => spark_embed::run(start).await,
            Kind::ParakeetNim => {
                speech_nim::run(start, Skill::Hear, speech_nim::nim(Skill::Hear, image)).await
            }
            Kind::MagpieNim => {
                speech_nim::run(start, Skill::Speak, speech_nim::nim(Skill::Speak, image)).await
            }
            Kind::ParakeetTdt => transcribers::run(start, Dialect::Parakeet).await,
            Kind::Speaches => transcribers::run(start, Dialect::Speaches).await,
            Kind::Sortformer => diarizer::run(start).await,
            Kind::LlmNim => llm_nim::run(start, llm_nim::nim(image)).await,
            Kind::Ollama => ollama::run(start, args).await,
        };
        match ended {
            Ok(End(code)) | Err(End(code)) => code,
        }
    };
    let mut service = Box::pin(service);
    tokio::select! {
        code = &mut service => code,
        End(code) = start::doom(&*host) => code,
    }
}

/// A port from the container's environment.
fn port_of(host: &dyn ServiceHost, variable: &str, default: u16) -> u16 {
    let given = host.env(variable).and_then(|port| port.parse().ok());
    given.unwrap_or(default)
}

/// The value of a command line's option, in both spellings.
fn option(args: &[String], flag: &str) -> Option<String> {
    let at = args.iter().position(|word| {
        word == flag
            || word
                .strip_prefix(flag)
                .is_some_and(|rest| rest.starts_with('='))
    })?;
    let inline = args
        .get(at)?
        .split_once('=')
        .map(|(_, value)| value.to_owned());
    inline.or_else(|| args.get(at + 1).cloned())
}

/// The form of an upload and the bytes of its `file`.
fn upload(headers: &HeaderMap, body: &[u8]) -> Result<(Form, Vec<u8>), Refused> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let form = kind.and_then(|kind| Form::read(kind, body));
    let form = form.ok_or_else(|| door::missing("body", "file"))?;
    let file = form.file("file").map(<[u8]>::to_vec);
    let file = file.ok_or_else(|| door::missing("body", "file"))?;
    Ok((form, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_both_spellings() {
        let args = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let model = |line: &str| option(&args(line), "--model-id");
        assert_eq!(model("--model-id a/b --port 80").as_deref(), Some("a/b"));
        assert_eq!(model("--port 80 --model-id=a/b").as_deref(), Some("a/b"));
        assert_eq!(model("--model-id-extra x"), None);
    }

    #[test]
    fn every_program_of_an_image_can_be_run() {
        for kind in [
            Kind::KokoroCpu,
            Kind::Tei,
            Kind::SparkEmbed,
            Kind::ParakeetNim,
            Kind::LlmNim,
            Kind::Ollama,
        ] {
            for program in kind.programs() {
                assert!(
                    PROGRAMS.contains(program) || *program == "nvidia-smi",
                    "{program}"
                );
            }
        }
    }
}
