//! What only shows over time: the low-power state, restarts of the node and of containers.

use spark_ipc::model::node::{Gpu, Identity};

use super::*;

fn gpu(load: f64, clock: u32, power: f64, pstate: &str) -> Node {
    with(|node| {
        node.gpu = Some(Gpu {
            utilization_percent: Some(load),
            sm_clock_mhz: Some(clock),
            power_w: Some(power),
            pstate: Some(pstate.to_owned()),
            ..Gpu::default()
        });
    })
}

fn stuck() -> Node {
    gpu(96.0, 799, 19.5, "P0")
}

fn works() -> Node {
    gpu(96.0, 2281, 92.5, "P0")
}

fn idle() -> Node {
    gpu(0.0, 208, 3.6, "P8")
}

#[test]
fn low_power() {
    check(
        AlertKind::LowPower,
        [
            (stuck(), None),
            (stuck(), None),
            (stuck(), None),
            (stuck(), CRITICAL),
            (gpu(85.0, 1500, 35.0, "P0"), CRITICAL),
            (idle(), CRITICAL),
            (stuck(), CRITICAL),
            (works(), CRITICAL),
            (works(), CRITICAL),
            (works(), None),
            (stuck(), None),
            (idle(), None),
            (stuck(), None),
        ],
    );
}

#[test]
fn a_throttled_gpu_is_not_in_the_low_power_state() {
    let mut node = stuck();
    if let Some(gpu) = &mut node.gpu {
        gpu.throttle.push("sw_power_cap".to_owned());
    }
    check(AlertKind::LowPower, (0..6).map(|_| (node.clone(), None)));
}

#[test]
fn a_rank_that_waits_for_a_working_one_is_not_stuck() {
    let pair = |mut left: Node, mut right: Node| {
        right.id = NodeId::numbered(2);
        left.containers = vec![container("sparkctl-main-r0", "Up 2 hours")];
        right.containers = vec![container("sparkctl-main-r1", "Up 2 hours")];
        let nodes = [left, right];
        let mut memory = Memory::default();
        evaluate(&[], &mut memory, &nodes, at(0));
        let alerts = evaluate(&[], &mut memory, &nodes, at(40));
        let nodes: Vec<String> = alerts.iter().map(|a| a.node.to_string()).collect();
        nodes
    };
    assert_eq!(pair(stuck(), works()), Vec::<String>::new());
    assert_eq!(pair(stuck(), stuck()), ["spark1", "spark2"]);
}

#[test]
fn reboot() {
    let booted = |id: &str| {
        with(|node| {
            node.identity = Identity {
                boot_id: Some(id.to_owned()),
                ..Identity::default()
            }
        })
    };
    let standing = (0..90).map(|_| (booted("b"), WARNING));
    let states = [(booted("a"), None), (healthy(), None), (booted("a"), None)];
    check(
        AlertKind::Reboot,
        states
            .into_iter()
            .chain(standing)
            .chain([(booted("b"), None)]),
    );
}

#[test]
fn crash_loop() {
    let shows = |status: &str| with(|node| node.containers = vec![container("vllm", status)]);
    let mut states = vec![
        (shows("Up 3 hours"), None),
        (shows("Up 2 seconds"), None),
        (shows("Up 12 seconds"), None),
        (shows("Restarting (1) 3 seconds ago"), None),
        (shows("Restarting (1) Less than a second ago"), CRITICAL),
        (shows("Up 4 seconds"), CRITICAL),
    ];
    // The last restart was at 40 s.
    states.extend((6..64).map(|_| (shows("Up 5 minutes"), CRITICAL)));
    states.push((shows("Up 10 minutes"), None));
    check(AlertKind::CrashLoop, states);
}

#[test]
fn a_container_that_was_stopped_and_started_is_no_loop() {
    let shows = |status: &str| with(|node| node.containers = vec![container("vllm", status)]);
    let by_hand = ["Up 3 hours", "Exited (0) 1 second ago", "Up 2 seconds"];
    let states = by_hand.repeat(6).into_iter();
    check(
        AlertKind::CrashLoop,
        states.map(|status| (shows(status), None)),
    );
}
