//! One real line for every row, and the choice between several.

use super::*;
use crate::plan::tests::world::{id, now};

/// A row's id and a line as it was seen, or as upstream words it.
const LINES: &[(&str, &str)] = &[
    (
        "start_memory",
        "ValueError: Free memory on device cuda:0 (16.33/119.7 GiB) on startup is less than desired GPU memory utilization (0.80, 95.76 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
    ),
    (
        "no_kv_memory",
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
    ),
    (
        "no_kv_memory",
        "INFO 11-23 12:00:31 [gpu_worker.py:298] Available KV cache memory: -3.21 GiB",
    ),
    (
        "context_too_long",
        "ValueError: To serve at least one request with the models's max seq len (262144), (24.00 GiB KV cache is needed, which is larger than the available KV cache memory (11.52 GiB). Based on the available memory, the estimated maximum model length is 125824.",
    ),
    (
        "context_exceeds_cache",
        "ValueError: The model's max seq len (262144) is larger than the maximum number of tokens that can be stored in KV cache (90112).",
    ),
    (
        "context_beyond_model",
        "ValueError: User-specified max_model_len (524288) is greater than the derived max_model_len (max_position_embeddings=262144.0 or model_max_length=None in model's config.json).",
    ),
    (
        "cuda_out_of_memory",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 119.70 GiB",
    ),
    (
        "cuda_out_of_memory",
        "RuntimeError: CUDA error: out of memory",
    ),
    (
        "killed",
        "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=docker",
    ),
    (
        "killed",
        "Out of memory: Killed process 4910 (VLLM::EngineCor) total-vm:211342112kB",
    ),
    ("killed", "earlyoom[7]: sending SIGTERM to process 4910"),
    (
        "driver_no_memory",
        "NVRM: nvCheckOkFailedNoLog: Check failed: Out of memory [NV_ERR_NO_MEMORY] (0x00000051) returned from _memdescAllocInternal(pMemDesc) @ mem_desc.c:1359",
    ),
    (
        "engine_dead",
        "TimeoutError: RPC call to sample_tokens timed out.",
    ),
    (
        "engine_dead",
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.",
    ),
    (
        "collective_timeout",
        "[rank0]:[E1123 12:00:00.1 ProcessGroupNCCL.cpp:632] [Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=42, OpType=ALLREDUCE, NumelIn=1, NumelOut=1, Timeout(ms)=600000) ran for 600010 milliseconds before timing out.",
    ),
    (
        "lost_peer",
        "spark1:123:456 [0] NCCL WARN socketProgress: Connection closed by remote peer",
    ),
    (
        "lost_peer",
        "torch.distributed.DistBackendError: NCCL error: ncclRemoteError: A call failed possibly due to a network error",
    ),
    (
        "slow_sockets",
        "spark1:123:456 [0] NCCL INFO NET/IB : No device found.",
    ),
    (
        "slow_sockets",
        "spark1:123:456 [0] NCCL INFO Using network Socket",
    ),
    (
        "no_socket_interface",
        "spark1:123:456 [0] NCCL WARN Bootstrap : no socket interface found",
    ),
    (
        "locked_memory",
        "NCCL WARN Call to ibv_reg_mr failed with error Cannot allocate memory",
    ),
    (
        "gid_index",
        "NCCL WARN Call to ibv_modify_qp failed with error Invalid argument",
    ),
    (
        "gid_index",
        "failed to modify QP to RTR: Connection timed out",
    ),
    (
        "placement_group",
        "INFO 11-23 12:00:00 [ray_utils.py:233] Waiting for creating a placement group of specs for 10 seconds. specs=[{'node:192.168.100.10': 0.001, 'GPU': 1.0}]",
    ),
    (
        "placement_group",
        "ValueError: Cannot provide a placement group of placement_group_specs=[{'GPU': 1.0}, {'GPU': 1.0}] within 1800 seconds.",
    ),
    (
        "local_ray",
        "2026-11-23 12:00:00,123 INFO worker.py:1942 -- Started a local Ray instance.",
    ),
    (
        "too_few_gpus",
        "ValueError: Tensor parallel size (2) exceeds available GPUs (1)",
    ),
    (
        "too_few_gpus",
        "ValueError: World size (2) is larger than the number of available GPUs (1) in this node.",
    ),
    ("no_ray", "ModuleNotFoundError: No module named 'ray'"),
    ("no_ray", "bash: line 1: ray: command not found"),
    (
        "ranks_never_met",
        "torch.distributed.DistNetworkError: The client socket has timed out after 600000ms while trying to connect to (192.168.100.10, 29501).",
    ),
    (
        "ranks_never_met",
        "torch.distributed.DistStoreError: Timed out after 601 seconds waiting for clients. 1/2 clients joined.",
    ),
    ("port_in_use", "OSError: [Errno 98] Address already in use"),
    (
        "name_conflict",
        "docker: Error response from daemon: Conflict. The container name \"/sparkctl-main-r0\" is already in use by container \"3f1c\". You have to remove (or rename) that container to be able to reuse that name.",
    ),
    (
        "port_allocated",
        "docker: Error response from daemon: driver failed programming external connectivity on endpoint vllm (abc): Bind for 0.0.0.0:8000 failed: port is already allocated",
    ),
    (
        "docker_denied",
        "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
    ),
    (
        "docker_denied",
        "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock",
    ),
    (
        "docker_down",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    ),
    (
        "nvidia_toolkit",
        "docker: Error response from daemon: could not select device driver \"\" with capabilities: [[gpu]].",
    ),
    (
        "nvidia_toolkit",
        "docker: Error response from daemon: unknown or invalid runtime name: nvidia.",
    ),
    (
        "driver_mismatch",
        "nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown",
    ),
    (
        "driver_mismatch",
        "Failed to initialize NVML: Driver/library version mismatch",
    ),
    (
        "not_arm",
        "no matching manifest for linux/arm64/v8 in the manifest list entries",
    ),
    ("not_arm", "exec /usr/bin/vllm: exec format error"),
    (
        "image_denied",
        "Error response from daemon: pull access denied for x, repository does not exist or may require 'docker login'",
    ),
    ("image_denied", "manifest unknown: manifest unknown"),
    (
        "registry_network",
        "toomanyrequests: You have reached your unauthenticated pull rate limit.",
    ),
    ("disk_full", "OSError: [Errno 28] No space left on device"),
    (
        "ptxas_too_old",
        "ptxas fatal   : Value 'sm_121a' is not defined for option 'gpu-name'",
    ),
    (
        "no_kernel_image",
        "torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device",
    ),
    (
        "sm121_warning",
        "UserWarning: NVIDIA GB10 with CUDA capability sm_121 is not compatible with the current PyTorch installation.",
    ),
    (
        "driver_too_old",
        "RuntimeError: CUDA error: the provided PTX was compiled with an unsupported toolchain.",
    ),
    (
        "wrong_cuda",
        "ImportError: libcudart.so.12: cannot open shared object file: No such file or directory",
    ),
    (
        "entrypoint_twice",
        "vllm: error: unrecognized arguments: serve Qwen/Qwen3-0.6B",
    ),
    (
        "entrypoint_twice",
        "vllm: error: argument subparser: invalid choice: 'serve' (choose from chat, complete)",
    ),
    (
        "unknown_flag",
        "vllm: error: unrecognized arguments: --mxfp4-backend=CUTLASS",
    ),
    (
        "unknown_flag",
        "vllm serve: error: argument --max-num-seqs: invalid int value: 'four'",
    ),
    (
        "unknown_parser",
        "KeyError: 'invalid tool call parser: qwen9 (chose from { hermes,mistral })'",
    ),
    (
        "unknown_parser",
        "KeyError: \"Reasoning parser 'qwen9' not found.\"",
    ),
    (
        "tool_parser_unset",
        "{\"object\":\"error\",\"message\":\"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set\"}",
    ),
    (
        "unknown_architecture",
        "ValueError: Model architectures ['Qwen4ExpForConditionalGeneration'] are not supported for now.",
    ),
    (
        "unknown_architecture",
        "ValueError: The checkpoint you are trying to load has model type `glm5_next` but Transformers does not recognize this architecture.",
    ),
    (
        "remote_code",
        "ValueError: Loading a/b requires you to execute the configuration file in that repo on your local machine.",
    ),
    (
        "remote_code",
        "The repository contains custom code. Please pass the argument `trust_remote_code=True` to allow it.",
    ),
    (
        "gated",
        "OSError: You are trying to access a gated repo. Cannot access gated repo for url https://huggingface.co/meta-llama/Llama-3.3-70B-Instruct/resolve/main/config.json.",
    ),
    (
        "gated",
        "huggingface_hub.errors.GatedRepoError: 403 Client Error.",
    ),
    (
        "no_such_model",
        "huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error.",
    ),
    (
        "not_on_disk",
        "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for the specified revision on the local disk and outgoing traffic has been disabled.",
    ),
    (
        "not_on_disk",
        "OfflineModeIsEnabled: Cannot reach https://huggingface.co/api/models/a/b: offline mode is enabled.",
    ),
    (
        "bad_weights",
        "safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer",
    ),
    (
        "cache_permission",
        "PermissionError: [Errno 13] Permission denied: '/root/.cache/huggingface/hub/models--a--b/refs/main'",
    ),
    (
        "mod_of_other_image",
        "Error response from daemon: Could not find the file /workspace in container vllm_node",
    ),
    ("open_files", "OSError: [Errno 24] Too many open files"),
    ("wrong_clock", "error while validating Root CA Certificate"),
    (
        "not_divisible",
        "ValueError: Weight input_size_per_partition = 704 is not divisible by min_thread_k = 128.",
    ),
    (
        "not_divisible",
        "ValueError: Total number of attention heads (25) must be not divisible by tensor parallel size",
    ),
    (
        "host_key_changed",
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
    ),
    ("host_key_unknown", "Host key verification failed."),
    (
        "key_refused",
        "spark@192.168.1.21: Permission denied (publickey,password).",
    ),
    (
        "name_unresolved",
        "ssh: Could not resolve hostname spark-1234.local: Name or service not known",
    ),
    (
        "ssh_unreachable",
        "ssh: connect to host 192.168.1.21 port 22: No route to host",
    ),
    (
        "ssh_limits",
        "kex_exchange_identification: Connection closed by remote host",
    ),
    ("sudo_password", "sudo: a password is required"),
];

