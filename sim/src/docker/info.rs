//! `docker version` and `docker info`.

use std::fmt::Write;

use serde_json::{Value, json};

use super::flags::Parsed;
use super::listing;
use super::store::Store;
use super::template::Template;
use crate::tools::{Outcome, console};

/// The Docker release of a node, and the commit it was built from.
pub(super) const VERSION: &str = "28.5.1";
pub(super) const COMMIT: &str = "e180ab8";

const CLIENT: &str = "\
Client: Docker Engine - Community
 Version:           28.5.1
 API version:       1.51
 Go version:        go1.24.8
 Git commit:        e180ab8
 Built:             Wed Oct  8 12:17:03 2025
 OS/Arch:           linux/arm64
 Context:           default";

const SERVER: &str = "
Server: Docker Engine - Community
 Engine:
  Version:          28.5.1
  API version:      1.51 (minimum version 1.24)
  Go version:       go1.24.8
  Git commit:       f8215cc
  Built:            Wed Oct  8 12:17:03 2025
  OS/Arch:          linux/arm64
  Experimental:     false
 nvidia-container-runtime:
  Version:          1.18.0";

/// `docker version`; the client's half needs no daemon.
pub(super) fn version(parsed: &Parsed, reachable: Result<(), String>) -> Outcome {
    let half = json!({
        "Version": VERSION, "ApiVersion": "1.51", "GitCommit": COMMIT, "GoVersion": "go1.24.8",
        "Os": "linux", "Arch": "arm64",
    });
    let server = if reachable.is_ok() {
        half.clone()
    } else {
        Value::Null
    };
    if let Some(format) = parsed.last("format") {
        print(format, &json!({"Client": half, "Server": server}))?;
    } else {
        console::out(CLIENT);
        if reachable.is_ok() {
            console::out(SERVER);
        }
    }
    if let Err(why) = reachable {
        console::err(&why);
        return Ok(1);
    }
    Ok(0)
}

/// `docker info`.
pub(super) fn info(store: &Store, parsed: &Parsed) -> Outcome {
    let containers = store.containers()?;
    let running = containers
        .iter()
        .filter(|c| c.state.status.is_live())
        .count();
    let mut runtimes = json!({"io.containerd.runc.v2": {"path": "runc"}, "runc": {"path": "runc"}});
    if !store.node.faults().no_gpu_runtime() {
        runtimes["nvidia"] = json!({"path": "nvidia-container-runtime"});
    }
    let info = json!({
        "ID": "3b9f6a4e-6a55-4a4c-9e0e-6f3d2c1b0a98",
        "Containers": containers.len(),
        "ContainersRunning": running,
        "ContainersPaused": 0,
        "ContainersStopped": containers.len() - running,
        "Images": store.images()?.len(),
        "Driver": "overlayfs",
        "LoggingDriver": "json-file",
        "CgroupDriver": "systemd",
        "CgroupVersion": "2",
        "Runtimes": runtimes,
        "DefaultRuntime": "runc",
        "KernelVersion": crate::tools::KERNEL,
        "OperatingSystem": "Ubuntu 24.04.4 LTS",
        "OSType": "linux",
        "Architecture": "aarch64",
        "NCPU": 20,
        "MemTotal": store.node.config().mem_total_kb * 1024,
        "DockerRootDir": "/var/lib/docker",
        "Name": store.node.config().hostname,
        "ServerVersion": VERSION,
        "ServerErrors": [],
    });
    match parsed.last("format") {
        Some(format) => print(format, &info)?,
        None => console::out(&text(&info)),
    }
    Ok(0)
}

fn print(format: &str, value: &Value) -> Result<(), crate::tools::Refusal> {
    if format == "json" {
        console::out(&value.to_string());
        return Ok(());
    }
    let template = Template::parse(format).map_err(listing::refuse)?;
    console::out(&template.render(value).map_err(listing::refuse)?);
    Ok(())
}

fn text(info: &Value) -> String {
    let field = |name: &str| match info.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let mut out = format!("{CLIENT}\n\nServer:\n");
    for (label, name) in [
        ("Containers", "Containers"),
        (" Running", "ContainersRunning"),
        (" Stopped", "ContainersStopped"),
        ("Images", "Images"),
        ("Server Version", "ServerVersion"),
        ("Storage Driver", "Driver"),
        ("Logging Driver", "LoggingDriver"),
        ("Cgroup Driver", "CgroupDriver"),
        ("Default Runtime", "DefaultRuntime"),
        ("Kernel Version", "KernelVersion"),
        ("Operating System", "OperatingSystem"),
        ("Architecture", "Architecture"),
        ("CPUs", "NCPU"),
        ("Name", "Name"),
        ("Docker Root Dir", "DockerRootDir"),
    ] {
        writeln!(out, " {label}: {}", field(name)).ok();
    }
    out.push_str(" Runtimes: io.containerd.runc.v2 nvidia runc");
    out
}
