//! What is made of the output of real tools, of odd output, and of none.

use proptest::prelude::*;

use super::*;

/// A whole look at a Spark under load. Figures and shapes as published for DGX OS 7.
const SPARK: &str = r#"
@@id
hostname=spark-12ab
kernel=6.14.0-1015-nvidia
boot_id=5f4cb1be-46fe-471b-999d-05fd090edc26
uptime=187287.12 3700000.00
loadavg=1.24 2.31 1.67 3/153 26020
product=NVIDIA_DGX_Spark
DGX_SWBUILD_VERSION="7.2.3"
DGX_OTA_VERSION="7.5.0"
DGX_OTA_VERSION=7.6.0
PRETTY_NAME="Ubuntu 24.04.4 LTS"

@@cpu
cpu  163674 1522 36854 520711 2208 0 395 1808 0 0
cores=20

@@mem
MemTotal:       127535084 kB
MemFree:         1153433 kB
MemAvailable:    9437184 kB
SwapTotal:      16777212 kB
SwapFree:       16000000 kB

@@psi
some avg10=1.50 avg60=0.20 avg300=0.00 total=25
full avg10=0.10 avg60=0.00 avg300=0.00 total=0

@@gpu
NVIDIA GB10, 580.126.09, P0, 63, 96, 44.12, 2405, 3003, Not Active, Not Active, Active, Not Active, Not Active
@rc=0

@@apps
4910, VLLM::EngineCore, 12763
2204, /usr/bin/python3, [N/A]
77, odd, name, 1
@rc=0
@cgroup=4910 0::/system.slice/docker-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.scope
@cgroup=2204 0::/user.slice/user-1000.slice/session-3.scope

@@temp
acpitz	46300
acpitz	51200
nvme Composite	40850
mlx5 asic	50000
wifi	
broken	9999999

@@disk
Filesystem          1-blocks          Used     Available Capacity Mounted on
/dev/nvme0n1p2 3936818806784 1288490188800 2448240345088      35% /
/dev/nvme0n1p2 3936818806784 1288490188800 2448240345088      35% /
/dev/sda1 1000 400 600 40% /mnt/my disk
@rc=0

@@net
lo               UNKNOWN        127.0.0.1/8
enP7s7           UP             10.0.0.21/24
enp1s0f1np1      UP             192.168.100.10/24 169.254.3.4/16
@rc=0
@if=enP7s7	operstate=up	carrier=1	speed=10000	mtu=1500	carrier_changes=2	rx_bytes=266720630	tx_bytes=521256
@if=enp1s0f1np1	operstate=up	carrier=1	speed=200000	mtu=9000	carrier_changes=4	rx_bytes=1	tx_bytes=2
@if=wlP9s9	operstate=down	carrier=	speed=	mtu=1500	carrier_changes=1	rx_bytes=0	tx_bytes=0

@@roce
rocep1s0f0	enp1s0f0np0	1: DOWN	40 Gb/sec (4X QDR)
rocep1s0f1	enp1s0f1np1	4: ACTIVE	200 Gb/sec (4X HDR)

@@gids
rocep1s0f1	3	0000:0000:0000:0000:0000:ffff:c0a8:640a

@@kernel
1763900000.123456 kernel: NVRM: Xid (PCI:000f:01:00): 13, pid=4910, name=VLLM::EngineCor
oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=docker

