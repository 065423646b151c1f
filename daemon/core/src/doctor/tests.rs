//! A healthy pair is all green; each fault is named at its place, with a fix.

use std::fmt::Write as _;

use super::*;
use CheckState::{Failed, Passed, Skipped, Warning};

/// What a node says whose two ports have these MTUs; its last address byte is `last`.
fn output(last: u8, mtus: [u32; 2]) -> String {
    let mut text = String::new();
    let ports = [
        ("roceP2p1s0f1", "enP2p1s0f1np1", 101, mtus[1]),
        ("rocep1s0f1", "enp1s0f1np1", 100, mtus[0]),
    ];
    for (hca, interface, net, mtu) in ports {
        writeln!(
            text,
            "port\t{hca}\t{interface}\t4: ACTIVE\tup\t1\t200000\t{mtu}"
        )
        .unwrap();
        writeln!(
            text,
            "gid\t{hca}\t3\t0000:0000:0000:0000:0000:ffff:c0a8:{net:02x}{last:02x}"
        )
        .unwrap();
        writeln!(text, "address\t{interface}\t192.168.{net}.{last}/24").unwrap();
    }
    writeln!(
        text,
        "port\trocep1s0f0\tenp1s0f0np0\t1: DOWN\tdown\t0\t-1\t1500"
    )
    .unwrap();
    writeln!(text, "address\tenP7s7\t10.0.0.21/24").unwrap();
    text + "end\n"
}

fn patient(n: u32, output: &str) -> Patient {
    Patient {
        node: NodeId::numbered(n),
        user: "ada".to_owned(),
        ssh_port: 22,
        ports: read_ports(output).ok_or_else(|| "the answer was cut".to_owned()),
        took_ms: 1.0,
    }
}

fn healthy() -> [String; 2] {
    [output(10, [9000, 9000]), output(11, [9000, 9000])]
}

fn examined(outputs: &[String]) -> Vec<DoctorCheck> {
    let patients: Vec<Patient> = (1..).zip(outputs).map(|(n, o)| patient(n, o)).collect();
    examine(&patients)
}

/// Checks that are not as in a healthy pair: name, node, state, detail.
fn odd(outputs: &[String]) -> Vec<(String, String, CheckState, String)> {
    let checks = examined(outputs).into_iter();
    let odd = checks.filter(|c| c.state != Passed);
    odd.map(|c| {
        assert!(c.state == Skipped || c.fix.is_some(), "{c:?} has a fix");
        (c.name, c.node.unwrap().to_string(), c.state, c.detail)
    })
    .collect()
}

/// The only check that is not as in a healthy pair.
fn only(outputs: &[String]) -> (String, String, CheckState, String) {
    let odd = odd(outputs);
    assert_eq!(odd.len(), 1, "{odd:?}");
    odd.into_iter().next().unwrap()
}

fn check(outputs: &[String], name: &str, node: &str, state: CheckState, detail: &str) {
    let (seen_name, seen_node, seen_state, seen_detail) = only(outputs);
    assert_eq!(
        (seen_name.as_str(), seen_node.as_str(), seen_state),
        (name, node, state)
    );
    assert_eq!(seen_detail, detail);
}

#[test]
fn a_healthy_pair_is_all_green() {
    let checks = examined(&healthy());
    let names: Vec<&str> = checks.iter().map(|c| c.name.as_str()).collect();
    let own = ["link", "speed", "twins", "mtu", "gid"];
    let expected = [&["reach", "reach"][..], &own, &own, &["network"]].concat();
    assert_eq!(names, expected);
    assert!(passed(&checks) && checks.iter().all(|c| c.state == Passed && c.fix.is_none()));
    assert_eq!(
        checks.last().unwrap().detail,
        "they share 192.168.100.0/24 and 192.168.101.0/24"
    );
    assert_eq!(
        checks[6].detail,
        "rocep1s0f1 entry 3 and roceP2p1s0f1 entry 3"
    );
}

#[test]
fn one_spark_alone_has_no_fabric() {
    let checks = examined(&healthy()[..1]);
    let states: Vec<CheckState> = checks.iter().map(|c| c.state).collect();
    assert_eq!(states, [Passed, Skipped]);
}

