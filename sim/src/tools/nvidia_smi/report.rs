//! The table for people, and `-q`.

use std::fmt::Write;

use super::Reading;

const RULE: &str =
    "+-----------------------------------------------------------------------------------------+";

/// The table of plain `nvidia-smi`.
pub(super) fn table(reading: &Reading) -> String {
    let gpu = &reading.gpu;
    let date = &reading.timestamp;
    let mut out = format!("{date}\n{RULE}\n");
    line(
        &mut out,
        &format!(
            "NVIDIA-SMI {:<24}Driver Version: {:<15}CUDA Version: 13.0",
            reading.driver, reading.driver
        ),
    );
    out.push_str("|-----------------------------------------+------------------------+----------------------+\n");
    out.push_str("| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |\n");
    out.push_str("| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |\n");
    out.push_str("|                                         |                        |               MIG M. |\n");
    out.push_str("|=========================================+========================+======================|\n");
    out.push_str("|   0  NVIDIA GB10                    On  |   0000000F:01:00.0 Off |                  N/A |\n");
    writeln!(
        out,
        "| N/A  {:>3}C    P{}{:>15.0}W /  N/A  | Not Supported          |{:>7}%      Default |",
        gpu.temperature_c, gpu.pstate, gpu.power_w, gpu.utilization_percent
    )
    .ok();
    out.push_str("|                                         |                        |                  N/A |\n");
    out.push_str("+-----------------------------------------+------------------------+----------------------+\n\n");
    writeln!(out, "{RULE}").ok();
    line(&mut out, "Processes:");
    line(
        &mut out,
        " GPU   GI   CI              PID   Type   Process name                        GPU Memory",
    );
    line(
        &mut out,
        "       ID   ID                                                               Usage",
    );
    writeln!(out, "|{}|", "=".repeat(89)).ok();
    for claim in &reading.claims {
        let memory = column(&format!("{}MiB", claim.bytes >> 20));
        line(
            &mut out,
            &format!(
                "   0   N/A  N/A {:>16}      C   {:<34}{memory:>8}",
                claim.pid, claim.process_name
            ),
        );
    }
    if reading.claims.is_empty() {
        line(&mut out, " No running processes found");
    }
    out.push_str(RULE);
    out
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "| {text:<88}|").ok();
}

/// The table cuts what does not fit its column.
fn column(text: &str) -> String {
    if text.len() <= 8 {
        return text.to_owned();
    }
    text.chars().take(5).chain("...".chars()).collect()
}

/// `nvidia-smi -q`, whole or with `-d PERFORMANCE`.
pub(super) fn query(reading: &Reading, display: Option<&str>) -> String {
    let mut out = format!(
        "\n==============NVSMI LOG==============\n\n{:<50} : {}\n{:<50} : {}\n{:<50} : 13.0\n\n\
         {:<50} : 1\nGPU 0000000F:01:00.0\n",
        "Timestamp",
        reading.timestamp,
        "Driver Version",
        reading.driver,
        "CUDA Version",
        "Attached GPUs"
    );
    if display.is_none() {
        row(&mut out, 4, "Product Name", "NVIDIA GB10");
        row(&mut out, 4, "Addressing Mode", "ATS");
        row(&mut out, 4, "GPU UUID", &reading.uuid);
    }
    if display.is_none_or(|what| what.split(',').any(|d| d == "PERFORMANCE")) {
        performance(&mut out, reading);
    }
    if display.is_none() {
        out.push_str("    FB Memory Usage\n");
        for name in ["Total", "Reserved", "Used", "Free"] {
            row(&mut out, 8, name, "N/A");
        }
    }
    out
}

fn performance(out: &mut String, reading: &Reading) {
    let gpu = &reading.gpu;
    let active = |on: bool| if on { "Active" } else { "Not Active" };
    row(out, 4, "Performance State", &format!("P{}", gpu.pstate));
    out.push_str("    Clocks Event Reasons\n");
    for (name, on) in [
        ("Idle", gpu.pstate == 8),
        ("Applications Clocks Setting", false),
        ("SW Power Cap", false),
        ("HW Slowdown", gpu.hw_thermal_slowdown),
        ("    HW Thermal Slowdown", gpu.hw_thermal_slowdown),
        ("    HW Power Brake Slowdown", false),
        ("Sync Boost", false),
        ("SW Thermal Slowdown", gpu.sw_thermal_slowdown),
        ("Display Clock Setting", false),
    ] {
        row(out, 8, name, active(on));
    }
    out.push_str("    Clocks Event Reasons Counters\n");
    for name in [
        "SW Power Capping",
        "Sync Boost",
        "SW Thermal Slowdown",
        "HW Thermal Slowdown",
    ] {
        row(out, 8, name, "0 us");
    }
}

fn row(out: &mut String, indent: usize, name: &str, value: &str) {
    let label = format!("{:indent$}{name}", "");
    writeln!(out, "{label:<50} : {value}").ok();
}
