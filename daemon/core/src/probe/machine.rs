//! The machine itself: who it is, CPU time, temperatures, disks, open ports.

use spark_ipc::model::node::{Disk, Temperature};
use spark_ipc::text::clean_line;

use super::section::{Sections, ended, lines};
use super::{CpuTimes, Reading, Warning};

/// Hottest and coldest values that a sensor of a working machine can show.
const PLAUSIBLE_C: std::ops::RangeInclusive<f64> = -40.0..=150.0;

pub(super) fn identity(
    sections: &Sections<'_>,
    reading: &mut Reading,
    warnings: &mut Vec<Warning>,
) {
    let Some(body) = sections.body("id", warnings) else {
        return;
    };
    let identity = &mut reading.identity;
    for line in lines(body) {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let value = clean_line(value.trim().trim_matches('"'), 200);
        if value.is_empty() {
            continue;
        }
        let first = value.split(' ').next();
        match key {
            "hostname" => identity.hostname = Some(value),
            "kernel" => identity.kernel = Some(value),
            "boot_id" => identity.boot_id = Some(value),
            "uptime" => identity.uptime_s = first.and_then(whole_seconds),
            "loadavg" => reading.load1 = first.and_then(|v| v.parse().ok()),
            "product" => identity.product = Some(value),
            "PRETTY_NAME" => identity.os = Some(value),
            "DGX_SWBUILD_VERSION" if identity.dgx_version.is_none() => {
                identity.dgx_version = Some(value);
            }
            // The file has one such line for each update; the last one counts.
            "DGX_OTA_VERSION" => identity.dgx_version = Some(value),
            _ => {}
        }
    }
}

fn whole_seconds(text: &str) -> Option<u64> {
    text.split('.').next()?.parse().ok()
}

pub(super) fn cpu(sections: &Sections<'_>, reading: &mut Reading, warnings: &mut Vec<Warning>) {
    let Some(body) = sections.body("cpu", warnings) else {
        return;
    };
    for line in lines(body) {
        if let Some(ticks) = line.strip_prefix("cpu ") {
            reading.cpu = cpu_times(ticks);
        } else if let Some(cores) = line.strip_prefix("cores=") {
            reading.identity.cores = cores.parse().ok().filter(|n| *n > 0);
        }
    }
    if reading.cpu.is_none() {
        warnings.push(Warning::not_understood("cpu", body));
    }
}

/// `user nice system idle iowait irq softirq steal …`; guest time is in user time already.
fn cpu_times(line: &str) -> Option<CpuTimes> {
    let ticks: Vec<u64> = line
        .split_whitespace()
        .take(8)
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let idle = ticks
        .get(3)?
        .checked_add(ticks.get(4).copied().unwrap_or(0))?;
    let total = ticks.iter().try_fold(0u64, |sum, t| sum.checked_add(*t))?;
    Some(CpuTimes {
        busy: total.saturating_sub(idle),
        total,
    })
}

/// `SENSOR<tab>MILLIDEGREES`; of sensors with one name the hottest is kept.
pub(super) fn temperatures(
    sections: &Sections<'_>,
    warnings: &mut Vec<Warning>,
) -> Option<Vec<Temperature>> {
    let body = sections.body("temp", warnings)?;
    let mut found: Vec<Temperature> = Vec::new();
    for line in lines(body) {
        let read = line.split_once('\t').and_then(|(sensor, value)| {
            let celsius = f64::from(value.trim().parse::<i32>().ok()?) / 1000.0;
            PLAUSIBLE_C
                .contains(&celsius)
                .then_some((clean_line(sensor, 60), celsius))
        });
        // A sensor of a part that sleeps reads as nothing: no warning.
        let Some((sensor, celsius)) = read else {
            continue;
        };
        match found.iter_mut().find(|t| t.sensor == sensor) {
            Some(known) => known.temperature_c = known.temperature_c.max(celsius),
            None => found.push(Temperature {
                sensor,
                temperature_c: celsius,
            }),
        }
    }
    Some(found)
}

/// `df -PB1`: a header, then device, size, used, available, percent, mount.
pub(super) fn disks(sections: &Sections<'_>, warnings: &mut Vec<Warning>) -> Option<Vec<Disk>> {
    let body = sections.body("disk", warnings)?;
    // One path that cannot be looked at must not hide the others: rows count whatever the status.
    let rows = body.split("@rc=").next().unwrap_or_default();
    let mut disks: Vec<Disk> = Vec::new();
    for disk in lines(rows).filter_map(disk) {
        if disks.iter().all(|known| known.mount != disk.mount) {
            disks.push(disk);
        }
    }
    if disks.is_empty() {
        let warning = match ended(body) {
            Ok(output) => Warning::not_understood("disk", output),
            Err(problem) => Warning {
                section: "disk",
                problem,
            },
        };
        warnings.push(warning);
    }
    (!disks.is_empty()).then_some(disks)
}

fn disk(line: &str) -> Option<Disk> {
    let mut words = line.split_whitespace().skip(1);
    let total_bytes = words.next()?.parse().ok()?;
    let used_bytes = words.next()?.parse().ok()?;
    let available_bytes = words.next()?.parse().ok()?;
    words.next()?.strip_suffix('%')?;
    let mount: Vec<&str> = words.collect();
    let mount = clean_line(&mount.join(" "), 200);
    mount.starts_with('/').then_some(Disk {
        mount,
        total_bytes,
        used_bytes,
        available_bytes,
    })
}

/// `ss -H -ltn`: state, two queues, local address with port, peer.
pub(super) fn ports(sections: &Sections<'_>, warnings: &mut Vec<Warning>) -> Option<Vec<u16>> {
    let output = sections.tool("ports", warnings)?;
    let mut ports: Vec<u16> = Vec::new();
    for line in lines(output) {
        let local = line
            .split_whitespace()
            .nth(3)
            .and_then(|a| a.rsplit(':').next());
        let Some(port) = local.and_then(|port| port.parse().ok()) else {
            warnings.push(Warning::not_understood("ports", line));
            return None;
        };
        ports.push(port);
    }
    ports.sort_unstable();
    ports.dedup();
    Some(ports)
}
