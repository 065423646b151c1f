//! Small programs about the machine: its name, kernel, disk, memory, clock, services and log.

use std::path::Path;
use std::process::Command;

use crate::node::Node;
use crate::tools::{KERNEL, Outcome, Refusal, console};

/// `systemctl`, for questions; changes want a password.
pub(super) fn systemctl(node: &Node, args: &[String]) -> Outcome {
    let words: Vec<&str> = args
        .iter()
        .map(String::as_str)
        .filter(|w| !w.starts_with('-'))
        .collect();
    let quiet = args.iter().any(|word| word == "-q" || word == "--quiet");
    let Some((verb, units)) = words.split_first() else {
        return Err(Refusal::new(1, "Too few arguments."));
    };
    match *verb {
        "is-active" | "is-enabled" | "status" => {
            let mut code = 0;
            for unit in units {
                let (word, failed) = unit_state(node, unit, verb);
                code = if failed { 3 } else { code };
                if !quiet {
                    console::out(word);
                }
            }
            Ok(code)
        }
        "start" | "stop" | "restart" | "enable" | "disable" => {
            let unit = service(units.first().copied().unwrap_or_default());
            Err(Refusal::new(
                1,
                format!(
                    "Failed to {verb} {unit}: Interactive authentication required.\nSee system logs and \
                     'systemctl status {unit}' for details."
                ),
            ))
        }
        other => Err(Refusal::new(1, format!("Unknown command verb '{other}'."))),
    }
}

fn service(name: &str) -> String {
    if name.contains('.') {
        name.to_owned()
    } else {
        format!("{name}.service")
    }
}

fn unit_state(node: &Node, unit: &str, verb: &str) -> (&'static str, bool) {
    let running = match unit.trim_end_matches(".service") {
        "docker" | "docker.socket" => !node.faults().docker_down(),
        "ssh" | "sshd" | "containerd" | "nvidia-persistenced" | "systemd-timesyncd" => true,
        _ => {
            return (
                if verb == "is-enabled" {
                    "not-found"
                } else {
                    "inactive"
                },
                true,
            );
        }
    };
    match (verb, running) {
        ("is-enabled", _) => ("enabled", false),
        (_, true) => ("active", false),
        (_, false) => ("inactive", true),
    }
}

/// `journalctl`: the kernel's lines in the node's `var/log/kern.log`, for a user who may not see more.
pub(super) fn journalctl(node: &Node, args: &[String]) -> Outcome {
    let mut lines_wanted = usize::MAX;
    let mut words = args.iter();
    let quiet = args.iter().any(|word| word == "-q" || word == "--quiet");
    while let Some(word) = words.next() {
        let (name, inline) = word
            .split_once('=')
            .map_or((word.as_str(), None), |(n, v)| (n, Some(v)));
        match name {
            "-k" | "--dmesg" | "--no-pager" | "-q" | "--quiet" | "--no-hostname" | "-x" | "-r"
            | "--utc" => {}
            "-n" | "--lines" => {
                let value = inline
                    .or_else(|| words.next().map(String::as_str))
                    .unwrap_or("10");
                lines_wanted = value
                    .parse()
                    .map_err(|_e| Refusal::new(1, format!("Failed to parse lines '{value}'")))?;
            }
            "-b" | "--boot" | "-o" | "--output" | "--since" | "-S" | "--until" | "-U" | "-u"
            | "--unit" | "-g" | "--grep" | "-p" | "--priority" => {
                if inline.is_none() {
                    words.next();
                }
            }
            other => {
                return Err(Refusal::new(
                    1,
                    format!("journalctl: unrecognized option '{other}'"),
                ));
            }
        }
    }
    let text = std::fs::read_to_string(node.root("var/log/kern.log")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        if !quiet {
            console::err(
                "Hint: You are currently not seeing messages from other users and the system.\n      \
                 Users in groups 'adm', 'systemd-journal' can see all messages.\n      \
                 Pass -q to turn off this notice.",
            );
        }
        console::out("-- No entries --");
        return Ok(0);
    }
    lines
        .iter()
        .skip(lines.len().saturating_sub(lines_wanted))
        .for_each(|line| console::out(line));
    Ok(0)
}

