//! From the options of `docker run` to what a container is made of.

use std::collections::BTreeMap;
use std::fs;

use super::container::{Mount, Port, Restart, Spec};
use super::flags::{Command, Parsed};
use super::values;
use crate::tools::{Env, Refusal};

/// Reads the options. `env` is the client's environment, for `-e NAME` without a value.
pub(super) fn read(command: &Command, parsed: &Parsed, env: &Env) -> Result<Spec, Refusal> {
    let refuse = |why: String| command.refuse(&why);
    let (image, arguments) = parsed
        .operands
        .split_first()
        .ok_or_else(|| refuse(String::new()))?;
    let text = |name: &str| parsed.last(name).unwrap_or_default().to_owned();
    let bytes = |name: &str| parsed.last(name).and_then(|v| values::bytes(v).ok());
    let spec = Spec {
        name: text("name"),
        image: image.clone(),
        entrypoint: parsed.last("entrypoint").map(entrypoint),
        command: arguments.to_vec(),
        env: environment(parsed, env).map_err(refuse)?,
        labels: labels(parsed).map_err(refuse)?,
        mounts: mounts(parsed).map_err(refuse)?,
        devices: parsed.all("device").to_vec(),
        ports: ports(parsed).map_err(refuse)?,
        network: parsed.last("network").unwrap_or("bridge").to_owned(),
        ipc: parsed.last("ipc").unwrap_or("private").to_owned(),
        shm_size: bytes("shm-size").unwrap_or(64 << 20),
        ulimits: parsed
            .all("ulimit")
            .iter()
            .filter_map(|v| values::ulimit(v).ok())
            .collect(),
        cap_add: parsed.all("cap-add").to_vec(),
        gpus: parsed.last("gpus").map(str::to_owned),
        runtime: parsed.last("runtime").unwrap_or("runc").to_owned(),
        privileged: parsed.on("privileged"),
        restart: restart(parsed).map_err(refuse)?,
        log_driver: parsed.last("log-driver").unwrap_or("json-file").to_owned(),
        log_options: pairs(parsed.all("log-opt")),
        memory: bytes("memory").unwrap_or(0),
        memory_swap: bytes("memory-swap").unwrap_or(0),
        pids_limit: parsed.int("pids-limit").unwrap_or(0),
        auto_remove: parsed.on("rm"),
        init: parsed.on("init"),
        interactive: parsed.on("interactive"),
        tty: parsed.on("tty"),
        user: text("user"),
        workdir: text("workdir"),
        hostname: text("hostname"),
        stop_signal: text("stop-signal"),
        stop_timeout: parsed.int("stop-timeout").unwrap_or(10),
    };
    if spec.auto_remove && spec.restart != Restart::No {
        return Err(refuse(
            "conflicting options: cannot specify both --restart and --rm".to_owned(),
        ));
    }
    Ok(spec)
}

/// `--entrypoint ''` takes the image's away; a word is one program without arguments.
fn entrypoint(word: &str) -> Vec<String> {
    if word.is_empty() {
        Vec::new()
    } else {
        vec![word.to_owned()]
    }
}

fn environment(parsed: &Parsed, env: &Env) -> Result<Vec<String>, String> {
    let mut pairs = Vec::new();
    for file in parsed.all("env-file") {
        for line in text_file(file)?.lines() {
            let line = line.trim_start();
            if line.starts_with('#') || line.is_empty() {
                continue;
            }
            if line
                .split('=')
                .next()
                .is_some_and(|key| key.contains(char::is_whitespace))
            {
                let key = line.split('=').next().unwrap_or_default();
                return Err(format!(
                    "invalid env file ({file}): variable '{key}' contains whitespaces"
                ));
            }
            pairs.extend(pair(line, env));
        }
    }
    for word in parsed.all("env") {
        if word.is_empty() || word.starts_with('=') {
            return Err(format!("invalid environment variable: {word}"));
        }
        pairs.extend(pair(word, env));
    }
    Ok(pairs)
}

/// `NAME` alone takes the client's value, and nothing when the client has none.
fn pair(word: &str, env: &Env) -> Option<String> {
    if word.contains('=') {
        return Some(word.to_owned());
    }
    env.get(word).map(|value| format!("{word}={value}"))
}

fn labels(parsed: &Parsed) -> Result<BTreeMap<String, String>, String> {
    let mut labels = BTreeMap::new();
    for file in parsed.all("label-file") {
        let text = text_file(file)?;
        labels.extend(pairs(&text.lines().map(str::to_owned).collect::<Vec<_>>()));
    }
    labels.extend(pairs(parsed.all("label")));
    Ok(labels)
}

fn text_file(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("open {path}: no such file or directory"),
        _ => format!("open {path}: permission denied"),
    })
}