@@docker
{"Command":"\"vllm serve\"","ID":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","Image":"vllm-node","Labels":"maintainer=x,sparkctl.unit=main","Names":"sparkctl-main-r0","State":"running","Status":"Up 2 hours"}
{"ID":"bbbb","Image":"nvcr.io/nim/meta/llama:1","Labels":"","Names":"llama","State":"exited","Status":"Exited (0) 3 days ago"}
@rc=0

@@ports
LISTEN 0      511    127.0.0.1:9802 0.0.0.0:*
LISTEN 0      128         [::]:22      [::]:*
LISTEN 0      128      0.0.0.0:22   0.0.0.0:*
@rc=0

@@end
"#;

/// The sample with section `name` replaced by `body`.
fn with(name: &str, body: &str) -> String {
    let start = SPARK.find(&format!("@@{name}\n")).unwrap();
    let (before, rest) = SPARK.split_at(start);
    let after = rest.find("\n\n@@").unwrap();
    format!("{before}@@{name}\n{body}{}", rest.split_at(after).1)
}

/// What the sample reads as with one section replaced, and the only warning.
fn read_with(name: &str, body: &str) -> (Reading, Warning) {
    let (reading, warnings) = read(&with(name, body));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    (reading, warnings.into_iter().next().unwrap())
}

#[test]
fn a_loaded_spark_is_read_in_full() {
    let (reading, warnings) = read(SPARK);
    assert_eq!(warnings, []);
    insta::assert_debug_snapshot!(reading);
}

#[test]
fn a_64_gb_spark_and_one_without_swap_or_pressure_are_read() {
    let text = with("mem", "MemTotal: 65535084 kB\nMemAvailable: 60000000 kB");
    let text = text.replace("@@psi", "@@other");
    let (reading, warnings) = read(&text);
    assert_eq!(warnings, []);
    let memory = reading.memory.unwrap();
    assert_eq!((memory.total, memory.swap), (65_535_084 * 1024, None));
    assert_eq!(reading.pressure, None);
}

#[test]
fn a_value_that_the_driver_does_not_know_is_none() {
    for unknown in [
        "[N/A]",
        "N/A",
        "Not Supported",
        "[Not Supported]",
        "[Unknown Error]",
        "[GPU requires reset]",
        "",
    ] {
        let line = format!(
            "NVIDIA GB10, 580.95.05, {unknown}, {unknown}, {unknown}, {unknown}, {unknown}, {unknown}, N/A, N/A, N/A, N/A, N/A\n@rc=0"
        );
        let (reading, warnings) = read(&with("gpu", &line));
        let gpu = reading.gpu.unwrap();
        assert_eq!(
            (warnings.len(), gpu.name.as_deref()),
            (0, Some("NVIDIA GB10")),
            "{unknown}"
        );
        assert_eq!(
            (
                gpu.pstate,
                gpu.temperature_c,
                gpu.utilization_percent,
                gpu.power_w,
                gpu.sm_clock_mhz,
                gpu.throttle.len()
            ),
            (None, None, None, None, None, 0),
            "{unknown}"
        );
    }
}

#[test]
fn the_short_query_is_read_when_the_driver_refused_the_long_one() {
    let (reading, warnings) = read(&with("gpu", "@short\nNVIDIA GB10, 39, 0, 3.74, 208\n@rc=0"));
    let gpu = reading.gpu.unwrap();
    assert_eq!(warnings, []);
    assert_eq!(
        (gpu.temperature_c, gpu.power_w, gpu.sm_clock_mhz),
        (Some(39.0), Some(3.74), Some(208))
    );
    assert_eq!(reading.identity.driver, None);
}

#[test]
fn an_empty_list_of_processes_is_an_answer_and_a_failed_query_is_none() {
    let (reading, warnings) = read(&with("apps", "\n@rc=0"));
    assert_eq!((reading.apps, warnings.len()), (Some(Vec::new()), 0));
    let (reading, warning) = read_with(
        "apps",
        "NVIDIA-SMI has failed because it couldn't communicate\n@rc=9",
    );
    assert_eq!(reading.apps, None);
    assert!(
        matches!(warning.problem, Problem::Failed(9, said) if said.starts_with("NVIDIA-SMI has failed"))
    );
}

#[test]
fn dockers_complaints_are_told_apart() {
    let cases = [
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n@rc=1",
            DockerState::Down,
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket\n@rc=1",
            DockerState::Denied,
        ),
        (
            "timeout: failed to run command 'docker': No such file or directory\n@rc=127",
            DockerState::Missing,
        ),
        ("\n@rc=124", DockerState::Down),
    ];
    for (body, state) in cases {
        let (reading, _) = read_with("docker", body);
        assert_eq!(
            (reading.docker, reading.containers),
            (Some(state), None),
            "{body}"
        );
    }
}

#[test]
fn nonsense_in_one_section_leaves_the_others_whole() {
    let nonsense = [
        "<html><body>502 Bad Gateway</body></html>\n@rc=0",
        "\u{1b}[31mred\u{1b}[0m\u{7}\n@rc=0",
        "{\"ID\":\n@rc=0",
        "-1 -1 -1\n@rc=0",
    ];
    for section in ["gpu", "apps", "mem", "disk", "docker", "ports", "cpu"] {
        for body in nonsense {
            let (_, warning) = read_with(section, body);
            assert_eq!(warning.section, section);
            let Problem::NotUnderstood(said) = warning.problem else {
                panic!("{section} {body}")
            };
            assert!(
                !said.contains('\u{1b}') && said.chars().count() <= 201,
                "{said:?}"
            );
        }
    }
}

#[test]
fn a_huge_line_is_cut_in_the_warning() {
    let (_, warning) = read_with("docker", &format!("{}\n@rc=0", "x".repeat(500_000)));
    assert!(warning.to_string().chars().count() < 250);
}

#[test]
fn a_cut_output_warns_of_what_is_missing() {
    let (reading, warnings) = read(SPARK.split("@@apps").next().unwrap());
    assert!(reading.gpu.is_some() && reading.memory.is_some() && reading.docker.is_none());
    let missing: Vec<&str> = warnings
        .iter()
        .filter(|w| w.problem == Problem::Missing)
        .map(|w| w.section)
        .collect();
    assert_eq!(
        missing,
        ["apps", "temp", "disk", "net", "roce", "docker", "ports"]
    );
}

#[test]
fn one_odd_container_does_not_hide_the_others() {
    let (reading, warning) = read_with(
        "docker",
        "{\"ID\":\"a\",\"Names\":\"n\",\"Image\":\"i\"}\nWARNING: odd\n@rc=0",
    );
    assert_eq!(reading.containers.unwrap().len(), 1);
    assert_eq!(
        warning.problem,
        Problem::NotUnderstood("WARNING: odd".to_owned())
    );
}

#[test]
fn a_light_look_says_nothing_of_what_it_did_not_look_at() {
    let text = SPARK.replace("@@gids", "@@x").replace("@@kernel", "@@y");
    let (reading, warnings) = read(&text);
    assert_eq!(
        (reading.gids, reading.kernel, warnings),
        (None, None, vec![])
    );
    let (reading, _) = read(&with("kernel", ""));
    assert_eq!(reading.kernel, Some(Vec::new()));
}

proptest! {
    #[test]
    fn no_output_panics(text in "\\PC{0,300}") {
        drop(read(&text));
    }

    #[test]
    fn no_cut_or_changed_sample_panics(at in 0..SPARK.len(), junk in proptest::collection::vec(any::<u8>(), 0..40), cut: bool) {
        let mut bytes = SPARK.as_bytes().to_vec();
        let end = if cut { bytes.len() } else { (at + junk.len()).min(bytes.len()) };
        bytes.splice(at..end, junk);
        drop(read(&String::from_utf8_lossy(&bytes)));
    }
}
