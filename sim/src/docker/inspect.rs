//! `docker inspect` of containers and images.

use serde_json::{Map, Value, json};

use super::container::{Container, Port, Restart, Status};
use super::flags::Parsed;
use super::image::Image;
use super::listing;
use super::store::{Store, time};
use super::template::Template;
use crate::tools::{Outcome, Refusal, console};

const TYPES: [&str; 10] = [
    "config",
    "container",
    "image",
    "network",
    "node",
    "plugin",
    "secret",
    "service",
    "task",
    "volume",
];

/// `docker inspect`, with or without `--type`.
pub(super) fn inspect(store: &Store, parsed: &Parsed) -> Outcome {
    match parsed.last("type") {
        None | Some("") => show(parsed, "No such object", |name| any(store, name)),
        Some("container") => container(store, parsed),
        Some("image") => image(store, parsed),
        Some(kind) if TYPES.contains(&kind) => {
            show(parsed, &format!("No such {kind}"), |_| Ok(None))
        }
        Some(kind) => {
            let list = TYPES.map(|kind| format!("\"{kind}\"")).join(", ");
            Err(Refusal::new(
                1,
                format!("unknown type: \"{kind}\": must be one of {list}"),
            ))
        }
    }
}

/// `docker container inspect`.
pub(super) fn container(store: &Store, parsed: &Parsed) -> Outcome {
    show(parsed, "No such container", |name| {
        Ok(store
            .find(name)
            .ok()
            .map(|container| container_json(store, &container)))
    })
}

/// `docker image inspect`.
pub(super) fn image(store: &Store, parsed: &Parsed) -> Outcome {
    show(parsed, "No such image", |name| {
        Ok(store.image(name)?.as_ref().map(image_json))
    })
}

fn any(store: &Store, name: &str) -> Result<Option<Value>, Refusal> {
    match store.find(name) {
        Ok(container) => Ok(Some(container_json(store, &container))),
        Err(_) => Ok(store.image(name)?.as_ref().map(image_json)),
    }
}

/// Prints what is there; then complains about what is not, and ends with 1.
fn show(
    parsed: &Parsed,
    missing: &str,
    look: impl Fn(&str) -> Result<Option<Value>, Refusal>,
) -> Outcome {
    let format = parsed.last("format").filter(|format| !format.is_empty());
    let template = match format {
        Some("json") | None => None,
        Some(text) => Some(Template::parse(text).map_err(listing::refuse)?),
    };
    let (mut found, mut lines, mut complaints) = (Vec::new(), Vec::new(), Vec::new());
    for name in &parsed.operands {
        match (look(name)?, &template) {
            (None, _) => complaints.push(format!("Error: {missing}: {name}")),
            (Some(object), Some(template)) => match template.render(&object) {
                Ok(line) => lines.push(line),
                Err(why) => complaints.push(why),
            },
            (Some(object), None) => found.push(object),
        }
    }
    match (&template, format) {
        (Some(_), _) if lines.is_empty() => console::out(""),
        (Some(_), _) => lines.iter().for_each(|line| console::out(line)),
        (None, Some(_)) => console::out(&Value::Array(found).to_string()),
        (None, None) => console::out(&pretty(&Value::Array(found))),
    }
    for complaint in &complaints {
        console::err(complaint);
    }
    Ok(i32::from(!complaints.is_empty()))
}

/// JSON indented by four, as Docker prints it.
fn pretty(value: &Value) -> String {
    use serde::Serialize;
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    value.serialize(&mut serializer).ok();
    String::from_utf8_lossy(&out).into_owned()
}

fn container_json(store: &Store, container: &Container) -> Value {
    let (program, arguments) = match container.argv.split_first() {
        Some((program, arguments)) => (program.as_str(), arguments),
        None => ("", [].as_slice()),
    };
    json!({
        "Id": container.id.as_str(),
        "Created": time(Some(container.created)),
        "Path": program,
        "Args": arguments,
        "State": state_json(container),
        "Image": container.image_id,
        "LogPath": store.log(&container.id),
        "Name": format!("/{}", container.name()),
        "RestartCount": container.state.restart_count,
        "Driver": "overlayfs",
        "Platform": "linux",
        "HostConfig": host_json(container),
        "Mounts": mounts_json(container),
        "Config": config_json(container),
        "NetworkSettings": network_json(container),
    })
}

fn state_json(container: &Container) -> Value {
    let state = &container.state;
    json!({
        "Status": state.status.word(),
        "Running": state.status.is_live(),
        "Paused": false,
        "Restarting": state.status == Status::Restarting,
        // A kill for memory on a GB10 comes from the kernel, outside the container's limit.
        "OOMKilled": false,
        "Dead": false,
        "Pid": state.main.map_or(0, |main| main.pid),
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": time(state.started_at),
        "FinishedAt": time(state.finished_at),
    })
}

