//! A node as its users see it: a directory that several of them open at once.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::*;
use crate::faults::{EngineStage, Fault, HfRunner};

const GIB: u64 = 1 << 30;

/// A node in a folder of its own, a thousand times faster than a real one.
fn node() -> (tempfile::TempDir, Node) {
    let dir = tempfile::tempdir().unwrap();
    let config = NodeConfig {
        address: Ipv4Addr::new(127, 9, 9, 1),
        fabric: vec![Ipv4Addr::new(127, 9, 9, 2), Ipv4Addr::new(127, 9, 9, 3)],
        speed: 1000.0,
        ..NodeConfig::default()
    };
    let node = Node::create(&dir.path().join("n"), config).unwrap();
    (dir, node)
}

fn read(node: &Node, path: &str) -> String {
    fs::read_to_string(node.root(path)).unwrap()
}

/// A real process to stand for an engine.
fn process_of(node: &Node) -> std::process::Child {
    std::process::Command::new("sleep")
        .arg("60")
        .envs(sshd_environment(node))
        .spawn()
        .unwrap()
}

#[test]
fn a_node_opened_again_is_the_same_one() {
    let (_dir, node) = node();
    let again = Node::open(node.dir()).unwrap();
    assert_eq!(again.config(), node.config());
    assert_eq!(
        again.state().unwrap().boot_id,
        node.state().unwrap().boot_id
    );
    assert!(Node::create(node.dir(), NodeConfig::default()).is_err());
    assert!(Node::open(&node.home()).is_err());
}

#[test]
fn a_claim_counts_until_its_process_is_dead_and_the_memory_is_back() {
    let (_dir, node) = node();
    let idle = node.memory().unwrap();
    let mut engine = process_of(&node);
    node.claim(engine.id(), "VLLM::EngineCore", 60 * GIB, Some("main"))
        .unwrap();
    let loaded = node.memory().unwrap();
    assert_eq!(idle.available - loaded.available, 60 * GIB);
    assert_eq!(node.claims().unwrap()[0].container.as_deref(), Some("main"));

    node.set_fault(Fault::SlowRelease { seconds: 1_000_000 })
        .unwrap();
    engine.kill().unwrap();
    engine.wait().unwrap();
    let dead = node.memory().unwrap();
    assert_eq!(dead.gpu, 0);
    assert!(dead.releasing > 50 * GIB, "{dead:?}");
    assert!(node.claims().unwrap().is_empty());

    node.clear_faults(None).unwrap();
    while node.memory().unwrap() != idle {
        std::thread::yield_now();
    }
}

#[test]
fn the_files_follow_the_memory() {
    let (_dir, node) = node();
    let text = read(&node, "proc/meminfo");
    assert!(text.starts_with("MemTotal:       127535084 kB\n"), "{text}");
    node.set_fault(Fault::LowMemory { mib: 112_000 }).unwrap();
    let available = node.memory().unwrap().available / 1024;
    assert!(read(&node, "proc/meminfo").contains(&format!("MemAvailable:{available:>11} kB")));
    assert!(!read(&node, "proc/pressure/memory").starts_with("some avg10=0.00"));
}

#[test]
fn cpu_time_and_uptime_advance() {
    let (_dir, node) = node();
    let idle_of =
        |text: String| -> u64 { text.split_whitespace().nth(4).unwrap().parse().unwrap() };
    let before = idle_of(read(&node, "proc/stat"));
    while idle_of(read(&node, "proc/stat")) == before {
        node.refresh_root().unwrap();
    }
    assert!(idle_of(read(&node, "proc/stat")) > before);
    assert_eq!(read(&node, "proc/stat").matches("cpu").count(), 21);
}

#[test]
fn a_pulled_cable_shows_everywhere_and_is_counted() {
    let (_dir, node) = node();
    let carrier = || read(&node, "sys/class/net/enp1s0f1np1/carrier");
    let changes = || read(&node, "sys/class/net/enp1s0f1np1/carrier_changes");
    assert_eq!((carrier().as_str(), changes().as_str()), ("1\n", "3\n"));
    assert_eq!(read(&node, "sys/class/net/enp1s0f1np1/speed"), "200000\n");
    node.set_fault(Fault::LinkDown).unwrap();
    assert_eq!((carrier().as_str(), changes().as_str()), ("0\n", "4\n"));
    assert_eq!(read(&node, "sys/class/net/enp1s0f1np1/speed"), "-1\n");
    assert_eq!(
        read(&node, "sys/class/infiniband/rocep1s0f1/ports/1/state"),
        "1: DOWN\n"
    );
    assert_eq!(read(&node, "sys/class/net/enP7s7/carrier"), "1\n");
    node.clear_faults(Some("link_down")).unwrap();
    assert_eq!((carrier().as_str(), changes().as_str()), ("1\n", "5\n"));
}

