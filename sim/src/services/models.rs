//! The small models that embedding and rerank services are started with, as published on the hub.

/// What a model does with texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Vectors of this length.
    Embed(usize),
    /// A score for a query and a document.
    Rerank,
}

/// One model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SmallModel {
    pub(super) repo: &'static str,
    pub(super) task: Task,
    /// Bytes of its weights.
    pub(super) bytes: u64,
    /// Longest input in tokens.
    pub(super) max_tokens: u64,
    /// Whether a vector may be cut short (Matryoshka).
    pub(super) cut: bool,
}

const fn embed(
    repo: &'static str,
    length: usize,
    bytes: u64,
    max_tokens: u64,
    cut: bool,
) -> SmallModel {
    let task = Task::Embed(length);
    SmallModel {
        repo,
        task,
        bytes,
        max_tokens,
        cut,
    }
}

const fn rerank(repo: &'static str, bytes: u64, max_tokens: u64) -> SmallModel {
    SmallModel {
        repo,
        task: Task::Rerank,
        bytes,
        max_tokens,
        cut: false,
    }
}

const MODELS: [SmallModel; 12] = [
    embed("BAAI/bge-large-en-v1.5", 1024, 1_340_616_616, 512, false),
    embed("BAAI/bge-small-en-v1.5", 384, 133_466_304, 512, false),
    embed("BAAI/bge-m3", 1024, 2_271_064_456, 8192, false),
    embed(
        "Qwen/Qwen3-Embedding-0.6B",
        1024,
        1_191_586_416,
        32_768,
        true,
    ),
    embed("Qwen/Qwen3-Embedding-4B", 2560, 8_045_591_848, 40_960, true),
    embed(
        "Qwen/Qwen3-Embedding-8B",
        4096,
        15_136_808_344,
        40_960,
        true,
    ),
    embed("google/embeddinggemma-300m", 768, 1_211_486_072, 2048, true),
    embed(
        "nomic-ai/nomic-embed-text-v1.5",
        768,
        546_938_168,
        8192,
        true,
    ),
    embed(
        "sentence-transformers/all-MiniLM-L6-v2",
        384,
        90_868_376,
        256,
        false,
    ),
    rerank("BAAI/bge-reranker-v2-m3", 2_271_071_852, 8192),
    rerank("BAAI/bge-reranker-base", 1_112_205_008, 512),
    rerank("Qwen/Qwen3-Reranker-0.6B", 1_191_588_280, 40_960),
];

/// The model with this name.
pub(super) fn find(repo: &str) -> Option<SmallModel> {
    MODELS.into_iter().find(|model| model.repo == repo)
}
