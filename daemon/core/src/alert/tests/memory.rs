//! Memory that runs out, in three ways of seeing it.

use spark_ipc::model::node::UnifiedMemory;

use super::*;

#[test]
fn memory_low() {
    let gib = |tenths: u64| {
        with(|node| {
            let memory = UnifiedMemory {
                total_bytes: 120 * GIB,
                available_bytes: tenths * GIB / 10,
                ..UnifiedMemory::default()
            };
            node.memory = Some(memory);
        })
    };
    let steps = [
        (80, None),
        (79, WARNING),
        (89, WARNING),
        (91, None),
        (29, CRITICAL),
        (39, CRITICAL),
        (41, WARNING),
        (91, None),
    ];
    check(
        AlertKind::MemoryLow,
        steps.map(|(value, expected)| (gib(value), expected)),
    );
}

/// A node with this memory bar, of 120 GiB.
fn bar(mut memory: UnifiedMemory) -> Node {
    memory.total_bytes = 120 * GIB;
    with(|node| node.memory = Some(memory))
}

#[test]
fn what_helps_against_low_memory_depends_on_who_has_it() {
    let fix = |gpu: u64, other: u64| {
        let node = bar(UnifiedMemory {
            available_bytes: 2 * GIB,
            gpu_bytes: Some(gpu * GIB),
            other_bytes: Some(other * GIB),
            ..UnifiedMemory::default()
        });
        let alerts = evaluate(&[], &mut Memory::default(), &[node], at(0));
        alerts[0].fix.clone().unwrap()
    };
    assert!(fix(100, 18).starts_with("Start the model with a lower --gpu-memory-utilization"));
    assert!(fix(0, 118).starts_with("Programs outside the GPU hold 118.0 GiB."));
    assert!(fix(0, 118).contains("ps aux --sort=-rss | head"));
}

#[test]
fn pressure() {
    let pressed = |some: f64, full: f64| {
        bar(UnifiedMemory {
            available_bytes: 60 * GIB,
            pressure_some_percent: Some(some),
            pressure_full_percent: Some(full),
            ..UnifiedMemory::default()
        })
    };
    let steps = [
        (11.0, 0.0, None),
        (11.0, 0.0, WARNING),
        (6.0, 0.0, WARNING),
        (6.0, 5.1, CRITICAL),
        (6.0, 3.0, CRITICAL),
        (6.0, 2.0, WARNING),
        (4.0, 0.0, WARNING),
        (4.0, 0.0, WARNING),
        (4.0, 0.0, None),
        (11.0, 0.0, None),
        (1.0, 0.0, None),
    ];
    check(
        AlertKind::MemoryPressure,
        steps.map(|(some, full, expected)| (pressed(some, full), expected)),
    );
}

#[test]
fn swap() {
    let swapped = |tenths: u64, available: u64| {
        bar(UnifiedMemory {
            available_bytes: available * GIB,
            swap_used_bytes: Some(tenths * GIB / 10),
            ..UnifiedMemory::default()
        })
    };
    let steps = [
        // Swapped out long ago, with memory free: nothing to tell.
        (40, 60, None),
        (11, 17, None),
        (11, 17, WARNING),
        (6, 17, WARNING),
        (11, 23, WARNING),
        (4, 17, WARNING),
        (4, 17, WARNING),
        (4, 17, None),
    ];
    check(
        AlertKind::Swap,
        steps.map(|(tenths, available, expected)| (swapped(tenths, available), expected)),
    );
}