#[test]
fn a_cable_that_is_out_is_named_once_a_node() {
    let [left, right] = healthy();
    let out = |text: String| text.replace("4: ACTIVE\tup\t1\t200000", "1: DOWN\tdown\t0\t-1");
    let odd = odd(&[out(left), out(right)]);
    let failed: Vec<_> = odd.iter().filter(|c| c.2 == Failed).collect();
    assert_eq!(failed.len(), 2);
    assert_eq!(
        failed[0].3,
        "no link at enp1s0f1np1 (rocep1s0f1) and enP2p1s0f1np1 (roceP2p1s0f1)"
    );
    assert!(odd.iter().all(|c| c.2 == Failed || c.2 == Skipped));
}

#[test]
fn a_slow_port_is_named() {
    let [left, right] = healthy();
    let right = right
        .replacen("200000", "100000", 2)
        .replacen("100000", "200000", 1);
    check(
        &[left, right],
        "speed",
        "spark2",
        Failed,
        "enp1s0f1np1 (rocep1s0f1) runs at 100 Gb/s instead of 200 Gb/s",
    );
}

#[test]
fn a_twin_without_an_address_costs_half_the_bandwidth() {
    let [left, right] = healthy();
    let bare = left.replace("address\tenP2p1s0f1np1\t192.168.101.10/24\n", "");
    check(
        &[bare, right],
        "twins",
        "spark1",
        Warning,
        "no address on enP2p1s0f1np1 (roceP2p1s0f1): half the bandwidth is lost",
    );
}

#[test]
fn twins_in_one_network_fail() {
    let [left, right] = healthy();
    let same = left
        .replace("192.168.101.10/24", "192.168.100.20/24")
        .replace("c0a8:650a", "c0a8:6414");
    let (name, node, state, detail) = only(&[same, right]);
    assert_eq!(
        (name.as_str(), node.as_str(), state),
        ("twins", "spark1", Failed)
    );
    assert!(detail.ends_with("are both in 192.168.100.0/24"), "{detail}");
}

#[test]
fn an_mtu_that_differs_is_named_with_the_command_that_sets_it() {
    let outputs = [output(10, [9000, 9000]), output(11, [1500, 9000])];
    check(
        &outputs,
        "mtu",
        "spark2",
        Failed,
        "enp1s0f1np1 (rocep1s0f1): 1500 bytes, elsewhere 9000",
    );
    let checks = examined(&outputs);
    let fix = checks.iter().find_map(|c| c.fix.clone()).unwrap();
    assert!(
        fix.starts_with("sudo ip link set dev enp1s0f1np1 mtu 9000;"),
        "{fix}"
    );
}

#[test]
fn small_frames_everywhere_only_warn() {
    let odd = odd(&[output(10, [1500, 1500]), output(11, [1500, 1500])]);
    let seen: Vec<_> = odd.iter().map(|c| (c.0.as_str(), c.2)).collect();
    assert_eq!(seen, [("mtu", Warning), ("mtu", Warning)]);
}

#[test]
fn an_address_without_a_rdma_entry_is_named() {
    let [left, right] = healthy();
    let without = right.replace("ffff:c0a8:640b", "ffff:0a00:0015");
    check(
        &[left, without],
        "gid",
        "spark2",
        Failed,
        "rocep1s0f1 has no RoCE v2 entry for 192.168.100.11/24",
    );
}

#[test]
fn nodes_without_a_common_network_or_with_one_address_fail() {
    let [left, right] = healthy();
    let elsewhere = right
        .replace("192.168.10", "10.9.10")
        .replace("c0a8:640b", "0a09:640b")
        .replace("c0a8:650b", "0a09:650b");
    let (name, _, state, detail) = only(&[left.clone(), elsewhere]);
    assert_eq!((name.as_str(), state), ("network", Failed));
    assert_eq!(
        detail,
        "no common network: spark1 has 192.168.100.10/24 and 192.168.101.10/24, spark2 has 10.9.100.11/24 and \
         10.9.101.11/24"
    );
    check(
        &[left.clone(), left],
        "network",
        "spark1",
        Failed,
        "both have the address 192.168.100.10",
    );
}

#[test]
fn a_node_that_does_not_answer_fails_and_spoils_no_other_check() {
    let [left, _] = healthy();
    let odd = odd(&[left, "port\tx".to_owned()]);
    let seen: Vec<_> = odd
        .iter()
        .map(|c| (c.0.as_str(), c.1.as_str(), c.2))
        .collect();
    assert_eq!(
        seen,
        [("reach", "spark2", Failed), ("network", "spark1", Skipped)]
    );
}

fn all_crossings() -> Vec<Crossing> {
    let patients: Vec<Patient> = (1..).zip(&healthy()).map(|(n, o)| patient(n, o)).collect();
    crossings(&patients)
}

