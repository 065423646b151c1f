//! `docker ps`, `docker stats` and `docker top`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cgroup;
use super::container::{Container, Status};
use super::flags::Parsed;
use super::image::Image;
use super::listing::{self, Column};
use super::store::{Store, daemon};
use crate::tools::{Outcome, Refusal, console};

const COLUMNS: [Column; 7] = [
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("RunningFor", "CREATED"),
    ("Status", "STATUS"),
    ("Ports", "PORTS"),
    ("Names", "NAMES"),
];

const STATS: [Column; 8] = [
    ("ID", "CONTAINER ID"),
    ("Name", "NAME"),
    ("CPUPerc", "CPU %"),
    ("MemUsage", "MEM USAGE / LIMIT"),
    ("MemPerc", "MEM %"),
    ("NetIO", "NET I/O"),
    ("BlockIO", "BLOCK I/O"),
    ("PIDs", "PIDS"),
];

/// `docker ps`.
pub(super) fn ps(store: &Store, parsed: &Parsed) -> Outcome {
    let filters = parsed.all("filter");
    let mut containers = store.containers()?;
    let any_state = parsed.on("all")
        || parsed.on("latest")
        || parsed.last("last").is_some()
        || filters
            .iter()
            .any(|f| f.starts_with("status=") || f.starts_with("exited="));
    containers.retain(|container| any_state || container.state.status.is_live());
    for filter in filters {
        keep(&mut containers, filter)?;
    }
    let limit = if parsed.on("latest") {
        Some(1)
    } else {
        parsed.int("last")
    };
    if let Some(limit) = limit.and_then(|n| usize::try_from(n).ok()) {
        containers.truncate(limit);
    }
    let full = parsed.on("no-trunc");
    if parsed.on("quiet") {
        for container in &containers {
            console::out(if full {
                container.id.as_str()
            } else {
                container.id.short()
            });
        }
        return Ok(0);
    }
    let (images, now) = (store.images()?, store.node.now());
    let rows: Vec<Value> = containers
        .iter()
        .map(|container| row(container, &images, now, full))
        .collect();
    listing::print(&rows, parsed.last("format"), &COLUMNS, &COLUMNS)?;
    Ok(0)
}

fn keep(containers: &mut Vec<Container>, filter: &str) -> Result<(), Refusal> {
    let (key, value) = filter.split_once('=').unwrap_or((filter, ""));
    match key {
        "name" => containers.retain(|c| matches(c.name(), value)),
        "id" => containers.retain(|c| c.id.as_str().starts_with(value)),
        "label" => containers.retain(|c| match value.split_once('=') {
            Some((label, want)) => c.spec.labels.get(label).is_some_and(|is| is == want),
            None => c.spec.labels.contains_key(value),
        }),
        "status"
            if [
                "created",
                "running",
                "restarting",
                "exited",
                "paused",
                "removing",
                "dead",
            ]
            .contains(&value) =>
        {
            containers.retain(|c| c.state.status.word() == value);
        }
        "status" => return Err(daemon(format!("invalid filter 'status={value}'"))),
        "exited" => containers
            .retain(|c| c.state.status == Status::Exited && c.state.exit_code.to_string() == value),
        "ancestor" => containers.retain(|c| c.spec.image == value || c.image_id.contains(value)),
        "network" => containers.retain(|c| c.spec.network == value),
        _ => return Err(daemon(format!("invalid filter '{key}'"))),
    }
    Ok(())
}

/// Docker matches names as patterns anywhere in the name, its leading slash included.
fn matches(name: &str, pattern: &str) -> bool {
    regex::Regex::new(pattern).map_or(name.contains(pattern), |pattern| {
        pattern.is_match(name) || pattern.is_match(&format!("/{name}"))
    })
}

fn row(container: &Container, images: &[Image], now: Timestamp, full: bool) -> Value {
    let spec = &container.spec;
    let labels: Vec<String> = spec
        .labels
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    let mounts: Vec<&str> = spec
        .mounts
        .iter()
        .map(|mount| mount.source.as_str())
        .collect();
    let known = images.iter().any(|image| image.answers_to(&spec.image));
    let image = if known {
        spec.image.as_str()
    } else {
        container.image_id.get(7..19).unwrap_or("")
    };
    let volumes = spec
        .mounts
        .iter()
        .filter(|mount| mount.kind == "volume")
        .count();
    json!({
        "Command": format!("\"{}\"", shortened(&container.argv.join(" "), 20, full)),
        "CreatedAt": created_at(container.created),
        "ID": if full { container.id.as_str() } else { container.id.short() },
        "Image": image,
        "Labels": labels.join(","),
        "LocalVolumes": volumes.to_string(),
        "Mounts": shortened(&mounts.join(","), if full { usize::MAX } else { 15 }, full),
        "Names": container.name(),
        "Networks": spec.network,
        "Ports": ports(container),
        "RunningFor": format!("{} ago", since(container.created, now)),
        "Size": "0B",
        "State": container.state.status.word(),
        "Status": status(container, now),
    })
}

fn shortened(text: &str, limit: usize, full: bool) -> String {
    if full || text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit - 1).chain(['…']).collect()
}

