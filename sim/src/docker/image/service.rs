//! Images of services, as published: what runs in them, for which processor, and how it is started.

use crate::services::Kind;

/// What is special about one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServiceImage {
    pub(super) kind: Kind,
    /// `arm64` or `amd64`.
    pub(super) architecture: &'static str,
    pub(super) entrypoint: &'static [&'static str],
    pub(super) command: &'static [&'static str],
    pub(super) env: &'static [&'static str],
    pub(super) size_bytes: u64,
}

const NIM_ENTRYPOINT: &[&str] = &["/opt/nvidia/nvidia_entrypoint.sh"];
const NIM_COMMAND: &[&str] = &["/opt/nim/start_server.sh"];
const ARM: &str = "arm64";
const AMD: &str = "amd64";

/// The service in `repository:tag`, if it is one.
pub(super) fn of(repository: &str, tag: &str) -> Option<ServiceImage> {
    let name = repository.rsplit('/').next().unwrap_or(repository);
    if let Some(rest) = repository.strip_prefix("nvcr.io/nim/") {
        return Some(nim(rest, name));
    }
    match name {
        "kokoro-fastapi-cpu" => Some(kokoro(Kind::KokoroCpu, 5_204_881_330)),
        "kokoro-fastapi-gpu" => Some(kokoro(Kind::KokoroGpu, 13_618_220_417)),
        "text-embeddings-inference" => Some(tei(tag)),
        "speaches" => Some(fastapi(Kind::Speaches, tag.contains("cuda"), 2_904_112_663)),
        "parakeet-tdt-v3-spark" => Some(fastapi(Kind::ParakeetTdt, false, 21_350_447_120)),
        "spark-embed" | "spark_embed" => Some(fastapi(Kind::SparkEmbed, false, 20_118_904_772)),
        "ollama" => Some(ollama()),
        _ if name.contains("sortformer") || name.contains("diariz") => {
            Some(fastapi(Kind::Sortformer, false, 21_077_310_558))
        }
        _ => None,
    }
}

fn kokoro(kind: Kind, size_bytes: u64) -> ServiceImage {
    ServiceImage {
        kind,
        architecture: ARM,
        entrypoint: &[],
        command: &["./entrypoint.sh"],
        env: &["PHONEMIZER_ESPEAK_PATH=/usr/bin", "API_LOG_LEVEL=DEBUG"],
        size_bytes,
    }
}

/// Of the tags, only those for compute capability 12.1 and for arm64 cores run on a Spark.
fn tei(tag: &str) -> ServiceImage {
    let arm = tag.starts_with("121-") || tag.contains("arm64");
    ServiceImage {
        kind: Kind::Tei,
        architecture: if arm { ARM } else { AMD },
        entrypoint: &["text-embeddings-router"],
        command: &["--json-output"],
        env: &["HUGGINGFACE_HUB_CACHE=/data", "PORT=80"],
        size_bytes: 1_412_660_204,
    }
}

fn fastapi(kind: Kind, amd: bool, size_bytes: u64) -> ServiceImage {
    ServiceImage {
        kind,
        architecture: if amd { AMD } else { ARM },
        entrypoint: &[],
        command: &["uvicorn", "app:app", "--host", "0.0.0.0"],
        env: match kind {
            Kind::SparkEmbed => &["HF_HOME=/models"],
            _ => &[],
        },
        size_bytes,
    }
}

fn ollama() -> ServiceImage {
    ServiceImage {
        kind: Kind::Ollama,
        architecture: ARM,
        entrypoint: &["/bin/ollama"],
        command: &["serve"],
        env: &["OLLAMA_HOST=0.0.0.0:11434"],
        size_bytes: 3_338_512_095,
    }
}

/// NVIDIA builds few NIMs for the Spark: the language models that say so in their name, two transcribers, Magpie.
fn nim(path: &str, name: &str) -> ServiceImage {
    let (kind, arm, size_bytes) = match name {
        "parakeet-1-1b-ctc-en-us" | "parakeet-1-1b-rnnt-multilingual" => {
            (Kind::ParakeetNim, true, 14_270_553_811)
        }
        "magpie-tts-multilingual" => (Kind::MagpieNim, true, 13_905_117_260),
        _ if path.contains("parakeet") || path.contains("canary") => {
            (Kind::ParakeetNim, false, 14_270_553_811)
        }
        _ => (Kind::LlmNim, name.ends_with("-dgx-spark"), 16_802_994_385),
    };
    ServiceImage {
        kind,
        architecture: if arm { ARM } else { AMD },
        entrypoint: NIM_ENTRYPOINT,
        command: NIM_COMMAND,
        env: &["NIM_CACHE_PATH=/opt/nim/.cache"],
        size_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_their_names_and_run_only_where_they_were_built_for() {
        let found = |image: &str| {
            let (repository, tag) = image.rsplit_once(':').unwrap();
            of(repository, tag).map(|image| (image.kind, image.architecture))
        };
        for (image, kind, architecture) in [
            (
                "ghcr.io/remsky/kokoro-fastapi-cpu:latest",
                Kind::KokoroCpu,
                ARM,
            ),
            (
                "ghcr.io/huggingface/text-embeddings-inference:121-1.9",
                Kind::Tei,
                ARM,
            ),
            (
                "ghcr.io/huggingface/text-embeddings-inference:1.9",
                Kind::Tei,
                AMD,
            ),
            (
                "nvcr.io/nim/nvidia/parakeet-1-1b-ctc-en-us:latest",
                Kind::ParakeetNim,
                ARM,
            ),
            (
                "nvcr.io/nim/nvidia/parakeet-0-6b-ctc-en-us:latest",
                Kind::ParakeetNim,
                AMD,
            ),
            (
                "nvcr.io/nim/meta/llama-3.1-8b-instruct-dgx-spark:latest",
                Kind::LlmNim,
                ARM,
            ),
            (
                "nvcr.io/nim/meta/llama-3.1-8b-instruct:latest",
                Kind::LlmNim,
                AMD,
            ),
            (
                "ghcr.io/speaches-ai/speaches:latest-cuda",
                Kind::Speaches,
                AMD,
            ),
            ("sortformer-diarizer:latest", Kind::Sortformer, ARM),
            ("ollama/ollama:latest", Kind::Ollama, ARM),
        ] {
            assert_eq!(found(image), Some((kind, architecture)), "{image}");
        }
        assert_eq!(found("eugr/spark-vllm:latest"), None);
    }
}
