//! How readings and link states become a node.

use spark_ipc::model::node::{Gpu, LinkCause};

use super::*;
use crate::probe::{Memory, Problem};

const GIB: u64 = 1 << 30;

fn at(seconds: i64) -> Moment {
    Moment {
        now: start().plus_seconds(seconds),
        interval_s: 5.0,
    }
}

fn start() -> Time {
    Time("2026-11-23T12:00:00Z".parse().unwrap())
}

fn tracked() -> Tracked {
    let address = Address {
        id: NodeId::numbered(1),
        name: "left".to_owned(),
        host: "spark-1".to_owned(),
        user: "ada".to_owned(),
        ssh_port: 22,
    };
    Tracked::new(address, start())
}

fn app(pid: u32, memory_bytes: Option<u64>, cgroup: Cgroup) -> GpuApp {
    GpuApp {
        pid,
        name: "VLLM::EngineCore".to_owned(),
        memory_bytes,
        cgroup,
    }
}

fn memory(total: u64, available: u64, free: u64) -> Memory {
    Memory {
        total: total * GIB,
        available: available * GIB,
        free: free * GIB,
        swap: None,
    }
}

fn link(state: LinkState, cause: Option<LinkCause>) -> Link {
    Link {
        state,
        cause,
        ..tracked().node.link
    }
}

#[test]
fn the_parts_of_memory_add_up() {
    let cases = [(Some(60), 60), (Some(90), 80), (Some(0), 0)];
    for (apps, gpu) in cases {
        let mut one = tracked();
        let apps = apps.map(|gib| vec![app(1, Some(gib * GIB), Cgroup::Unknown)]);
        let reading = Reading {
            memory: Some(memory(120, 40, 10)),
            apps,
            ..Reading::default()
        };
        one.observe(reading, &[], 1.0, at(0));
        let bar = one.node.memory.unwrap();
        assert_eq!(bar.gpu_bytes, Some(gpu * GIB));
        assert_eq!(bar.reclaimable_bytes, Some(30 * GIB));
        let free = bar.available_bytes - bar.reclaimable_bytes.unwrap();
        let sum = bar.gpu_bytes.unwrap()
            + bar.other_bytes.unwrap()
            + bar.reclaimable_bytes.unwrap()
            + free;
        assert_eq!(sum, bar.total_bytes);
    }
}

#[test]
fn a_gpu_sum_with_an_unknown_part_is_unknown() {
    let mut one = tracked();
    let apps = vec![
        app(1, Some(GIB), Cgroup::Unknown),
        app(2, None, Cgroup::Unknown),
    ];
    let reading = Reading {
        memory: Some(memory(120, 40, 10)),
        apps: Some(apps),
        ..Reading::default()
    };
    one.observe(reading, &[], 1.0, at(0));
    let bar = one.node.memory.unwrap();
    assert_eq!((bar.gpu_bytes, bar.other_bytes), (None, None));
}

#[test]
fn processes_are_told_from_orphans_by_their_control_group() {
    let mut one = tracked();
    let id = "a".repeat(64);
    let container = Container {
        id: id.clone(),
        name: "vllm".to_owned(),
        image: String::new(),
        state: String::new(),
        status: String::new(),
        owner: String::new(),
    };
    let apps = vec![
        app(1, None, Cgroup::Container(id)),
        app(2, None, Cgroup::Host),
        app(3, None, Cgroup::Unknown),
    ];
    let reading = Reading {
        containers: Some(vec![container]),
        apps: Some(apps),
        ..Reading::default()
    };
    one.observe(reading, &[], 1.0, at(0));
    let seen: Vec<(Option<String>, bool)> = one
        .node
        .gpu_processes
        .unwrap()
        .into_iter()
        .map(|p| (p.container, p.orphan))
        .collect();
    assert_eq!(
        seen,
        [
            (Some("vllm".to_owned()), false),
            (None, true),
            (None, false)
        ]
    );
}

#[test]
fn what_was_not_read_keeps_its_last_value_and_a_warning_says_so() {
    let mut one = tracked();
    let gpu = Gpu {
        temperature_c: Some(50.0),
        ..Gpu::default()
    };
    let apps = Some(vec![app(1, Some(10 * GIB), Cgroup::Unknown)]);
    let first = Reading {
        gpu: Some(gpu.clone()),
        memory: Some(memory(120, 40, 10)),
        apps,
        load1: Some(1.0),
        ..Reading::default()
    };
    one.observe(first, &[], 1.0, at(0));
    let warning = Warning {
        section: "gpu",
        problem: Problem::TooSlow,
    };
    let second = Reading {
        memory: Some(memory(120, 30, 10)),
        ..Reading::default()
    };
    one.observe(second, &[warning], 1.0, at(5));
    assert_eq!((one.node.gpu, one.node.load1), (Some(gpu), Some(1.0)));
    assert_eq!(one.node.memory.unwrap().gpu_bytes, Some(10 * GIB));
    assert_eq!(one.node.warnings, ["gpu: the tool did not end in time"]);
}

