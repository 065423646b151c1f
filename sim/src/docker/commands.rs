//! The commands that the simulated Docker knows, with every option of the real ones.
//!
//! `run` and `create` list all options of Docker 28, so that a launch line is refused for the same
//! reasons as on a Spark; what an option does not change here is still parsed and kept.

use super::flags::{Command, Flag, Kind, Operands};

use Kind::{Bool, Bytes, Decimal, Duration, Filter, Gpus, Int, Mount, Text, Ulimit};

const fn plain(
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    operands: Operands,
    flags: &'static [Flag],
) -> Command {
    Command {
        name,
        usage,
        about,
        operands,
        flags,
        stops_at_operand: false,
    }
}

const FORMAT: Flag = Flag::long("format", Text);
const SHORT_FORMAT: Flag = Flag::short('f', "format", Text);
const NO_TRUNC: Flag = Flag::long("no-trunc", Bool);
const SIGNAL: Flag = Flag::short('s', "signal", Text);
const TIMEOUT: Flag = Flag::short('t', "timeout", Int);
const FILTER: Flag = Flag::short('f', "filter", Filter);
const ALL: Flag = Flag::short('a', "all", Bool);
const QUIET: Flag = Flag::short('q', "quiet", Bool);
const PLATFORM: Flag = Flag::long("platform", Text);

const SOME: &str = "[OPTIONS] CONTAINER [CONTAINER...]";

pub(super) const RUN: Command = Command {
    name: "docker run",
    usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    about: "Create and run a new container from an image",
    operands: Operands::AtLeast(1),
    flags: &CREATE_FLAGS,
    stops_at_operand: true,
};

pub(super) const CREATE: Command = Command {
    name: "docker create",
    about: "Create a new container",
    ..RUN
};

pub(super) const EXEC: Command = Command {
    name: "docker exec",
    usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
    about: "Execute a command in a running container",
    operands: Operands::AtLeast(2),
    flags: &[
        Flag::short('d', "detach", Bool),
        Flag::long("detach-keys", Text),
        Flag::short('e', "env", Text),
        Flag::long("env-file", Text),
        Flag::short('i', "interactive", Bool),
        Flag::long("privileged", Bool),
        Flag::short('t', "tty", Bool),
        Flag::short('u', "user", Text),
        Flag::short('w', "workdir", Text),
    ],
    stops_at_operand: true,
};

pub(super) const PS: Command = plain(
    "docker ps",
    "[OPTIONS]",
    "List containers",
    Operands::None,
    &[
        ALL,
        FILTER,
        FORMAT,
        Flag::short('n', "last", Int),
        Flag::short('l', "latest", Bool),
        NO_TRUNC,
        QUIET,
        Flag::short('s', "size", Bool),
    ],
);

pub(super) const INSPECT: Command = plain(
    "docker inspect",
    "[OPTIONS] NAME|ID [NAME|ID...]",
    "Return low-level information on Docker objects",
    Operands::AtLeast(1),
    &[
        SHORT_FORMAT,
        Flag::short('s', "size", Bool),
        Flag::long("type", Text),
    ],
);

pub(super) const IMAGE_INSPECT: Command = plain(
    "docker image inspect",
    "[OPTIONS] IMAGE [IMAGE...]",
    "Display detailed information on one or more images",
    Operands::AtLeast(1),
    &[SHORT_FORMAT, PLATFORM],
);

pub(super) const CONTAINER_INSPECT: Command = plain(
    "docker container inspect",
    SOME,
    "Display detailed information on one or more containers",
    Operands::AtLeast(1),
    &[SHORT_FORMAT, Flag::short('s', "size", Bool)],
);

pub(super) const IMAGES: Command = plain(
    "docker images",
    "[OPTIONS] [REPOSITORY[:TAG]]",
    "List images",
    Operands::AtMost(1),
    &[
        ALL,
        Flag::long("digests", Bool),
        FILTER,
        FORMAT,
        NO_TRUNC,
        QUIET,
        Flag::long("tree", Bool),
    ],
);

pub(super) const RMI: Command = plain(
    "docker rmi",
    "[OPTIONS] IMAGE [IMAGE...]",
    "Remove one or more images",
    Operands::AtLeast(1),
    &[
        Flag::short('f', "force", Bool),
        Flag::long("no-prune", Bool),
        PLATFORM,
    ],
);

pub(super) const START: Command = plain(
    "docker start",
    SOME,
    "Start one or more stopped containers",
    Operands::AtLeast(1),
    &[
        Flag::short('a', "attach", Bool),
        Flag::long("detach-keys", Text),
        Flag::short('i', "interactive", Bool),
    ],
);

pub(super) const STOP: Command = plain(
    "docker stop",
    SOME,
    "Stop one or more running containers",
    Operands::AtLeast(1),
    &[SIGNAL, TIMEOUT],
);