/// Rows that are reached in other ways, each by a test of its own.
const OTHERWISE: [&str; 2] = ["memory_not_returned", "never_started"];

fn line(rank: u32, second: i64, text: &str) -> Evidence {
    Evidence {
        node: id(rank + 1),
        rank: Some(rank),
        at: Some(now().plus_seconds(second)),
        text: text.to_owned(),
    }
}

fn cause(lines: &[Evidence]) -> Option<String> {
    first_cause(lines, &[]).map(|a| a.id)
}

#[test]
fn every_row_knows_its_line() {
    for (expected, text) in LINES {
        let found = find_in(&[line(0, 0, text)], 0).map(|f| f.pattern.id);
        assert_eq!(found, Some(*expected), "{text}");
    }
}

#[test]
fn every_row_has_a_line_or_another_test_and_an_id_of_its_own() {
    let ids: Vec<&str> = table().map(|p| p.id).collect();
    for id in &ids {
        assert_eq!(
            ids.iter().filter(|i| i == &id).count(),
            1,
            "{id} is used once"
        );
        let tested = LINES.iter().any(|(row, _)| row == id) || OTHERWISE.contains(id);
        assert!(tested, "{id} has no test line");
    }
}

#[test]
fn figures_of_the_line_stand_in_the_cause() {
    let advice = first_cause(&[line(1, 0, LINES[0].1)], &[]).unwrap();
    assert_eq!(
        advice.cause,
        "The node had 16.33 of 119.7 GiB free when the engine started, and it was told to take 95.76 GiB."
    );
    assert_eq!((advice.node, advice.rank), (Some(id(2)), Some(1)));
    assert_eq!(advice.evidence, [LINES[0].1]);
}

