//! What the engine would refuse is told with its name, its value and what was meant.

use std::collections::BTreeMap;

use super::*;

fn image(name: &str) -> ImageRef {
    ImageRef::new(name).unwrap()
}

/// Code, message and fix of every fault, one a line.
fn told(nodes: u32, flags: &[&str]) -> String {
    let flags: Vec<String> = flags.iter().map(|f| (*f).to_owned()).collect();
    let lines: Vec<String> = check(&image("x"), nodes, &flags)
        .iter()
        .map(|f| {
            let fix = f.fix.as_deref().unwrap_or("-");
            format!("{} {} | {} | {fix}", f.path, f.code, f.message)
        })
        .collect();
    lines.join("\n")
}

fn recipe(flags: &[&str], allow: &[&str], env: &[(&str, &str)]) -> Recipe {
    serde_json::from_value(serde_json::json!({
        "id": "r", "repo": "Org/R", "image": "x", "flags": flags, "allow": allow,
        "env": env.iter().copied().collect::<BTreeMap<_, _>>(),
    }))
    .unwrap()
}

fn names(found: &[Confirmation]) -> Vec<&str> {
    found.iter().map(|c| c.name.as_str()).collect()
}

#[test]
fn flags_that_the_engine_takes_are_no_fault() {
    let good = [
        "--max-num-seqs=4",
        "--max_num_seqs=4",
        "--enable-prefix-caching",
        "--no-enable-prefix-caching",
        "-O3",
        "--max-model-len=32768",
        "--max-model-len=32k",
        "--max-model-len=1.5k",
        "--max-model-len=auto",
        "--max-model-len=-1",
        "--kv-cache-memory-bytes=12G",
        "--kv-cache-memory-bytes=None",
        "--speculative-config={\"method\":\"mtp\",\"num_speculative_tokens\":2}",
        "--speculative-config.method=mtp",
        "--hf-overrides={\"a\":1}",
        "--reasoning-parser=qwen3",
        "--gpu-memory-utilization=0.90",
    ];
    for flag in good {
        assert_eq!(told(1, &[flag]), "", "{flag}");
    }
}

#[test]
fn a_wrong_flag_is_told_with_the_right_one() {
    let cases = [
        (
            "--max-modell-len=1",
            "flag_unknown | --max-modell-len is not a flag of vLLM 0.32.0 | Did you mean --max-model-len?",
        ),
        (
            "--max-model=4096",
            "flag_unknown | --max-model is not a flag of vLLM 0.32.0 | Did you mean --max-model-len?",
        ),
        (
            "--frobnicate",
            "flag_unknown | --frobnicate is not a flag of vLLM 0.32.0 | -",
        ),
        (
            "--port=1",
            "flag_managed | --port is set by Spark Control | Use port",
        ),
        (
            "--api-key=sk-1",
            "flag_managed | --api-key: its key would show in the list of processes, and the proxy could not reach the engine | Leave it out",
        ),
        (
            "--ssl-keyfile=x",
            "flag_managed | --ssl-keyfile: the proxy speaks plain HTTP to the engine | Leave it out",
        ),
    ];
    for (flag, expected) in cases {
        assert_eq!(told(1, &[flag]), format!("/flags/0 {expected}"));
    }
    assert!(told(1, &["; rm -rf /"]).starts_with("/flags/0 flag_malformed | \"; rm -rf /\" is"));
    assert!(told(1, &["-tp=2"]).ends_with("| Write --tensor-parallel-size=2"));
    assert!(told(1, &["--max-model-len 4096"]).ends_with("| Write --max-model-len=4096"));
}