/// `hostname`.
pub(super) fn hostname(node: &Node, args: &[String]) -> Outcome {
    let config = node.config();
    let text = match args.first().map(String::as_str) {
        None | Some("-s" | "-f" | "--short" | "--fqdn") => config.hostname.clone(),
        Some("-I" | "--all-ip-addresses") => {
            let all = std::iter::once(config.address).chain(config.fabric.iter().copied());
            let all: Vec<String> = all.map(|address| address.to_string()).collect();
            format!("{} ", all.join(" "))
        }
        Some("-i" | "--ip-address") => config.address.to_string(),
        Some(option) if option.starts_with('-') => {
            return Err(Refusal::new(
                4,
                format!(
                    "hostname: invalid option -- '{}'",
                    option.trim_start_matches('-')
                ),
            ));
        }
        Some(_) => {
            return Err(Refusal::new(
                1,
                "hostname: you must be root to change the host name",
            ));
        }
    };
    console::out(&text);
    Ok(0)
}

/// `uname`.
pub(super) fn uname(node: &Node, args: &[String]) -> Outcome {
    const ORDER: &str = "snrvmpio";
    let mut wanted = String::new();
    for word in args {
        match word.as_str() {
            "-a" | "--all" => wanted.push_str("snrvmo"),
            "--kernel-release" => wanted.push('r'),
            "--machine" => wanted.push('m'),
            word if word.starts_with('-') && word.chars().skip(1).all(|c| ORDER.contains(c)) => {
                wanted.extend(word.chars().skip(1));
            }
            word => {
                let bad = word.trim_start_matches('-');
                return Err(Refusal::new(
                    1,
                    format!(
                        "uname: invalid option -- '{bad}'\nTry 'uname --help' for more information."
                    ),
                ));
            }
        }
    }
    if wanted.is_empty() {
        wanted.push('s');
    }
    let part = |letter: char| match letter {
        's' => "Linux",
        'n' => node.config().hostname.as_str(),
        'r' => KERNEL,
        'v' => "#32~24.04.1-Ubuntu SMP PREEMPT_DYNAMIC",
        'o' => "GNU/Linux",
        _ => "aarch64",
    };
    let parts: Vec<&str> = ORDER
        .chars()
        .filter(|c| wanted.contains(*c))
        .map(part)
        .collect();
    console::out(&parts.join(" "));
    Ok(0)
}

/// `nproc`: 20 cores.
pub(super) fn nproc(args: &[String]) -> Outcome {
    let mut cores = 20_u32;
    for word in args {
        match word.split_once('=') {
            None if word == "--all" => {}
            Some(("--ignore", n)) => cores = cores.saturating_sub(n.parse().unwrap_or(0)).max(1),
            _ => {
                return Err(Refusal::new(
                    1,
                    format!(
                        "nproc: unrecognized option '{word}'\nTry 'nproc --help' for more information."
                    ),
                ));
            }
        }
    }
    console::out(&cores.to_string());
    Ok(0)
}

/// `df`: everything is on the one disk of the node.
pub(super) fn df(node: &Node, args: &[String]) -> Outcome {
    let (mut unit, mut paths, mut fields) = (1024, Vec::new(), None);
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let short = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
        let mut letters = short.unwrap_or_default().chars();
        if let Some(size) = word.strip_prefix("--block-size=") {
            unit = block(size)?;
        } else if let Some(names) = word.strip_prefix("--output=") {
            fields = Some(names);
        } else if word == "--" {
            paths.extend(words.by_ref().map(String::as_str));
        } else if word.starts_with("--") {
            return Err(Refusal::new(
                1,
                format!("df: unrecognized option '{word}'\nTry 'df --help' for more information."),
            ));
        } else if letters.as_str().is_empty() {
            paths.push(word.as_str());
        }
        while let Some(letter) = letters.next() {
            match letter {
                'P' | 'a' | 'l' => {}
                'k' => unit = 1024,
                'm' => unit = 1 << 20,
                'h' => unit = 0,
                'B' => {
                    let rest = letters.as_str();
                    let size = if rest.is_empty() {
                        words.next().map_or("", String::as_str)
                    } else {
                        rest
                    };
                    unit = block(size)?;
                    break;
                }
                bad => {
                    return Err(Refusal::new(
                        1,
                        format!(
                            "df: invalid option -- '{bad}'\nTry 'df --help' for more information."
                        ),
                    ));
                }
            }
        }
    }
    match fields {
        Some(fields) => print_fields(node, unit, fields, &paths),
        None => Ok(print_disk(node, unit, &paths)),
    }
}

