//! What `nvidia-smi` says. On GB10 it has no memory totals: memory is known for each process only.

use spark_ipc::model::node::Gpu;
use spark_ipc::text::clean_line;

use super::section::{Sections, ended, lines};
use super::{Reading, Warning};

/// The order of the throttle reasons in the long query.
const THROTTLE: [&str; 5] = [
    "hw_slowdown",
    "hw_thermal_slowdown",
    "sw_thermal_slowdown",
    "sw_power_cap",
    "hw_power_brake_slowdown",
];

/// A process that holds GPU memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuApp {
    pub pid: u32,
    pub name: String,
    pub memory_bytes: Option<u64>,
    pub cgroup: Cgroup,
}

/// Where a process belongs, by its control group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cgroup {
    /// It could not be read.
    Unknown,
    /// In the container with this id.
    Container(String),
    /// In no container.
    Host,
}

pub(super) fn gpu(sections: &Sections<'_>, reading: &mut Reading, warnings: &mut Vec<Warning>) {
    let Some(body) = sections.body("gpu", warnings) else {
        return;
    };
    let short = body.contains("@short");
    let output = match ended(body.split_once("@short").map_or(body, |(_, rest)| rest)) {
        Ok(output) => output,
        Err(problem) => {
            return warnings.push(Warning {
                section: "gpu",
                problem,
            });
        }
    };
    let Some(line) = lines(output).next() else {
        return warnings.push(Warning::not_understood("gpu", output));
    };
    let fields: Vec<&str> = line.split(", ").map(str::trim).collect();
    match (short, fields.as_slice()) {
        (false, [name, driver, rest @ ..]) if rest.len() == 11 => {
            reading.identity.driver = text(driver);
            reading.gpu = Some(long(name, rest));
        }
        (true, [name, temperature, utilization, power, clock]) => {
            reading.gpu = Some(Gpu {
                name: text(name),
                temperature_c: number(temperature),
                utilization_percent: percent(utilization),
                power_w: number(power),
                sm_clock_mhz: whole(clock),
                ..Gpu::default()
            });
        }
        _ => warnings.push(Warning::not_understood("gpu", line)),
    }
}

fn long(name: &str, fields: &[&str]) -> Gpu {
    let field = |n: usize| fields.get(n).copied().unwrap_or_default();
    let throttle = fields.get(6..).unwrap_or_default();
    Gpu {
        name: text(name),
        pstate: text(field(0)),
        temperature_c: number(field(1)),
        utilization_percent: percent(field(2)),
        power_w: number(field(3)),
        sm_clock_mhz: whole(field(4)),
        max_sm_clock_mhz: whole(field(5)),
        throttle: THROTTLE
            .iter()
            .zip(throttle)
            .filter(|(_, state)| **state == "Active")
            .map(|(reason, _)| (*reason).to_owned())
            .collect(),
    }
}

/// `PID, NAME, MIB` a line. An empty list is an answer: nothing holds GPU memory.
pub(super) fn apps(sections: &Sections<'_>, warnings: &mut Vec<Warning>) -> Option<Vec<GpuApp>> {
    let output = sections.tool("apps", warnings)?;
    let groups = sections.optional("apps").unwrap_or_default();
    let mut apps: Vec<GpuApp> = Vec::new();
    for line in lines(output).filter(|line| !line.starts_with("No running processes")) {
        let Some((pid, name, memory_bytes)) = app(line) else {
            warnings.push(Warning::not_understood("apps", line));
            return None;
        };
        apps.push(GpuApp {
            pid,
            name,
            memory_bytes,
            cgroup: cgroup(groups, pid),
        });
    }
    Some(apps)
}

fn app(line: &str) -> Option<(u32, String, Option<u64>)> {
    let (pid, rest) = line.split_once(", ")?;
    // A process may have a comma in its name.
    let (name, memory) = rest.rsplit_once(", ")?;
    let mib = memory.trim_end_matches(" MiB").parse::<u64>().ok();
    Some((
        pid.trim().parse().ok()?,
        clean_line(name, 120),
        mib.and_then(|m| m.checked_mul(1 << 20)),
    ))
}

fn cgroup(groups: &str, pid: u32) -> Cgroup {
    let mut own = groups
        .lines()
        .filter_map(|line| line.strip_prefix("@cgroup=")?.split_once(' '))
        .filter(|(owner, _)| owner.parse() == Ok(pid))
        .map(|(_, group)| group)
        .peekable();
    if own.peek().is_none() {
        return Cgroup::Unknown;
    }
    own.find_map(container_id)
        .map_or(Cgroup::Host, Cgroup::Container)
}

/// The 64 hexadecimal digits in `…/docker-ID.scope`, `/docker/ID` and their kin.
fn container_id(group: &str) -> Option<String> {
    group
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit()))
        .map(str::to_ascii_lowercase)
}

/// `None` for the words with which the driver says that it does not know.
fn text(field: &str) -> Option<String> {
    let unknown = field.is_empty()
        || field.starts_with('[')
        || field.eq_ignore_ascii_case("N/A")
        || field.eq_ignore_ascii_case("Not Supported");
    (!unknown).then(|| clean_line(field, 120))
}

fn number(field: &str) -> Option<f64> {
    let digits = field.split(' ').next()?;
    digits
        .parse::<f64>()
        .ok()
        .filter(|v| v.is_finite() && (-100.0..=10_000.0).contains(v))
}

fn percent(field: &str) -> Option<f64> {
    number(field).filter(|v| (0.0..=100.0).contains(v))
}

fn whole(field: &str) -> Option<u32> {
    field.split(' ').next()?.parse().ok()
}
