//! Rows about memory, the first reason of failed launches on a Spark.

use super::Certainty::{Certain, Likely};
use super::Pattern;

pub(super) const ROWS: &[Pattern] = &[
    Pattern::new(
        "start_memory",
        Certain,
        &[
            r"Free memory on device .*\((\d+\.?\d*)/(\d+\.?\d*) GiB\) on startup is less than desired GPU memory utilization \((\d\.\d+), (\d+\.?\d*) GiB\)",
        ],
        [
            "Not enough free memory at the start",
            "The node had {1} of {2} GiB free when the engine started, and it was told to take {4} GiB.",
            "See which GPU processes hold memory, end leftovers and stop other models; only then lower --gpu-memory-utilization.",
        ],
    ),
    Pattern::new(
        "memory_not_returned",
        Certain,
        &[r"out of memory"],
        [
            "The previous model had not given its memory back",
            "The engine could not even measure the memory: what ran before still held it.",
            "Wait until the memory is free, then start once more.",
        ],
    )
    .after(r"MemorySnapshot|mem_get_info"),
    Pattern::new(
        "no_kv_memory",
        Certain,
        &[
            r"No available memory for the cache blocks",
            r"Available KV cache memory: -",
        ],
        [
            "The weights leave no room for the KV cache",
            "After the weights nothing was left of the memory that the engine may take.",
            "Raise --gpu-memory-utilization if the node has memory free; else a smaller quantization, two nodes, or fewer batched tokens.",
        ],
    ),
    Pattern::new(
        "context_too_long",
        Certain,
        &[
            r"max seq len \((\d+)\), \(?([\d.]+) GiB KV cache is needed, which is larger than the available KV cache memory \(([\d.]+) GiB\)(?:.*estimated maximum model length is (\d+))?",
        ],
        [
            "The context is too long for the memory",
            "One request of {1} tokens needs {2} GiB of KV cache, and {3} GiB are available.",
            "Set --max-model-len to what fits (the engine estimates: {4}), or use --kv-cache-dtype=fp8.",
        ],
    ),
    Pattern::new(
        "context_exceeds_cache",
        Certain,
        &[r"is larger than the maximum number of tokens that can be stored in KV cache \((\d+)\)"],
        [
            "The context is too long for the memory",
            "The KV cache holds {1} tokens, fewer than one request of full length.",
            "Set --max-model-len to {1} or less.",
        ],
    ),
    Pattern::new(
        "cuda_out_of_memory",
        Certain,
        &[
            r"torch\.(cuda\.)?OutOfMemoryError",
            r"CUDA out of memory",
            r"CUDA error: out of memory",
        ],
        [
            "The GPU's memory is full",
            "An allocation failed because the memory was used up.",
            "While loading: another --load-format than fastsafetensors, or a smaller model. While serving: fewer sequences or batched tokens, or no drafter.",
        ],
    ),
    Pattern::new(
        "killed",
        Certain,
        &[
            r"oom-kill:",
            r"Out of memory: Killed process",
            r"earlyoom.*(sending|kill)",
            r"^\s*Killed\s*$",
        ],
        [
            "Killed because the memory ran out",
            "The system ended the process to save itself: weights, caches and everything else share one memory.",
            "Lower --gpu-memory-utilization, the context or the number of sequences, and stop what else runs on the node.",
        ],
    ),
    Pattern::new(
        "driver_no_memory",
        Likely,
        &[r"NV_ERR_NO_MEMORY"],
        [
            "The driver could not get memory",
            "The machine is close to the end of its memory and may stop answering.",
            "Stop the models. If nvidia-smi hangs, restart the node.",
        ],
    ),
];
