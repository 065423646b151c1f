//! For every row a line that is close to it and means something else.

pub(super) const NEAR: &[(&str, &str)] = &[
    (
        "start_memory",
        "INFO 11-23 12:00:03 [gpu_worker.py:120] Free memory on device cuda:0 is 110.20 GiB of 119.7 GiB",
    ),
    (
        "memory_not_returned",
        "MemorySnapshot: torch.cuda.mem_get_info() gave 110.2 of 119.7 GiB",
    ),
    (
        "no_kv_memory",
        "INFO 11-23 12:00:31 [gpu_worker.py:298] Available KV cache memory: 3.21 GiB",
    ),
    (
        "context_too_long",
        "INFO 11-23 12:00:31 Maximum concurrency for 262144 tokens per request: 1.20x",
    ),
    (
        "context_exceeds_cache",
        "INFO 11-23 12:00:31 [kv_cache_utils.py:849] GPU KV cache size: 90,112 tokens",
    ),
    (
        "context_beyond_model",
        "INFO 11-23 12:00:01 Using max model len 262144",
    ),
    (
        "cuda_out_of_memory",
        "INFO 11-23 12:00:01 Setting PYTORCH_CUDA_ALLOC_CONF to avoid running out of memory",
    ),
    (
        "killed",
        "INFO: Killed request cmpl-12 after the client went away",
    ),
    (
        "driver_no_memory",
        "NVRM: loading NVIDIA UNIX Open Kernel Module for aarch64  580.126.09",
    ),
    (
        "engine_dead",
        "INFO 11-23 12:00:00 [core.py:77] EngineCore initialised in 30.2 seconds",
    ),
    (
        "collective_timeout",
        "INFO: ProcessGroupNCCL created with options: TIMEOUT(ms): 600000",
    ),
    (
        "no_socket_interface",
        "spark1:123:456 [0] NCCL INFO Bootstrap: Using enp1s0f1np1:192.168.100.10<0>",
    ),
    ("locked_memory", "ulimit: memlock is unlimited"),
    (
        "gid_index",
        "spark1:123:456 [0] NCCL INFO NET/IB: GID 3 of rocep1s0f1",
    ),
    (
        "slow_sockets",
        "spark1:123:456 [0] NCCL INFO NET/IB : Using [0]rocep1s0f1:1/RoCE [1]roceP2p1s0f1:1/RoCE",
    ),
    (
        "placement_group",
        "INFO 11-23 12:00:00 Using existing placement group",
    ),
    (
        "local_ray",
        "2026-11-23 12:00:00,123 INFO worker.py:1694 -- Connecting to existing Ray cluster at address: 192.168.100.10:6379...",
    ),
    (
        "too_few_gpus",
        "INFO 11-23 12:00:00 Tensor parallel size 2 on 2 nodes",
    ),
    (
        "no_ray",
        "INFO 11-23 12:00:00 ray is not needed with --distributed-executor-backend mp",
    ),
    (
        "ranks_never_met",
        "INFO 11-23 12:00:00 waiting for clients on tcp://192.168.100.10:29501",
    ),
    (
        "lost_peer",
        "spark1:123:456 [0] NCCL INFO Connected all rings",
    ),
    (
        "name_conflict",
        "docker: Error response from daemon: No such container: sparkctl-main-r0",
    ),
    ("port_allocated", "docker: port 8000 is published"),
    ("port_in_use", "INFO: Address 0.0.0.0:8000 is free"),
    (
        "docker_denied",
        "permission denied while reading /etc/docker/daemon.json",
    ),
    (
        "docker_down",
        "Connected to the Docker daemon at unix:///var/run/docker.sock",
    ),
    (
        "nvidia_toolkit",
        "Runtimes: io.containerd.runc.v2 nvidia runc",
    ),
    ("driver_mismatch", "nvidia-container-cli: version 1.17.4"),
    (
        "not_arm",
        "Status: Downloaded newer image for vllm-node:latest (linux/arm64)",
    ),
    ("image_denied", "Login Succeeded, repository exists"),
    ("registry_network", "Pulling from nvidia/vllm: Waiting"),
    (
        "disk_full",
        "INFO: 526 GiB of space left on device /dev/nvme0n1p2",
    ),
    (
        "ptxas_too_old",
        "ptxas info    : Compiling entry function for 'sm_121a'",
    ),
    ("no_kernel_image", "INFO: kernel image 6.17.0 is available"),
    ("sm121_warning", "INFO: device capability sm_121"),
    ("driver_too_old", "INFO: code 2220 of PTX compiled"),
    ("wrong_cuda", "INFO: loaded libcudart.so.13"),
    (
        "mod_of_other_image",
        "Copying mods to /workspace in container vllm_node",
    ),
    ("open_files", "INFO: 1048576 open files allowed"),
    ("wrong_clock", "INFO: certificate is valid until 2027-01-01"),
    ("never_started", "Created container sparkctl-main-r0"),
    ("crash_loop", "Restarting is disabled for this container"),
    ("failing_launches", "INFO: the last launch took 30 seconds"),
    ("entrypoint_twice", "INFO: vllm serve Qwen/Qwen3-0.6B"),
    (
        "unknown_flag",
        "INFO: all arguments were recognized: --max-num-seqs",
    ),
    (
        "unknown_parser",
        "INFO 11-23 12:00:01 Using tool call parser: hermes",
    ),
    (
        "tool_parser_unset",
        "INFO: \"auto\" tool choice has been enabled.",
    ),
    (
        "unknown_architecture",
        "INFO 11-23 12:00:01 [model.py:530] Resolved architecture: Qwen3ForCausalLM",
    ),
    (
        "remote_code",
        "INFO 11-23 12:00:01 Initializing a V1 LLM engine with config: trust_remote_code=True",
    ),
    (
        "bad_weights",
        "Loading safetensors checkpoint shards:  45% Completed | 5/11",
    ),
    (
        "cache_permission",
        "INFO: using the cache at /root/.cache/huggingface",
    ),
    (
        "not_divisible",
        "INFO: 32 attention heads over tensor parallel size 2",
    ),
    ("garbage_answers", "asked for 12*17, it said 204"),
    (
        "only_thoughts",
        "{\"choices\":[{\"message\":{\"content\":\"OK\"},\"finish_reason\":\"length\"}]}",
    ),
    (
        "still_at_work",
        "INFO 11-23 12:00:00 [shm_broadcast.py:289] vLLM message queue communication handle",
    ),
    (
        "not_on_disk",
        "INFO: found the requested files in the disk cache",
    ),
    ("gated", "INFO: 4010 clients served"),
    ("no_such_model", "GET /v1/models/unknown 404 Not Found"),
    (
        "host_key_changed",
        "Warning: Permanently added '192.168.1.21' (ED25519) to the list of known hosts.",
    ),
    (
        "host_key_unknown",
        "Host key fingerprint is SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
    ),
    (
        "key_refused",
        "debug1: Authentications that can continue: publickey,password",
    ),
    (
        "name_unresolved",
        "debug1: resolving \"spark-1234.local\" port 22",
    ),
    (
        "ssh_refused",
        "debug1: Connecting to 192.168.1.21 [192.168.1.21] port 22.",
    ),
    (
        "ssh_timed_out",
        "debug1: timeout: 10000 ms remain after connect",
    ),
    (
        "ssh_no_route",
        "INFO: route to host 192.168.1.21 via enP7s7",
    ),
    ("ssh_frozen", "debug1: banner exchange done"),
    ("ssh_limits", "Connection to 192.168.1.21 closed."),
    ("sudo_password", "[sudo] password for spark:"),
];
