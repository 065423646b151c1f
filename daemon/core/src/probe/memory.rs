//! `/proc/meminfo` and the pressure that memory puts on programs.

use super::section::{Sections, lines};
use super::{Problem, Warning};

/// Figures of `/proc/meminfo`, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    pub total: u64,
    pub available: u64,
    pub free: u64,
    /// `None` when the kernel does not tell.
    pub swap: Option<Swap>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swap {
    pub total: u64,
    pub free: u64,
}

/// Share of the last ten seconds in which some, or all, programs waited for memory. Percent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pressure {
    pub some: Option<f64>,
    pub full: Option<f64>,
}

pub(super) fn memory(sections: &Sections<'_>, warnings: &mut Vec<Warning>) -> Option<Memory> {
    let body = sections.body("mem", warnings)?;
    let value = |name: &str| {
        let line = lines(body).find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim()
            .strip_suffix(" kB")?
            .trim()
            .parse::<u64>()
            .ok()?
            .checked_mul(1024)
    };
    let read = || {
        let total = value("MemTotal").filter(|total| *total > 0)?;
        // MemFree is of no use by itself on GB10, where most of it is CMA.
        let available = value("MemAvailable")?.min(total);
        let free = value("MemFree").unwrap_or(0).min(total);
        let swap = value("SwapTotal").zip(value("SwapFree"));
        let swap = swap.map(|(total, free)| Swap {
            total,
            free: free.min(total),
        });
        Some(Memory {
            total,
            available,
            free,
            swap,
        })
    };
    let memory = read();
    if memory.is_none() {
        let problem = match super::sample(body) {
            said if said.is_empty() => Problem::Missing,
            said => Problem::NotUnderstood(said),
        };
        warnings.push(Warning {
            section: "mem",
            problem,
        });
    }
    memory
}

/// `some avg10=1.50 …` and `full avg10=0.00 …`. A kernel without PSI says nothing, which is no fault.
pub(super) fn pressure(sections: &Sections<'_>) -> Option<Pressure> {
    let body = sections.optional("psi")?;
    let average = |kind: &str| {
        let line = lines(body).find_map(|line| line.strip_prefix(kind))?;
        let value = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("avg10="))?;
        value
            .parse::<f64>()
            .ok()
            .filter(|v| (0.0..=100.0).contains(v))
    };
    let pressure = Pressure {
        some: average("some "),
        full: average("full "),
    };
    (pressure != Pressure::default()).then_some(pressure)
}