fn created_at(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string()
}

fn ports(container: &Container) -> String {
    if !container.state.status.is_live() {
        return String::new();
    }
    let shown = container.spec.ports.iter().map(|port| {
        format!(
            "{}:{}->{}/{}",
            port.host_ip, port.host, port.container, port.protocol
        )
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn status(container: &Container, now: Timestamp) -> String {
    let state = &container.state;
    let ago = |at: Option<Timestamp>| at.map_or_else(String::new, |at| since(at, now));
    match state.status {
        Status::Created => "Created".to_owned(),
        Status::Running => format!("Up {}", ago(state.started_at)),
        Status::Restarting => {
            format!(
                "Restarting ({}) {} ago",
                state.exit_code,
                ago(state.finished_at)
            )
        }
        Status::Exited => format!(
            "Exited ({}) {} ago",
            state.exit_code,
            ago(state.finished_at)
        ),
    }
}

/// A length of time in Docker's words.
fn since(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match seconds {
        0 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        _ if minutes < 46 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 14 => format!("{} days", hours / 24),
        _ if hours < 24 * 60 => format!("{} weeks", hours / 24 / 7),
        _ => format!("{} months", hours / 24 / 30),
    }
}

/// `docker stats`. Its memory is the control group's, which on a GB10 does not see what the GPU holds:
/// owners measured 13.96 GiB here for a server that nvidia-smi shows with 57.9 GiB.
pub(super) fn stats(store: &Store, parsed: &Parsed) -> Outcome {
    let containers: Vec<Container> = if parsed.operands.is_empty() {
        let all = store.containers()?;
        all.into_iter()
            .filter(|c| parsed.on("all") || c.state.status.is_live())
            .collect()
    } else {
        parsed
            .operands
            .iter()
            .map(|name| store.find(name))
            .collect::<Result<_, _>>()?
    };
    let total = store.node.memory()?.total;
    let claims = store.node.claims()?;
    let mut rows = Vec::new();
    for container in &containers {
        let mine = claims
            .iter()
            .filter(|claim| claim.container.as_deref() == Some(container.name()));
        let gpu: u64 = mine.map(|claim| claim.bytes).sum();
        let seen = if container.state.status.is_live() {
            (96 << 20) + gpu / 4
        } else {
            0
        };
        let pids = cgroup::members(&store.node, container).len();
        rows.push(stats_row(
            container,
            seen,
            total,
            pids,
            parsed.on("no-trunc"),
        ));
    }
    listing::print(&rows, parsed.last("format"), &STATS, &STATS)?;
    Ok(0)
}

fn stats_row(container: &Container, seen: u64, total: u64, pids: usize, full: bool) -> Value {
    let percent = f64::from(u32::try_from(seen * 10_000 / total.max(1)).unwrap_or(0)) / 100.0;
    let id = if full {
        container.id.as_str()
    } else {
        container.id.short()
    };
    let cpu = if container.state.status.is_live() {
        "3.42%"
    } else {
        "0.00%"
    };
    json!({
        "BlockIO": "0B / 0B",
        "CPUPerc": cpu,
        "Container": id,
        "ID": id,
        "MemPerc": format!("{percent:.2}%"),
        "MemUsage": format!("{} / {}", size(seen), size(total)),
        "Name": container.name(),
        "NetIO": "0B / 0B",
        "PIDs": pids.to_string(),
    })
}

fn size(bytes: u64) -> String {
    let hundredths = |unit: u64| {
        let n = u128::from(bytes) * 100 / u128::from(unit);
        format!("{}.{:02}", n / 100, n % 100)
    };
    match bytes {
        0 => "0B".to_owned(),
        b if b >= 1 << 30 => format!("{}GiB", hundredths(1 << 30)),
        _ => format!("{}MiB", hundredths(1 << 20)),
    }
}

/// `docker top`.
pub(super) fn top(store: &Store, parsed: &Parsed) -> Outcome {
    let name = parsed
        .operands
        .first()
        .map(String::as_str)
        .unwrap_or_default();
    let container = store.find(name)?;
    if !container.state.status.is_live() {
        return Err(daemon(format!(
            "container {} is not running",
            container.id.as_str()
        )));
    }
    console::out("UID                 PID                 CMD");
    for pid in cgroup::members(&store.node, &container) {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        console::out(&format!("{:<20}{pid:<20}{}", "root", words.trim_end()));
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn lengths_of_time_read_as_dockers() {
        let then = Timestamp::UNIX_EPOCH;
        for (seconds, want) in [
            (0, "Less than a second"),
            (5, "5 seconds"),
            (61, "About a minute"),
            (180, "3 minutes"),
            (3600, "About an hour"),
            (7200, "2 hours"),
            (3 * 86_400, "3 days"),
        ] {
            assert_eq!(since(then, then + SignedDuration::from_secs(seconds)), want);
        }
    }

    #[test]
    fn names_match_as_patterns() {
        assert!(matches("sparkctl-main", "main") && matches("a", "^/a$") && matches("a", "^a$"));
        assert!(!matches("sparkctl-main", "^main"));
    }
}
