//! One bar of unified memory: GPU processes, everything else, cache that can be had back, free.

use spark_ipc::model::node::UnifiedMemory;

use crate::probe::{GpuApp, Memory, Pressure};

/// Memory of all GPU processes; `None` when the driver does not tell it for one of them.
pub(super) fn gpu_sum(apps: &[GpuApp]) -> Option<u64> {
    apps.iter()
        .map(|app| app.memory_bytes)
        .try_fold(0u64, |sum, bytes| sum.checked_add(bytes?))
}

/// The bar. Its parts add up to the total, so a GPU sum larger than what is in use is cut to that.
pub(super) fn split(
    memory: &Memory,
    gpu: Option<u64>,
    pressure: Option<Pressure>,
) -> UnifiedMemory {
    let used = memory.total.saturating_sub(memory.available);
    let gpu_bytes = gpu.map(|gpu| gpu.min(used));
    let pressure = pressure.unwrap_or_default();
    UnifiedMemory {
        total_bytes: memory.total,
        available_bytes: memory.available,
        gpu_bytes,
        other_bytes: gpu_bytes.map(|gpu| used - gpu),
        reclaimable_bytes: Some(memory.available.saturating_sub(memory.free)),
        swap_total_bytes: memory.swap.map(|swap| swap.total),
        swap_used_bytes: memory.swap.map(|swap| swap.total - swap.free),
        pressure_some_percent: pressure.some,
        pressure_full_percent: pressure.full,
    }
}
