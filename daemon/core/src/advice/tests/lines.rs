//! One real line for every row.

/// A row's id and a line as it was seen, or as upstream words it.
pub(super) const LINES: &[(&str, &str)] = &[
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
        "ssh_no_route",
        "ssh: connect to host 192.168.1.21 port 22: No route to host",
    ),
    (
        "ssh_refused",
        "ssh: connect to host 192.168.100.11 port 22: Connection refused",
    ),
    (
        "ssh_timed_out",
        "ssh: connect to host 192.168.1.21 port 22: Connection timed out",
    ),
    ("ssh_frozen", "Connection timed out during banner exchange"),
    (
        "garbage_answers",
        "asked for 12*17, it said 1417 and not 204",
    ),
    (
        "only_thoughts",
        "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"Okay\"},\"finish_reason\":\"length\"}]}",
    ),
    (
        "still_at_work",
        "INFO 11-23 12:00:00 [shm_broadcast.py:501] No available shared memory broadcast block found in 60 seconds. This typically happens when some processes are hanging or doing some time-consuming work",
    ),
    (
        "no_kernel_image",
        "RuntimeError: NVIDIA GB10 with CUDA capability sm_121 is not compatible with the current PyTorch installation.",
    ),
    (
        "ssh_limits",
        "kex_exchange_identification: Connection closed by remote host",
    ),
    ("sudo_password", "sudo: a password is required"),
];