#[test]
fn a_wrong_value_is_told_with_what_is_taken() {
    let cases = [
        (
            "--max-num-seqs=four",
            "--max-num-seqs: \"four\" is not a whole number | Write a number, e.g. --max-num-seqs=8",
        ),
        (
            "--max-num-seqs=0",
            "--max-num-seqs=0 must be at least 1 | Write --max-num-seqs=1 or more",
        ),
        (
            "--max-num-seqs",
            "--max-num-seqs needs a value | Write --max-num-seqs=…",
        ),
        (
            "--enable-prefix-caching=yes",
            "--enable-prefix-caching takes no value | Write --enable-prefix-caching",
        ),
        (
            "--max-model-len=lots",
            "--max-model-len: \"lots\" is not a number of tokens | Write a whole number, 32k (32 000), 32K (32 768) or auto",
        ),
        (
            "--max-model-len=1.5K",
            "--max-model-len: \"1.5K\" is not a number of tokens | Write a whole number, 32k (32 000), 32K (32 768) or auto",
        ),
        (
            "--max-model-len=0",
            "--max-model-len=0 must be at least 1 | Write --max-model-len=1 or more",
        ),
        (
            "--kv-cache-memory-bytes=12GB",
            "--kv-cache-memory-bytes: \"12GB\" is not a size | Write a whole number, 32k (32 000) or 32K (32 768)",
        ),
        (
            "--max-num-batched-tokens=8192x",
            "--max-num-batched-tokens: \"8192x\" is not a size | Write a whole number, 32k (32 000) or 32K (32 768)",
        ),
        (
            "--kv-cache-dtype=fp9",
            "--kv-cache-dtype: vLLM 0.32.0 knows no \"fp9\" | Did you mean fp8?",
        ),
        (
            "--gpu-memory-utilization=0.95",
            "--gpu-memory-utilization=0.95 must be above 0 and at most 0.90 | A Spark's GPU shares its memory with the system; 0.80 is a safe value",
        ),
        (
            "--speculative-config={\"method\":}",
            "--speculative-config: \"{\\\"method\\\":}\" is not JSON (expected value at line 1 column 11) | Write JSON, e.g. --speculative-config={\"key\":\"value\"}",
        ),
        (
            "--max-num-seqs.x=1",
            "--max-num-seqs has no fields | Write --max-num-seqs=…",
        ),
    ];
    for (flag, expected) in cases {
        assert_eq!(
            told(1, &[flag]),
            format!("/flags/0 flag_value | {expected}")
        );
    }
    let parser = told(1, &["--tool-call-parser=qwen3_code"]);
    assert_eq!(
        parser,
        "/flags/0 parser_unknown | --tool-call-parser: vLLM 0.32.0 knows no \"qwen3_code\" | Did you mean qwen3_coder?"
    );
    let far = told(1, &["--reasoning-parser=frobnicate"]);
    assert!(far.contains("| One of: cohere_command3, "), "{far}");
}

#[test]
fn flags_are_set_once_whatever_their_spelling() {
    for pair in [
        ["--seed=1", "--seed=2"],
        ["--max-num-seqs=1", "--max_num_seqs=2"],
        [
            "--gpu-memory-utilization=0.5",
            "--device-memory-utilization=0.6",
        ],
        ["--enable-prefix-caching", "--no-enable-prefix-caching"],
    ] {
        let said = told(1, &pair);
        assert!(said.starts_with("/flags/1 flag_repeated | "), "{said}");
    }
    let fields = [
        "--speculative-config.method=mtp",
        "--speculative-config.num_speculative_tokens=2",
    ];
    assert_eq!(told(1, &fields), "");
}

#[test]
fn flags_that_cannot_stand_together_are_told() {
    let cases: [(u32, &[&str], &str); 5] = [
        (
            1,
            &["--tensor-parallel-size=2"],
            "The parallel sizes need 2 GPUs, and 1 nodes have 1",
        ),
        (
            2,
            &["--tensor-parallel-size=1", "--pipeline-parallel-size=2"],
            "",
        ),
        (
            1,
            &["--enable-auto-tool-choice"],
            "--enable-auto-tool-choice needs --tool-call-parser",
        ),
        (
            1,
            &["--enable-auto-tool-choice", "--tool-call-parser=hermes"],
            "",
        ),
        (
            1,
            &["--kv-cache-dtype=fp8", "--attention-backend=FLASH_ATTN"],
            "FLASH_ATTN cannot do an fp8 KV cache",
        ),
    ];
    for (nodes, flags, expected) in cases {
        let said = told(nodes, flags);
        let message = said.split(" | ").nth(1).unwrap_or_default();
        assert_eq!(message, expected, "{flags:?}");
    }
}

