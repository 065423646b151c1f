//! `--query-gpu` and `--query-compute-apps`.

use super::{MAX_SM_CLOCK_MHZ, MISSING, Reading};

/// `--format=csv[,noheader][,nounits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    header: bool,
    units: bool,
}

impl Style {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut style = Self {
            header: true,
            units: true,
        };
        let mut csv = false;
        for word in text.split(',') {
            match word.trim() {
                "csv" => csv = true,
                "noheader" => style.header = false,
                "nounits" => style.units = false,
                other => return Err(format!("\"{other}\" is not a valid format option.")),
            }
        }
        if csv {
            Ok(style)
        } else {
            Err("\"csv\" is missing in --format.".to_owned())
        }
    }
}

/// A value and its unit.
struct Cell(String, &'static str);

impl Cell {
    fn plain(text: impl Into<String>) -> Self {
        Self(text.into(), "")
    }

    fn with(value: &impl ToString, unit: &'static str) -> Self {
        Self(value.to_string(), unit)
    }

    fn missing(unit: &'static str) -> Self {
        Self(MISSING.to_owned(), unit)
    }

    fn show(&self, style: Style) -> String {
        if self.1.is_empty() || !style.units || self.0 == MISSING {
            return self.0.clone();
        }
        format!("{} {}", self.0, self.1)
    }
}

pub(super) fn gpu(reading: &Reading, names: &str, style: Style) -> Result<Vec<String>, String> {
    let names = split(names);
    let cells = names
        .iter()
        .map(|name| gpu_cell(reading, name).ok_or_else(|| unknown(name)));
    let cells: Vec<Cell> = cells.collect::<Result<_, _>>()?;
    let row: Vec<String> = cells.iter().map(|cell| cell.show(style)).collect();
    let head = style.header.then(|| header(&names, &cells, style));
    Ok(head.into_iter().chain([row.join(", ")]).collect())
}

pub(super) fn apps(reading: &Reading, names: &str, style: Style) -> Result<Vec<String>, String> {
    let names = split(names);
    let heads = names
        .iter()
        .map(|name| app_cell(reading, None, name).ok_or_else(|| unknown(name)));
    let heads: Vec<Cell> = heads.collect::<Result<_, _>>()?;
    let head = style.header.then(|| header(&names, &heads, style));
    let rows = reading.claims.iter().map(|claim| {
        let cells = names
            .iter()
            .filter_map(|name| app_cell(reading, Some(claim), name));
        cells
            .map(|cell| cell.show(style))
            .collect::<Vec<_>>()
            .join(", ")
    });
    Ok(head.into_iter().chain(rows).collect())
}

fn split(names: &str) -> Vec<String> {
    names
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect()
}

fn unknown(name: &str) -> String {
    format!("Field \"{name}\" is not a valid field to query.\n")
}

fn header(names: &[String], cells: &[Cell], style: Style) -> String {
    let heads = names.iter().zip(cells).map(|(name, cell)| {
        let name = match name.as_str() {
            "clocks.sm" => "clocks.current.sm",
            "clocks.gr" => "clocks.current.graphics",
            "clocks.mem" => "clocks.current.memory",
            "used_memory" => "used_gpu_memory",
            name => name,
        };
        let unit = if style.units { cell.1 } else { "" };
        if unit.is_empty() {
            name.to_owned()
        } else {
            format!("{name} [{unit}]")
        }
    });
    heads.collect::<Vec<_>>().join(", ")
}

fn gpu_cell(reading: &Reading, name: &str) -> Option<Cell> {
    let gpu = &reading.gpu;
    if let Some(reason) = ["clocks_throttle_reasons.", "clocks_event_reasons."]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
    {
        return throttle(reading, reason);
    }
    Some(match name {
        "timestamp" => Cell::plain(&reading.timestamp),
        "name" | "gpu_name" => Cell::plain("NVIDIA GB10"),
        "index" | "count" => Cell::plain(if name == "index" { "0" } else { "1" }),
        "uuid" | "gpu_uuid" => Cell::plain(&reading.uuid),
        "driver_version" => Cell::plain(&reading.driver),
        "pci.bus_id" | "gpu_bus_id" => Cell::plain("0000000F:01:00.0"),
        "vbios_version" => Cell::plain("9A.0B.0C.00.11"),
        "pstate" => Cell::plain(format!("P{}", gpu.pstate)),
        "compute_cap" => Cell::plain("12.1"),
        "compute_mode" => Cell::plain("Default"),
        "persistence_mode" => Cell::plain("Enabled"),
        "addressing_mode" => Cell::plain("ATS"),
        "temperature.gpu" => Cell::plain(gpu.temperature_c.to_string()),
        "utilization.gpu" => Cell::with(&gpu.utilization_percent, "%"),
        "power.draw" | "power.draw.instant" | "power.draw.average" => {
            Cell::with(&format!("{:.2}", gpu.power_w), "W")
        }
        "clocks.sm" | "clocks.current.sm" | "clocks.gr" | "clocks.current.graphics" => {
            Cell::with(&gpu.sm_clock_mhz, "MHz")
        }
        "clocks.max.sm" | "clocks.max.graphics" => Cell::with(&MAX_SM_CLOCK_MHZ, "MHz"),
        "clocks.applications.graphics" => Cell::with(&2418, "MHz"),
        "memory.total" | "memory.used" | "memory.free" | "memory.reserved" => Cell::missing("MiB"),
        "utilization.memory" | "fan.speed" => Cell::missing("%"),
        "power.limit"
        | "power.max_limit"
        | "power.min_limit"
        | "power.default_limit"
        | "enforced.power.limit" => Cell::missing("W"),
        "clocks.mem" | "clocks.current.memory" | "clocks.max.memory" | "clocks.max.mem" => {
            Cell::missing("MHz")
        }
        "temperature.memory" | "serial" | "gpu_serial" | "mig.mode.current"
        | "ecc.mode.current" => Cell::missing(""),
        _ => return None,
    })
}

fn throttle(reading: &Reading, reason: &str) -> Option<Cell> {
    let gpu = &reading.gpu;
    let active = match reason {
        "gpu_idle" => gpu.pstate == 8,
        "hw_slowdown" | "hw_thermal_slowdown" => gpu.hw_thermal_slowdown,
        "sw_thermal_slowdown" => gpu.sw_thermal_slowdown,
        "sw_power_cap"
        | "hw_power_brake_slowdown"
        | "sync_boost"
        | "applications_clocks_setting" => false,
        "supported" | "active" => {
            return Some(Cell::plain(format!("0x{:016x}", u8::from(gpu.pstate == 8))));
        }
        _ => return None,
    };
    Some(Cell::plain(if active { "Active" } else { "Not Active" }))
}

fn app_cell(reading: &Reading, claim: Option<&crate::node::Claim>, name: &str) -> Option<Cell> {
    Some(match name {
        "pid" => Cell::plain(claim.map_or_else(String::new, |claim| claim.pid.to_string())),
        "process_name" | "name" => {
            Cell::plain(claim.map_or_else(String::new, |claim| claim.process_name.clone()))
        }
        "used_memory" | "used_gpu_memory" => {
            Cell::with(&claim.map_or(0, |claim| claim.bytes >> 20), "MiB")
        }
        "timestamp" => Cell::plain(&reading.timestamp),
        "gpu_name" => Cell::plain("NVIDIA GB10"),
        "gpu_uuid" => Cell::plain(&reading.uuid),
        "gpu_bus_id" => Cell::plain("0000000F:01:00.0"),
        "gpu_serial" => Cell::missing(""),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::facts::{Conditions, Gpu};
    use crate::node::Claim;

    use super::*;

    fn reading() -> Reading {
        Reading {
            gpu: Gpu::of(Conditions::default()),
            claims: vec![Claim {
                pid: 4910,
                process_name: "VLLM::EngineCore".to_owned(),
                bytes: 12_763 << 20,
                processor: crate::node::Processor::Gpu,
                container: None,
                start_ticks: 0,
                busy_until: None,
                died_at: None,
            }],
            driver: "580.126.09".to_owned(),
            uuid: "GPU-1".to_owned(),
            timestamp: String::new(),
        }
    }

    #[test]
    fn memory_of_the_gpu_is_not_available() {
        let style = Style::parse("csv,noheader").unwrap();
        let lines = gpu(&reading(), "name, memory.total,driver_version", style).unwrap();
        assert_eq!(lines, ["NVIDIA GB10, [N/A], 580.126.09"]);
        let style = Style::parse("csv").unwrap();
        let lines = gpu(&reading(), "index,name,memory.total,memory.free", style).unwrap();
        assert_eq!(
            lines,
            [
                "index, name, memory.total [MiB], memory.free [MiB]",
                "0, NVIDIA GB10, [N/A], [N/A]"
            ]
        );
    }

    #[test]
    fn processes_have_their_memory() {
        let with = |format| {
            let style = Style::parse(format).unwrap();
            apps(&reading(), "pid,process_name,used_memory", style)
                .unwrap()
                .join("|")
        };
        assert_eq!(with("csv,noheader"), "4910, VLLM::EngineCore, 12763 MiB");
        assert_eq!(
            with("csv,noheader,nounits"),
            "4910, VLLM::EngineCore, 12763"
        );
        assert!(with("csv").starts_with("pid, process_name, used_gpu_memory [MiB]|"));
    }

    #[test]
    fn one_unknown_field_refuses_the_whole_query() {
        let style = Style::parse("csv,noheader").unwrap();
        assert_eq!(
            gpu(&reading(), "name,foo.bar,pstate", style),
            Err("Field \"foo.bar\" is not a valid field to query.\n".to_owned())
        );
    }

    #[test]
    fn throttle_reasons_have_two_names() {
        let style = Style::parse("csv,noheader").unwrap();
        let fields = "clocks_throttle_reasons.hw_slowdown,clocks_event_reasons.hw_slowdown";
        assert_eq!(
            gpu(&reading(), fields, style).unwrap(),
            ["Not Active, Not Active"]
        );
    }
}
