//! How a program of a container is really run: as a process of the machine, with the image's programs
//! first in its `PATH`.
//!
//! There are no namespaces. What a container sees of its own is made up for: programs of the image are
//! links to this executable, paths under a mount are translated in the arguments, `HOME` is a folder
//! with links to what is mounted below `/root`, and `/proc/1/fd/1` is the output of its first process.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::container::Container;
use super::image::{Image, Software};
use super::store::Store;
use crate::node::{NodeError, sshd_environment};

/// Names the container to the programs that run in it.
pub(crate) const CONTAINER_VARIABLE: &str = "SPARK_SIM_CONTAINER";

/// What NVIDIA's images put before every command; it only prints a banner.
const NVIDIA_ENTRYPOINT: &str = "/opt/nvidia/nvidia_entrypoint.sh";

/// Programs of a vLLM image that are simulated.
pub(crate) const VLLM_PROGRAMS: [&str; 5] = ["vllm", "hf", "huggingface-cli", "ray", "nvidia-smi"];

/// Why a program cannot be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntryError {
    /// There is no such program in the image.
    #[error("exec: \"{0}\": executable file not found in $PATH")]
    NotFound(String),
    /// There is no such file in the image.
    #[error("exec: \"{0}\": stat {0}: no such file or directory")]
    NoFile(String),
    /// The container's folder could not be prepared.
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// The command for `argv` in `container`, ready to be given its standard streams.
pub(super) fn command(
    store: &Store,
    container: &Container,
    image: &Image,
    argv: &[String],
) -> Result<Command, EntryError> {
    let argv = unwrapped(argv);
    let (program, arguments) = argv
        .split_first()
        .ok_or(EntryError::NotFound(String::new()))?;
    let programs = programs(store, image)?;
    let (path, simulated) = match image.architecture.as_str() {
        "arm64" => resolve(program, &programs)?,
        _ => (PathBuf::from("/bin/sh"), true),
    };
    let mut command = Command::new(path);
    if image.architecture != "arm64" {
        // The kernel starts no foreign program; this is what is left of it in the log.
        command.args([
            "-c",
            "echo \"exec $0: exec format error\" >&2; exit 255",
            program,
        ]);
    } else if simulated {
        command.args(arguments);
    } else {
        command.args(plain_arguments(program, arguments, container));
    }
    let home = home(store, container)?;
    command
        .env_clear()
        .envs(environment(store, container, &home, &programs))
        .current_dir(&home);
    Ok(command)
}

/// Whether the words can be run at all: what Docker finds out when it starts a container.
pub(super) fn check(store: &Store, image: &Image, argv: &[String]) -> Result<(), EntryError> {
    let argv = unwrapped(argv);
    let program = argv.first().ok_or(EntryError::NotFound(String::new()))?;
    resolve(program, &programs(store, image)?).map(drop)
}

fn unwrapped(argv: &[String]) -> Vec<String> {
    match argv.split_first() {
        Some((first, [])) if first == NVIDIA_ENTRYPOINT => vec!["bash".to_owned()],
        Some((first, rest)) if first == NVIDIA_ENTRYPOINT => rest.to_vec(),
        _ => argv.to_vec(),
    }
}

/// The file behind a program's name, and whether it is one of ours.
fn resolve(program: &str, programs: &Path) -> Result<(PathBuf, bool), EntryError> {
    let base = program.rsplit('/').next().unwrap_or(program);
    let own = programs.join(base);
    if own.exists() {
        return Ok((own, true));
    }
    if program.contains('/') {
        let path = PathBuf::from(program);
        let found = path.is_file().then_some((path, false));
        return found.ok_or_else(|| EntryError::NoFile(program.to_owned()));
    }
    ["/usr/bin", "/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.is_file())
        .map(|path| (path, false))
        .ok_or_else(|| EntryError::NotFound(program.to_owned()))
}

/// The folder with the image's simulated programs, made when missing.
fn programs(store: &Store, image: &Image) -> Result<PathBuf, NodeError> {
    let (folder, names): (&str, &[&str]) = match image.software {
        Software::Vllm if image.engine.has_ray => ("vllm-ray", &VLLM_PROGRAMS),
        Software::Vllm => ("vllm", &["vllm", "hf", "huggingface-cli", "nvidia-smi"]),
        Software::Base => ("base", &[]),
        Software::Service(kind) => ("", kind.programs()),
    };
    let folder = match image.software {
        Software::Service(kind) => format!("service-{kind:?}"),
        _ => folder.to_owned(),
    };
    let folder = store.node.docker_dir().join("programs").join(folder);
    fs::create_dir_all(&folder).map_err(NodeError::io("create", &folder))?;
    let executable =
        std::env::current_exe().map_err(NodeError::io("find", Path::new("/proc/self/exe")))?;
    for name in names {
        link(&executable, &folder.join(name))?;
    }
    Ok(folder)
}

/// The container's `HOME`, with a link for every mount below `/root`.
fn home(store: &Store, container: &Container) -> Result<PathBuf, NodeError> {
    let home = store.folder(&container.id).join("root");
    fs::create_dir_all(&home).map_err(NodeError::io("create", &home))?;
    let below = container
        .spec
        .mounts
        .iter()
        .filter_map(|mount| Some((mount.target.strip_prefix("/root/")?, &mount.source)));
    for (rest, source) in below {
        let place = home.join(rest);
        // A mount inside another one is already there, through the outer link.
        if place.exists() || source.is_empty() {
            continue;
        }
        link(Path::new(source), &place)?;
    }
    Ok(home)
}

/// Makes `place` a link to `target`, whole at every moment.
pub(super) fn link(target: &Path, place: &Path) -> Result<(), NodeError> {
    if fs::read_link(place).is_ok_and(|current| current == target) {
        return Ok(());
    }
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).map_err(NodeError::io("create", folder))?;
    }
    let temp = place.with_extension(uuid::Uuid::new_v4().simple().to_string());
    symlink(target, &temp)
        .and_then(|()| fs::rename(&temp, place))
        .map_err(NodeError::io("link", place))
}