fn pairs(words: &[String]) -> BTreeMap<String, String> {
    words
        .iter()
        .map(|word| word.split_once('=').unwrap_or((word, "")))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn mounts(parsed: &Parsed) -> Result<Vec<Mount>, String> {
    let mut mounts = Vec::new();
    for word in parsed.all("volume") {
        mounts.push(volume(word)?);
    }
    for word in parsed.all("mount") {
        let spec = values::mount(word)?;
        mounts.push(Mount {
            kind: spec.kind,
            source: spec.source,
            target: spec.target,
            read_only: spec.read_only,
            must_exist: true,
        });
    }
    for word in parsed.all("tmpfs") {
        mounts.push(Mount {
            kind: "tmpfs".to_owned(),
            source: String::new(),
            target: word.split(':').next().unwrap_or_default().to_owned(),
            read_only: false,
            must_exist: false,
        });
    }
    Ok(mounts)
}

fn volume(word: &str) -> Result<Mount, String> {
    let parts: Vec<&str> = word.split(':').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(format!(
            "invalid spec: {word}: empty section between colons"
        ));
    }
    let (source, target, options) = match *parts.as_slice() {
        [target] => ("", target, ""),
        [source, target] => (source, target, ""),
        [source, target, options] => (source, target, options),
        _ => return Err(format!("invalid volume specification: '{word}'")),
    };
    let kind = if source.starts_with('/') {
        "bind"
    } else {
        "volume"
    };
    if !target.starts_with('/') {
        return Err(format!(
            "Error response from daemon: invalid volume specification: '{word}': invalid mount config \
             for type \"{kind}\": invalid mount path: '{target}' mount path must be absolute"
        ));
    }
    if kind == "volume"
        && source.contains(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c)))
    {
        return Err(format!(
            "Error response from daemon: create {source}: \"{source}\" includes invalid characters for a \
             local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a \
             host directory, use absolute path"
        ));
    }
    Ok(Mount {
        kind: kind.to_owned(),
        source: source.to_owned(),
        target: target.to_owned(),
        read_only: options.split(',').any(|option| option == "ro"),
        must_exist: false,
    })
}

fn ports(parsed: &Parsed) -> Result<Vec<Port>, String> {
    parsed
        .all("publish")
        .iter()
        .map(|word| port(word))
        .collect()
}

fn port(word: &str) -> Result<Port, String> {
    let (addresses, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    let mut parts = addresses.rsplitn(3, ':');
    let container = parts.next().unwrap_or_default();
    let host = parts.next().unwrap_or(container);
    let ip = parts.next().unwrap_or("0.0.0.0");
    let number = |text: &str, what: &str| {
        text.parse::<u16>()
            .map_err(|_e| format!("invalid {what}: {text}"))
    };
    Ok(Port {
        host_ip: ip.trim_matches(|c| c == '[' || c == ']').to_owned(),
        container: number(container, "containerPort")?,
        host: number(host, "hostPort")?,
        protocol: protocol.to_owned(),
    })
}

fn restart(parsed: &Parsed) -> Result<Restart, String> {
    let word = parsed.last("restart").unwrap_or("no");
    let (name, retries) = word.split_once(':').unwrap_or((word, ""));
    match (name, retries) {
        ("no" | "", "") => Ok(Restart::No),
        ("always", "") => Ok(Restart::Always),
        ("unless-stopped", "") => Ok(Restart::UnlessStopped),
        ("on-failure", "") => Ok(Restart::OnFailure { retries: 0 }),
        ("on-failure", n) => n
            .parse()
            .map(|retries| Restart::OnFailure { retries })
            .map_err(|_e| "maximum retry count must be an integer".to_owned()),
        ("no" | "always" | "unless-stopped", _) => Err(
            "Error response from daemon: invalid restart policy: maximum retry count can only be used \
             with 'on-failure'"
                .to_owned(),
        ),
        _ => Err(format!(
            "Error response from daemon: invalid restart policy: unknown policy '{name}'; use one of \
             'no', 'always', 'on-failure', or 'unless-stopped'"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::commands::RUN;
    use super::*;

    fn spec(words: &[&str]) -> Result<Spec, String> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        let parsed = RUN.parse(&words).map_err(|r| r.text)?;
        let env = Env::of([("HF_TOKEN", "secret")]);
        read(&RUN, &parsed, &env).map_err(|r| r.text.lines().next().unwrap_or_default().to_owned())
    }

    #[test]
    fn a_launch_line_is_kept_whole() {
        let spec = spec(&[
            "-d",
            "--name",
            "x",
            "--entrypoint",
            "vllm",
            "--gpus",
            "all",
            "--network",
            "host",
            "--shm-size",
            "10g",
            "-l",
            "sparkctl.unit=main",
            "-v",
            "/a:/b:ro",
            "-e",
            "HF_TOKEN",
            "-e",
            "NONE",
            "-e",
            "A=b=c",
            "img",
            "serve",
            "m",
            "--speculative-config",
            "{\"method\":\"mtp\"}",
        ])
        .unwrap();
        assert_eq!(spec.entrypoint, Some(vec!["vllm".to_owned()]));
        assert_eq!(spec.env, ["HF_TOKEN=secret", "A=b=c"]);
        assert_eq!(spec.shm_size, 10 << 30);
        assert!(spec.mounts[0].read_only && spec.has_gpu());
        assert_eq!(
            spec.command.last().map(String::as_str),
            Some("{\"method\":\"mtp\"}")
        );
    }

    #[test]
    fn what_docker_refuses_after_parsing() {
        for (words, want) in [
            (
                &["-p", "abc", "i"][..],
                "docker: invalid containerPort: abc",
            ),
            (
                &["--restart", "always", "--rm", "i"],
                "docker: conflicting options: cannot specify both --restart and --rm",
            ),
            (
                &["--env-file", "/nonexist", "i"],
                "docker: open /nonexist: no such file or directory",
            ),
            (
                &["-v", "/a::/b", "i"],
                "docker: invalid spec: /a::/b: empty section between colons",
            ),
        ] {
            assert_eq!(spec(words), Err(want.to_owned()));
        }
    }
}
