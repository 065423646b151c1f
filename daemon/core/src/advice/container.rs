//! Rows about Docker, images and the machine under them.

use super::Certainty::{Certain, Likely, Noise};
use super::Pattern;

pub(super) const ROWS: &[Pattern] = &[
    Pattern::new(
        "name_conflict",
        Certain,
        &[r#"Conflict\. The container name "/?([^"]+)" is already in use by container"#],
        [
            "A left-over container has the name",
            "A container named {1} is there already.",
            "Remove it, then start again.",
        ],
    ),
    Pattern::new(
        "port_allocated",
        Certain,
        &[
            r"driver failed programming external connectivity",
            r"port is already allocated",
        ],
        [
            "The port is taken",
            "Another container has published the same port.",
            "Stop it, or set another `port` in the recipe.",
        ],
    ),
    Pattern::new(
        "port_in_use",
        Certain,
        &[r"Address already in use", r"\[Errno 98\]", r"EADDRINUSE"],
        [
            "The port is taken",
            "Something else on the node listens on the same port.",
            "Find it with `ss -Hltnp`, stop it, or set another `port` in the recipe.",
        ],
    ),
    Pattern::new(
        "docker_denied",
        Certain,
        &[r"permission denied while trying to connect to the Docker (daemon socket|API)"],
        [
            "The user may not talk to Docker",
            "The login user is not in the docker group.",
            "On the node: sudo usermod -aG docker $USER, then connect again (it counts from the next login).",
        ],
    ),
    Pattern::new(
        "docker_down",
        Certain,
        &[r"Cannot connect to the Docker daemon"],
        [
            "Docker does not run",
            "The Docker service on the node is stopped.",
            "On the node: sudo systemctl start docker",
        ],
    ),
    Pattern::new(
        "nvidia_toolkit",
        Certain,
        &[
            r#"could not select device driver "" with capabilities: \[\[gpu\]\]"#,
            r"unknown or invalid runtime name: nvidia",
            r"nvidia.*runtime not found|runtime not found.*nvidia",
        ],
        [
            "Docker cannot give the GPU to containers",
            "The NVIDIA Container Toolkit is missing or not set up.",
            "On the node: sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
        ],
    ),
    Pattern::new(
        "driver_mismatch",
        Certain,
        &[
            r"nvidia-container-cli: initialization error",
            r"Failed to initialize NVML: Unknown Error",
            r"Driver/library version mismatch",
        ],
        [
            "The GPU driver was updated without a restart",
            "The loaded driver and its libraries are of different versions.",
            "Restart the node.",
        ],
    ),
    Pattern::new(
        "not_arm",
        Certain,
        &[
            r"no matching manifest for linux/arm64",
            r"exec format error",
            r"The requested image's platform \(linux/amd64\) does not match",
        ],
        [
            "The image is not for ARM",
            "A Spark is an arm64 machine, and the image has no build for it.",
            "Use an image with an arm64 build.",
        ],
    ),
    Pattern::new(
        "image_denied",
        Certain,
        &[
            r"manifest unknown",
            r"pull access denied",
            r"repository does not exist",
            r"unauthorized: authentication required",
            r"Invalid credentials",
        ],
        [
            "The image cannot be had",
            "The tag does not exist, or the registry wants a login.",
            "Check the tag; for nvcr.io log in with an NGC key.",
        ],
    ),
    Pattern::new(
        "registry_network",
        Likely,
        &[r"toomanyrequests", r"TLS handshake timeout", r"i/o timeout"],
        [
            "The registry did not answer in time",
            "It limits requests, or the network is slow.",
            "Try again later, or copy the image from another node.",
        ],
    ),
    Pattern::new(
        "disk_full",
        Certain,
        &[
            r"No space left on device",
            r"Disk quota exceeded",
            r"ENOSPC",
        ],
        [
            "The disk is full",
            "A file could not be written.",
            "Delete models or images that are not needed.",
        ],
    ),
    Pattern::new(
        "ptxas_too_old",
        Certain,
        &[r"ptxas fatal\s*: Value 'sm_121a?' is not defined"],
        [
            "The image's CUDA tools do not know this GPU",
            "They are older than the GB10.",
            "Use an image with CUDA 13, or set TRITON_PTXAS_PATH=/usr/local/cuda/bin/ptxas.",
        ],
    ),
    Pattern::new(
        "no_kernel_image",
        Certain,
        &[
            r"no kernel image is available for execution on the device",
            r"cudaErrorNoKernelImageForDevice",
            r"Error:.*sm_121.* is not compatible",
        ],
        [
            "The image was not built for this GPU",
            "It holds no code for the GB10 (sm_121).",
            "Use an image made for DGX Spark.",
        ],
    ),
    Pattern::new(
        "sm121_warning",
        Noise,
        &[r"sm_121.* is not compatible"],
        [
            "The image does not list this GPU",
            "PyTorch warns that it was not built for sm_121; it mostly works nevertheless.",
            "Nothing, unless kernels fail.",
        ],
    ),
    Pattern::new(
        "driver_too_old",
        Certain,
        &[
            r"cudaErrorUnsupportedPtxVersion",
            r"PTX was compiled with an unsupported toolchain",
            r"\berror 222\b",
        ],
        [
            "The image is newer than the driver",
            "Its code needs a later GPU driver.",
            "Update the node's driver, or use an older image.",
        ],
    ),
    Pattern::new(
        "wrong_cuda",
        Certain,
        &[r"libcudart\.so\.12: cannot open shared object"],
        [
            "A CUDA 12 package in a CUDA 13 image",
            "A library of the image wants another CUDA version.",
            "Use another image.",
        ],
    ),
    Pattern::new(
        "mod_of_other_image",
        Certain,
        &[r"Could not find the file /workspace in container"],
        [
            "The recipe's change belongs to another image",
            "A file was to be put where this image has no folder.",
            "Use the image that the recipe was made for.",
        ],
    ),
    Pattern::new(
        "open_files",
        Certain,
        &[r"Too many open files"],
        [
            "Too many open files",
            "The limit of open files is too low for this model.",
            "The container needs --ulimit=nofile=1048576:1048576.",
        ],
    ),
    Pattern::new(
        "wrong_clock",
        Certain,
        &[
            r"error while validating Root CA Certificate",
            r"certificate is not yet valid",
        ],
        [
            "The node's clock is wrong",
            "A certificate seems to lie in the future.",
            "On the node: sudo timedatectl set-ntp true",
        ],
    ),
    Pattern::new(
        "never_started",
        Certain,
        &[],
        [
            "A container was made but never started",
            "Docker's reason: {1}",
            "Look at `docker inspect` of the container; mostly a mount, a device or the command is at fault.",
        ],
    ),
    Pattern::new(
        "crash_loop",
        Certain,
        &[],
        [
            "A container starts again and again",
            "{1} ended and was started {2} times in ten minutes: what makes it end is still there.",
            "Look at the end of its log, and stop it until the cause is mended:",
        ],
    ),
    Pattern::new(
        "failing_launches",
        Certain,
        &[],
        [
            "Launches fail one after the other",
            "The last {2} launches of {1} failed. The last one: {3}.",
            "Trying again will not help: look at the operation for its cause, or launch the last good model.",
        ],
    ),
];
