//! Disks, heat, orphans.

use spark_ipc::model::node::{Disk, Gpu, GpuProcess, Temperature};

use super::*;

#[test]
fn disk() {
    let disk = |percent: u64, total: u64| {
        with(|node| {
            let used_bytes = total * percent / 100 * GIB;
            let available_bytes = total * GIB - used_bytes;
            node.disks = vec![Disk {
                mount: "/".to_owned(),
                total_bytes: total * GIB,
                used_bytes,
                available_bytes,
            }];
        })
    };
    let big = [
        (85, None),
        (86, WARNING),
        (84, WARNING),
        (83, None),
        (96, CRITICAL),
        (94, CRITICAL),
        (93, WARNING),
        (80, None),
    ];
    check(
        AlertKind::Disk,
        big.map(|(percent, expected)| (disk(percent, 4000), expected)),
    );
    check(
        AlertKind::Disk,
        [(disk(10, 50), CRITICAL), (disk(10, 100), None)],
    );
}

#[test]
fn thermal() {
    let hot = |celsius: f64| {
        with(|node| {
            node.temperatures = vec![Temperature {
                sensor: "acpitz".to_owned(),
                temperature_c: celsius,
            }];
        })
    };
    let steps = [
        (80.0, None),
        (81.0, WARNING),
        (78.0, WARNING),
        (91.0, CRITICAL),
        (88.0, CRITICAL),
        (86.0, WARNING),
        (70.0, WARNING),
        (70.0, WARNING),
        (70.0, None),
    ];
    check(
        AlertKind::Thermal,
        steps.map(|(celsius, expected)| (hot(celsius), expected)),
    );
    let slowed = with(|node| {
        node.gpu = Some(Gpu {
            throttle: vec!["hw_thermal_slowdown".to_owned()],
            ..Gpu::default()
        });
    });
    check(
        AlertKind::Thermal,
        [
            (slowed.clone(), CRITICAL),
            (healthy(), CRITICAL),
            (slowed, CRITICAL),
            (healthy(), CRITICAL),
            (healthy(), CRITICAL),
            (healthy(), None),
        ],
    );
}

#[test]
fn orphan_process() {
    let process = |orphan, memory_bytes| {
        with(|node| {
            let process = GpuProcess {
                pid: 7,
                name: "python3".to_owned(),
                memory_bytes,
                container: None,
                orphan,
            };
            node.gpu_processes = Some(vec![process]);
        })
    };
    check(
        AlertKind::OrphanProcess,
        [
            (process(true, Some(GIB)), None),
            (process(true, Some(GIB)), WARNING),
            (process(true, None), WARNING),
            (process(true, Some(1 << 20)), None),
            (process(true, Some(GIB)), None),
            (process(false, Some(GIB)), None),
            (process(true, Some(GIB)), None),
        ],
    );
}