/// `df --output=FIELDS`: the chosen columns only.
fn print_fields(node: &Node, unit: u64, fields: &str, paths: &[&str]) -> Outcome {
    let disk = node.disk();
    let number = |bytes: u64| bytes.div_ceil(unit.max(1)).to_string();
    let mut columns = Vec::new();
    for field in fields.split(',') {
        columns.push(match field {
            "source" => ("Filesystem", "/dev/nvme0n1p2".to_owned()),
            "fstype" => ("Type", "ext4".to_owned()),
            "size" => ("1B-blocks", number(disk.total)),
            "used" => ("Used", number(disk.used)),
            "avail" => ("Avail", number(disk.free)),
            "target" => ("Mounted on", "/".to_owned()),
            bad => {
                let text = format!("df: option --output: field '{bad}' unknown\nTry 'df --help' for more information.");
                return Err(Refusal::new(1, text));
            }
        });
    }
    let (mut rows, mut code) = (0, 0);
    for path in if paths.is_empty() { &["/"][..] } else { paths } {
        if Path::new(path).exists() || *path == "/var/lib/docker" {
            rows += 1;
        } else {
            console::err(&format!("df: {path}: No such file or directory"));
            code = 1;
        }
    }
    let line =
        |of: fn(&(&str, String)) -> String| columns.iter().map(of).collect::<Vec<_>>().join(" ");
    if rows > 0 {
        console::out(&line(|(head, value)| {
            format!("{head:>width$}", width = value.len())
        }));
    }
    for _ in 0..rows {
        console::out(&line(|(head, value)| {
            format!("{value:>width$}", width = head.len())
        }));
    }
    Ok(code)
}

fn block(size: &str) -> Result<u64, Refusal> {
    match size {
        "1" => Ok(1),
        "K" | "1K" | "1024" => Ok(1024),
        "M" | "1M" => Ok(1 << 20),
        "G" | "1G" => Ok(1 << 30),
        _ => Err(Refusal::new(1, format!("df: invalid -B argument '{size}'"))),
    }
}

fn print_disk(node: &Node, unit: u64, paths: &[&str]) -> i32 {
    let disk = node.disk();
    let number = |bytes: u64| match unit {
        0 => format!("{}G", bytes.div_ceil(1 << 30)),
        unit => bytes.div_ceil(unit).to_string(),
    };
    let percent =
        (u128::from(disk.used) * 100).div_ceil(u128::from((disk.used + disk.free).max(1)));
    let head = if unit == 0 {
        "Size".to_owned()
    } else {
        format!("{unit}-blocks")
    };
    let mut lines = Vec::new();
    let mut code = 0;
    let everything = ["/"];
    for path in if paths.is_empty() {
        &everything[..]
    } else {
        paths
    } {
        if !Path::new(path).exists() && *path != "/var/lib/docker" {
            console::err(&format!("df: {path}: No such file or directory"));
            code = 1;
            continue;
        }
        lines.push(format!(
            "/dev/nvme0n1p2 {} {} {} {percent:>7}% /",
            number(disk.total),
            number(disk.used),
            number(disk.free)
        ));
    }
    if !lines.is_empty() {
        console::out(&format!(
            "Filesystem     {head}          Used     Available Capacity Mounted on"
        ));
        for line in &lines {
            console::out(line);
        }
    }
    code
}

/// `free`.
pub(super) fn free(node: &Node, args: &[String]) -> Outcome {
    let unit = match args.first().map(String::as_str) {
        None | Some("-k") => 1024,
        Some("-b") => 1,
        Some("-m") => 1 << 20,
        Some("-g") => 1 << 30,
        Some("-h") => 0,
        Some(other) => {
            return Err(Refusal::new(
                1,
                format!(
                    "free: invalid option -- '{}'",
                    other.trim_start_matches('-')
                ),
            ));
        }
    };
    let memory = node.memory()?;
    let show = |bytes: u64| match unit {
        0 => format!("{}Gi", bytes >> 30),
        unit => (bytes / unit).to_string(),
    };
    let used = memory.total - memory.available;
    console::out(
        "               total        used        free      shared  buff/cache   available",
    );
    console::out(&format!(
        "Mem:    {:>12}{:>12}{:>12}{:>12}{:>12}{:>12}",
        show(memory.total),
        show(used),
        show(memory.free),
        show(152 << 20),
        show(memory.cached),
        show(memory.available)
    ));
    console::out(&format!(
        "Swap:   {:>12}{:>12}{:>12}",
        show(memory.swap_total),
        show(memory.swap_used),
        show(memory.swap_total - memory.swap_used)
    ));
    Ok(0)
}

/// `date`, by the node's clock: the machine's own program does the rest.
pub(super) fn date(node: &Node, args: &[String]) -> Outcome {
    let mut command = Command::new("/usr/bin/date");
    let dated = args
        .iter()
        .any(|word| word.starts_with("-d") || word.starts_with("--date"));
    if node.faults().clock_skew_s() != 0 && !dated {
        command.arg(format!("--date=@{}", node.now().as_second()));
    }
    let status = command.args(args).status();
    status
        .map(|status| status.code().unwrap_or(1))
        .map_err(|error| Refusal::new(127, format!("date: {error}")))
}