pub(super) const RESTART: Command = plain(
    "docker restart",
    SOME,
    "Restart one or more containers",
    Operands::AtLeast(1),
    &[SIGNAL, TIMEOUT],
);

pub(super) const KILL: Command = plain(
    "docker kill",
    SOME,
    "Kill one or more running containers",
    Operands::AtLeast(1),
    &[SIGNAL],
);

pub(super) const RM: Command = plain(
    "docker rm",
    SOME,
    "Remove one or more containers",
    Operands::AtLeast(1),
    &[
        Flag::short('f', "force", Bool),
        Flag::short('l', "link", Bool),
        Flag::short('v', "volumes", Bool),
    ],
);

pub(super) const RENAME: Command = plain(
    "docker rename",
    "CONTAINER NEW_NAME",
    "Rename a container",
    Operands::Exactly(2),
    &[],
);

pub(super) const WAIT: Command = plain(
    "docker wait",
    "CONTAINER [CONTAINER...]",
    "Block until one or more containers stop, then print their exit codes",
    Operands::AtLeast(1),
    &[],
);

pub(super) const TOP: Command = plain(
    "docker top",
    "CONTAINER [ps OPTIONS]",
    "Display the running processes of a container",
    Operands::AtLeast(1),
    &[],
);

pub(super) const LOGS: Command = plain(
    "docker logs",
    "[OPTIONS] CONTAINER",
    "Fetch the logs of a container",
    Operands::Exactly(1),
    &[
        Flag::long("details", Bool),
        Flag::short('f', "follow", Bool),
        Flag::long("since", Text),
        Flag::short('n', "tail", Text),
        Flag::short('t', "timestamps", Bool),
        Flag::long("until", Text),
    ],
);

pub(super) const STATS: Command = plain(
    "docker stats",
    "[OPTIONS] [CONTAINER...]",
    "Display a live stream of container(s) resource usage statistics",
    Operands::AtLeast(0),
    &[ALL, FORMAT, Flag::long("no-stream", Bool), NO_TRUNC],
);

pub(super) const PULL: Command = plain(
    "docker pull",
    "[OPTIONS] NAME[:TAG|@DIGEST]",
    "Download an image from a registry",
    Operands::Exactly(1),
    &[
        Flag::short('a', "all-tags", Bool),
        Flag::long("disable-content-trust", Bool),
        PLATFORM,
        QUIET,
    ],
);

pub(super) const SAVE: Command = plain(
    "docker save",
    "[OPTIONS] IMAGE [IMAGE...]",
    "Save one or more images to a tar archive (streamed to STDOUT by default)",
    Operands::AtLeast(1),
    &[Flag::short('o', "output", Text), PLATFORM],
);

pub(super) const LOAD: Command = plain(
    "docker load",
    "[OPTIONS]",
    "Load an image from a tar archive or STDIN",
    Operands::None,
    &[Flag::short('i', "input", Text), PLATFORM, QUIET],
);

pub(super) const TAG: Command = plain(
    "docker tag",
    "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    Operands::Exactly(2),
    &[],
);

pub(super) const LOGIN: Command = plain(
    "docker login",
    "[OPTIONS] [SERVER]",
    "Authenticate to a registry",
    Operands::AtMost(1),
    &[
        Flag::short('p', "password", Text),
        Flag::long("password-stdin", Bool),
        Flag::short('u', "username", Text),
    ],
);

pub(super) const LOGOUT: Command = plain(
    "docker logout",
    "[SERVER]",
    "Log out from a registry",
    Operands::AtMost(1),
    &[],
);

pub(super) const IMAGE_PRUNE: Command = plain(
    "docker image prune",
    "[OPTIONS]",
    "Remove unused images",
    Operands::None,
    &[
        ALL,
        Flag::long("filter", Filter),
        Flag::short('f', "force", Bool),
    ],
);

pub(super) const COPY: Command = plain(
    "docker cp",
    "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-",
    "Copy files/folders between a container and the local filesystem",
    Operands::Exactly(2),
    &[
        Flag::short('a', "archive", Bool),
        Flag::short('L', "follow-link", Bool),
        QUIET,
    ],
);

pub(super) const MANIFEST_INSPECT: Command = plain(
    "docker manifest inspect",
    "[OPTIONS] [MANIFEST_LIST] MANIFEST",
    "Display an image manifest, or manifest list",
    Operands::AtLeast(1),
    &[
        Flag::long("insecure", Bool),
        Flag::short('v', "verbose", Bool),
    ],
);

pub(super) const VERSION: Command = plain(
    "docker version",
    "[OPTIONS]",
    "Show the Docker version information",
    Operands::None,
    &[SHORT_FORMAT],
);

