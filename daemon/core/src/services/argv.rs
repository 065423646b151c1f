//! The words of a service's `docker run`.
//!
//! A secret never is a word: `--env=NAME` alone tells Docker's client to take the value from its own
//! environment, which the daemon gives it over standard input.

use sha2::{Digest, Sha256};
use spark_ipc::id::{NodeId, OperationId};
use spark_ipc::model::service::{ServiceMount, ServiceSpec};

use crate::launch::{DockerRun, LaunchError, NodeFacts, verify_round_trip};
use crate::shell::{Arg, EnvName, EnvValue, HomePath, RawArg, Remote};

/// Settings that a service may be given as its environment.
pub const SECRETS: [&str; 2] = ["NGC_API_KEY", "HF_TOKEN"];

/// The `docker run` of `spec` on `node`, by the operation `launch`.
pub(super) fn docker_run(
    spec: &ServiceSpec,
    node: &NodeId,
    facts: &NodeFacts,
    launch: &OperationId,
) -> Result<DockerRun, LaunchError> {
    let container = spark_ipc::id::ContainerName::new(spec.container())
        .map_err(|_invalid| LaunchError::Name(spec.container()))?;
    let run = Remote::command("docker")
        .lit("run")
        .lit("--detach")
        .opt("--name", container);
    let run = with_limits(run, spec);
    let run = with_labels(run, spec, node, facts, launch)?;
    let run = with_ports(run, spec)?;
    let run = spec.mounts.iter().try_fold(run, |run, m| {
        Ok::<_, LaunchError>(run.opt("--volume", volume(m, facts)?))
    })?;
    let run = with_environment(run, spec)?;
    let run = match &spec.entrypoint {
        Some(entry) => run.opt("--entrypoint", RawArg::checked(entry)?),
        None => run,
    };
    let run = run.arg(&spec.image);
    let run = spec.command.iter().try_fold(run, |run, word| {
        Ok::<_, LaunchError>(run.arg(RawArg::checked(word)?))
    })?;
    verify_round_trip(&run)?;
    run.argv().try_into()
}

/// No restart policy: Docker would bring services back in any order after a reboot, and would try again what
/// died for want of memory. Both are the daemon's to decide.
fn with_limits(run: Remote, spec: &ServiceSpec) -> Remote {
    let run = if spec.gpu {
        run.lit("--gpus=all")
            .lit("--ulimit=memlock=-1")
            .lit("--ulimit=stack=67108864")
    } else {
        run
    };
    let run = if spec.shm_gib > 0 {
        let size = Arg::from(spec.shm_gib).then(Arg::lit("g"));
        run.opt("--shm-size", size)
    } else {
        run
    };
    run.lit("--restart=no")
        .lit("--log-opt=max-size=50m")
        .lit("--log-opt=max-file=3")
}

fn with_labels(
    run: Remote,
    spec: &ServiceSpec,
    node: &NodeId,
    facts: &NodeFacts,
    launch: &OperationId,
) -> Result<Remote, LaunchError> {
    let image_id = facts.images.get(spec.image.as_str()).map(|i| i.id.as_str());
    let labels = [
        ("service", spec.name.to_string()),
        ("launch", launch.to_string()),
        ("spec", digest(spec, image_id)),
        ("port", spec.port.to_string()),
        ("head", node.to_string()),
    ];
    labels.iter().try_fold(run, |run, (key, value)| {
        Ok(run.opt(
            "--label",
            RawArg::checked(&format!("sparkctl.{key}={value}"))?,
        ))
    })
}

/// Over what decides how the service behaves: its entry and the image it ran with.
fn digest(spec: &ServiceSpec, image_id: Option<&str>) -> String {
    let mut hash = Sha256::new();
    hash.update(serde_json::to_vec(spec).unwrap_or_default());
    hash.update(image_id.unwrap_or_default());
    let hex = |text: String, byte: &u8| text + &format!("{byte:02x}");
    hash.finalize().iter().take(16).fold(String::new(), hex)
}

fn with_ports(run: Remote, spec: &ServiceSpec) -> Result<Remote, LaunchError> {
    let more = spec.ports.iter().map(|p| (p.host, p.container));
    std::iter::once((spec.port, spec.container_port()))
        .chain(more)
        .try_fold(run, |run, (host, container)| {
            Ok(run.opt(
                "--publish",
                RawArg::checked(&format!("{host}:{container}"))?,
            ))
        })
}

fn volume(mount: &ServiceMount, facts: &NodeFacts) -> Result<Arg, LaunchError> {
    let mode = if mount.read_only { ":ro" } else { "" };
    let target = RawArg::checked(&format!(":{}{mode}", mount.target))?;
    Ok(Arg::from(HomePath::checked(&mount_source(mount, facts))?).then(target))
}

/// The folder on the node, without `~`: the journal keeps the command, and only the node knows its home.
pub fn mount_source(mount: &ServiceMount, facts: &NodeFacts) -> String {
    let in_home = mount
        .source
        .strip_prefix("~")
        .or_else(|| mount.source.strip_prefix("$HOME"));
    match in_home {
        Some(rest) => format!("{}{rest}", facts.home.trim_end_matches('/')),
        None => mount.source.clone(),
    }
}

fn with_environment(run: Remote, spec: &ServiceSpec) -> Result<Remote, LaunchError> {
    let run = spec.env.iter().try_fold(run, |run, (name, value)| {
        let name = Arg::from(EnvName::checked(name)?);
        let value = EnvValue::checked(value)?;
        Ok::<_, LaunchError>(run.opt("--env", name.then(Arg::lit("=")).then(value)))
    })?;
    spec.secrets.iter().try_fold(run, |run, name| {
        Ok(run.opt("--env", EnvName::checked(name)?))
    })
}