fn environment(
    store: &Store,
    container: &Container,
    home: &Path,
    programs: &Path,
) -> Vec<(String, String)> {
    let given = container.image_env.iter().chain(&container.spec.env);
    let mut pairs: Vec<(String, String)> = given
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| *name != "PATH" && *name != "HOME" && !name.starts_with("SPARK_SIM_"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let own = sshd_environment(&store.node)
        .into_iter()
        .filter(|(name, _)| name.starts_with("HOST_") || name.starts_with("SPARK_SIM_"));
    pairs.extend(own);
    let hostname = match container.spec.network.as_str() {
        "host" => store.node.config().hostname.clone(),
        _ => container.id.short().to_owned(),
    };
    pairs.extend([
        ("HOME".to_owned(), home.to_string_lossy().into_owned()),
        (
            "PATH".to_owned(),
            format!("{}:/usr/bin:/bin", programs.display()),
        ),
        ("HOSTNAME".to_owned(), hostname),
        (
            CONTAINER_VARIABLE.to_owned(),
            container.id.as_str().to_owned(),
        ),
    ]);
    pairs
}

/// Arguments for a program of the machine: paths under a mount translated, and no login shell, which
/// would read the machine's own profile.
fn plain_arguments(program: &str, arguments: &[String], container: &Container) -> Vec<String> {
    let shell = matches!(program.rsplit('/').next(), Some("bash" | "sh" | "dash"));
    let main = container.state.main.map_or(1, |main| main.pid);
    let words = arguments.iter().enumerate().map(|(at, word)| {
        if shell && at == 0 && is_cluster(word) {
            return word.replace('l', "");
        }
        let word = word.replace("/proc/1/fd/", &format!("/proc/{main}/fd/"));
        container.spec.on_node(&word).unwrap_or(word)
    });
    words.filter(|word| word != "-").collect()
}

fn is_cluster(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-') && word.bytes().skip(1).all(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::container::{ContainerId, Mount, Process, Spec, State};
    use super::*;

    #[test]
    fn arguments_lose_the_login_and_gain_the_nodes_paths() {
        let container = Container {
            id: ContainerId::fresh(),
            created: Timestamp::UNIX_EPOCH,
            image_id: String::new(),
            argv: Vec::new(),
            image_env: Vec::new(),
            spec: Spec {
                mounts: vec![Mount {
                    kind: "bind".to_owned(),
                    source: "/n/hf".to_owned(),
                    target: "/c".to_owned(),
                    read_only: false,
                    must_exist: false,
                }],
                ..Spec::default()
            },
            state: State {
                main: Some(Process {
                    pid: 42,
                    start_ticks: 0,
                }),
                ..State::default()
            },
        };
        let check = |program: &str, words: &[&str], want: &[&str]| {
            let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
            assert_eq!(plain_arguments(program, &words, &container), want);
        };
        check(
            "bash",
            &["-lc", "vllm --version"],
            &["-c", "vllm --version"],
        );
        check("bash", &["-l", "x"], &["x"]);
        check("chown", &["-R", "1:1", "/c"], &["-R", "1:1", "/n/hf"]);
        check(
            "sh",
            &["-c", "echo a >> /proc/1/fd/1"],
            &["-c", "echo a >> /proc/42/fd/1"],
        );
    }

    #[test]
    fn nvidias_wrapper_is_taken_off() {
        let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            unwrapped(&words(&[NVIDIA_ENTRYPOINT, "vllm", "serve"])),
            ["vllm", "serve"]
        );
        assert_eq!(unwrapped(&words(&[NVIDIA_ENTRYPOINT])), ["bash"]);
    }
}