#[test]
fn the_gid_of_the_fabric_address_is_the_roce_v2_entry() {
    let (_dir, node) = node();
    let port = "sys/class/infiniband/rocep1s0f1/ports/1";
    let gid = read(&node, &format!("{port}/gids/3"));
    assert_eq!(gid, "0000:0000:0000:0000:0000:ffff:7f09:0902\n");
    assert_eq!(
        read(&node, &format!("{port}/gid_attrs/types/3")),
        "RoCE v2\n"
    );
}

#[test]
fn a_reboot_kills_everything_and_gives_a_new_boot_id() {
    let (_dir, node) = node();
    let boot_id = node.state().unwrap().boot_id;
    let mut engine = process_of(&node);
    node.claim(engine.id(), "VLLM::EngineCore", GIB, Some("main"))
        .unwrap();
    while process::of_node(node.dir()).is_empty() {
        std::thread::yield_now();
    }
    node.set_fault(Fault::Reboot { away_s: 3_600_000 }).unwrap();
    assert!(!engine.wait().unwrap().success());
    let state = node.state().unwrap();
    assert_ne!(state.boot_id, boot_id);
    assert!(state.booted_at > Timestamp::now());
    assert_eq!(node.memory().unwrap().gpu, 0);
    assert_eq!(
        read(&node, "proc/sys/kernel/random/boot_id").trim(),
        state.boot_id.to_string()
    );
    assert_eq!(node.faults().iter().count(), 0);
}

#[test]
fn an_orphan_is_a_real_process_without_a_container() {
    let (_dir, node) = node();
    node.set_fault(Fault::OrphanEngine {
        mib: 104_277,
        on_stop: false,
    })
    .unwrap();
    let claims = node.claims().unwrap();
    assert_eq!(claims[0].bytes, 104_277 << 20);
    assert_eq!(
        (claims[0].process_name.as_str(), &claims[0].container),
        ("VLLM::EngineCore", &None)
    );
    let cmdline = fs::read(format!("/proc/{}/cmdline", claims[0].pid)).unwrap();
    assert!(cmdline.starts_with(b"VLLM::EngineCore\0"));
    node.clear_faults(Some("orphan_engine")).unwrap();
    while node.memory().unwrap().gpu > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn a_full_disk_has_what_the_fault_leaves() {
    let (_dir, node) = node();
    let disk = node.disk();
    assert_eq!(disk.used + disk.free, disk.total);
    node.set_fault(Fault::FullDisk { free_bytes: 4096 })
        .unwrap();
    assert_eq!(node.disk().free, 4096);
}

#[test]
fn busy_is_for_a_while_only() {
    let (_dir, node) = node();
    let mut engine = process_of(&node);
    node.claim(engine.id(), "VLLM::EngineCore", GIB, None)
        .unwrap();
    assert_eq!(node.gpu().unwrap().utilization_percent, 0);
    node.mark_busy(engine.id(), Duration::from_secs(60))
        .unwrap();
    assert!(node.gpu().unwrap().utilization_percent >= 90);
    node.claim(engine.id(), "VLLM::EngineCore", 2 * GIB, None)
        .unwrap();
    assert!(node.gpu().unwrap().utilization_percent >= 90);
    node.mark_busy(engine.id(), Duration::ZERO).unwrap();
    assert_eq!(node.gpu().unwrap().utilization_percent, 0);
    engine.kill().unwrap();
    engine.wait().unwrap();
}

#[test]
fn faults_of_two_writers_are_both_kept() {
    let (_dir, node) = node();
    let image = |index: u32| Fault::ImageMissing {
        image: format!("i:{index}"),
    };
    std::thread::scope(|scope| {
        for index in 0..8 {
            let node = &node;
            scope.spawn(move || node.set_fault(image(index)).unwrap());
        }
    });
    assert_eq!(node.faults().iter().count(), 8);
    assert!(node.faults().engine(EngineStage::Init, "main", 0).is_none());
}

#[test]
fn tools_are_links_and_linking_again_changes_nothing() {
    let (_dir, node) = node();
    let executable = Path::new("/bin/true");
    node.link_tools(executable, &["docker", "nvidia-smi"])
        .unwrap();
    node.link_tools(executable, &["docker", "nvidia-smi"])
        .unwrap();
    assert_eq!(
        fs::read_link(node.bin().join("docker")).unwrap(),
        executable
    );
    let names = |node: &Node| {
        let entries = fs::read_dir(node.bin()).unwrap().flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names(&node),
        ["docker", "hf", "huggingface-cli", "nvidia-smi"]
    );
    node.set_fault(Fault::HfRunners {
        only: vec![HfRunner::Uvx, HfRunner::LocalHf],
    })
    .unwrap();
    assert_eq!(names(&node), ["docker", "nvidia-smi", "uvx"]);
    assert!(node.home().join(".local/bin/hf").is_symlink());
    node.clear_faults(None).unwrap();
    assert_eq!(
        names(&node),
        ["docker", "hf", "huggingface-cli", "nvidia-smi"]
    );
    assert!(!node.home().join(".local/bin/hf").exists());
}
