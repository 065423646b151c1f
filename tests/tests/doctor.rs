//! The fabric doctor, alerts and bug reports, on simulated Sparks behind real OpenSSH servers.

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use spark_e2e::fleet::{Fleet, FleetOptions, SMALL};
use spark_e2e::programs::{give_to, program};
use spark_ipc::model::alert::{Alert, AlertKind};
use spark_ipc::model::doctor::{DoctorLast, DoctorReport};
use spark_ipc::model::node::{CheckState, LinkState};
use spark_ipc::model::status::Snapshot;

const DONE: i32 = 0;
const DEGRADED: i32 = 3;
const NOT_FOUND: i32 = 6;

fn options() -> FleetOptions {
    FleetOptions {
        models: vec![SMALL],
        ..FleetOptions::default()
    }
}

/// A fleet whose nodes have been looked at.
async fn fleet(options: FleetOptions) -> Result<Fleet> {
    let fleet = Fleet::start(&options)?;
    let looked = |world: &Snapshot| {
        let mut nodes = world.status.nodes.iter();
        nodes.all(|n| n.link.state == LinkState::Connected && n.observed_at.is_some())
    };
    fleet.daemon.wait_for("both nodes are read", looked).await?;
    Ok(fleet)
}

async fn examine(fleet: &Fleet) -> Result<DoctorReport> {
    let client = fleet.daemon.client();
    Ok(client.post("/api/doctor", &serde_json::json!({})).await?)
}

/// Check, node, peer and detail of everything that failed; each must have a fix.
fn failures(report: &DoctorReport) -> Result<Vec<String>> {
    let failed = report
        .checks
        .iter()
        .filter(|c| c.state == CheckState::Failed);
    failed
        .map(|check| {
            let fix = check.fix.as_deref().unwrap_or_default();
            ensure!(!fix.is_empty(), "{check:?} has no fix");
            let node = check.node.as_ref().context("a node")?;
            let peer = check.peer.as_ref();
            let place = peer.map_or(node.to_string(), |peer| format!("{node}>{peer}"));
            Ok(format!("{} {place}", check.name))
        })
        .collect()
}

/// `spark-control WORDS`: its exit code and what it printed.
fn control(fleet: &Fleet, words: &[&str]) -> Result<(i32, String)> {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(program("spark-control")?)
        .arg("--socket")
        .arg(fleet.daemon.socket())
        .args(words)
        .output()?;
    let [out, err] = [&stdout, &stderr].map(|b| String::from_utf8_lossy(b));
    Ok((
        status.code().context("it was killed")?,
        format!("{out}{err}"),
    ))
}

#[tokio::test]
async fn a_healthy_pair_is_all_green() -> Result<()> {
    let fleet = fleet(options()).await?;
    let last: DoctorLast = fleet.daemon.client().get("/api/doctor").await?;
    assert_eq!(last.report, None);
    assert_eq!(control(&fleet, &["doctor", "--last"])?.0, NOT_FOUND);
    let report = examine(&fleet).await?;
    let odd: Vec<_> = report
        .checks
        .iter()
        .filter(|check| check.state != CheckState::Passed)
        .collect();
    assert!(odd.is_empty() && report.passed, "{odd:#?}");
    // Two nodes with six checks each, one pair, and a login and two frames each way.
    assert_eq!(report.checks.len(), 2 * 6 + 1 + 2 * 3);
    let last: DoctorLast = fleet.daemon.client().get("/api/doctor").await?;
    assert_eq!(last.report, Some(report));
    let (code, said) = control(&fleet, &["doctor"])?;
    assert_eq!(code, DONE, "{said}");
    assert!(said.ends_with("The fabric is well.\n"), "{said}");
    Ok(())
}