#[test]
fn both_directions_are_tried_with_a_login_and_a_whole_frame_on_each_network() {
    let shown: Vec<String> = all_crossings()
        .iter()
        .map(|c| format!("{}: {}", c.from, c.command().unwrap().unwrap().display()))
        .collect();
    let ssh = "ssh -oBatchMode=yes -oStrictHostKeyChecking=accept-new -oConnectTimeout=5 -p 22";
    assert_eq!(
        shown,
        [
            format!("spark1: {ssh} -l ada 192.168.100.11 true"),
            "spark1: ping -c1 -W2 -M do -s 8972 192.168.100.11".to_owned(),
            "spark1: ping -c1 -W2 -M do -s 8972 192.168.101.11".to_owned(),
            format!("spark2: {ssh} -l ada 192.168.100.10 true"),
            "spark2: ping -c1 -W2 -M do -s 8972 192.168.100.10".to_owned(),
            "spark2: ping -c1 -W2 -M do -s 8972 192.168.101.10".to_owned(),
        ]
    );
}

/// How the login of the first node ends: state, detail, fix.
fn login(status: i32, text: &str) -> (CheckState, String, String) {
    let said = Said::Exited {
        status,
        text: text.to_owned(),
    };
    let check = all_crossings()[0].judge(Some(&said), 1.0);
    (check.state, check.detail, check.fix.unwrap_or_default())
}

#[test]
fn a_login_that_fails_says_why() {
    assert_eq!(login(0, "").0, Passed);
    let (state, detail, fix) = login(
        255,
        "ada@192.168.100.11: Permission denied (publickey,password).",
    );
    assert_eq!(state, Failed);
    assert_eq!(
        detail,
        "spark1 cannot log in at 192.168.100.11: The node does not know our key"
    );
    assert!(
        fix.ends_with("ssh-copy-id -p 22 ada@192.168.100.11"),
        "{fix}"
    );
    let changed = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.";
    assert!(
        login(255, changed)
            .2
            .contains("ssh-keygen -R 192.168.100.11")
    );
    let refused = "ssh: connect to host 192.168.100.11 port 22: Connection refused";
    assert!(login(255, refused).1.ends_with("The node refuses SSH"));
    assert_eq!(
        login(255, "kaput\u{1b}[31m").1,
        "spark1 cannot log in at 192.168.100.11: kaput"
    );
}

#[test]
fn a_frame_that_does_not_pass_points_at_the_mtu() {
    let ping = &all_crossings()[1];
    let judged = |said: Said| {
        let check = ping.judge(Some(&said), 1.0);
        (check.state, check.detail)
    };
    let exited = |status: i32, text: &str| Said::Exited {
        status,
        text: text.to_owned(),
    };
    assert_eq!(
        judged(exited(
            0,
            "8980 bytes from 192.168.100.11: icmp_seq=1 ttl=64 time=0.41 ms\n\n---"
        )),
        (
            Passed,
            "a whole frame of 9000 bytes reached 192.168.100.11 in 0.41 ms".to_owned()
        )
    );
    assert_eq!(
        judged(exited(1, "ping: local error: message too long, mtu=1500")),
        (
            Failed,
            "a frame of 9000 bytes does not pass to 192.168.100.11".to_owned()
        )
    );
    assert_eq!(
        judged(exited(
            1,
            "1 packets transmitted, 0 received, 100% packet loss"
        ))
        .0,
        Failed
    );
    assert_eq!(judged(Said::TooSlow).0, Failed);
    assert_eq!(judged(exited(127, "")).0, Warning);
    assert_eq!(
        judged(Said::Lost("the link broke".to_owned())).1,
        "spark1 could not try it: the link broke"
    );
}

#[test]
fn many_nodes_are_tried_in_a_ring() {
    let outputs: Vec<Patient> = (1..=6u8)
        .map(|n| patient(u32::from(n), &output(n, [9000, 9000])))
        .collect();
    let logins = crossings(&outputs).len();
    // Six neighbours, both directions, one login and two frames each.
    assert_eq!(logins, 36);
}

#[test]
fn no_output_panics_and_control_characters_do_not_pass() {
    for text in [
        "",
        "end",
        "port\nend",
        "port\t\u{1b}[31mx\ty\tACTIVE\tup\t1\tz\tz\nend\n",
        "gid\ta\tb\tc\nend",
    ] {
        if let Some(ports) = read_ports(text) {
            assert!(ports.iter().all(|p| !p.hca.contains('\u{1b}')), "{text:?}");
        }
    }
    assert_eq!(read_ports("port\tx"), None);
}