#[test]
fn the_earliest_certain_cause_wins_over_the_loudest() {
    let worker = line(
        1,
        10,
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    );
    let head = [
        line(
            0,
            5,
            "NCCL WARN socketProgress: Connection closed by remote peer",
        ),
        line(
            0,
            8,
            "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.",
        ),
        line(
            0,
            610,
            "torch.distributed.DistStoreError: Timed out after 601 seconds waiting for clients.",
        ),
    ];
    let mut lines = head.to_vec();
    assert_eq!(cause(&lines).as_deref(), Some("ranks_never_met"));
    lines.push(worker);
    assert_eq!(cause(&lines).as_deref(), Some("cuda_out_of_memory"));
    assert_eq!(cause(&head[..2]).as_deref(), Some("engine_dead"));
    assert_eq!(cause(&head[..1]), None);
}

#[test]
fn a_warning_that_goes_on_is_no_cause() {
    let lines = [
        line(
            0,
            0,
            "UserWarning: NVIDIA GB10 with CUDA capability sm_121 is not compatible with the current PyTorch installation.",
        ),
        line(
            0,
            1,
            "INFO 11-23 12:00:01 [model.py:530] Resolved architecture: Qwen3ForCausalLM",
        ),
        line(
            0,
            9,
            "(APIServer pid=1) INFO:     Application startup complete.",
        ),
    ];
    assert_eq!(cause(&lines), None);
}

