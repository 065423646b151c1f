//! Rows about ranks that do not find or lose each other.

use super::Certainty::{Certain, Likely, Noise};
use super::Pattern;

pub(super) const ROWS: &[Pattern] = &[
    Pattern::new(
        "engine_dead",
        Likely,
        &[
            r"RPC call to sample_tokens timed out",
            r"EngineDeadError",
            r"EngineCore encountered an issue",
        ],
        [
            "The engine died",
            "The process that computes is gone, mostly for lack of memory or because a rank was lost.",
            "Look for an earlier cause on the other rank, then start all ranks again.",
        ],
    ),
    Pattern::new(
        "collective_timeout",
        Likely,
        &[r"Watchdog caught collective operation timeout: WorkNCCL\(.*Timeout\(ms\)=600000\)"],
        [
            "The ranks stopped talking for ten minutes",
            "A rank waited for the other one until its limit.",
            "Look at the other rank's first error and at the link; some images hang here (NCCL 2.28.9), so try another one.",
        ],
    ),
    Pattern::new(
        "no_socket_interface",
        Certain,
        &[r"Bootstrap\s*: no socket interface found"],
        [
            "NCCL was told to use an interface that does not exist",
            "NCCL_SOCKET_IFNAME names no interface of this node.",
            "Check the cable and addresses of the fabric, then start again: the interface is found anew.",
        ],
    ),
    Pattern::new(
        "locked_memory",
        Certain,
        &[
            r"ibv_reg_mr.*Cannot allocate memory",
            r"(RLIMIT_MEMLOCK|max locked memory|memlock.*(\blimit|too low|insufficient))",
        ],
        [
            "The limit of locked memory is too low",
            "RDMA could not pin its buffers.",
            "The container needs --ulimit=memlock=-1 and --cap-add=IPC_LOCK.",
        ],
    ),
    Pattern::new(
        "gid_index",
        Certain,
        &[
            r"ibv_modify_qp.*(fail|error)",
            r"failed to modify QP to RTR",
            r"Invalid GID",
        ],
        [
            "The RDMA address (GID) is the wrong one",
            "The index of the RoCE address changed or differs between the nodes.",
            "Start again: the index is looked up on each node. If it is set in the recipe, remove it.",
        ],
    ),
    Pattern::new(
        "slow_sockets",
        Likely,
        &[r"NET/IB\s*: No device found", r"Using network Socket"],
        [
            "The ranks talk over slow sockets",
            "NCCL found no RDMA device, so the link is ten to twenty times slower.",
            "Check NCCL_IB_HCA, /dev/infiniband and IPC_LOCK.",
        ],
    ),
    Pattern::new(
        "placement_group",
        Certain,
        &[
            r"Waiting for creating a placement group of specs for (\d+) seconds",
            r"Cannot provide a placement group of placement_group_specs",
        ],
        [
            "Ray sees too few GPUs",
            "The cluster has fewer GPUs than the model wants, or the nodes joined under other addresses.",
            "Stop all ranks and start them again; a recipe with `executor: mp` needs no Ray.",
        ],
    ),
    Pattern::new(
        "local_ray",
        Certain,
        &[r"Started a local Ray instance"],
        [
            "The head did not join the Ray cluster",
            "It started a cluster of its own with one node.",
            "Check RAY_ADDRESS and VLLM_HOST_IP, or use a recipe with `executor: mp`.",
        ],
    ),
    Pattern::new(
        "too_few_gpus",
        Certain,
        &[
            r"Tensor parallel size \((\d+)\) exceeds available GPUs \((\d+)\)",
            r"World size .* is larger than the number of available GPUs",
        ],
        [
            "A launch for several GPUs on one node",
            "Every Spark has one GPU, and the engine was not told of other nodes.",
            "Set `nodes` in the recipe instead of the parallel size.",
        ],
    ),
    Pattern::new(
        "no_ray",
        Certain,
        &[r"No module named '?ray'?", r"ray: command not found"],
        [
            "The image has no Ray",
            "The recipe wants Ray and the image lacks it (NVIDIA's from 26.05 on).",
            "Use `executor: mp`, or an image with Ray.",
        ],
    ),
    Pattern::new(
        "ranks_never_met",
        Certain,
        &[
            r"The client socket has timed out",
            r"Timed out after .* waiting for clients",
            r"DistStoreError",
            r"connect\(\) timed out",
        ],
        [
            "The ranks never met",
            "A rank waited for the others in vain: they crashed, or the address or a firewall is in the way.",
            "Look at the other rank first. If it waits too, check that port 29501 of the head can be reached over the fabric.",
        ],
    ),
    Pattern::new(
        "lost_peer",
        Noise,
        &[
            r"NCCL WARN",
            r"ncclSystemError",
            r"ncclRemoteError",
            r"sendBytes failed",
            r"heartbeat",
            r"Broken pipe",
        ],
        [
            "A peer was lost",
            "The other rank went away; this rank only noticed.",
            "Look at the other rank.",
        ],
    ),
];
