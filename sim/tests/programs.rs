//! The other programs of a simulated node, through real shells.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Output};

use spark_sim::faults::Fault;
use spark_sim::node::sshd_environment;
use spark_sim::{Node, NodeConfig, tools};

struct Spark {
    node: Node,
    _dir: tempfile::TempDir,
}

fn spark() -> Spark {
    let dir = tempfile::tempdir().unwrap();
    let [.., high, low] = std::process::id().to_be_bytes();
    let config = NodeConfig {
        address: Ipv4Addr::new(127, high.max(1), low, 30),
        fabric: vec![Ipv4Addr::new(127, 9, 0, 1), Ipv4Addr::new(127, 9, 1, 1)],
        ..NodeConfig::default()
    };
    let node = Node::create(&dir.path().join("n"), config).unwrap();
    node.link_tools(Path::new(env!("CARGO_BIN_EXE_spark-sim")), tools::NAMES)
        .unwrap();
    Spark { node, _dir: dir }
}

fn sh(spark: &Spark, script: &str) -> Output {
    let mut command = Command::new("/bin/sh");
    command
        .env_clear()
        .envs(sshd_environment(&spark.node))
        .args(["-c", script]);
    command.current_dir(spark.node.home()).output().unwrap()
}

/// Checks what a script prints and how it ends.
fn check(spark: &Spark, script: &str, code: i32, out: &str, err: &str) {
    let output = sh(spark, script);
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    assert_eq!(
        (
            output.status.code(),
            shown(&output.stdout),
            shown(&output.stderr)
        ),
        (Some(code), out.to_owned(), err.to_owned()),
        "{script}"
    );
}

#[test]
fn identity() {
    let spark = spark();
    check(&spark, "hostname", 0, "spark-1", "");
    check(
        &spark,
        "uname -srm",
        0,
        "Linux 6.17.0-1032-nvidia aarch64",
        "",
    );
    check(&spark, "nproc", 0, "20", "");
    check(
        &spark,
        "systemctl is-active docker ssh",
        0,
        "active\nactive",
        "",
    );
}

#[test]
fn the_gpu_has_no_memory_figures() {
    let spark = spark();
    check(
        &spark,
        "nvidia-smi --query-gpu=name,memory.used,memory.total,driver_version --format=csv,noheader,nounits",
        0,
        "NVIDIA GB10, [N/A], [N/A], 580.126.09",
        "",
    );
    check(
        &spark,
        "nvidia-smi --query-gpu=name,wrong --format=csv,noheader",
        2,
        "Field \"wrong\" is not a valid field to query.",
        "",
    );
    let table = String::from_utf8(sh(&spark, "nvidia-smi").stdout).unwrap();
    assert!(
        table.contains("|   0  NVIDIA GB10                    On  |"),
        "{table}"
    );
    assert!(table.contains("| Not Supported          |"), "{table}");
    let widths: Vec<usize> = table
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.chars().count())
        .collect();
    assert!(
        widths.iter().all(|width| *width == 91),
        "{widths:?}\n{table}"
    );
}

#[test]
fn sudo_wants_a_password_unless_a_rule_says_otherwise() {
    let spark = spark();
    let drop = "echo 3 | sudo -n /usr/bin/tee /proc/sys/vm/drop_caches";
    check(&spark, drop, 1, "", "sudo: a password is required");
    let rules = spark.node.root("etc/sudoers.d");
    fs::create_dir_all(&rules).unwrap();
    let rule = "nvidia ALL=(root) NOPASSWD: /usr/bin/tee /proc/sys/vm/drop_caches\n";
    fs::write(rules.join("spark"), rule).unwrap();
    check(&spark, drop, 0, "3", "");
    check(
        &spark,
        "sudo -n reboot",
        1,
        "",
        "sudo: a password is required",
    );
}

#[test]
fn a_full_disk_is_seen() {
    let spark = spark();
    spark
        .node
        .set_fault(Fault::FullDisk { free_bytes: 4096 })
        .unwrap();
    check(
        &spark,
        "df -PB1 -- / \"$HOME\" | awk 'NR>1 && !a[$6]++ {print $4, $5}'",
        0,
        "4096 100%",
        "",
    );
    check(
        &spark,
        "df /nowhere",
        1,
        "",
        "df: /nowhere: No such file or directory",
    );
}

#[test]
fn the_fabric_shows_its_cable() {
    let spark = spark();
    let up = "roceP2p1s0f0 port 1 ==> enP2p1s0f0np0 (Down)\nroceP2p1s0f1 port 1 ==> enP2p1s0f1np1 (Up)\n\
              rocep1s0f0 port 1 ==> enp1s0f0np0 (Down)\nrocep1s0f1 port 1 ==> enp1s0f1np1 (Up)";
    check(&spark, "ibdev2netdev", 0, up, "");
    check(
        &spark,
        "ip -br -4 addr show enp1s0f1np1 | awk '{print $1, $2, $3}'",
        0,
        "enp1s0f1np1 UP 127.9.0.1/24",
        "",
    );
    check(
        &spark,
        "ip addr show dev nope",
        1,
        "",
        "Device \"nope\" does not exist.",
    );
    check(
        &spark,
        "ethtool enp1s0f1np1 | grep Speed",
        0,
        "\tSpeed: 200000Mb/s",
        "",
    );
    let ping = "ping -c1 -W1 -q -M do -s 8972 127.9.0.2 >/dev/null";
    check(&spark, ping, 0, "", "");
    spark.node.set_fault(Fault::LinkDown).unwrap();
    check(&spark, ping, 1, "", "");
    check(
        &spark,
        "ethtool enp1s0f1np1 | grep Speed",
        0,
        "\tSpeed: Unknown!",
        "",
    );
}

#[test]
fn the_clock_can_be_wrong() {
    let spark = spark();
    let seconds = |spark: &Spark| {
        let out = sh(spark, "date -u +%s").stdout;
        String::from_utf8(out)
            .unwrap()
            .trim()
            .parse::<i64>()
            .unwrap()
    };
    let before = seconds(&spark);
    spark
        .node
        .set_fault(Fault::ClockSkew { seconds: 7200 })
        .unwrap();
    let ahead = seconds(&spark) - before;
    assert!((7200..7260).contains(&ahead), "{ahead}");
}

#[test]
fn nothing_comes_from_the_hub_without_a_network() {
    let spark = spark();
    spark.node.set_fault(Fault::NoInternet).unwrap();
    let output = sh(&spark, "hf download Qwen/Qwen3-0.6B");
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(err.contains("Error: Local entry not found. "), "{err}");
    check(&spark, "hf cache ls --format json", 0, "[]", "");
}

#[test]
fn nonsense_reaches_the_reader_as_it_is() {
    let spark = spark();
    spark
        .node
        .set_fault(Fault::Nonsense {
            tool: Some("nvidia-smi".to_owned()),
        })
        .unwrap();
    let out = sh(&spark, "nvidia-smi --query-gpu=name --format=csv").stdout;
    assert!(out.contains(&0x1b) && String::from_utf8(out).is_err());
    check(&spark, "nproc", 0, "20", "");
}