pub(super) const INFO: Command = plain(
    "docker info",
    "[OPTIONS]",
    "Display system-wide information",
    Operands::None,
    &[SHORT_FORMAT],
);

pub(super) const SYSTEM_DF: Command = plain(
    "docker system df",
    "[OPTIONS]",
    "Show docker disk usage",
    Operands::None,
    &[FORMAT, Flag::short('v', "verbose", Bool)],
);

/// The options of `docker run`, in the order of its help.
const CREATE_FLAGS: [Flag; 103] = [
    Flag::long("add-host", Text),
    Flag::long("annotation", Text),
    Flag::short('a', "attach", Text),
    Flag::long("blkio-weight", Int),
    Flag::long("blkio-weight-device", Text),
    Flag::long("cap-add", Text),
    Flag::long("cap-drop", Text),
    Flag::long("cgroup-parent", Text),
    Flag::long("cgroupns", Text),
    Flag::long("cidfile", Text),
    Flag::long("cpu-count", Int),
    Flag::long("cpu-percent", Int),
    Flag::long("cpu-period", Int),
    Flag::long("cpu-quota", Int),
    Flag::long("cpu-rt-period", Int),
    Flag::long("cpu-rt-runtime", Int),
    Flag::short('c', "cpu-shares", Int),
    Flag::long("cpus", Decimal),
    Flag::long("cpuset-cpus", Text),
    Flag::long("cpuset-mems", Text),
    Flag::short('d', "detach", Bool),
    Flag::long("detach-keys", Text),
    Flag::long("device", Text),
    Flag::long("device-cgroup-rule", Text),
    Flag::long("device-read-bps", Text),
    Flag::long("device-read-iops", Text),
    Flag::long("device-write-bps", Text),
    Flag::long("device-write-iops", Text),
    Flag::long("disable-content-trust", Bool),
    Flag::long("dns", Text),
    Flag::long("dns-option", Text),
    Flag::long("dns-search", Text),
    Flag::long("domainname", Text),
    Flag::long("entrypoint", Text),
    Flag::short('e', "env", Text),
    Flag::long("env-file", Text),
    Flag::long("expose", Text),
    Flag::long("gpus", Gpus),
    Flag::long("group-add", Text),
    Flag::long("health-cmd", Text),
    Flag::long("health-interval", Duration),
    Flag::long("health-retries", Int),
    Flag::long("health-start-interval", Duration),
    Flag::long("health-start-period", Duration),
    Flag::long("health-timeout", Duration),
    Flag::short('h', "hostname", Text),
    Flag::long("init", Bool),
    Flag::short('i', "interactive", Bool),
    Flag::long("io-maxbandwidth", Bytes),
    Flag::long("io-maxiops", Int),
    Flag::long("ip", Text),
    Flag::long("ip6", Text),
    Flag::long("ipc", Text),
    Flag::long("isolation", Text),
    Flag::long("kernel-memory", Bytes),
    Flag::short('l', "label", Text),
    Flag::long("label-file", Text),
    Flag::long("link", Text),
    Flag::long("link-local-ip", Text),
    Flag::long("log-driver", Text),
    Flag::long("log-opt", Text),
    Flag::long("mac-address", Text),
    Flag::short('m', "memory", Bytes),
    Flag::long("memory-reservation", Bytes),
    Flag::long("memory-swap", Bytes),
    Flag::long("memory-swappiness", Int),
    Flag::long("mount", Mount),
    Flag::long("name", Text),
    Flag::long("network", Text),
    Flag::long("network-alias", Text),
    Flag::long("no-healthcheck", Bool),
    Flag::long("oom-kill-disable", Bool),
    Flag::long("oom-score-adj", Int),
    Flag::long("pid", Text),
    Flag::long("pids-limit", Int),
    PLATFORM,
    Flag::long("privileged", Bool),
    Flag::short('p', "publish", Text),
    Flag::short('P', "publish-all", Bool),
    Flag::long("pull", Text),
    QUIET,
    Flag::long("read-only", Bool),
    Flag::long("restart", Text),
    Flag::long("rm", Bool),
    Flag::long("runtime", Text),
    Flag::long("security-opt", Text),
    Flag::long("shm-size", Bytes),
    Flag::long("sig-proxy", Bool),
    Flag::long("stop-signal", Text),
    Flag::long("stop-timeout", Int),
    Flag::long("storage-opt", Text),
    Flag::long("sysctl", Text),
    Flag::long("tmpfs", Text),
    Flag::short('t', "tty", Bool),
    Flag::long("ulimit", Ulimit),
    Flag::long("use-api-socket", Bool),
    Flag::short('u', "user", Text),
    Flag::long("userns", Text),
    Flag::long("uts", Text),
    Flag::short('v', "volume", Text),
    Flag::long("volume-driver", Text),
    Flag::long("volumes-from", Text),
    Flag::short('w', "workdir", Text),
];
