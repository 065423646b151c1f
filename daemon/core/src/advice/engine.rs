//! Rows about what the engine refuses: flags, parsers, models, quantizations.

use super::Certainty::{Certain, Likely, Noise};
use super::Pattern;

pub(super) const ROWS: &[Pattern] = &[
    Pattern::new(
        "context_beyond_model",
        Certain,
        &[r"User-specified max_model_len \((\d+)\) is greater than the derived max_model_len"],
        [
            "Longer than the model supports",
            "The recipe asks for a context of {1} tokens, more than the model was made for.",
            "Lower --max-model-len, or set up YaRN explicitly.",
        ],
    ),
    Pattern::new(
        "entrypoint_twice",
        Certain,
        &[
            r"argument .*: invalid choice: 'serve'",
            r"unrecognized arguments: serve\b",
            r"vllm serve serve",
        ],
        [
            "The command was given twice",
            "The image starts `vllm serve` by itself.",
            "Replace the entry point (--entrypoint=vllm), as Spark Control does.",
        ],
    ),
    Pattern::new(
        "unknown_flag",
        Certain,
        &[r"unrecognized arguments: (--\S+)", r"error: (argument .*)"],
        [
            "The image does not know a flag",
            "It refused {1}.",
            "Remove the flag from the recipe, or use a newer image.",
        ],
    ),
    Pattern::new(
        "unknown_parser",
        Certain,
        &[
            r"invalid (?:tool call|reasoning) parser:? ?'?(\S*)",
            r"KeyError: .?.?(Reasoning|Tool) parser",
        ],
        [
            "The image does not know a parser",
            "The tool or reasoning parser of the recipe is not in this image.",
            "Choose one that the image lists, or use a newer image.",
        ],
    ),
    Pattern::new(
        "tool_parser_unset",
        Certain,
        &[
            r#""auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set"#,
        ],
        [
            "Tools were asked for, but no parser is set",
            "A client sent tools, and the engine was started without a tool parser.",
            "Add --enable-auto-tool-choice and --tool-call-parser to the recipe.",
        ],
    ),
    Pattern::new(
        "unknown_architecture",
        Certain,
        &[
            r"Model architectures \[(.*)\] are not supported",
            r"does not recognize this architecture",
            r"model type .* but Transformers does not",
        ],
        [
            "The image is older than the model",
            "It does not know the model's architecture.",
            "Use a newer image (for many new models one with transformers 5).",
        ],
    ),
    Pattern::new(
        "remote_code",
        Certain,
        &[
            r"requires you to execute the configuration file",
            r"(pass the argument|set the option|by setting).*trust_remote_code=True",
        ],
        [
            "The model brings code of its own",
            "It runs only if that code is trusted.",
            "If you trust its author, add --trust-remote-code to the recipe.",
        ],
    ),
    Pattern::new(
        "bad_weights",
        Certain,
        &[
            r"SafetensorError",
            r"InvalidHeaderDeserialization",
            r"MetadataIncompleteBuffer",
            r"header too large",
        ],
        [
            "A weight file is cut or corrupt",
            "The file on this node cannot be read as weights.",
            "Check the model's files (hf cache verify) and fetch the bad one again.",
        ],
    ),
    Pattern::new(
        "cache_permission",
        Certain,
        &[
            r"PermissionError: .*\.cache/huggingface",
            r"Permission denied: .*\.cache/huggingface",
        ],
        [
            "Files in the model cache belong to root",
            "A container wrote them, and the user may not read or replace them.",
            "Give them back to the login user with chown.",
        ],
    ),
    Pattern::new(
        "not_divisible",
        Certain,
        &[
            r"Weight .* not divisible",
            r"not divisible by .*tensor parallel",
            r"output_size .* is not divisible",
            r"quantization .* (is )?not supported",
        ],
        [
            "The model cannot be split or quantized like this",
            "Its shapes or its quantization do not go with the number of nodes or with this engine.",
            "Use one node, or another quantization.",
        ],
    ),
    Pattern::new(
        "garbage_answers",
        Likely,
        &[r"12 ?[*×] ?17\b.*\b(not|instead of) 204\b"],
        [
            "The model answers nonsense, fast",
            "A known question got a wrong answer, as happens when a kernel does not fit the GPU or the quantization.",
            "Try another attention or MoE backend, another image, or another quantization (NVFP4 and MXFP4 are suspect).",
        ],
    ),
    Pattern::new(
        "only_thoughts",
        Likely,
        &[
            r#""content": ?(?:""|null).*"finish_reason": ?"length""#,
            r#""finish_reason": ?"length".*"content": ?(?:""|null)"#,
        ],
        [
            "The model only thought",
            "It used up the whole answer for its reasoning, so the text is empty. It did not fail.",
            "Ask with a larger max_tokens, or switch thinking off in the request.",
        ],
    ),
    Pattern::new(
        "still_at_work",
        Noise,
        &[r"No available shared memory broadcast block found in \d+ second"],
        [
            "It is quiet, not hung",
            "A rank waits while another one reads weights or compiles.",
            "Wait; look at the log of the other rank and at what it reads.",
        ],
    ),
];