#[test]
fn ordinary_lines_are_no_causes() {
    for text in [
        "INFO 11-23 12:00:31 [gpu_worker.py:298] Available KV cache memory: 61.20 GiB",
        "INFO 11-23 12:00:12 [parallel_state.py:1208] rank 0 in world size 2 is assigned as DP rank 0",
        "spark1:123:456 [0] NCCL INFO NET/IB : Using [0]rocep1s0f1:1/RoCE [1]roceP2p1s0f1:1/RoCE",
        "(APIServer pid=1) INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)",
        "INFO 11-23 12:00:01 Initializing a V1 LLM engine with config: trust_remote_code=True, dtype=torch.bfloat16, max_seq_len=32768",
        "",
    ] {
        assert_eq!(cause(&[line(0, 0, text)]), None, "{text}");
    }
}

#[test]
fn memory_that_was_not_given_back_is_told_from_memory_that_ran_out() {
    let lines = [
        line(
            0,
            0,
            "  File \"vllm/utils/mem_utils.py\", line 71, in __post_init__",
        ),
        line(
            0,
            0,
            "    self.free_memory, self.total_memory = torch.cuda.mem_get_info()",
        ),
        line(0, 1, "torch.AcceleratorError: CUDA error: out of memory"),
    ];
    assert_eq!(cause(&lines).as_deref(), Some("memory_not_returned"));
    // The same traceback on the other rank says nothing about this one.
    let apart = [lines[1].clone(), line(1, 1, &lines[2].text)];
    assert_eq!(cause(&apart).as_deref(), Some("cuda_out_of_memory"));
}

#[test]
fn a_line_without_a_time_is_as_old_as_the_one_before_it() {
    let mut untimed = line(0, 0, "OSError: [Errno 98] Address already in use");
    untimed.at = None;
    let lines = [
        line(0, 3, "Traceback (most recent call last):"),
        untimed,
        line(1, 5, "RuntimeError: CUDA error: out of memory"),
    ];
    assert_eq!(cause(&lines).as_deref(), Some("port_in_use"));
}

fn ending(state: &str, code: i32, error: &str) -> Ending {
    Ending {
        node: id(1),
        rank: 0,
        at: Some(now()),
        state: state.to_owned(),
        exit_code: Some(code),
        oom_killed: false,
        error: error.to_owned(),
    }
}

#[test]
fn how_a_container_ended_is_evidence_too() {
    let of = |ending: Ending| first_cause(&[], &[ending]).map(|a| a.id);
    assert_eq!(of(ending("exited", 137, "")).as_deref(), Some("killed"));
    assert_eq!(
        of(ending("created", 0, "error gathering device information")).as_deref(),
        Some("never_started")
    );
    assert_eq!(
        of(ending(
            "created",
            127,
            "could not select device driver \"\" with capabilities: [[gpu]]"
        ))
        .as_deref(),
        Some("nvidia_toolkit")
    );
    assert_eq!(of(ending("exited", 1, "")), None);
    let earlier = line(0, -5, "vllm: error: unrecognized arguments: --frobnicate");
    let both = first_cause(&[earlier], &[ending("exited", 137, "")]).unwrap();
    assert_eq!(both.cause, "It refused --frobnicate.");
}

#[test]
fn hostile_log_text_is_cleaned() {
    let hostile = "vllm: error: unrecognized arguments: --x\u{1b}]52;c;aGk=\u{7}\u{202e}y";
    let advice = first_cause(&[line(0, 0, hostile)], &[]).unwrap();
    assert_eq!(advice.cause, "It refused --xy.");
    assert!(!advice.evidence[0].contains('\u{1b}'));
}