#[test]
fn an_image_adds_flags_or_lacks_something() {
    let flags = ["--mxfp4-backend=CUTLASS".to_owned()];
    let mxfp4 = image("sparkarena/spark-vllm-docker:mxfp4");
    assert_eq!(check(&mxfp4, 1, &flags), []);
    assert_eq!(check(&image("eugr/spark-vllm"), 1, &flags).len(), 1);

    let mut ray = recipe(&[], &[], &[]);
    ray.executor = spark_ipc::model::recipe::Executor::Ray;
    ray.image = image("nvcr.io/nvidia/vllm:26.05.post1-py3");
    assert_eq!(recipe_faults(&ray)[0].code, "image_lacks");
    ray.image = image("nvcr.io/nvidia/vllm:26.02-py3");
    assert_eq!(recipe_faults(&ray), []);
}

#[test]
fn what_is_dangerous_needs_a_yes_by_name() {
    let flags = [
        "--trust_remote_code",
        "--hf-overrides.a=1",
        "--no-trust-request-chat-template",
    ];
    let env = [("VLLM_SERVER_DEV_MODE", "1")];
    let all = [
        "--trust-remote-code",
        "--hf-overrides",
        "VLLM_SERVER_DEV_MODE",
    ];
    let open = recipe(&flags, &[], &env);
    assert_eq!(names(&unconfirmed(&open, &[])), all);
    let yes = ["--trust-remote-code".to_owned()];
    assert_eq!(names(&unconfirmed(&open, &yes)), all[1..]);
    let said = recipe(&flags, &["--trust_remote_code", "--hf-overrides"], &env);
    assert_eq!(names(&unconfirmed(&said, &[])), all[2..]);
    assert_eq!(names(&dangers(&said)), all);
    assert_eq!(recipe_faults(&said), []);
}

#[test]
fn every_dangerous_flag_is_one_of_the_engine() {
    for flag in [
        "--trust-remote-code",
        "--allowed-local-media-path",
        "--middleware",
        "--tool-parser-plugin",
        "--reasoning-parser-plugin",
        "--logits-processors",
        "--worker-cls",
        "--worker-extension-cls",
        "--scheduler-cls",
        "--hf-overrides",
        "--chat-template",
        "--tool-server",
        "--kv-transfer-config",
        "--model-loader-extra-config",
        "--download-dir",
        "--profiler-config",
        "--enable-tokenizer-info-endpoint",
    ] {
        assert!(engine().flag(flag).is_some(), "{flag}");
        assert_eq!(names(&dangers(&recipe(&[flag], &[], &[]))), [flag]);
    }
}

#[test]
fn a_yes_to_nothing_is_told() {
    let faults = recipe_faults(&recipe(&[], &["--trust-remote-cod", "--seed"], &[]));
    let told: Vec<_> = faults
        .iter()
        .map(|f| (f.path.as_str(), f.fix.as_deref()))
        .collect();
    let meant = "Did you mean --trust-remote-code?";
    assert_eq!(
        told,
        [
            ("/allow/0", Some(meant)),
            ("/allow/1", Some("Leave it out"))
        ]
    );
}

#[test]
fn an_environment_holds_no_secret_and_no_loader_variable() {
    let env = [
        ("HF_TOKEN", "hf_secret"),
        ("LD_PRELOAD", "x"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("NCCL_DEBUG", "INFO"),
    ];
    let faults = recipe_faults(&recipe(&[], &[], &env));
    let told: Vec<_> = faults
        .iter()
        .map(|f| (f.path.as_str(), f.code.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("/env/HF_TOKEN", "env_secret"),
            ("/env/LD_PRELOAD", "env_malformed")
        ]
    );
    let all = format!("{faults:?}");
    assert!(!all.contains("hf_secret"), "{all}");
}

#[test]
fn sizes_are_read_as_the_engine_reads_them() {
    let cases = [
        ("4096", Some(4096)),
        ("32k", Some(32_000)),
        ("32K", Some(32_768)),
        ("1.5m", Some(1_500_000)),
        ("16G", Some(16 << 30)),
        ("1.5K", None),
        ("1.", None),
        (".5k", None),
        ("-1", None),
        ("", None),
        ("k", None),
        ("99999999999999999999", None),
        ("99999999999T", None),
    ];
    for (text, expected) in cases {
        assert_eq!(size(text), expected, "{text:?}");
    }
}