#[test]
fn a_value_that_a_tool_would_not_tell_ages_by_itself() {
    let mut one = tracked();
    let nonsense = Warning {
        section: "gpu",
        problem: Problem::NotUnderstood("<html>".to_owned()),
    };
    one.observe(Reading::default(), &[], 1.0, at(0));
    for second in [5, 10] {
        let looked = std::slice::from_ref(&nonsense);
        one.observe(Reading::default(), looked, 1.0, at(second));
    }
    let seen: Vec<_> = one
        .node
        .stale
        .iter()
        .map(|s| (s.section.as_str(), s.read_at, s.failed_looks))
        .collect();
    assert_eq!(seen, [("gpu", Some(start()), 2)]);
    assert_eq!(one.node.observed_at, Some(at(10).now));
    one.observe(Reading::default(), &[], 1.0, at(15));
    assert_eq!(one.node.stale, []);
}

#[test]
fn cpu_percent_is_a_difference_and_a_restart_begins_anew() {
    let mut one = tracked();
    let mut look = |busy, total, boot: &str, second| {
        let identity = Identity {
            boot_id: Some(boot.to_owned()),
            ..Identity::default()
        };
        let cpu = Some(CpuTimes { busy, total });
        one.observe(
            Reading {
                identity,
                cpu,
                ..Reading::default()
            },
            &[],
            1.0,
            at(second),
        );
        one.node.cpu_percent
    };
    assert_eq!(look(100, 1000, "a", 0), None);
    assert_eq!(look(150, 1100, "a", 5), Some(50.0));
    assert_eq!(look(10, 20, "b", 10), Some(50.0));
    assert_eq!(look(10, 120, "b", 15), Some(0.0));
}

#[test]
fn trust_in_values_falls_with_their_age() {
    let cases = [
        (LinkState::Connected, None, 15, Freshness::Fresh),
        (LinkState::Connected, None, 16, Freshness::Stale),
        (
            LinkState::BackingOff,
            Some(LinkCause::Lost),
            15,
            Freshness::Fresh,
        ),
        (
            LinkState::BackingOff,
            Some(LinkCause::Lost),
            16,
            Freshness::Unreachable,
        ),
        (
            LinkState::Connecting,
            Some(LinkCause::Lost),
            16,
            Freshness::Unreachable,
        ),
    ];
    for (state, cause, age, expected) in cases {
        let mut one = tracked();
        one.observe(Reading::default(), &[], 1.0, at(0));
        one.observe_link(link(state, cause), at(1));
        one.age(at(age));
        assert_eq!(one.node.freshness, expected, "{state:?} {age}");
    }
    let mut never = tracked();
    assert_eq!(never.node.freshness, Freshness::Unknown);
    never.observe_link(link(LinkState::BackingOff, Some(LinkCause::Refused)), at(1));
    assert_eq!(never.node.freshness, Freshness::Unreachable);
}

#[test]
fn a_broken_link_keeps_the_values_and_makes_one_gap() {
    let mut one = tracked();
    one.observe(
        Reading {
            load1: Some(2.0),
            memory: Some(memory(120, 40, 10)),
            ..Reading::default()
        },
        &[],
        1.0,
        at(0),
    );
    for second in 1..4 {
        one.observe_link(
            link(LinkState::BackingOff, Some(LinkCause::Lost)),
            at(second),
        );
    }
    assert_eq!(one.node.load1, Some(2.0));
    let memory: Vec<bool> = one
        .node
        .history
        .iter()
        .map(|p| p.memory_used_bytes.is_some())
        .collect();
    assert_eq!(memory, [true, false]);
}

#[test]
fn the_history_is_ten_minutes_long() {
    let mut one = tracked();
    for second in (0..2000).step_by(5) {
        one.observe(Reading::default(), &[], 1.0, at(second));
    }
    assert_eq!(one.node.history.len(), 121);
    for second in 0..2000 {
        one.observe(Reading::default(), &[], 1.0, at(2000 + second / 10));
    }
    assert_eq!(one.node.history.len(), 600);
}