fn host_json(container: &Container) -> Value {
    let spec = &container.spec;
    let (policy, retries) = match spec.restart {
        Restart::No => ("no", 0),
        Restart::Always => ("always", 0),
        Restart::UnlessStopped => ("unless-stopped", 0),
        Restart::OnFailure { retries } => ("on-failure", retries),
    };
    let binds: Vec<String> = spec
        .mounts
        .iter()
        .filter(|mount| mount.kind == "bind")
        .map(|m| {
            format!(
                "{}:{}{}",
                m.source,
                m.target,
                if m.read_only { ":ro" } else { "" }
            )
        })
        .collect();
    let ulimits: Vec<Value> = spec
        .ulimits
        .iter()
        .map(|(name, soft, hard)| json!({"Name": name, "Hard": hard, "Soft": soft}))
        .collect();
    let devices: Vec<Value> = spec
        .devices
        .iter()
        .map(
            |path| json!({"PathOnHost": path, "PathInContainer": path, "CgroupPermissions": "rwm"}),
        )
        .collect();
    json!({
        "Binds": binds,
        "LogConfig": {"Type": spec.log_driver, "Config": spec.log_options},
        "NetworkMode": spec.network,
        "PortBindings": bindings(&spec.ports),
        "RestartPolicy": {"Name": policy, "MaximumRetryCount": retries},
        "AutoRemove": spec.auto_remove,
        "CapAdd": if spec.cap_add.is_empty() { Value::Null } else { json!(spec.cap_add) },
        "IpcMode": spec.ipc,
        "Privileged": spec.privileged,
        "ShmSize": spec.shm_size,
        "Runtime": spec.runtime,
        "Memory": spec.memory,
        "MemorySwap": spec.memory_swap,
        "PidsLimit": if spec.pids_limit == 0 { Value::Null } else { json!(spec.pids_limit) },
        "Devices": devices,
        "DeviceRequests": device_requests(spec.gpus.as_deref()),
        "Ulimits": ulimits,
        "Init": spec.init,
    })
}

fn device_requests(gpus: Option<&str>) -> Value {
    let Some(gpus) = gpus else {
        return Value::Null;
    };
    let count = if gpus == "all" {
        -1
    } else {
        gpus.parse().unwrap_or(0)
    };
    let devices = gpus
        .trim_matches('"')
        .strip_prefix("device=")
        .map(|ids| ids.split(',').collect());
    json!([{
        "Driver": "",
        "Count": count,
        "DeviceIDs": devices.map_or(Value::Null, |ids: Vec<&str>| json!(ids)),
        "Capabilities": [["gpu"]],
        "Options": {},
    }])
}

fn mounts_json(container: &Container) -> Value {
    let mounts = container.spec.mounts.iter().map(|mount| {
        json!({
            "Type": mount.kind,
            "Source": mount.source,
            "Destination": mount.target,
            "Mode": if mount.read_only { "ro" } else { "" },
            "RW": !mount.read_only,
            "Propagation": "rprivate",
        })
    });
    mounts.collect()
}

fn config_json(container: &Container) -> Value {
    let spec = &container.spec;
    let env: Vec<&String> = spec.env.iter().chain(&container.image_env).collect();
    let hostname = match (spec.hostname.as_str(), spec.network.as_str()) {
        ("", _) => container.id.short(),
        (name, _) => name,
    };
    let words = |list: &[String]| {
        if list.is_empty() {
            Value::Null
        } else {
            json!(list)
        }
    };
    // What stands in Cmd is what the entrypoint gets: the words that were run, without it.
    let split = container
        .argv
        .len()
        .saturating_sub(command_length(container));
    let (entrypoint, command) = container
        .argv
        .split_at_checked(split)
        .unwrap_or((&container.argv, &[]));
    json!({
        "Hostname": hostname,
        "User": spec.user,
        "Tty": spec.tty,
        "OpenStdin": spec.interactive,
        "Env": env,
        "Cmd": words(command),
        "Image": spec.image,
        "WorkingDir": spec.workdir,
        "Entrypoint": words(entrypoint),
        "Labels": spec.labels,
    })
}

/// How many of the words that were run are the command.
fn command_length(container: &Container) -> usize {
    match (&container.spec.entrypoint, container.spec.command.len()) {
        (Some(own), 0) => container.argv.len().saturating_sub(own.len()),
        (None, 0) => container.argv.len(),
        (_, given) => given,
    }
}

fn bindings(ports: &[Port]) -> Value {
    let entries = ports.iter().map(|port| {
        let ip = if port.host_ip == "0.0.0.0" {
            ""
        } else {
            port.host_ip.as_str()
        };
        let bound = json!([{"HostIp": ip, "HostPort": port.host.to_string()}]);
        (format!("{}/{}", port.container, port.protocol), bound)
    });
    Value::Object(entries.collect::<Map<_, _>>())
}

fn network_json(container: &Container) -> Value {
    let spec = &container.spec;
    let live = container.state.status.is_live();
    let ports = if live {
        bindings(&spec.ports)
    } else {
        json!({})
    };
    let address = if spec.network == "host" || !live {
        ""
    } else {
        "172.17.0.2"
    };
    json!({
        "Ports": ports,
        "IPAddress": address,
        "Networks": {spec.network.as_str(): {"IPAddress": address, "Gateway": ""}},
    })
}

fn image_json(image: &Image) -> Value {
    json!({
        "Id": image.id,
        "RepoTags": image.tags,
        "RepoDigests": image.digests,
        "Parent": "",
        "Created": image.created,
        "Config": {
            "Env": image.env,
            "Entrypoint": image.entrypoint,
            "Cmd": image.command,
            "WorkingDir": "/",
            "Labels": {},
        },
        "Architecture": image.architecture,
        "Os": "linux",
        "Size": image.size_bytes,
    })
}
