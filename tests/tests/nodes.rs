//! Polling a node through a real SSH server: what is published, the connection test, and trust.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails by panicking"
)]

use std::sync::Arc;
use std::time::Duration;

use spark_controld::config::NodeConfig;
use spark_controld::nodes::{Nodes, Surroundings};
use spark_controld::settings::{HostKeyPolicy, Store, Values};
use spark_controld::tasks::Tasks;
use spark_e2e::sshd::{Sshd, SshdOptions};
use spark_ipc::ErrorCode;
use spark_ipc::id::{Fingerprint, NodeId};
use spark_ipc::model::alert::AlertKind;
use spark_ipc::model::node::{CheckState, Freshness, LinkState, Node};
use tempfile::TempDir;
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(60);

struct Rig {
    sshd: Sshd,
    nodes: Nodes,
    id: NodeId,
    _folder: TempDir,
    _settings: Store,
}

fn rig(policy: HostKeyPolicy) -> Rig {
    let sshd = Sshd::start(SshdOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut values = Values::default();
    values.host_key_policy = policy;
    values.poll_interval_s = 1;
    let settings = Store::open(values, folder.path().join("app_settings.json"));
    let id = NodeId::numbered(1);
    let config = NodeConfig {
        id: id.clone(),
        name: "left".to_owned(),
        host: sshd.address().to_string(),
        user: sshd.user().to_owned(),
        ssh_port: sshd.port(),
    };
    let nodes = Nodes::start(Surroundings {
        nodes: vec![config],
        key_path: folder.path().join("id"),
        known_hosts: folder.path().join("known_hosts"),
        poll_interval_s: settings.live(|values| values.poll_interval_s),
        host_key_policy: settings.live(|values| values.host_key_policy),
        tasks: Tasks::new(),
    })
    .unwrap();
    sshd.authorize(&nodes.ssh_key().public_key).unwrap();
    nodes.kick(&id);
    Rig {
        sshd,
        nodes,
        id,
        _folder: folder,
        _settings: settings,
    }
}

async fn reaches<T: Clone>(
    mut values: watch::Receiver<Arc<Vec<T>>>,
    what: impl Fn(&[T]) -> bool,
) -> Vec<T> {
    match tokio::time::timeout(PATIENCE, values.wait_for(|list| what(list))).await {
        Ok(Ok(list)) => list.to_vec(),
        _ => panic!("that state was not reached"),
    }
}

async fn node_when(rig: &Rig, what: impl Fn(&Node) -> bool) -> Node {
    reaches(rig.nodes.list(), |nodes| what(&nodes[0]))
        .await
        .remove(0)
}

#[tokio::test]
async fn a_node_is_polled_again_and_again_and_ages_when_it_is_gone() {
    let mut rig = rig(HostKeyPolicy::AcceptNew);
    let node = node_when(&rig, |node| node.history.len() >= 3).await;
    assert_eq!(node.freshness, Freshness::Fresh);
    assert!(node.memory.unwrap().total_bytes > 0);
    assert!(node.identity.boot_id.is_some() && node.cpu_percent.is_some());
    assert!(node.listening_ports.contains(&rig.sshd.port()));
    rig.sshd.stop();
    let node = node_when(&rig, |node| node.freshness == Freshness::Unreachable).await;
    assert!(node.memory.is_some(), "the last values stay");
    let alerts = reaches(rig.nodes.alerts(), |alerts| {
        alerts
            .iter()
            .any(|alert| alert.kind == AlertKind::Unreachable)
    });
    assert!(alerts.await.iter().all(|alert| alert.fix.is_some()));
    rig.sshd.restart().unwrap();
    node_when(&rig, |node| node.freshness == Freshness::Fresh).await;
    reaches(rig.nodes.alerts(), |alerts| {
        alerts
            .iter()
            .all(|alert| alert.kind != AlertKind::Unreachable)
    })
    .await;
}

#[tokio::test]
async fn the_connection_test_stops_at_the_host_key_and_goes_on_after_trust() {
    let rig = rig(HostKeyPolicy::Ask);
    let node = node_when(&rig, |node| node.link.state == LinkState::Quarantined).await;
    let test = rig.nodes.test(&rig.id).await.unwrap();
    let states: Vec<(&str, CheckState)> = test
        .steps
        .iter()
        .map(|step| (step.name.as_str(), step.state))
        .collect();
    assert_eq!(
        states,
        [
            ("name", CheckState::Passed),
            ("tcp", CheckState::Passed),
            ("host_key", CheckState::Failed),
            ("auth", CheckState::Skipped),
            ("shell", CheckState::Skipped),
            ("docker", CheckState::Skipped),
            ("gpu", CheckState::Skipped),
            ("cache", CheckState::Skipped),
        ]
    );
    let shown = node.link.host_key.unwrap().fingerprint;
    assert!(test.steps[2].detail.contains(shown.as_str()));
    let other = Fingerprint::new(format!("SHA256:{}", "A".repeat(43))).unwrap();
    let refused = rig.nodes.trust(&rig.id, &other).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Conflict);
    rig.nodes.trust(&rig.id, &shown).await.unwrap();
    node_when(&rig, |node| node.link.state == LinkState::Connected).await;
    let test = rig.nodes.test(&rig.id).await.unwrap();
    assert!(
        test.steps[..5]
            .iter()
            .all(|step| step.state == CheckState::Passed),
        "{test:?}"
    );
}

#[tokio::test]
async fn a_node_that_is_not_there_is_not_found() {
    let rig = rig(HostKeyPolicy::Ask);
    let nobody = NodeId::numbered(9);
    assert!(rig.nodes.link(&nobody).is_none());
    assert_eq!(
        rig.nodes.test(&nobody).await.unwrap_err().code,
        ErrorCode::NotFound
    );
}