#[tokio::test]
async fn every_fault_of_the_fabric_is_named_with_its_fix() -> Result<()> {
    let fleet = fleet(options()).await?;
    let [left, right] = fleet.sparks.as_slice() else {
        anyhow::bail!("two nodes");
    };
    right.set_fault(&["link_down"])?;
    let found = failures(&examine(&fleet).await?)?;
    assert_eq!(found, ["link spark2"]);
    let (code, said) = control(&fleet, &["doctor", "--quiet"])?;
    assert_eq!(code, DEGRADED, "{said}");
    assert!(said.contains("fix: Seat the QSFP cable anew"), "{said}");
    right.clear_faults()?;

    right.set_fault(&["fabric_mtu", "--mtu", "1500"])?;
    let report = examine(&fleet).await?;
    let found = failures(&report)?;
    assert!(found.contains(&"mtu spark2".to_owned()), "{found:?}");
    let fixes: Vec<&str> = report
        .checks
        .iter()
        .filter_map(|c| c.fix.as_deref())
        .collect();
    let sets_it = "sudo ip link set dev enp1s0f1np1 mtu 9000";
    assert!(
        fixes.iter().any(|fix| fix.starts_with(sets_it)),
        "{fixes:?}"
    );
    right.clear_faults()?;

    left.set_fault(&["gid_missing"])?;
    assert_eq!(failures(&examine(&fleet).await?)?, ["gid spark1"]);
    left.clear_faults()?;

    left.set_fault(&["no_peer_key"])?;
    let report = examine(&fleet).await?;
    assert_eq!(failures(&report)?, ["ssh spark1>spark2"]);
    let fix = report.checks.iter().find_map(|c| c.fix.clone());
    assert!(fix.context("a fix")?.contains("ssh-copy-id"));
    left.clear_faults()?;

    assert_eq!(failures(&examine(&fleet).await?)?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn one_spark_alone_has_no_fabric_to_look_at() -> Result<()> {
    let fleet = fleet(FleetOptions {
        nodes: 1,
        ..options()
    })
    .await?;
    let report = examine(&fleet).await?;
    let states: Vec<CheckState> = report.checks.iter().map(|c| c.state).collect();
    assert_eq!(states, [CheckState::Passed, CheckState::Skipped]);
    assert!(report.passed);
    Ok(())
}

fn of(world: &Snapshot, kind: AlertKind) -> Vec<Alert> {
    let alerts = world.status.alerts.iter();
    alerts.filter(|alert| alert.kind == kind).cloned().collect()
}

#[tokio::test]
async fn a_fault_of_a_node_is_raised_and_cleared_again() -> Result<()> {
    let fleet = fleet(options()).await?;
    let left = &fleet.sparks[0];
    left.set_fault(&["link_down"])?;
    let world = fleet
        .daemon
        .wait_for("the cable is out", |w| !of(w, AlertKind::Link).is_empty())
        .await?;
    let alerts = of(&world, AlertKind::Link);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    for name in ["enp1s0f1np1", "enP2p1s0f1np1"] {
        assert!(alerts[0].text.contains(name), "{alerts:?}");
    }
    left.clear_faults()?;
    let cleared = |w: &Snapshot| {
        of(w, AlertKind::Link)
            .iter()
            .all(|a| a.id.contains("unsteady"))
    };
    fleet.daemon.wait_for("the cable is in", cleared).await?;

    left.set_fault(&["docker_down"])?;
    let world = fleet
        .daemon
        .wait_for("docker is down", |w| !of(w, AlertKind::Docker).is_empty())
        .await?;
    let fix = of(&world, AlertKind::Docker)[0].fix.clone();
    assert_eq!(fix.as_deref(), Some("sudo systemctl start docker"));
    left.clear_faults()?;
    fleet
        .daemon
        .wait_for("docker is up", |w| of(w, AlertKind::Docker).is_empty())
        .await?;
    Ok(())
}

#[tokio::test]
async fn nonsense_of_a_tool_ages_its_value_and_is_told() -> Result<()> {
    let fleet = fleet(options()).await?;
    let left = &fleet.sparks[0];
    left.set_fault(&["nonsense", "--tool", "nvidia-smi"])?;
    let told = |w: &Snapshot| {
        of(w, AlertKind::Reading)
            .iter()
            .any(|a| a.id == "spark1/reading/gpu")
    };
    let world = fleet.daemon.wait_for("the nonsense is told", told).await?;
    let node = &world.status.nodes[0];
    let gpu = node
        .stale
        .iter()
        .find(|s| s.section == "gpu")
        .context("gpu")?;
    assert!(gpu.failed_looks >= 3 && gpu.read_at < node.observed_at);
    assert!(node.gpu.is_some(), "the last value stays");
    left.clear_faults()?;
    let world = fleet
        .daemon
        .wait_for("it is read again", |w| of(w, AlertKind::Reading).is_empty())
        .await?;
    assert!(world.status.nodes[0].stale.is_empty());
    Ok(())
}

/// What no report may hold.
const CANARIES: [&str; 4] = [
    "hf_CanaryCanaryCanaryCanary1234",
    "canary-webhook-path",
    "canary-webhook-secret",
    "canary.bearer.token",
];

#[tokio::test]
async fn a_bug_report_says_much_and_no_secret() -> Result<()> {
    let [token, path, secret, bearer] = CANARIES;
    let fleet = fleet(FleetOptions {
        settings: vec![
            ("HF_TOKEN", token.to_owned()),
            ("WEBHOOK_URL", format!("http://192.0.2.1/{path}")),
            ("WEBHOOK_SECRET", secret.to_owned()),
        ],
        prepare: |_, spark| {
            let log = spark.dir.join("root/var/log/kern.log");
            let folder = log.parent().context("a folder")?;
            std::fs::create_dir_all(folder)?;
            let lines = [
                "usb 1-1: new device".to_owned(),
                format!("audit: Authorization: Bearer {}", CANARIES[3]),
                format!("audit: HF_TOKEN={}", CANARIES[0]),
            ];
            std::fs::write(&log, lines.join("\n"))?;
            give_to(folder, spark.sshd.user())
        },
        ..options()
    })
    .await?;
    fleet.daemon.swapped_when_settled(SMALL).await?;
    let file = fleet.folder().join("report.tar.gz");
    let name = file.to_str().context("a name")?;
    let (code, said) = control(&fleet, &["bugreport", "--output", name])?;
    assert_eq!(code, DONE, "{said}");
    let listed = Command::new("tar").args(["-tzf", name]).output()?;
    let listed = String::from_utf8(listed.stdout)?;
    for part in [
        "version.json",
        "settings.json",
        "status.json",
        "alerts.json",
        "doctor.json",
        "nodes/spark1.json",
        "nodes/spark2.journal.txt",
        "operations/",
        "units/",
    ] {
        assert!(
            listed.contains(&format!("spark-control-report/{part}")),
            "{part}: {listed}"
        );
    }
    let all = Command::new("tar").args(["-xzOf", name]).output()?;
    let all = String::from_utf8(all.stdout)?;
    for canary in [token, path, secret, bearer] {
        assert!(!all.contains(canary), "{canary} is in the report");
    }
    assert!(
        all.contains("usb 1-1: new device"),
        "the kernel's log is in it"
    );
    assert!(
        all.contains("Application startup complete"),
        "the unit's log is in it"
    );
    Ok(())
}
